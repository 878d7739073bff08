"""What the browsing commands share: the ledger as its reader may see it, kinds and entries by name, cells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, InputError, Problem
from ..printable import visible
from .common import App, nearest

if TYPE_CHECKING:
    from ..ledger.browsing import Seen, View
    from ..ledger.entries import Key


class Unseen(DeniedError):
    """Somebody asked by name for an entry that they may not see."""


@contextmanager
def open_view(app: App, *, quiet: bool = False) -> Iterator[View]:
    """The accepted entries of now, in one consistent state: the one way of every browsing command.

    What its reader may not see is left out, and counted on standard error unless ``quiet``. Raises
    ``DeniedError`` where such an entry is asked for by name.
    """
    from ..access import require, sight, who
    from ..ledger import open_ledger
    from ..ledger.browsing import View

    ledger = open_ledger(app.workspace)
    try:
        with ledger.read() as connection:
            hidden = sight(app.workspace, ledger, connection)
            yield View(connection, hidden)
    except Unseen as unseen:
        require(ledger, who(app.workspace, ledger), "read_classified", unseen.message)
        raise
    if hidden and not quiet:
        which = "1 entry is" if len(hidden) == 1 else f"{len(hidden)} entries are"
        click.echo(f"{which} classified and left out", err=True)


def kind_named(word: str) -> str:
    """A kind by its name, its plural or its Chinese title. Raises ``InputError`` with the nearest."""
    from ..model import KINDS, PLURALS

    titles = {cls.ZH: k for k, cls in KINDS.items()}
    found = word if word in KINDS else PLURALS.get(word) or titles.get(word)
    if found is None:
        guess = nearest(word, [*KINDS, *PLURALS])
        hint = f"did you mean {guess}?" if guess else "kinds: " + ", ".join(KINDS)
        raise InputError([Problem(f"there is no kind {word!r}")], hint=hint)
    return found


def entry_named(view: View, text: str) -> Seen:
    """An entry by ``KIND/NAME``. Raises ``InputError`` with the nearest."""
    from ..model import KINDS

    kind, slash, name = text.partition("/")
    if not slash:
        called = [f"{k}/{n}" for k, n in view.called(text, KINDS)]
        hint = f"did you mean {', '.join(called)}?" if called else "`govcloud ls KIND` lists names"
        raise InputError([Problem(f"{text!r} should be KIND/NAME")], hint=hint)
    kind = kind_named(kind)
    return view.find(kind, name) or _missing(view, (kind, name))


def named(view: View, kind: str, text: str) -> Seen:
    """An entry of one kind by its name, with or without the kind. Raises ``InputError`` with the nearest."""
    name = text.removeprefix(f"{kind}/")
    return view.find(kind, name) or _missing(view, (kind, name))


def _missing(view: View, key: Key) -> Seen:
    """Raises ``InputError`` with the nearest name, looked for among those that begin alike first."""
    kind, name = key
    if view.hidden:
        from ..access import is_hidden

        if is_hidden(view.connection, view.hidden, kind, name):
            raise Unseen(f"{kind}/{name} is classified, or belongs to what is")
    guess = None
    for length in (2, 0):
        guess = guess or nearest(name, view.names(kind, name[:length], 20_000))
    hint = f"did you mean {kind}/{guess}?" if guess else f"`govcloud ls {kind}` lists them"
    raise InputError([Problem(f"no {kind} is called {name!r}")], hint=hint)


def cell(value: Any) -> str:
    """A field's value in one line that steers no terminal."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(cell(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{cell(k)}: {cell(v)}" for k, v in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return visible(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


def age(at: float) -> str:
    """How long ago a time (seconds since the epoch) was."""
    seconds = max(0.0, time.time() - at)
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def counted(number: int, kind: str) -> str:
    """``1 server``, ``95,000 servers``."""
    from ..model import KINDS

    noun = kind if number == 1 or kind not in KINDS else KINDS[kind].PLURAL
    return f"{number:,} {noun}"
