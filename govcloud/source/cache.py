"""What files said when they were last read, by their content's digest, so that they are not read again.

A cache file holds good claims only, and a checksum; what is damaged, foreign or from another version
of the program is as good as absent. Losing the folder costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from .. import __version__, canonical, model
from ..errors import GovcloudError
from ..workspace import Workspace
from .claims import Block

FORMAT = "1"
# The folder is pruned beyond this; a file in use stays whatever its size.
MOST_FILES = 4096
MOST_BYTES = 512 * 1024 * 1024
_CHECKSUM = 32  # characters of canonical.digest_bytes


class Passed(msgspec.Struct, frozen=True):
    """A set of files that was found to be without fault, and the number of its entries by kind."""

    counts: dict[str, int]


_encoder = msgspec.msgpack.Encoder()
_blocks = msgspec.msgpack.Decoder(list[Block])
_names = msgspec.msgpack.Decoder(list[str])
_passed = msgspec.msgpack.Decoder(Passed)


def program_digest(*more: Path) -> str:
    """Changes with the program's version, and with its model and readers while they are worked on.

    ``more``: other folders of the program that count.
    """
    stamps = [FORMAT, __version__]
    for folder in (Path(model.__file__).parent, Path(__file__).parent, *more):
        with os.scandir(folder) as listing:
            files = sorted((e.name, e.stat()) for e in listing if e.name.endswith(".py"))
        stamps += [f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in files]
    return canonical.digest_bytes("\n".join(stamps).encode())


class Cache:
    """The folder ``.govcloud/cache/source`` of a workspace. Never raises: a cache is not needed."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.private / "cache" / "source"
        self._program = program_digest()
        self._used: set[str] = set()
        self._wrote = False

    def blocks(self, digest: str, form: str) -> list[Block] | None:
        """What a file of this content said; ``form`` is what else its meaning depends on."""
        data = self._read(self._key("file", digest, form))
        with contextlib.suppress(msgspec.MsgspecError):
            return _blocks.decode(data) if data is not None else None
        return None

    def keep_blocks(self, digest: str, form: str, blocks: list[Block]) -> None:
        """Remember what a file without fault said."""
        # A text may hold what no encoder takes; then the file is simply read again.
        with contextlib.suppress(ValueError, OverflowError):
            self._write(self._key("file", digest, form), _encoder.encode(blocks))

    def tables(self, digest: str) -> list[str] | None:
        """The tables that a template of this content reads."""
        data = self._read(self._key("tables", digest, ""))
        with contextlib.suppress(msgspec.MsgspecError):
            return _names.decode(data) if data is not None else None
        return None

    def keep_tables(self, digest: str, tables: list[str]) -> None:
        """Remember which tables a template reads."""
        with contextlib.suppress(ValueError):
            self._write(self._key("tables", digest, ""), _encoder.encode(tables))

    def passed(self, files: str) -> Passed | None:
        """The verdict on a set of files, by the digest of the set."""
        data = self._read(self._key("set", files, ""))
        with contextlib.suppress(msgspec.MsgspecError):
            return _passed.decode(data) if data is not None else None
        return None

    def keep_passed(self, files: str, verdict: Passed) -> None:
        """Remember that a set of files is without fault."""
        self._write(self._key("set", files, ""), _encoder.encode(verdict))

    def _key(self, *parts: str) -> str:
        return canonical.digest_bytes("\0".join((self._program, *parts)).encode())

    def _read(self, key: str) -> bytes | None:
        self._used.add(key)
        try:
            data = (self._folder / key).read_bytes()
        except OSError:
            return None
        body = data[_CHECKSUM:]
        return body if data[:_CHECKSUM] == canonical.digest_bytes(body).encode() else None

    def _write(self, key: str, body: bytes) -> None:
        self._used.add(key)
        try:
            self._workspace.prepare()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        except (OSError, GovcloudError):
            return
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(canonical.digest_bytes(body).encode() + body)
            os.replace(temporary, self._folder / key)
            self._wrote = True
        except OSError:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()

    def prune(self) -> None:
        """Remove the oldest files beyond the bounds, but none that this run used."""
        if not self._wrote:
            return
        with contextlib.suppress(OSError):
            self._remove(self._surplus())

    def _surplus(self) -> Iterable[str]:
        with os.scandir(self._folder) as listing:
            files = sorted(
                ((s.st_mtime_ns, s.st_size, e.name) for e in listing if (s := e.stat(follow_symlinks=False))),
                reverse=True,
            )
        count = size = 0
        for _, length, name in files:
            count, size = count + 1, size + length
            if (count > MOST_FILES or size > MOST_BYTES) and name not in self._used:
                yield name

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()
