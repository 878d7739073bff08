"""The declarative files of a workspace: which they are, and their bytes, without following traps."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Problem
from ..workspace import SETTINGS
from .layers import FOLDER

TEMPLATES = (".yaml.j2", ".yml.j2")
EXTENSIONS = (".yaml", ".yml", ".csv", ".xlsx", *TEMPLATES)
# What people take for a table of entries, and what would be one; anything else is none of our business.
ALIKE = {
    ".csv.j2": "a template writes YAML: NAME.yaml.j2",
    ".tsv": "save it as .csv",
    ".xls": "save it as .xlsx",
    ".xlsm": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx",
}
# A folder of this name at the top of a workspace, or of a layer, holds tables for templates.
DATA = "data"
# What Excel puts beside a workbook that somebody has open.
_OPEN_ELSEWHERE = "~$"
# Folders at the top of a workspace that hold programs and requests (with their templates), not declarations.
PROGRAMS = frozenset({"stacks", "playbooks", "requests"})
LARGEST = 64 * 1024 * 1024
# A million rows are about 100 MB.
LARGEST_TABLE = 256 * 1024 * 1024


@dataclass
class Found:
    """Paths relative to the workspace (posix, sorted), what is wrong, and what was left out.

    ``data``: files of entries by their ending that stand among the tables for templates; ``alike``: those
    that look like tables and are not read, by their ending.
    """

    paths: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    alike: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


class Unreadable(Exception):
    """A file cannot be read; the message says why."""


def discover(root: str | os.PathLike[str], layers: Sequence[str] = ()) -> Found:
    """Find the files under a workspace. Unreadable folders and names become problems.

    Of the folder ``layers`` only those that ``layers`` names are read.
    """
    found = Found()
    base = os.path.realpath(root)
    links: list[str] = []
    aside = _layers_aside(base, layers, found)
    for path in _walk(base, "", found, links, aside):
        (found.data if _is_data(path) else found.paths).append(path)
    own = {os.path.join(base, path) for path in found.paths}
    for link in (path for path in links if not _is_data(path)):
        real = os.path.realpath(os.path.join(base, link))
        if not real.startswith(base + os.sep):
            found.notes.append(Problem("a link that leads out of the workspace; not read", link))
        elif real not in own:
            if fault := _leads_nowhere(real):
                found.problems.append(Problem(fault, link, hint="mend the link, or remove it"))
                continue
            # A file that is read anyway is not read twice; what only a link shows is read once.
            own.add(real)
            found.paths.append(link)
    found.paths.sort()
    for ending, paths in sorted(found.alike.items()):
        more = f" (nor {len(paths) - 1} more)" if len(paths) > 1 else ""
        message = f"files that end with {ending} are not read{more}; {ALIKE[ending]}"
        found.notes.append(Problem(message, ascii_(min(paths))))
    return found


def _leads_nowhere(real: str) -> str:
    """Why there is no file behind a link; empty where there is one.

    Never a note: what the link showed before would be taken for withdrawn.
    """
    try:
        there = Path(real).stat()
    except FileNotFoundError:
        return "a link to a file that is not there"
    except OSError as error:
        return "a link that leads to itself" if error.errno == errno.ELOOP else f"a link: {_reason(error)}"
    return "" if stat.S_ISREG(there.st_mode) else "a link to what is no file"


def reads(path: str, layers: Sequence[str] = ()) -> bool:
    """Whether ``discover`` would find a file of this path (posix, below the workspace) and take it for one of
    entries, once it is there."""
    *folders, name = parts = path.split("/")
    if any(part.startswith((".", _OPEN_ELSEWHERE)) for part in parts) or not name.isprintable():
        return False
    if name == SETTINGS or not name.lower().endswith(EXTENSIONS) or _is_data(path):
        return False
    if folders[:1] == [FOLDER]:
        return len(folders) > 1 and folders[1] in layers
    return not folders or folders[0] not in PROGRAMS


def is_template(path: str) -> bool:
    """Whether a file is rendered before it is read."""
    return path.lower().endswith(TEMPLATES)


def _is_data(path: str) -> bool:
    parts = path.split("/")
    return (parts[0] == DATA and len(parts) > 1) or (
        parts[0] == FOLDER and parts[2:3] == [DATA] and len(parts) > 3
    )


def _ending(name: str) -> str:
    """From the last dot on, in lower case; of a template from the dot before."""
    name = name.lower()
    stem, dot, last = name.rpartition(".")
    return f".{stem.rpartition('.')[2]}.{last}" if last == "j2" else dot + last


def _layers_aside(base: str, layers: Sequence[str], found: Found) -> set[str]:
    """What stands in the folder of layers and is none of ``layers``; a note tells of each."""
    try:
        with os.scandir(os.path.join(base, FOLDER)) as listing:
            there = {e.name: e.is_dir(follow_symlinks=False) for e in listing if not e.name.startswith(".")}
    except OSError:  # what cannot be read is told where it is walked
        there = {}
    aside: set[str] = set()
    for name, is_folder in sorted(there.items()):
        path = f"{FOLDER}/{name}"
        if is_folder and name not in layers:
            aside.add(path)
            found.notes.append(
                Problem(f"`layers` in {SETTINGS} does not name this layer; not read", ascii_(path))
            )
        elif not is_folder and name.lower().endswith(EXTENSIONS):
            aside.add(path)
            found.notes.append(
                Problem(f"a file in no layer: its place is {FOLDER}/NAME/; not read", ascii_(path))
            )
    for name in layers:
        if not there.get(name):
            message = f"`layers` in {SETTINGS} names it, but there is no such folder"
            found.notes.append(Problem(message, f"{FOLDER}/{name}"))
    return aside


def ascii_(path: str) -> str:
    """A path as it can be shown."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _walk(base: str, folder: str, found: Found, links: list[str], aside: set[str]) -> Iterator[str]:
    pending = [folder]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(base, folder)) as listing:
                entries = list(listing)
        except OSError as error:
            found.problems.append(Problem(f"the folder cannot be read: {_reason(error)}", folder or "."))
            continue
        for entry in entries:
            name = entry.name
            if name.startswith((".", _OPEN_ELSEWHERE)):
                continue
            path = f"{folder}/{name}" if folder else name
            if path in aside:
                continue
            if entry.is_dir(follow_symlinks=False):
                if folder or name not in PROGRAMS:
                    pending.append(path)
            elif name != SETTINGS and name.lower().endswith(EXTENSIONS):
                if not name.isprintable():  # also bytes that are not UTF-8
                    found.problems.append(
                        Problem(
                            "the file's name has characters that cannot be shown; rename it", ascii_(path)
                        )
                    )
                elif entry.is_symlink():
                    links.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path
            elif (ending := _ending(name)) in ALIKE and not _is_data(path):
                found.alike.setdefault(ending, []).append(path)


def read(root: str | os.PathLike[str], path: str, largest: int = 0) -> bytes:
    """The bytes of a file. Raises ``Unreadable`` with a sentence; never waits for a pipe.

    ``largest``: the most bytes that it may have; 0: as many as a file of entries.
    """
    largest = largest or (LARGEST_TABLE if path.lower().endswith(".csv") else LARGEST)
    try:
        handle = os.open(os.path.join(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", buffering=0) as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("not a regular file")
            if status.st_size <= largest:
                # What is there in one piece; what comes while it is read, in others.
                data = file.read(status.st_size + 1) or b""
                while len(data) <= largest and (more := file.read(largest + 1 - len(data))):
                    data += more
                if len(data) <= largest:
                    return data
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {_reason(error)}") from None
    size = f"{largest >> 20} MiB" if largest >> 20 else f"{largest >> 10} KiB"
    raise Unreadable(f"the file is larger than {size}; split it")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def plural_of(path: str) -> str:
    """The plural kind that a table's file name begins with: ``servers-haikou.csv`` -> ``servers``."""
    return re.split(r"[-.]", path.rpartition("/")[2], maxsplit=1)[0]
