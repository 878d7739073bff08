"""A workspace of a test's own and the program typed in it; and a look at the machine that asks nobody.

Home, temporary files and everything else that a command may leave lie in one folder, so that what is
left can be told from what other tests do at the same time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from govcloud import engine
from govcloud.lab.client import LabClient
from govcloud.lab.leftovers import leftovers
from govcloud.lab.places import MARK_VARIABLE, places
from govcloud.workspace import open_workspace

PROGRAMS = Path(sys.executable).parent


class Result:
    """How a command ended."""

    def __init__(self, argv: Sequence[str], code: int, out: str, err: str) -> None:
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self) -> str:
        return f"{' '.join(self.argv)}\nexit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Place:
    """A folder with a workspace; ``become`` is the argv prefix of another user's commands."""

    def __init__(self, folder: Path, become: Sequence[str] = ()) -> None:
        self.folder = folder
        self.root = folder / "w"
        self.become = list(become)
        self.home, self.tmp = folder / "home", folder / "tmp"
        for made in (self.home, self.tmp):
            made.mkdir()
        found = engine.find()
        assert found is not None, "the Pulumi engine is not there; `python -m govcloud.engine` builds it"
        path = [str(PROGRAMS), str(_open_to_all(found, folder)), os.environ.get("PATH", os.defpath)]
        self.env = os.environ | {
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            # Plain Ansible keeps a folder of its own in the home folder, which is no business of ours.
            "ANSIBLE_HOME": str(folder / "ansible"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PATH": os.pathsep.join(path),
        }

    # -- typing -----------------------------------------------------------------------------------

    def run(self, *argv: str, expect: int | Collection[int] = 0, timeout: float = 300) -> Result:
        """Run any command in the workspace; another exit code than ``expect`` fails the test."""
        done = subprocess.run(
            [*self.become, *argv],
            cwd=self.root if self.root.exists() else self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        result = Result(argv, done.returncode, done.stdout, done.stderr)
        assert done.returncode in ((expect,) if isinstance(expect, int) else expect), result
        assert "Traceback (most recent call last)" not in done.stdout + done.stderr, result
        return result

    def type(self, *args: str, expect: int | Collection[int] = 0, timeout: float = 300) -> Result:
        """Type ``govcloud …``."""
        return self.run("govcloud", *args, expect=expect, timeout=timeout)

    def ask(self, *args: str, expect: int | Collection[int] = 0) -> Any:
        """Type ``govcloud … --json`` and read the answer."""
        return json.loads(self.type(*args, "--json", expect=expect).out)

    def on(self, host: str, *command: str) -> Result:
        """Do something by hand inside a host."""
        return self.type("lab", "exec", host, "--", *command)

    def stop_in(self, stage: str, number: signal.Signals, *args: str) -> tuple[int, float]:
        """Type a command with ``--json``, send it a signal in the midst of a stage.

        Gives its exit code and the seconds that it took to end.
        """
        process = self._begun(stage, args)
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=60)
        return process.returncode, time.monotonic() - began

    def kill_in(self, stage: str, program: str, *args: str) -> int:
        """Type a command, and in the midst of a stage kill -9 what runs a program for it. Its exit code."""
        process = self._begun(stage, args)
        killed = list(self.processes(program))
        assert killed, f"no {program} is at work"
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=120)
        return process.returncode

    def _begun(self, stage: str, args: Sequence[str]) -> subprocess.Popen[str]:
        """A command that was typed with ``--json`` and is in the midst of a stage."""
        process = subprocess.Popen(
            [*self.become, "govcloud", *args, "--json"],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "stage_progress" and events[-1]["stage"] == stage:
                return process
        raise AssertionError(f"it ended before it was in {stage}: {events[-5:]}")

    def lab_prefix(self) -> list[str]:
        """What an ordinary user's shell of the lab starts with (`govcloud lab shell`); empty for root."""
        workspace = open_workspace(str(self.root))
        return LabClient(self.root, workspace.environment).prefix()

    # -- what is there ----------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Process id of each host of the lab."""
        return {node["name"]: node["pid"] for node in self.ask("lab", "status")["nodes"]}

    def hostnames(self) -> list[str]:
        """The names of all live hosts, read from the kernel: of each first process of a pid namespace."""
        own = Path("/proc/self/ns/uts").readlink()
        names = []
        for pid in self.processes():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                elsewhere = Path(f"/proc/{pid}/ns/uts").readlink() != own
            except OSError:
                continue  # it has ended meanwhile
            first = any(w.split()[0] == "NSpid:" and w.split()[-1] == "1" for w in status.splitlines() if w)
            if not (first and elsewhere):
                continue
            user = ["--user", "--preserve-credentials"] if os.geteuid() else []
            argv = ["nsenter", f"--target={pid}", *user, "--uts", "hostname"]
            done = subprocess.run(argv, capture_output=True, text=True)
            names += done.stdout.split()  # nothing where it has ended meanwhile
        return sorted(names)

    def processes(self, *names: str) -> dict[int, str]:
        """Command lines of all processes of this place (of these programs), by process id.

        A process belongs here by the lab's mark, or by the folder in its environment, command or place.
        """
        marks = (f"{MARK_VARIABLE}={self.mark}".encode(), str(self.folder).encode())
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                seen = [command, (entry / "environ").read_bytes(), os.fsencode((entry / "cwd").readlink())]
            except OSError:
                continue  # it has ended, or is another user's
            words = command.replace(b"\0", b" ").decode(errors="replace").strip()
            if any(m in s for m in marks for s in seen) and (not names or any(n in words for n in names)):
                found[int(entry.name)] = words
        return found

    @property
    def mark(self) -> str:
        """What the lab of this workspace marks everything with."""
        return places(self.root, open_workspace(str(self.root)).environment).mark

    def traces(self, before: Machine) -> list[str]:
        """Everything that is on the machine because of this place, and was not ``before``."""
        now = machine()
        found = [f"process {pid}: {words}" for pid, words in self.processes().items()]
        found += [f"interface {name}" for name in sorted(now["interfaces"] - before["interfaces"])]
        found += [f"mount {point}" for point in sorted(now["mounts"] - before["mounts"])]
        found += [str(path) for path in Path("/tmp").glob(f"*{self.mark}*")]
        found += [str(path) for path in self.tmp.rglob("*")]
        # A cache is meant to stay, and the audit trail's keys and copies; nothing else goes to the home.
        kept = (self.home / "cache", self.home / "config" / "govcloud" / "audit")
        found += [
            str(path)
            for path in self.home.rglob("*")
            if not any(path.is_relative_to(one) or one.is_relative_to(path) for one in kept)
        ]
        return [*found, *leftovers(open_workspace(str(self.root)))]

    def clear(self) -> None:
        """Take the lab down and remove the folder."""
        if (self.root / "govcloud.yaml").exists():
            self.type("lab", "down")
        shutil.rmtree(self.folder)


def _open_to_all(program: Path, folder: Path) -> Path:
    """A folder with the program: a cache may be closed to other users than its own."""
    made = folder / "engine"
    made.mkdir()
    try:
        (made / program.name).hardlink_to(program)
    except OSError:
        shutil.copy(program, made / program.name)
    return made


Machine = dict[str, set[str]]


def machine() -> Machine:
    """Interfaces and mounts of the machine itself, of which a lab makes none."""
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return {
        "interfaces": {link["ifname"] for link in links},
        "mounts": {line.split()[1] for line in mounts},
    }


@contextmanager
def place(become: Callable[[Path], Sequence[str]] = lambda _folder: (), owner: int = -1) -> Iterator[Place]:
    """A place that is gone afterwards; ``owner``: the user whom it belongs to."""
    # Not a folder of pytest's: those are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="gc-"))
    made = Place(folder, become(folder))
    if owner >= 0:
        for path in (folder, made.home, made.tmp):
            os.chown(path, owner, owner)
    try:
        yield made
    finally:
        made.clear()


def until(seconds: float, happened: Callable[[], bool]) -> bool:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
