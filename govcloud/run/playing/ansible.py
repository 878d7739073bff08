"""One run of ansible-playbook over some hosts, and what it told: no ledger, no stages."""

from __future__ import annotations

import io
import os
import re
import shlex
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import canonical
from ...files import write_atomically
from ..advice import uncoloured
from ..reach import OWN, Reach, ansible_playbook, static_inventory

PLAYBOOK = "site.yml"
# Plays the playbook, then says which hosts came to its end: ansible-playbook ends a playbook early where all
# hosts of one of its plays failed, and does not say so.
WHOLE = "govcloud-whole.yml"
END = "Hosts that came to the end"
_WRAPPER = """\
- import_playbook: {playbook}
- name: The end
  hosts: all
  gather_facts: false
  tasks:
    - name: {end}
      ansible.builtin.debug:
        var: ansible_play_hosts
      run_once: true
      check_mode: false
"""
# Actions that run on this machine and say nothing of whether the host can be reached.
HERE = frozenset({"assert", "debug", "fail", "meta", "set_fact", "include_vars", "add_host", "group_by"})
# Lines that tell why ansible-playbook did not even begin, and where its copy of the playbooks stands.
TROUBLE = re.compile(r"error|^Origin: ", re.IGNORECASE)
PLACE = re.compile(r"/\S+?/project/")
# Words of an error, in lines; the rest is in the engine's own log.
WORDS = 3

# Whether a device must show the key that is known of it.
CHECKING = "ANSIBLE_HOST_KEY_CHECKING"

Event = Mapping[str, Any]


@dataclass
class Told:
    """What ansible-playbook said of its hosts.

    ``through``: came to the end, in no order; ``failed`` and ``unreachable``: words by host; ``cut``: neither
    of them, because the playbook ended early; ``changed``: something changed there. ``status``: its own word.
    """

    hosts: Sequence[str]
    through: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    status: str = ""
    words: str = ""

    @property
    def cut(self) -> list[str]:
        """Hosts that nothing is wrong with, and that were not brought to the end."""
        over = self.through | self.failed.keys() | self.unreachable.keys()
        return [host for host in self.hosts if host not in over]


@dataclass
class Playbooks:
    """A folder for Ansible, with the playbooks of a plan in it."""

    folder: Path
    reach: Reach
    runs: int = 0

    @classmethod
    def unpack(cls, folder: Path, reach: Reach, archive: bytes, playbook: str = PLAYBOOK) -> Playbooks:
        """Put the playbooks into a folder, which is there and empty."""
        project = folder / "project"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(project, filter="data")
        write_atomically(project / WHOLE, _WRAPPER.format(playbook=playbook, end=END).encode())
        return cls(folder, reach)

    def play(
        self,
        hosts: Mapping[str, Mapping[str, Any]],
        *,
        forks: int,
        heard: Callable[[str, Event], None] = lambda _kind, _data: None,
        stopped: Callable[[], bool] = lambda: False,
        options: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Told:
        """Play these hosts (groups and variables by name). ``heard`` is told each event, and its data.

        ``environment``: what Ansible gets beside its own.
        """
        import ansible_runner

        self.runs += 1
        inventory = self.folder / f"inventory-{self.runs}.json"
        write_atomically(inventory, canonical.encode(static_inventory(hosts, self.reach)))
        listener = _Listener(Told(list(hosts)), heard)
        with _sessions(hosts) as sessions:
            result = ansible_runner.run(
                private_data_dir=str(self.folder),
                ident=str(self.runs),
                playbook=WHOLE,
                inventory=str(inventory),
                forks=forks,
                cmdline=" ".join(options) or None,
                envvars={**self._environment(), **sessions, **(environment or {})},
                suppress_env_files=True,
                quiet=True,
                event_handler=listener.event,
                cancel_callback=stopped,
            )
        return listener.ended(str(result.status))

    def _environment(self) -> dict[str, str]:
        return {
            **self.reach.marker,
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
            # Found beside this interpreter wherever the user's PATH leads.
            "PATH": f"{self._programs()}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def _programs(self) -> Path:
        """The folder with ``ansible-playbook``; for an ordinary user a script that enters the lab first."""
        if not self.reach.prefix:
            return Path(ansible_playbook()).parent
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        script = f'#!/bin/sh\nexec {shlex.join([*self.reach.prefix, ansible_playbook()])} "$@"\n'
        write_atomically(programs / "ansible-playbook", script.encode(), 0o700)
        return programs


@contextmanager
def _sessions(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What Ansible needs for sessions with devices, where there are any.

    A short path for their sockets, which may have 107 characters. And keys of hosts are looked at, unless
    somebody says otherwise: ansible-runner would have whatever answers be taken for the device.
    """
    if not any(OWN in known["vars"] for known in hosts.values()):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gc-", ignore_cleanup_errors=True) as folder:
        yield {
            "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": folder,
            CHECKING: os.environ.get(CHECKING, "true"),
        }


class _Listener:
    """Takes Ansible's events in."""

    def __init__(self, told: Told, heard: Callable[[str, Event], None]) -> None:
        self._told = told
        self._heard = heard
        self._reached: set[str] = set()
        self._wrong: dict[str, str] = {}
        self._gone: dict[str, str] = {}
        self._words: list[str] = []

    def event(self, event: Event) -> bool:
        """One event of the play; False: ansible-runner need not keep it in a file."""
        data = event.get("event_data", {})
        kind = str(event.get("event", ""))
        result = data.get("res") or {}
        host = str(data.get("host", ""))
        if kind == "runner_on_unreachable":
            # One that was reached before was cut off by what the play did.
            (self._wrong if host in self._reached else self._gone)[host] = _words_of(data, result)
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            self._wrong[host] = _words_of(data, result)
        elif kind == "runner_on_ok":
            if data.get("task") == END:
                self._told.through |= set(result.get("ansible_play_hosts", ()))
                return False
            if str(data.get("task_action", "")).removeprefix("ansible.builtin.") not in HERE:
                self._reached.add(host)
        elif kind == "playbook_on_stats":
            self._told.changed |= set(data.get("changed", ()))
        elif kind in ("error", "verbose"):
            said = uncoloured(event.get("stdout", "")).strip()
            if TROUBLE.search(said):
                # Where a playbook is wrong, by the name that people know it by.
                self._words.append(PLACE.sub("playbooks/", said))
        self._heard(kind, data)
        return False

    def ended(self, status: str) -> Told:
        """All that was told. What failed and was rescued by the playbook is not told as failed."""
        told = self._told
        told.status = status
        told.failed = {h: words for h, words in self._wrong.items() if h not in told.through}
        told.unreachable = {
            h: words for h, words in self._gone.items() if h not in told.through and h not in told.failed
        }
        told.words = "\n".join(self._words[-5:])
        return told


def _words_of(data: Event, result: Event) -> str:
    """Why a task failed, in Ansible's words."""
    words = str(result.get("msg") or result.get("stderr") or "failed").strip().splitlines()
    return f"{data.get('task', '')}: {' '.join(words[:WORDS])}"
