"""Where a lab keeps its few files: the record of its agent, the log, the socket."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GovcloudError
from .process import Process, boot_id

MARK_VARIABLE = "GOVCLOUD_LAB"


@dataclass(frozen=True)
class Places:
    """The files of one lab. ``mark`` is what everything that the lab makes is marked with."""

    root: Path
    environment: str
    mark: str

    @property
    def private(self) -> Path:
        """The workspace's private folder."""
        return self.root / ".govcloud"

    @property
    def record(self) -> Path:
        """The file that says which processes the lab has, and where its socket is."""
        return self.private / f"lab-{self.environment}.json"

    @property
    def log(self) -> Path:
        """What the agent had to say."""
        return self.private / f"lab-{self.environment}.log"

    def directories(self) -> list[Path]:
        """Every folder that the socket may be in, the preferred one first.

        Socket paths are limited to 108 bytes, so it cannot lie in the workspace.
        """
        found = []
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if runtime and len(runtime) <= 60 and os.access(runtime, os.W_OK):
            found.append(Path(runtime) / f"govcloud-{self.mark}")
        found.append(Path("/tmp") / f"govcloud-{os.getuid()}-{self.mark}")
        return found


@dataclass(frozen=True)
class Record:
    """What the agent wrote down about itself; a later command finds everything by it."""

    agent: Process
    keeper: Process | None
    directory: Path
    boot: str

    @property
    def socket(self) -> Path:
        """The agent's socket."""
        return self.directory / "agent.sock"

    @property
    def current(self) -> bool:
        """Whether it was written since this machine started."""
        return self.boot == boot_id()


def places(root: Path | str, environment: str) -> Places:
    """The files of the lab of a workspace folder and an environment."""
    resolved = Path(root).resolve()
    mark = hashlib.blake2b(f"{resolved}\0{environment}".encode(), digest_size=6).hexdigest()
    return Places(resolved, environment, mark)


def make_directory(where: Places) -> Path:
    """Make the socket's folder (0700), or take it when it is ours. Raises ``GovcloudError``."""
    path = where.directories()[0]
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise GovcloudError(
            f"{path} belongs to somebody else or is open to others, so the lab cannot keep its socket there",
            hint=f"look at `ls -ld {path}`, and remove it if it is nobody's",
        )
    return path


def write_record(where: Places, record: Record) -> None:
    """Write the record in one piece, readable by its owner alone."""
    document = {
        "version": 1,
        "agent": [record.agent.pid, record.agent.start],
        "keeper": [record.keeper.pid, record.keeper.start] if record.keeper else None,
        "directory": str(record.directory),
        "boot": record.boot,
    }
    handle, temporary = tempfile.mkstemp(dir=where.private, prefix=".lab-")  # mode 0600
    with os.fdopen(handle, "w") as file:
        json.dump(document, file)
    os.replace(temporary, where.record)


def read_record(where: Places) -> Record | None:
    """The record, or None where there is none that can be read."""
    try:
        raw: dict[str, Any] = json.loads(where.record.read_text())
        keeper = raw["keeper"]
        return Record(
            agent=Process(*raw["agent"]),
            keeper=Process(*keeper) if keeper else None,
            directory=Path(raw["directory"]),
            boot=raw["boot"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
