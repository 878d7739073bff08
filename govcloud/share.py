"""What ships with the program: stacks, playbooks and sample inventories, and where they are found.

In an installed package they lie in ``govcloud/share``; in a checkout at its root. A workspace's own
copies win, so that a province may change a play without changing the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import GovcloudError
from .workspace import SETTINGS, Workspace

STACKS, PLAYBOOKS, INVENTORY = "stacks", "playbooks", "inventory"
# Never part of what is shipped or copied.
LEAVE_OUT = {"__pycache__", ".keep", ".ansible", ".govcloud"}


@dataclass(frozen=True)
class Sample:
    """A sample inventory: its name, what its settings file says it is, its folder."""

    name: str
    title: str
    folder: Path


def shipped(name: str) -> Path:
    """The folder ``stacks``, ``playbooks`` or ``inventory`` as shipped. Raises ``GovcloudError``."""
    package = Path(__file__).parent
    for root in (package / "share", package.parent):
        if (root / name).is_dir():
            return root / name
    raise GovcloudError(f"{name}/ is missing from this installation", hint="install govcloud again")


def stacks_dir(workspace: Workspace | None = None) -> Path:
    """The Pulumi programs: the workspace's own folder, else the shipped one."""
    return _own_or_shipped(workspace, STACKS)


def playbooks_dir(workspace: Workspace | None = None) -> Path:
    """The Ansible plays and roles: the workspace's own folder, else the shipped one."""
    return _own_or_shipped(workspace, PLAYBOOKS)


def _own_or_shipped(workspace: Workspace | None, name: str) -> Path:
    if workspace is not None and (workspace.root / name).is_dir():
        return workspace.root / name
    return shipped(name)


def samples() -> dict[str, Sample]:
    """The sample inventories by name."""
    result: dict[str, Sample] = {}
    for folder in sorted(shipped(INVENTORY).iterdir()):
        settings = folder / SETTINGS
        if settings.is_file():
            result[folder.name] = Sample(folder.name, _title(settings, folder.name), folder)
    return result


def _title(settings: Path, name: str) -> str:
    """The first sentence of the comment that opens a sample's settings."""
    first = settings.read_text(encoding="utf-8").lstrip().partition("\n")[0]
    if not first.startswith("#"):
        return name
    return first.lstrip("# ").partition(". ")[0].rstrip(".") or name


def files(folder: Path) -> list[Path]:
    """Every file under a shipped folder, relative to it, in order."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not LEAVE_OUT.intersection(p.parts) and p.suffix != ".pyc")
