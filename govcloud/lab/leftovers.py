"""An independent look at the machine for anything of a lab: not the agent's memory, but /proc.

Everything that a lab makes carries its mark: processes in their environment, interfaces in their
alias, mounts as their source, folders in their name.
"""

from __future__ import annotations

import fcntl
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

NS_GET_PARENT = 0xB702  # the ioctl that opens the namespace above one


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
    found += [f"folder {path}" for path in folders(where)]
    record = read_record(where)
    if record is not None and record.directory.exists() and record.directory not in folders(where):
        found.append(f"folder {record.directory}")
    found += [f"file {path}" for path in (where.record, where.log) if path.exists()]
    return found


def folders(where: Places) -> list[Path]:
    """The folders that a socket of this lab may lie in, whichever user's."""
    found = set(where.directories())
    for parent in (Path("/tmp"), *Path("/run/user").glob("*")):
        try:
            found |= set(parent.glob(f"govcloud-*{where.mark}"))
        except PermissionError:
            continue  # another user's; not ours to see
    # A link or file by that name is somebody else's doing; the agent refuses it and makes none.
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


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
    own = process.namespace(record.keeper.pid, "pid")
    below: dict[str, bool] = {}  # by pid namespace
    found = []
    for pid in process.pids():
        name = process.namespace(pid, "pid")
        if name and name not in below:
            below[name] = _descends(pid, own)
        item = process.identify(pid) if below.get(name) else None
        if item is not None:
            found.append(item)
    return found


def _descends(pid: int, own: str) -> bool:
    """Whether the pid namespace of a process is that one, or made inside it."""
    inode = int(own.partition("[")[2].rstrip("]"))
    handles = []
    try:
        handles.append(os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY))
        while os.fstat(handles[-1]).st_ino != inode:
            handles.append(fcntl.ioctl(handles[-1], NS_GET_PARENT))
        return True
    except OSError:
        return False  # above it is a namespace that this process may not see: not the keeper's
    finally:
        for handle in handles:
            os.close(handle)


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
