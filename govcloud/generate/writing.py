"""A folder of tables, written whole or not at all, and taken away again only as far as it was made here.

A hidden file in the folder lists what was written, by digest. So a later run knows its own files, and
which of them somebody changed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import ConflictError, GovcloudError, InputError, Problem
from ..model import KINDS, fields
from .here import TRUE, Table

MANIFEST = ".generated.json"
# A change touches one small file, and a merge request shows it.
ROWS_PER_FILE = 1_000
FORM = 1
FEW = 5

Progress = Callable[[int], None]


class Writing:
    """Writes tables below a folder that nobody else sees yet."""

    def __init__(self, root: Path, source: str, progress: Progress | None) -> None:
        self.root, self.source, self.progress = root, source, progress
        self.digests: dict[str, str] = {}
        self.kinds: Counter[str] = Counter()

    def write(self, folder: str, tables: Iterable[Table]) -> None:
        """Each table as files of at most ``ROWS_PER_FILE`` rows, under Chinese headers."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for table in tables:
            known = fields(table.kind)
            titles = [known[name].doc.zh for name in ("title", *table.fields, "invented", "source")]
            rows = ((*row, TRUE, self.source) for row in table.rows)
            number = 0
            while part := list(islice(rows, ROWS_PER_FILE)):
                number += 1
                path = f"{folder}/{KINDS[table.kind].PLURAL}-{number:03}.csv"
                text = io.StringIO()
                writer = csv.writer(text, lineterminator="\n")
                writer.writerow(["标识", *titles])
                writer.writerows(part)
                data = text.getvalue().encode()
                (self.root / path).write_bytes(data)
                self.digests[path] = hashlib.sha256(data).hexdigest()
                self.kinds[table.kind] += len(part)
                if self.progress is not None:
                    self.progress(len(part))

    def finish(self, made: dict[str, Any]) -> None:
        """Write the list of what was written; ``made`` says from what."""
        document = {"form": FORM, **made, "kinds": dict(sorted(self.kinds.items())), "files": self.digests}
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        (self.root / MANIFEST).write_text(text, encoding="utf-8")


def examine(folder: Path, force: bool) -> None:
    """Raises ``InputError`` where the folder cannot be written without taking something from somebody."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError([Problem(f"{folder} is no folder")])
    if not folder.is_dir():
        return
    # A folder is replaced as a whole; a shell that stands in it would find itself nowhere.
    if Path(os.path.realpath(os.curdir)).is_relative_to(folder):
        raise InputError([Problem(f"{folder}: the current folder is in it, so it cannot be replaced")])
    if not any(folder.iterdir()):
        return
    if not force:
        raise InputError(
            [Problem(f"{folder} is not empty")],
            hint="--force replaces what an earlier run wrote; --out writes elsewhere",
        )
    known = _manifest(folder)
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    strange = sorted({*there} - {*known, MANIFEST})
    if strange:
        raise InputError(
            [Problem(f"{_some(strange)} in {folder}: not written by govcloud generate, so not removed")],
            hint="move them away, or write elsewhere with --out",
        )
    changed = sorted(p for p in there if p != MANIFEST and _digest(folder / p) != known[p])
    if changed:
        raise ConflictError(
            f"{_some(changed)} in {folder}: changed since they were written, so not removed",
            hint="remove them to lose the changes, or keep them elsewhere",
        )


def _manifest(folder: Path) -> dict[str, str]:
    """Files that an earlier run wrote, by their digests."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {str(path): str(digest) for path, digest in files.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            [Problem("cannot be read, so nothing here is known to be generated", str(folder / MANIFEST))],
            hint="remove the folder by hand, or write elsewhere with --out",
        ) from None


def _digest(path: Path) -> str:
    # A link is nobody's table, whatever it leads to.
    return "" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def _some(names: list[str]) -> str:
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def replace(folder: Path, write: Callable[[Path], None], force: bool) -> None:
    """Let ``write`` fill a new folder, then put it where ``folder`` is; at a failure nothing has changed.

    Raises ``InputError`` and ``ConflictError`` as ``examine`` does, ``GovcloudError`` where the disk fails.
    """
    folder = Path(os.path.realpath(folder))
    examine(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Hidden, so that nobody reads a workspace with half of it.
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            (work / "new").mkdir()
            write(work / "new")
            # What came in while it was being written stays.
            examine(folder, force)
            _swap(folder, work)
        finally:
            # The old folder is still in there only where it could not be put back.
            if folder.is_dir() or not (work / "old").is_dir():
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        where = error.filename or folder
        raise GovcloudError(f"{where}: {error.strerror or error}; nothing was changed") from None


def _swap(folder: Path, work: Path) -> None:
    if folder.is_dir():
        folder.rename(work / "old")
    try:
        (work / "new").rename(folder)
    except OSError:
        if (work / "old").is_dir():
            (work / "old").rename(folder)
        raise
