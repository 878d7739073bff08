"""What benchmarks start from, made once a run: built workspaces, and the peers' with the same objects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from govcloud import engine

from . import province, samples
from .frame import Failure, Work

ROOT = Path(__file__).parents[1]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


@dataclass(frozen=True)
class Sizes:
    """Entries, or objects, of each benchmark. The names say these; only a test takes smaller ones."""

    few: int = 200
    some: int = 1000
    many: int = 5000
    large: int = 100_000
    huge: int = 1_000_000
    new: int = 10_000
    hosts: int = 50
    placed: int = 20_000


TINY = Sizes(few=5, some=10, many=15, large=600, huge=1200, new=40, hosts=3, placed=100)


class Fixtures:
    """Places and processes. What its methods return are folders to read from or to copy, never to change."""

    def __init__(
        self,
        folder: Path,
        *,
        sizes: Sizes,
        quick: bool,
        tell: Callable[[str], object],
        seeds: Sequence[int] = (1, 2, 3),
    ) -> None:
        self.folder = folder
        # By which what is drawn at random is drawn, one after the other; a quick run takes the first.
        self.seeds = seeds[:1] if quick else seeds
        self.sizes = sizes
        self.quick = quick
        self.tell = tell
        # Keys of audit trails are kept here, and not in the user's own configuration.
        self._own = {"XDG_CONFIG_HOME": str(folder / "config")}
        # Seconds that it took to build each fixture, which are figures too.
        self.seconds: dict[str, float] = {}
        self.built = cache(self._built)
        self.built_terraform = cache(self._built_terraform)
        self.stated_terraform = cache(self._stated_terraform)
        self.built_pulumi = cache(self._built_pulumi)
        self.written = cache(self._written)
        self.recorded = cache(self._recorded)
        (folder / "terraform.rc").touch()

    def times(self, most: int) -> int:
        """How many turns: a third of them in a quick run."""
        return max(1, most // 3) if self.quick else most

    def place(self, name: str) -> Path:
        """A folder that is not there yet."""
        path = self.folder / name
        number = 1
        while path.exists():
            number += 1
            path = self.folder / f"{name}-{number}"
        return path

    def copy(self, folder: Path) -> Path:
        """A copy of a fixture that may be changed."""
        return Path(shutil.copytree(folder, self.place(folder.name)))

    # -- processes --------------------------------------------------------------------------------

    def govcloud(self, *arguments: str, at: Path, **options: object) -> Work:
        """A command of ours in a workspace."""
        command = [GOVCLOUD, "-C", at, *arguments]
        return Work("govcloud", command, at, self._own, **options)  # type: ignore[arg-type]

    def ask(self, *arguments: str, at: Path) -> Any:
        """What a command of ours answers with ``--json``, not timed. Raises ``Failure``."""
        command = [str(GOVCLOUD), "-C", str(at), *arguments, "--json"]
        environment = os.environ | self._own
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise Failure(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def terraform(self, *arguments: str, at: Path, name: str = "", **options: object) -> Work:
        """Terraform, without its look for updates."""
        environment = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc")}
        title = f"{self.terraform_name} {name}".strip()
        return Work(title, ["terraform", *arguments], at, environment, **options)  # type: ignore[arg-type]

    def pulumi(self, operation: str, *arguments: str, at: Path, name: str = "", **options: object) -> Work:
        """The engine alone: one stack, our provider, an inline program."""
        command = [sys.executable, "-m", "benchmarks.plain", operation, str(at), *arguments]
        title = name or f"pulumi {operation}"
        return Work(title, command, ROOT, self._own, **options)  # type: ignore[arg-type]

    @property
    def has_terraform(self) -> bool:
        """Whether the peer is on PATH; says so once where it is not."""
        return _has_terraform(self.tell)

    @cached_property
    def terraform_name(self) -> str:
        """The peer's name with its version."""
        done = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True)
        return f"terraform {json.loads(done.stdout)['terraform_version']}"

    @property
    def has_pulumi(self) -> bool:
        """Whether the engine is there."""
        return engine.find() is not None

    @property
    def has_time_for_pulumi(self) -> bool:
        """Whether it may also build a thousand objects, to be measured on them."""
        return self.has_pulumi and not self.quick

    # -- what is built ----------------------------------------------------------------------------

    def _built(self, count: int) -> Path:
        folder = self.place(f"ours-{count}")
        samples.workspace(folder, count)
        self.tell(f"  building {count:,} objects")
        self.seconds[f"govcloud-{count}"] = self.govcloud("apply", "--yes", at=folder).run()
        return folder

    def _built_terraform(self, count: int) -> Path:
        folder = self.place(f"terraform-{count}")
        samples.terraform(folder, count)
        self.terraform("init", at=folder).run()
        self.seconds[f"terraform-{count}"] = self.terraform("apply", "-auto-approve", at=folder).run()
        return folder

    def _stated_terraform(self, count: int) -> Path:
        folder = self.place(f"terraform-stated-{count}")
        samples.terraform(folder, count)
        samples.terraform_state(folder, count)
        self.terraform("init", at=folder).run()
        return folder

    def _built_pulumi(self, count: int) -> Path:
        folder = self.place(f"pulumi-{count}")
        samples.plain(folder, count)
        self.tell(f"  building {count:,} objects with plain Pulumi")
        self.seconds[f"pulumi-{count}"] = self.pulumi("up", "--skip-checkpoints", at=folder).run()
        return folder

    # -- what is recorded -------------------------------------------------------------------------

    def _written(self, entries: int) -> Path:
        """Files of a province that nothing has read yet. The generator makes so many entries of them."""
        folder = self.place(f"files-{entries}")
        province.start(folder)
        province.add_places(folder, self.sizes.new)
        size = ("--entries", str(entries), "--seed", str(province.SEED))
        self.govcloud("generate", province.SAMPLE, *size, at=folder).run()
        shutil.rmtree(folder / ".govcloud", ignore_errors=True)
        return folder

    def _recorded(self, entries: int) -> Path:
        """A ledger of those files."""
        folder = self.copy(self.written(entries))
        self.tell(f"  recording {entries:,} entries")
        self.govcloud("apply", "--yes", at=folder).run()
        return folder


@cache
def _has_terraform(tell: Callable[[str], object]) -> bool:
    if shutil.which("terraform") is None:
        tell("terraform is not on PATH: its figures are left out")
        return False
    return True
