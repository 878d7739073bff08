"""Remembering that nothing was to do: a plan of the same inputs need not be computed again.

A file in the workspace's cache, by the digest of all that a plan reads apart from the files: the
ledger's revision, what is built, seen and measured, the programs, the program itself. It is only ever a
shortcut: without it the plan is computed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from .. import __version__, canonical
from ..errors import GovcloudError
from ..files import write_atomically
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source.cache import program_digest
from ..workspace import Workspace
from .delivering import Version
from .programs import Programs

# Number of rows and the sum of their times: whatever the clock does, a change moves one of the two.
_MARKS = (
    "SELECT count(*), sum(at) FROM applied",
    "SELECT count(*), sum(at) FROM observed WHERE status <> 'present'",
    "SELECT count(*), sum(at) FROM intent",
    "SELECT count(*), sum(at) FROM evidence",
    "SELECT max(number), sum(at) FROM revision",
)


class Settled(msgspec.Struct, frozen=True):
    """What had to do with what is built, as ``kind/name``, when there was nothing to do."""

    key: str
    built: frozenset[str]


def key_of(
    connection: Connection,
    workspace: Workspace,
    programs: Programs,
    *,
    frr: bool,
    secrets: Mapping[str, Version],
) -> str:
    """Digest of everything that a plan reads, apart from the files."""
    return canonical.digest(
        [
            __version__,
            program_digest(Path(__file__).parent),
            workspace.environment,
            workspace.settings.ledger,
            workspace.settings.stack_size,
            dict(programs.stacks),
            programs.playbook,
            frr,
            [(name, known.version, known.trouble) for name, known in sorted(secrets.items())],
            [connection.row(statement) for statement in _MARKS],
        ]
    )


def recall(workspace: Workspace, key: str) -> Settled | None:
    """What is remembered for this key."""
    try:
        known = msgspec.json.decode(_file(workspace).read_bytes(), type=Settled)
    except (OSError, msgspec.MsgspecError):
        return None
    return known if known.key == key else None


def remember(workspace: Workspace, key: str, built: Iterable[Key]) -> None:
    """Keep it; a folder that cannot be written to costs time, nothing else."""
    content = msgspec.json.encode(Settled(key, frozenset("/".join(one) for one in built)))
    with contextlib.suppress(OSError, GovcloudError):
        workspace.prepare()
        _file(workspace).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(_file(workspace), content)


def _file(workspace: Workspace) -> Path:
    return workspace.private / "cache" / "settled.json"
