"""A workspace: the folder with ``govcloud.yaml``, and what stands in that file.

``-C DIR`` names it, else it is the nearest one upward from the current directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from .channels import Channel, twice
from .errors import InputError, Problem
from .references import SecretSettings, check_settings
from .sitestacks import SiteStack

SETTINGS = "govcloud.yaml"
# The version of that file that this release reads.
VERSION = 1
# What a name in it may be, in words.
WORD = "a name of at most 31 of a-z, 0-9 and `-` that begins with a letter"
FOLDER = "a folder's name of at most 63 of a-z, 0-9, `_` and `-` that begins with a letter or digit"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``govcloud.yaml``. URLs without a host are relative to the workspace."""

    version: Literal[1] = 1
    environment: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$", description=WORD)]
    # Where several workspaces feed one ledger, each has a name of its own.
    workspace: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9-]{0,30})?$", description=WORD)] = ""
    # Every plan needs signatures, for good: the ledger keeps it (docs/approvals.md).
    production: bool = False
    # Kept for translations to come: nothing reads it yet, what is told is English.
    language: Literal["en", "zh"] = "en"
    ledger: str = "sqlite:///.govcloud/ledger.db"
    state: str = "file://.govcloud/state"
    # In rising rank; the files of each stand in layers/NAME/ and overlay those before it.
    layers: list[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description=FOLDER)]] = []
    # Folders, best on other file systems, that get a copy of every signed head of the audit trail; and the
    # key that signs them: a private key's file, its .pub, or SHA256:… of one in ssh-agent (docs/audit.md).
    anchors: list[str] = []
    audit_key: str = ""
    # Where the passphrase of the engine's state, the key of versions and the vault are (docs/secrets.md).
    secrets: SecretSettings = SecretSettings()
    # A stack is closed to new entries when it holds this many; a full one is slow (engines.md).
    stack_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    # The most stages that run at once, and hosts that one play talks to at once.
    parallel: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    forks: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10
    # Pulumi programs of the site's own beside the shipped ones (docs/own-stacks.md).
    stacks: list[SiteStack] = []
    # Who is told what (docs/notifications.md); a file that gets every event of a run, as JSON lines; the size
    # at which it is put aside, and how many such files are kept.
    notify: list[Channel] = []
    log: str = ""
    log_mib: Annotated[int, msgspec.Meta(ge=1, le=10000)] = 10
    log_files: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5


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
    """Read one settings file. Raises ``InputError`` with the place of every fault."""
    # Late: the reader of the sources needs what a command without a workspace does not.
    from .source.settings import read

    settings = read(path, Settings, VERSION, distinct=("layers",))
    check_settings(settings.secrets, path.name)
    for setting, listed in (("notify", settings.notify), ("stacks", settings.stacks)):
        if name := twice(listed):
            raise InputError([Problem(f"`{setting}`: two are called {name!r}", path.name)])
    return settings
