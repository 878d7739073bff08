"""An independent look at the machine for anything of a lab: not the agent's memory, but /proc.

Everything that a lab makes carries its mark: processes in their environment, interfaces in their
alias, mounts as their source, folders in their name.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from . import process
from .places import MARK_VARIABLE, Places, places, read_record
from .preflight import tool
from .process import Process

if TYPE_CHECKING:
    from ..workspace import Workspace


def leftovers(workspace: Workspace) -> list[str]:
    """Everything of the workspace's lab that is on this machine, one sentence each; [] when nothing.

    Sees what this user may see: root sees everything, others their own processes.
    """
    return leftovers_of(places(workspace.root, workspace.environment))


def leftovers_of(where: Places) -> list[str]:
    """The same, for a lab whose workspace need not be readable."""
    found = []
    spared = ancestors(os.getpid())
    inside = _inside_keeper(where)
    listed = set()
    for item in [*marked(where.mark), *inside]:
        if item.pid in spared or item.pid in listed or not process.alive(item):
            continue
        listed.add(item.pid)
        found.append(f"process {item.pid} ({_command(item.pid)})")
    found += _mounts(where.mark)
    found += _interfaces(where.mark)
    found += [f"folder {path}" for path in folders(where) if path.exists()]
    record = read_record(where)
    if record is not None and record.directory.exists() and record.directory not in folders(where):
        found.append(f"folder {record.directory}")
    found += [f"file {path}" for path in (where.record, where.log) if path.exists()]
    return found


def folders(where: Places) -> list[Path]:
    """The folders that a socket of this lab may lie in, whichever user's."""
    found = set(where.directories())
    for parent in (Path("/tmp"), *Path("/run/user").glob("*")):  # noqa: S108
        try:
            found |= set(parent.glob(f"govcloud-*{where.mark}"))
        except PermissionError:
            continue  # another user's; not ours to see
    return sorted(path for path in found if path.exists())


def ancestors(pid: int) -> set[int]:
    """A process and all its parents."""
    found = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = process.parent(pid)
    return found


def is_ours(item: Process, mark: str) -> bool:
    """Whether a process carries the mark in its environment."""
    try:
        environment = Path(f"/proc/{item.pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK_VARIABLE}={mark}".encode() in environment.split(b"\0")


def marked(mark: str) -> list[Process]:
    """Every process that carries the mark in its environment."""
    found = [process.identify(pid) for pid in process.pids()]
    return [item for item in found if item is not None and is_ours(item, mark)]


def _inside_keeper(where: Places) -> list[Process]:
    """Processes in the keeper's pid namespace or one below, whatever their environment."""
    record = read_record(where)
    if record is None or record.keeper is None or not record.current or not process.alive(record.keeper):
        return []
    depth = _namespace_ids(record.keeper.pid)
    own = process.namespace(record.keeper.pid, "pid")
    found = []
    for pid in process.pids():
        item = process.identify(pid)
        if item is None:
            continue
        # A process below the keeper's namespace descends from one in it.
        if process.namespace(pid, "pid") == own or (
            len(_namespace_ids(pid)) > len(depth) and record.keeper.pid in _namespace_parents(pid, own)
        ):
            found.append(item)
    return found


def _namespace_ids(pid: int) -> list[str]:
    """The ids of a process in each pid namespace that it is in, the outermost first."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def _namespace_parents(pid: int, own: str) -> set[int]:
    """The keeper's pid when an ancestor of the process is in its namespace, else nothing."""
    for item in ancestors(pid):
        if process.namespace(item, "pid") == own:
            return {int(entry) for entry in _first_of(own)}
    return set()


def _first_of(namespace: str) -> list[str]:
    return [
        str(pid)
        for pid in process.pids()
        if process.namespace(pid, "pid") == namespace and _namespace_ids(pid)[-1:] == ["1"]
    ]


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "gone meanwhile"
    return words.strip()[:80]


def _one_of_each(kind: str) -> dict[str, int]:
    """One process id for each namespace of a kind that this user may look into."""
    found: dict[str, int] = {}
    for pid in process.pids():
        name = process.namespace(pid, kind)
        if name:
            found.setdefault(name, pid)
    return found


def _mounts(mark: str) -> list[str]:
    label = f"govcloud-{mark}"
    found = []
    for namespace, pid in _one_of_each("mnt").items():
        try:
            lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        except OSError:
            continue
        found += [f"mount {line.split()[4]} in {namespace}" for line in lines if label in line.split()]
    return found


def _interfaces(mark: str) -> list[str]:
    """Interfaces with the mark in any network namespace that a process holds."""
    found = []
    own = process.namespace(os.getpid(), "net")
    for namespace, pid in _one_of_each("net").items():
        command = [tool("ip"), "-j", "link"]
        if namespace != own:
            user = ["--user", "--preserve-credentials"] if os.geteuid() else []
            command = [tool("nsenter"), "--target", str(pid), *user, "--net", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            continue  # another user's namespace, or gone meanwhile
        for link in json.loads(done.stdout or "[]"):
            if str(link.get("ifalias", "")).startswith(f"govcloud:{mark}:"):
                found.append(f"interface {link['ifname']} in {namespace}")
    return found
