"""A place for a chapter to play: a workspace of its own, commands typed in view, an end that cleans up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import GovcloudError
from ..lab.leftovers import leftovers
from ..ledger import keys
from ..workspace import open_workspace

if TYPE_CHECKING:
    from rich.console import Console

# What a person would type; commands run it as the same program.
PROGRAM = "govcloud"


class Scene:
    """A workspace made from a sample, and the commands typed in it."""

    def __init__(self, console: Console, sample: str, *, keep: bool = False) -> None:
        self.console = console
        self.keep = keep
        self.root = Path(tempfile.mkdtemp(prefix="govcloud-demo-")) / sample
        self.sample = sample
        # What was found of it after its end.
        self.left: list[str] = []
        # What commands find in their environment beside what is there.
        self.around: dict[str, str] = {}

    def say(self, text: str) -> None:
        """A sentence between commands."""
        self.console.print(f"\n[bold cyan]▌[/bold cyan] {text}")
        self._flush()

    def type(self, *args: str, expect: Sequence[int] = (0,)) -> int:
        """Run a command in view, its output on the terminal. Raises ``GovcloudError`` on another end."""
        self.console.print(f"[dim]$[/dim] [bold]{PROGRAM} {' '.join(args)}[/bold]")
        self._flush()
        done = subprocess.run(self._argv(args), cwd=self._where(), env=os.environ | self.around, check=False)
        if done.returncode not in expect:
            raise GovcloudError(f"`{PROGRAM} {' '.join(args)}` ended with {done.returncode}")
        return done.returncode

    def ask(self, *args: str, expect: Sequence[int] = (0,)) -> Any:
        """Run a command out of view with ``--json`` and return what it says."""
        return json.loads(self.output(*args, "--json", expect=expect))

    def output(self, *args: str, expect: Sequence[int] = (0,)) -> str:
        """Run a command out of view; what it writes. Raises ``GovcloudError`` on another end."""
        done = subprocess.run(
            self._argv(args),
            cwd=self._where(),
            env=os.environ | self.around,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in expect:
            words = (done.stderr.strip().splitlines() or [""])[-1]
            raise GovcloudError(f"`{PROGRAM} {' '.join(args)}` ended with {done.returncode}: {words}")
        return done.stdout

    def _flush(self) -> None:
        # In a pipe what is said here must not come after what the commands say.
        self.console.file.flush()

    def _argv(self, args: Sequence[str]) -> list[str]:
        return [str(Path(sys.executable).parent / PROGRAM), *args]

    def _where(self) -> Path:
        return self.root if self.root.exists() else self.root.parent

    def clear(self) -> None:
        """Take down the lab and the folder, whatever happened; with ``keep`` tell how to go on."""
        if self.keep:
            self.say(f"Kept for you: [bold]cd {self.root}[/bold]; `govcloud lab down` ends it.")
            return
        workspace = open_workspace(str(self.root)) if self.root.exists() else None
        if workspace is not None:
            subprocess.run(self._argv(["lab", "down"]), cwd=self.root, stdout=subprocess.DEVNULL, check=False)
            keys.forget(self.root / ".govcloud" / "audit-heads.jsonl")
        shutil.rmtree(self.root.parent)
        if workspace is not None:
            self.left = leftovers(workspace)
        if self.root.parent.exists():
            self.left.append(f"folder {self.root.parent}")


class Figures(Protocol):
    """What a chapter measures."""

    seconds: float
    leftovers: list[str]


F = TypeVar("F", bound=Figures)


def played(console: Console, sample: str, figures: F, body: Callable[[Scene, F], None], *, keep: bool) -> F:
    """The figures of a chapter, after ``body`` has played it; cleared at its end, whatever happened."""
    began = time.monotonic()
    scene = Scene(console, sample, keep=keep)
    try:
        body(scene, figures)
    finally:
        scene.clear()
    figures.leftovers = scene.left
    figures.seconds = round(time.monotonic() - began, 1)
    return figures
