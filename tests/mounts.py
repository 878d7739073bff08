"""File systems of a test's own: small ones, read-only ones. Nobody else sees them, and they leave with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any


class Mounts:
    """A mount namespace; a context manager. An ordinary user gets a user namespace around it."""

    def __enter__(self) -> Mounts:
        root = os.geteuid() == 0
        outer = [] if root else ["--user", "--map-root-user"]
        self._unshare = subprocess.Popen(
            ["unshare", *outer, "--mount", "--fork", "--kill-child", "--", "sh", "-c", "echo up; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._unshare.stdout is not None
        assert self._unshare.stdout.readline() == "up\n", "no mount namespace can be had here"
        task = f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children"
        holder = Path(task).read_text().split()[0]
        self.enter = ["nsenter", f"--target={holder}", "--mount"]
        self.enter += [] if root else ["--user", "--preserve-credentials"]
        self.enter += ["--"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unshare.kill()
        self._unshare.communicate()

    def run(self, *argv: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command where the mounts are."""
        options = {"text": True, "capture_output": True, "check": True} | options
        return subprocess.run([*self.enter, *map(str, argv)], stdin=subprocess.DEVNULL, **options)

    def small(self, place: Path, kib: int) -> None:
        """An empty file system of so many KiB."""
        self.run("mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "tmpfs", place)

    def leave(self, place: Path, kib: int) -> None:
        """Fill a small one until so many KiB are free."""
        free = int(self.run("df", "--output=avail", "-k", place).stdout.split()[-1])
        self.run("fallocate", "-l", f"{free - kib}KiB", place / "filler")

    def free(self, place: Path) -> None:
        """Take away what filled it."""
        self.run("rm", place / "filler")

    def read_only(self, place: Path) -> None:
        """Let a file or a folder be readable alone, for root too."""
        self.run("mount", "--bind", place, place)
        self.run("mount", "-o", "remount,bind,ro", place)
