"""What the commands of `govcloud capacity` share: the entries they look at, and what a reader may be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .common import App

if TYPE_CHECKING:
    from ..ledger.connection import Connection
    from ..ledger.entries import Key
    from ..model.catalogue import Catalogue
    from ..request.document import Document

F = TypeVar("F", bound=Callable[..., Any])
VEIL = "(classified)"


def files_option(function: F) -> F:
    """``--files``, passed as ``files``."""
    words = "As the files say it, instead of what is accepted."
    return click.option("--files", is_flag=True, help=words)(function)


@dataclass(frozen=True)
class Seen:
    """The entries, the instances that are asked about (None: all that wait), the keys that may not be
    told."""

    catalogue: Catalogue
    asked: frozenset[str] | None
    hidden: frozenset[Key]

    def may_tell(self, name: str, kind: str = "instance") -> bool:
        """Whether the reader may be told of an entry."""
        return (kind, name) not in self.hidden

    def told(self, names: Collection[str]) -> list[str]:
        """Names of instances, without those that may not be told."""
        return [name for name in names if self.may_tell(name)]

    def veiled(self, sentence: str, names: Collection[str]) -> str:
        """A sentence about instances, without the names that may not be told."""
        words = [name for name in names if not self.may_tell(name)]
        words += [f"{kind}/{name}" for kind, name in self.hidden]
        if not words:
            return sentence
        known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])(?:{known})(?![\w-])", VEIL, sentence)


def entries_of(
    app: App, *, files: bool = False, file: Path | None = None, request: str | None = None
) -> Seen:
    """The entries as they are accepted or as the files say, with those of a request over them.

    Raises ``InputError`` with every fault of the files or of the request.
    """
    from ..access import sight
    from ..access.sight import keys_of
    from ..capacity import reading
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        hidden = keys_of(connection, sight(app.workspace, ledger, connection))
        if file is None and request is None:
            catalogue = None if files else reading.accepted(connection)
            asked = None
        else:
            said = _said(app, connection, file, request, hidden)
            catalogue = reading.accepted(connection, said)
            asked = frozenset(name for kind, name in said if kind == "instance")
    if catalogue is None:
        catalogue = reading.proposed(app.workspace, ledger)
    return Seen(catalogue, asked, hidden)


def _said(
    app: App, connection: Connection, file: Path | None, request: str | None, hidden: Collection[Key]
) -> dict[Key, dict[str, Any]]:
    from ..request.expanding import expand

    return expand(app.workspace, connection, _form(connection, file, request), hidden=hidden)


def _form(connection: Connection, file: Path | None, request: str | None) -> Document:
    if file is not None:
        from ..request.document import read

        return read(file)
    from ..ledger import requests
    from ..request.submitting import paper_of

    assert request is not None
    return paper_of(connection, requests.get(connection, request)).document
