"""Which reader a file has. A reader is a module with ``read`` and ``locator``; a new format is one more."""

from __future__ import annotations

from typing import Protocol, cast

from .claims import Draft, Locator
from .files import plural_of
from .layers import layer_in
from .words import Hints


class Reader(Protocol):
    """One format. Both functions raise ``texts.BadText`` for bytes that are not text."""

    def read(self, data: bytes, path: str, hints: Hints) -> Draft:
        """The entries as they are written, and the faults of the file's form."""
        ...

    def locator(self, data: bytes, path: str) -> Locator:
        """Reads the file once more to find line and column of anything in it."""
        ...


def reader_of(path: str) -> Reader:
    """The reader for a file, by its extension. Loads only what is needed."""
    from importlib import import_module

    return cast(Reader, import_module(f".{_format(path)}file", __package__))


def _format(path: str) -> str:
    ending = path.lower().rpartition(".")[2]
    return {"csv": "csv", "xlsx": "excel"}.get(ending, "yaml")


def form_of(path: str) -> str:
    """What a file's meaning depends on besides its content."""
    form = _format(path)
    if form == "csv":
        form += f" {plural_of(path)}"
    # Only a layer's file may say what is removed.
    return f"{form} layer" if layer_in(path) else form
