"""Commands that go on while a test looks, breaks things, and looks again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .killing import GOVCLOUD


class Begun:
    """A command that was begun in a session of its own."""

    def __init__(self, argv: Sequence[str], folder: Path, file: Path) -> None:
        self._file = file
        with file.open("w") as out:
            self.process = subprocess.Popen(
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def words(self) -> str:
        """What it has said so far, on both outputs."""
        return self._file.read_text()

    def wait(self, seconds: float = 240) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        self.process.kill()
        self.process.wait()


class Begin(Protocol):
    """Begins a command of the program."""

    def __call__(self, *argv: str) -> Begun: ...


def program(*argv: str, enter: Sequence[str] = ()) -> list[str]:
    """The command line of the program; ``enter``: how to get where it is to run."""
    return [*enter, str(GOVCLOUD), *argv]
