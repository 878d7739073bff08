"""A workspace: the folder with ``govcloud.yaml``, and what stands in that file.

``-C DIR`` names it, else it is the nearest one upward from the current directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from .errors import InputError, Problem

SETTINGS = "govcloud.yaml"
# The version of that file that this release reads.
VERSION = 1


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``govcloud.yaml``. URLs without a host are relative to the workspace."""

    version: Literal[1] = 1
    environment: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    # Where several workspaces feed one ledger, each has a name of its own.
    workspace: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9-]{0,30})?$")] = ""
    language: Literal["en", "zh"] = "en"
    ledger: str = "sqlite:///.govcloud/ledger.db"
    state: str = "file://.govcloud/state"
    # In rising rank; the files of each stand in layers/NAME/ and overlay those before it.
    layers: list[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]] = []
    # Folders, best on other file systems, that get a copy of every signed head of the audit trail; and the
    # key that signs them: a private key's file, its .pub, or SHA256:… of one in ssh-agent (docs/audit.md).
    anchors: list[str] = []
    audit_key: str = ""
    # A stack is closed to new entries when it holds this many; a full one is slow (engines.md).
    stack_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    # The most stages that run at once, and hosts that one play talks to at once.
    parallel: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    forks: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10


class Workspace:
    """A workspace folder with its settings."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    @property
    def environment(self) -> str:
        """Name of the environment that the workspace is bound to."""
        return self.settings.environment

    @property
    def claimants(self) -> str:
        """What the claimants of its files begin with in the ledger, before the path."""
        return f"file@{self.settings.workspace}:" if self.settings.workspace else "file:"

    @property
    def private(self) -> Path:
        """The folder for the program's own files (mode 0700)."""
        return self.root / ".govcloud"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger; a relative SQLite path starts at the workspace."""
        return self._absolute(self.settings.ledger, "sqlite:///")

    @property
    def state_url(self) -> str:
        """Pulumi backend URL; a relative file path starts at the workspace."""
        return self._absolute(self.settings.state, "file://")

    def _absolute(self, url: str, scheme: str) -> str:
        if not url.startswith(scheme):
            return url
        path = url[len(scheme) :]
        return url if path.startswith("/") else f"{scheme}{self.root / path}"

    def prepare(self) -> None:
        """Make the private folder, readable by its owner alone."""
        self.private.mkdir(mode=0o700, exist_ok=True)


def find_root(start: Path) -> Path | None:
    """The nearest folder at or above ``start`` that holds ``govcloud.yaml``."""
    for folder in (start, *start.parents):
        if (folder / SETTINGS).is_file():
            return folder
    return None


def open_workspace(directory: str | None = None) -> Workspace:
    """Find and read the workspace. Raises ``InputError`` with the place of each fault."""
    if directory is not None:
        root: Path | None = Path(directory).resolve()
        if not (Path(directory) / SETTINGS).is_file():
            root = None
    else:
        root = find_root(Path(os.getcwd()))
    if root is None:
        where = f"in {directory}" if directory else "here or in any folder above"
        raise InputError(
            [Problem(f"no {SETTINGS} {where}")],
            hint="`govcloud init DIR --sample hainan` makes a workspace; `-C DIR` names one",
        )
    return Workspace(root, read_settings(root / SETTINGS))


def read_settings(path: Path) -> Settings:
    """Read one settings file. Raises ``InputError``."""
    import yaml

    shown = path.name
    try:
        raw: Any = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = getattr(error, "problem", None) or "not readable as YAML"
        raise InputError([Problem(str(problem), shown, line, column)]) from None
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), shown)]) from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > VERSION:
        words = f"`version` is {version}, which a newer release writes; this one reads {VERSION}"
        raise InputError([Problem(words, shown)], hint="use that release, or the newest")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise InputError([Problem(str(error), shown)]) from None
    if len(set(settings.layers)) != len(settings.layers):
        twice = next(name for name in settings.layers if settings.layers.count(name) > 1)
        raise InputError([Problem(f"`layers` names {twice!r} twice", shown)])
    return settings
