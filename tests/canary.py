"""Looking for a value wherever a program may have left it, in any form: files, arguments, environments.

``search`` finds it raw, as UTF-16, in hex, in base64 at all three alignments (each also with quotes
escaped), and within what is compressed or encoded: gzip, zlib, zip and tar members, base64 of a pickle,
text in columns of SQLite. ``watched`` looks at arguments and environment of every child while a block runs.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import re
import sqlite3
import subprocess
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

# Nothing of ours is packed deeper than a pickle in base64 in a column of a database in an archive.
DEEPEST = 6
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
LARGEST = 256 << 20


def forms(value: bytes) -> dict[str, bytes]:
    """The value in each form that is searched for literally."""
    text = value.decode()
    out = {
        "raw": value,
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": value.hex().encode(),
        "HEX": value.hex().upper().encode(),
        "json": json.dumps(text)[1:-1].encode(),
    }
    for shift in range(3):
        # What stands before and after it changes the letters at the ends, not those between.
        padded = base64.b64encode(b"\0" * shift + value)
        first = 4 if shift else 0
        last = len(padded) - (4 if (shift + len(value)) % 3 else 0)
        out[f"base64+{shift}"] = padded[first:last]
        out[f"base64url+{shift}"] = padded[first:last].replace(b"+", b"-").replace(b"/", b"_")
    return out


class Searcher:
    """Finds one value."""

    def __init__(self, value: bytes) -> None:
        self.forms = forms(value)

    def within(self, data: bytes, depth: int = 0) -> Iterator[str]:
        """The forms in which the value stands in these bytes, with the way there."""
        for name, form in self.forms.items():
            if form in data:
                yield name
        if depth < DEEPEST:
            for how, inner in unpacked(data):
                for found in self.within(inner, depth + 1):
                    yield f"{how} > {found}"

    def in_tree(self, root: Path) -> dict[str, list[str]]:
        """Forms by path, of every file below a folder; databases are also read row by row."""
        out: dict[str, list[str]] = {}
        for path in sorted(root.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            data = path.read_bytes()
            found = list(self.within(data))
            if data.startswith(b"SQLite format 3\0"):
                for cell in cells(path):
                    found += [f"row > {one}" for one in self.within(cell)]
            if found:
                out[str(path.relative_to(root))] = sorted(set(found))
        return out


def unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed into these bytes, by how: whole ones, and parts that can be told."""
    if data[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield "gzip", gzip.decompress(data)
    if data[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    yield f"zip {name}", archive.read(name)
        except (zipfile.BadZipFile, RuntimeError):
            pass
    if data[257:262] == b"ustar":
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    if file is not None:
                        yield f"tar {member.name}", file.read()
        except tarfile.TarError:
            pass
    for match in ZLIB.finditer(data):
        inner = zlib.decompressobj()
        try:
            plain = inner.decompress(data[match.start() : match.start() + (1 << 20)], 1 << 22)
        except zlib.error:
            continue
        if len(plain) > 16:
            yield "zlib", plain
    for match in BASE64.finditer(data):
        text = match.group().rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        text += b"=" * (-len(text) % 4)
        try:
            plain = base64.b64decode(text)
        except binascii.Error:
            continue
        # Only what is packed again: plain text in base64 is found by its form.
        if plain[:2] in (b"\x1f\x8b", b"PK") or plain[:1] == b"\x80" or ZLIB.match(plain):
            yield "base64", plain


def cells(path: Path) -> Iterator[bytes]:
    """Every text and blob in a SQLite file: a long one lies on several pages, in pieces."""
    # Closed at once: what this process keeps open would be pulled from under it by the next command.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in tables:
            for row in connection.execute(f'select * from "{name.decode()}"'):
                yield from (cell for cell in row if isinstance(cell, bytes))


class Watch:
    """What was seen of the children of a process."""

    def __init__(self) -> None:
        self.looks = 0
        self.seen: set[str] = set()
        self.found: list[str] = []


@contextmanager
def watched(process: subprocess.Popen[str], value: bytes) -> Iterator[Watch]:
    """Look at arguments and environment of every descendant while the block runs, as often as possible."""
    watch, over, searcher = Watch(), threading.Event(), Searcher(value)

    def look() -> None:
        known: set[tuple[int, int]] = set()
        while not over.wait(0.002):
            watch.looks += 1
            try:
                children = psutil.Process(process.pid).children(recursive=True)
            except psutil.Error:
                continue
            for child in children:
                for kind in ("cmdline", "environ"):
                    try:
                        data = Path(f"/proc/{child.pid}/{kind}").read_bytes()
                    except OSError:
                        continue
                    mark = (child.pid, hash(data))
                    if mark in known:
                        continue
                    known.add(mark)
                    if kind == "cmdline":
                        watch.seen.add(data.replace(b"\0", b" ").decode(errors="replace")[:300])
                    watch.found += [f"{kind} of {_command(child.pid)}: {f}" for f in searcher.within(data)]

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    except OSError:
        return "a process that has ended"


def mode_of(path: Path) -> int:
    """The bits of who may do what."""
    return path.stat().st_mode & 0o777
