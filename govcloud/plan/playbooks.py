"""Which part of the playbooks a host depends on: a changed role touches the hosts that use it, and no others.

A host depends on everything, but for what is known not to be for it: the folder of a role that no play gives
it, the variables of a group that it is not in or of another host, and a module that is named only in such
roles. Where the playbook or the roles hold anything that could reach further (a role that includes another,
a playbook that imports one, a play for hosts that are chosen by more than their groups), every host depends
on everything.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from .. import canonical

PLAYBOOK = "site.yml"
# No part of a play.
BESIDE = frozenset({"restore.yml", "README.md"})
# Groups and hosts joined by colons or commas: no wildcard, no exclusion, no variable.
_HOSTS = re.compile(r"[A-Za-z0-9_.-]+(?:[:,]\s*[A-Za-z0-9_.-]+)*")
# Words by which a role or a play reaches for what is not its own.
_FAR = re.compile(
    rb"include_role|import_role|import_playbook|include_vars|vars_files|role_path|playbook_dir|inventory_dir|"
    rb"hostvars|\.\./|dependencies|roles/|ungrouped"
)
# Folders of a role whose content other roles may use.
_SHARED = re.compile(r"roles/[^/]+/(library|module_utils|\w+_plugins)/")
# The play that is first of site.yml looks at how every host is reached, and changes nothing.
_HARMLESS = re.compile(rb"map\('extract', hostvars\)")
_KEYS = frozenset({"name", "hosts", "gather_facts", "strategy", "roles", "tasks", "serial", "become", "vars"})


class _TooClever(Exception):
    """The playbook cannot be told apart by host."""


class Parts:
    """A playbook folder as an archive, and what of it each host depends on."""

    def __init__(self, archive: bytes, whole: str) -> None:
        """``whole``: the digest of the archive."""
        self._archive, self._whole = archive, whole
        self._known: dict[frozenset[str], str] = {}

    @cached_property
    def _files(self) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(self._archive)) as tar:
            found = {m.name: tar.extractfile(m) for m in tar.getmembers() if m.isfile()}
            return {n: file.read() for n, file in found.items() if file is not None and n not in BESIDE}

    @cached_property
    def _plays(self) -> list[tuple[frozenset[str], frozenset[str]]] | None:
        """(groups and hosts, roles) of each play; None: not to be told apart."""
        try:
            return _plays(self._files)
        except _TooClever:
            return None

    @cached_property
    def _named(self) -> frozenset[str]:
        """The names of hosts that variables or plays may be for, and others."""
        theirs = [_vars_of(path) or frozenset() for path in self._files if path.startswith("host_vars/")]
        return frozenset().union(*theirs, *(where for where, _ in self._plays or ()))

    def digest(self, host: str, groups: Collection[str]) -> str:
        """Digest of what a host depends on; of the whole folder where that is not to be told."""
        if self._plays is None:
            return self._whole
        names = frozenset({"all", host, *(groups or ("ungrouped",))})
        # Only a host with variables or plays of its own differs from others of its groups.
        own = names if host in self._named else names - {host}
        if own not in self._known:
            self._known[own] = self._digest(own)
        return self._known[own]

    def _digest(self, names: frozenset[str]) -> str:
        assert self._plays is not None
        roles = {role for where, those in self._plays if where & names for role in those}
        every = {path.split("/")[1] for path in self._files if path.startswith("roles/")}
        others = every - roles
        used = b"\0".join(c for p, c in self._files.items() if not _in_roles(p, others) and not _is_module(p))
        kept = {
            path: canonical.digest_bytes(content)
            for path, content in self._files.items()
            if not _in_roles(path, others)
            and not (_is_module(path) and _module(path) not in used)
            and ((theirs := _vars_of(path)) is None or theirs & names)
        }
        return canonical.digest(kept)


def _in_roles(path: str, roles: Collection[str]) -> bool:
    first, _, rest = path.partition("/")
    return first == "roles" and rest.partition("/")[0] in roles


def _is_module(path: str) -> bool:
    return path.startswith("library/") and path.endswith(".py")


def _module(path: str) -> bytes:
    return path.removeprefix("library/").removesuffix(".py").encode()


def _vars_of(path: str) -> frozenset[str] | None:
    """The groups or hosts whose variables a file may hold; None for any other file.

    Ansible reads NAME, NAME.yml and the like, files and folders, and a name may have dots of its own.
    """
    folder, _, rest = path.partition("/")
    if folder not in ("group_vars", "host_vars"):
        return None
    parts = rest.partition("/")[0].split(".")
    return frozenset(".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _plays(files: Mapping[str, bytes]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """(hosts, roles) of the plays. Raises ``_TooClever``."""
    import yaml  # a plan without anything to do needs none of it

    for path, content in files.items():
        if _SHARED.match(path):
            raise _TooClever
        if path.startswith("roles/") or path == PLAYBOOK:
            text = _HARMLESS.sub(b"", content) if path == PLAYBOOK else content
            if path.endswith((".yml", ".yaml", ".j2")) and _FAR.search(text):
                raise _TooClever
    try:
        plays = yaml.safe_load(files[PLAYBOOK])
    except (KeyError, yaml.YAMLError):
        raise _TooClever from None
    if not isinstance(plays, list):
        raise _TooClever
    return [_play(play) for play in plays]


def _play(play: Any) -> tuple[frozenset[str], frozenset[str]]:
    if not isinstance(play, dict) or not _KEYS.issuperset(play):
        raise _TooClever
    hosts = play.get("hosts")
    if not isinstance(hosts, str) or not _HOSTS.fullmatch(hosts):
        raise _TooClever
    roles = set()
    for role in play.get("roles", ()):
        name = role.get("role", role.get("name")) if isinstance(role, dict) else role
        if not isinstance(name, str) or "{" in name or "." in name or "/" in name:
            raise _TooClever
        roles.add(name)
    return frozenset(re.split(r"[:,]\s*", hosts)), frozenset(roles)
