"""Which secrets go to which hosts, in which version: what makes a host dirty when a value is a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..ledger.building import Applied
from ..model.catalogue import Catalogue
from ..model.policy import Target
from ..model.secret import Secret, SecretFile
from ..secrets.versions import same_key
from .hosts import HostVars
from .stages import SecretUse
from .tls import key_files

# The variable that the role `secrets` reads, and the group of the hosts that it is for.
VARIABLE = "govcloud_secrets"
GROUP = "secret_holders"


class Version(msgspec.Struct, frozen=True):
    """What is known of a secret now: its version, or why it could not be fetched."""

    version: str = ""
    trouble: str = ""


Versions = Mapping[str, Version]


def delivered(catalogue: Catalogue) -> list[str]:
    """Names of the secrets that some host gets."""
    return sorted({file.secret for _, file in _files(catalogue) if file.hosts})


def _files(catalogue: Catalogue) -> list[tuple[str, SecretFile]]:
    """Files of secrets: those that entries say, and the keys of certificates that are shown."""
    return [*sorted(catalogue.all(SecretFile).items()), *key_files(catalogue).items()]


def put(
    hosts: Mapping[str, HostVars],
    catalogue: Catalogue,
    versions: Versions,
    applied: Iterable[Applied],
    names: Mapping[str, str] | None = None,
) -> dict[str, HostVars]:
    """The hosts, each with the files of secrets that it gets.

    A secret that cannot be fetched now keeps the version that the host has. A host that once had such
    files goes on saying which it has, none at last: so its last one is taken away. ``names``: as in ``held``.
    """
    files: dict[str, list[tuple[str, SecretFile]]] = {}
    for name, file in _files(catalogue):
        for entry in dict.fromkeys(file.hosts):
            files.setdefault(entry, []).append((name, file))
    had = held(applied, names)
    out: dict[str, HostVars] = {}
    for host, variables in hosts.items():
        wanted = files.get(variables.entry, [])
        if not wanted and host not in had:
            out[host] = variables
            continue
        known = had.get(host, {})
        table = [
            {
                "path": file.path,
                "owner": file.owner,
                "secret": file.secret,
                "version": _version(versions, known, file.secret),
            }
            for _, file in sorted(wanted, key=lambda one: one[1].path)
        ]
        out[host] = msgspec.structs.replace(
            variables,
            groups=[*variables.groups, GROUP],
            vars={**variables.vars, VARIABLE: table},
        )
    return out


def _version(versions: Versions, known: Mapping[str, str], secret: str) -> str:
    return versions.get(secret, Version()).version or known.get(secret, "")


def held(applied: Iterable[Applied], names: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Version of each secret by host, for the hosts that have or had files of secrets.

    A version is empty where it is not known whether the secret got there. ``names``: what hosts are called
    now, by uid; what they were configured with as others is theirs.
    """
    out: dict[str, dict[str, str]] = {}
    for row in applied:
        if row.scope.startswith("host:") and "secrets" in row.inputs:
            then = row.scope.removeprefix("host:")
            now = (names or {}).get(row.uid, then)
            known = out.get(now, {})
            newer = (known, row.inputs["secrets"]) if now == then else (row.inputs["secrets"], known)
            out[now] = {**newer[0], **newer[1]}
    return out


def to_hold(host: Mapping[str, Any]) -> dict[str, Any]:
    """What is written down of a host that was configured, beside its digest. ``host``: as in a plan."""
    if VARIABLE not in host["vars"]:
        return {}
    return {"secrets": {one["secret"]: one["version"] for one in host["vars"][VARIABLE]}}


def wanted_on(hosts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Version by name of the secrets that these hosts of a plan get."""
    return {one["secret"]: one["version"] for host in hosts for one in host["vars"].get(VARIABLE, ())}


def uses(
    hosts: Mapping[str, HostVars],
    dirty: Iterable[str],
    versions: Versions,
    applied: Iterable[Applied],
    names: Mapping[str, str] | None = None,
) -> dict[str, SecretUse]:
    """What a plan has to tell of secrets: new versions with the hosts that get them, and what has trouble."""
    had = held(applied, names)
    before: dict[str, set[str]] = {}
    getting: dict[str, list[str]] = {}
    anywhere: dict[str, str] = {name: v for known in had.values() for name, v in known.items() if v}
    played = set(dirty)
    for host, variables in hosts.items():
        for one in variables.vars.get(VARIABLE, ()):
            name, version = one["secret"], one["version"]
            getting.setdefault(name, [])
            known = had.get(host, {}).get(name, "")
            if host in played and (known != version or not version):
                getting[name].append(host)
                before.setdefault(name, set()).add(known)
    out = {}
    for name, to in sorted(getting.items()):
        found = versions.get(name, Version())
        if not to and not found.trouble:
            continue
        old = next((v for v in before.get(name, set()) if v), "") or anywhere.get(name, "")
        out[name] = SecretUse(
            version=found.version,
            hosts=tuple(to),
            first=bool(to) and not old,
            rekeyed=bool(old and found.version and not same_key(old, found.version)),
            trouble=found.trouble,
            needed=bool(played & {h for h, v in hosts.items() if _gets(v, name)}),
        )
    return out


def _gets(variables: HostVars, secret: str) -> bool:
    return any(one["secret"] == secret for one in variables.vars.get(VARIABLE, ()))


def credentials(targets: Mapping[str, Mapping[str, Any]], used: Iterable[str]) -> set[str]:
    """Names of the secrets that the drivers of these targets log in with."""
    return {str(targets[t]["credentials"]) for t in used if t in targets and targets[t].get("credentials")}


def secrets_of(catalogue: Catalogue) -> dict[str, Secret]:
    """Every secret that hosts get or that a driver logs in with, by name."""
    named = {*delivered(catalogue), *(t.credentials for t in catalogue.all(Target).values())}
    return {name: secret for name, secret in catalogue.all(Secret).items() if name in named}
