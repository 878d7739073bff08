"""What commands about the ledger's past share: revisions in words, one entry by its name, `--as-of`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import InputError, Problem
from .common import App, console, emit, nearest

if TYPE_CHECKING:
    from ..ledger.browsing import View
    from ..ledger.claims import ClaimRow
    from ..ledger.connection import Connection
    from ..ledger.entries import Key
    from ..ledger.revisions import Revision

F = TypeVar("F", bound=Callable[..., Any])


def as_of_option(function: F) -> F:
    """The ``--as-of`` option, passed as ``as_of``."""
    words = "As it was at a revision: a number, HEAD~2, @2026-11-22T10:00, a run or a commit."
    return click.option("--as-of", metavar="REV", help=words)(function)


def subject(text: str) -> Key:
    """(kind, name) of ``KIND/NAME``. Raises ``InputError`` where it is none, or the kind is unknown."""
    from .viewing import kind_named

    kind, slash, name = text.partition("/")
    if not slash or not name:
        raise InputError([Problem(f"{text!r} should be KIND/NAME")], hint="`govcloud ls KIND` lists names")
    return kind_named(kind), name


def number_of(connection: Connection, as_of: str | None) -> int | None:
    """The revision that ``--as-of`` names; None where it is not said."""
    if as_of is None:
        return None
    from ..ledger import history

    return history.resolve(connection, as_of)


def missing(view: View, key: Key, number: int) -> InputError:
    """The error that says that a revision has no such entry, and which were near."""
    kind, name = key
    if name in _names(view, kind, None):
        hint = f"at other revisions there is one: `govcloud history {kind}/{name}`"
    else:
        guess = nearest(name, _names(view, kind, number))
        hint = (
            f"did you mean {kind}/{guess}?" if guess else f"`govcloud ls {kind} --as-of {number}` lists them"
        )
    return InputError([Problem(f"no {kind} is called {name!r} at revision {number}")], hint=hint)


def never(view: View, key: Key) -> InputError:
    """The error that says that no entry ever bore this name, and which were near."""
    kind, name = key
    guess = nearest(name, _names(view, kind, None))
    hint = f"did you mean {kind}/{guess}?" if guess else f"`govcloud ls {kind}` lists those of now"
    return InputError([Problem(f"no {kind} was ever called {name!r}")], hint=hint)


def _names(view: View, kind: str, number: int | None) -> list[str]:
    from ..ledger import history

    return [name for _, name in view.seen(history.names(view.connection, kind, number))]


def place(claim: ClaimRow) -> str:
    """Where a claim is made: a file and its line, or who makes it."""
    # Of another workspace: its name, then the path.
    claimant = claim.claimant.removeprefix("file").removeprefix(":").removeprefix("@")
    return f"{claimant}:{claim.line}" if claim.line else claimant


def dated(revision: Revision) -> str:
    """A revision with its time, in the time zone of this machine."""
    from ..ledger.revisions import when

    return f"revision {revision.number}, {when(revision.at)}" if revision.number else "the empty ledger"


def by_whom(revision: Revision) -> str:
    """Who made a revision, in which run, from which commit."""
    run = f", run {revision.run}" if revision.run else ""
    commit = f", commit {revision.git_commit[:10]}" if revision.git_commit else ""
    return f"by {revision.actor}{run}{commit}"


def show_at(app: App, entry: str, as_of: str, as_json: bool) -> None:
    """``show --as-of``: an entry's fields as they were, who said them, who referred to it.

    What was built, seen and measured is left out: the ledger keeps of it only what is so now.
    """
    from ..ledger import blame, history, revisions
    from .viewing import open_view

    kind, name = subject(entry)
    with open_view(app) as view:
        connection = view.connection
        number = history.resolve(connection, as_of)
        found = history.entry_at(connection, number, kind, name)
        if found is None or found.uid in view.hidden:
            raise missing(view, (kind, name), number)
        blamed = blame.blame(connection, kind, name, number) or []
        claims = blame.claims_at(connection, number, kind, name)
        referring = [s for _, s in view.seen(history.referring_at(connection, number, kind, name))]
        revision = revisions.of(connection, {number})[number]
    if as_json:
        emit(
            {
                "kind": kind,
                "name": name,
                "uid": found.uid,
                "as_of": revision.number,
                "since": found.since,
                "fields": found.fields,
                "claims": [
                    {"claimant": c.claimant, "line": c.line, "fields": sorted(c.fields or ())} for c in claims
                ],
                "referred_by": referring,
            }
        )
        return
    from rich.text import Text

    from ..model import KINDS, fields
    from .tables import print_line, print_table

    out = console()
    head = Text.assemble((entry, "bold"), (f"  {KINDS[kind].ZH}  as of {dated(revision)}", "dim"))
    print_line(out, head, 2)
    print_line(out, Text(f"uid {found.uid}, since revision {found.since}", "dim"), 2)
    titles = {name: info.doc.zh for name, info in fields(kind).items()}
    rows = [
        (f"  {b.field}", value(b.value), titles.get(b.field, ""), place(b.owner) if b.owner else "")
        for b in blamed
    ]
    print_table(out, ("  field", "value", "名称", "said by"), rows)
    if referring:
        more = f" and {len(referring) - 12} more" if len(referring) > 12 else ""
        print_line(out, Text(f"  referred to by {', '.join(referring[:12])}{more}"), 4)


def value(held: Any) -> str:
    """A field's value in one line, as plans write it."""
    from ..plan.explain import value_text

    return value_text(held)
