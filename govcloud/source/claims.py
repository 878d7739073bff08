"""What files say, entry by entry, and where they say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

# (kind, name) of an entry.
Key = tuple[str, str]
# A way into a file: plural kind, name, field, index in a list or key in a mapping.
Path = tuple[str | int, ...]


class Spot(NamedTuple):
    """A place in a file: line and column from 1 (0: not known), and the part that they count in."""

    line: int
    column: int
    part: str = ""


# (way, line of the entry or 0, whether the key is meant rather than the value) -> place.
Locator = Callable[[Path, int, bool], Spot]

# A claimant that is a file: this, then its path relative to the workspace.
FILES = "file:"
# In a ledger that several workspaces feed, those of a named one: ``file@NAME:`` and the path.
_FILE = re.compile(r"file(?:@[a-z][a-z0-9-]*)?:").match
# Faults told of one file; nobody reads more.
MOST_FAULTS = 10_000


def path_of(claimant: str) -> str:
    """The path of a claimant that is a file, in its own workspace; empty for any other."""
    found = _FILE(claimant)
    return claimant[found.end() :] if found else ""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """One entry as one file says it; ``fields`` are checked, defaults are not filled in."""

    kind: str
    name: str
    fields: dict[str, Any]
    claimant: str
    line: int = 0


@dataclass(frozen=True)
class Place:
    """Where something stands: file relative to the workspace, line and column from 1 (0: not known).

    A sheet of a workbook stands behind the file in brackets: ``servers.xlsx[servers-haikou]``.
    """

    path: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Finding:
    """Something wrong with the meaning of an entry; ``field`` is empty where the whole entry is meant."""

    kind: str
    name: str
    field: str
    message: str
    hint: str = ""
    item: int = -1


@dataclass(frozen=True)
class Fault:
    """Something wrong in one file, placed by the way to it, or by line and column themselves."""

    message: str
    hint: str = ""
    path: Path = ()
    on_key: bool = False
    line: int = 0
    column: int = 0
    # The place of the first of two is told too.
    twice: bool = False
    # What line and column count in, where it is not the file as a whole: a sheet.
    part: str = ""


class TooMany(Exception):
    """A file has more faults than anybody reads; those found so far are in ``faults``."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(f"more than {MOST_FAULTS} faults")
        self.faults = faults


class Faults(list[Fault]):
    """The faults of one file. ``append`` raises ``TooMany`` beyond the bound: memory has one too."""

    def append(self, fault: Fault) -> None:
        """Note one more fault."""
        if len(self) >= MOST_FAULTS:
            raise TooMany(self)
        super().append(fault)


@dataclass
class Table:
    """The entries of one kind in one file, as the file says them: three lists of one length."""

    kind: str
    plural: str
    names: list[str] = field(default_factory=list)
    raws: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    # In a workbook: the sheet, and the column of each field.
    part: str = ""
    columns: dict[str, int] = field(default_factory=dict)


@dataclass
class Draft:
    """What a reader found in one file, before the entries are held against their kinds."""

    tables: list[Table] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    # Entries that exist but must not be judged further: their fault is told already.
    broken: set[Key] = field(default_factory=set)
    # Fields whose fault is told already, by entry: the entry's other fields are judged all the same.
    told: dict[Key, set[str]] = field(default_factory=dict)
    # Names in a table of a kind that nobody knows: they may be what a reference means.
    strangers: set[str] = field(default_factory=set)
    # True where not all entries of the file are in the tables.
    unreadable: bool = False
    # True where nobody can tell even what names the file may hold.
    opaque: bool = False


class Block(msgspec.Struct, array_like=True, gc=False):
    """Good entries of one kind in one file, in the form in which they are cached."""

    kind: str
    names: list[str]
    lines: list[int]
    fields: list[dict[str, Any]]


def path_in(path: str, part: str) -> str:
    """How a part of a file is told: ``servers.xlsx[servers]``."""
    return f"{path}[{part}]" if part else path


def claims_of(path: str, blocks: list[Block]) -> list[Claim]:
    """The claims of one file."""
    claimant = FILES + path
    return [
        Claim(block.kind, name, said, claimant, line)
        for block in blocks
        for name, said, line in zip(block.names, block.fields, block.lines, strict=True)
    ]
