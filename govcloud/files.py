"""Writing files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file whole, durably, readable by its owner alone unless ``mode`` says otherwise.

    Raises ``OSError``; then the old file is untouched and nothing is left beside it.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink()
        raise


@contextmanager
def opened_atomically(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """As ``write_atomically``, for what does not fit into memory: the file appears when all is written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink()
        raise


def make_private(path: Path) -> None:
    """Make an empty file that its owner alone may read, where there is none. Raises ``OSError``.

    One that is there is not opened: closing it again would drop every lock that this process holds
    on it (POSIX), and a database in use would be left without.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
