"""`govcloud request list` and `show`: where requests stand, and all that there is to know of one."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import Exit
from .common import App, console, emit, json_option, unwatched
from .redacting import redacted

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..ledger.connection import Connection
    from ..ledger.entries import Key
    from ..ledger.requests import Row
    from ..plan.stages import Plan
    from ..request.reading import End, View

# The colour of a state, as runs have theirs.
COLOURS = {
    "submitted": "yellow",
    "approved": "cyan",
    "scheduled": "cyan",
    "applied": "green",
    "active": "green",
    "expiring": "yellow",
    "failed": "red",
    "rejected": "red",
    "stopped": "yellow",
}


@click.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those of which something is open, and what.")
@click.option("--unit", metavar="NAME", help="Only those of a unit.")
@click.option("--state", metavar="STATE", help="Only those that stand there.")
@json_option
@click.pass_obj
@redacted
def list_(app: App, only_open: bool, unit: str | None, state: str | None, as_json: bool) -> int:
    """Requests and where they stand. Exits with 3 where --open finds something."""
    from ..ledger import open_ledger, requests
    from ..request.reading import ends, signed_for

    if state is not None:
        _refuse_no_state(state)
    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        rows = requests.every(connection, states=[state] if state else ())
        wanted = [row for row in rows if unit in (None, row.unit)]
        signed = signed_for(connection)
        found = [(row, list(ends(connection, row, signed=signed))) for row in wanted]
        found = [one for one in found if one[1] or not only_open]
        hidden, reads = _hidden(app, ledger, connection)
        found = [(_veiled(connection, row, hidden, reads), open_) for row, open_ in found]
    if as_json:
        emit([_row_document(row) | {"open": open_} for row, open_ in found])
    elif not found:
        click.echo(_nothing(unit, state, only_open=only_open))
    else:
        _print(found)
    return int(Exit.CHANGES if only_open and found else Exit.OK)


def _hidden(app: App, ledger: Ledger, connection: Connection) -> tuple[frozenset[tuple[str, str]], bool]:
    """What this process's reader may not see, and whether they may see what is classified."""
    from ..access import read_roles, sight, who
    from ..access.sight import keys_of

    roles = read_roles(connection)
    if not roles.inforce or roles.may(who(app.workspace, ledger).person, "read_classified"):
        return frozenset(), True
    return keys_of(connection, sight(app.workspace, ledger, connection)), False


def _refuse_no_state(state: str) -> None:
    """Raises ``InputError`` where a request can stand nowhere of that name."""
    from typing import get_args

    from ..errors import InputError, Problem
    from ..request.states import State

    # A draft is a file, of which the ledger knows nothing.
    known = [one for one in get_args(State) if one != "draft"]
    if state not in known:
        raise InputError([Problem(f"no request is ever {state!r}")], hint=f"one of {', '.join(known)}")


def _nothing(unit: str | None, state: str | None, *, only_open: bool) -> str:
    """That no request was found, and among which."""
    of = f" of unit/{unit}" if unit is not None else ""
    if only_open:
        among = f" of the requests{of}" + (f" that are {state}" if state else "")
        return f"Nothing{among if unit or state else ''} is open."
    if unit or state:
        return f"No request{of} is {state}." if state else f"No request is{of}."
    return "Nothing was submitted yet."


def _veiled(connection: Connection, row: Row, hidden: Collection[Key], reads: bool) -> Row:
    """The row without its title where that is not for this reader."""
    from ..plan.veil import VEIL
    from ..request.reading import hides

    if hides(connection, row, hidden, reads_classified=reads):
        return msgspec.structs.replace(row, title=VEIL)
    return row


def _without(found: View) -> View:
    """What everybody may know of a request that tells of something classified."""
    from ..plan.stages import Base, Plan
    from ..plan.veil import VEIL

    empty: dict[str, Any] = {"items": [], "entries": {}, "changes": {}, "retires": []}
    form = msgspec.structs.replace(found.paper.document, title=VEIL, reason=VEIL, **empty)
    events = [msgspec.structs.replace(one, note=VEIL if one.note else "", data={}) for one in found.events]
    paper = msgspec.structs.replace(found.paper, document=form, accounts=[], made={}, changed=[])
    was = found.plan
    # Made anew, not emptied: whatever a plan may hold one day is not told by it.
    plan = Plan(environment=was.environment, title=VEIL, stages=(), effect=was.effect, base=Base({}, {}))
    row = msgspec.structs.replace(found.row, title=VEIL)
    return msgspec.structs.replace(
        found,
        row=row,
        paper=paper,
        plan=plan,
        events=events,
        owned=[],
        held=[],
        given=[],
        standing=None,
        signed=[],
    )


def _print(found: list[tuple[Row, list[End]]]) -> None:
    from rich.text import Text

    from .tables import print_table

    rows = [
        (
            row.name,
            Text(row.state, COLOURS.get(row.state, "white")),
            row.unit,
            row.title,
            _day(row.submitted),
            row.until or "",
            "; ".join(end.words for end in open_),
        )
        for row, open_ in found
    ]
    print_table(console(), ("request", "state", "unit", "title", "submitted", "until", "open"), rows)


def _row_document(row: Row) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--full", is_flag=True, help="Show every entry, also of long lists.")
@json_option
@click.pass_obj
@redacted
def show(app: App, name: str, full: bool, as_json: bool) -> int:
    """One request: its form, its plan, what was decided and who is next, what it holds and owns."""
    from ..ledger import open_ledger
    from ..request.reading import hides, view
    from .plan import for_reader

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        found = view(connection, name)
        hidden, reads = _hidden(app, ledger, connection)
        if hides(connection, found.row, hidden, reads_classified=reads):
            found = _without(found)
        owned = [key for key in found.owned if key not in hidden]
        decisions = _decisions(connection, found)
    plan = for_reader(app.workspace, ledger, found.plan)
    if as_json:
        emit(_document(found, plan, owned, decisions))
        return int(Exit.OK)
    with unwatched():
        _show(found, plan, owned, decisions, full=full)
    return int(Exit.OK)


def _decisions(connection: Connection, found: View) -> list[dict[str, Any]]:
    """What was signed, the oldest first."""
    return [msgspec.structs.asdict(one) for one in found.signed]


def _document(
    found: View, plan: Plan, owned: list[tuple[str, str]], decisions: list[dict[str, Any]]
) -> dict[str, Any]:
    from ..plan import explain
    from ..plan.guards.telling import standing_document
    from .request_submit import accounts_document, costs_document

    return {
        "request": _row_document(found.row),
        "form": found.paper.document,
        "makes": found.paper.made,
        "changes": found.paper.changed,
        "accounts": accounts_document(found.paper.accounts),
        "costs": costs_document(found.paper.costs),
        "plan": explain.document(plan),
        "stages": standing_document(found.standing) if found.standing is not None else None,
        "decisions": decisions,
        "open": found.ends,
        "owns": ["/".join(key) for key in owned],
        "holds": found.held,
        "promised": found.given,
        "history": found.events,
    }


def _show(
    found: View, plan: Plan, owned: list[tuple[str, str]], decisions: list[dict[str, Any]], *, full: bool
) -> None:
    from rich.text import Text

    from ..plan.guards.telling import standing_lines
    from ..policy.pools import parts, told
    from .plan import show as show_plan
    from .request_submit import show_effects
    from .tables import print_line

    out, row = console(), found.row
    form = found.paper.document
    state = Text(row.state, COLOURS.get(row.state, "white"))
    print_line(out, Text.assemble((row.name, "bold"), "  ", state, f"  version {row.version}"))
    lines = [
        ("title", form.title),
        ("unit", row.unit),
        ("applicant", row.applicant),
        ("reason", form.reason),
        ("programme", form.programme),
        ("from", row.starts_on),
        ("until", row.until),
        ("effect", row.effect),
        ("run", row.run),
    ]
    for head, words in lines:
        if words:
            print_line(out, Text(f"  {head:<10}{words}"), 12)
    for item in form.items:
        said = ", ".join(f"{key} {value}" for key, value in item.parameters.items())
        print_line(out, Text(f"  {'item':<10}{item.template}: {said}"), 12)
    show_effects(found.paper.made, found.paper.accounts, found.paper.costs, found.paper.changed)
    if row.state in ("submitted", "approved", "scheduled", "rejected"):
        click.echo("")
        show_plan(plan, full=full)
        click.echo("")
    for style, words in standing_lines(found.standing) if found.standing is not None else ():
        print_line(out, Text(words, style), 4)
    for signed in decisions if found.standing is None else ():
        what = f" ({signed['note']})" if signed["note"] else ""
        words = f"  signed by {signed['person']} on {_when(signed['at'])}: {signed['state']}{what}"
        print_line(out, Text(words), 4)
    if owned:
        print_line(out, Text(f"owns: {', '.join('/'.join(key) for key in owned)}"), 6)
    sums: dict[str, float] = {}
    for held in found.held:
        sums[held.pool] = sums.get(held.pool, 0.0) + held.amount
    for pool, amount in sums.items():
        kind, name, measure = parts(pool)
        print_line(out, Text(f"holds: {told(amount, measure)} of {measure} of {kind}/{name}"), 7)
    for one in found.given:
        words = f"holds: {one.block} as `{one.field}` of {one.kind}/{one.name}"
        print_line(out, Text(words), 7)
    out.print("history:", markup=False)
    for event in found.events:
        note = f": {event.note}" if event.note else ""
        words = f"  {_when(event.at)}  {event.event:<10}{event.state:<11}{event.actor}{note}"
        print_line(out, Text(words), 22)
    for end in found.ends:
        next_ = f"; next: `govcloud {end.next}`" if end.next else ""
        print_line(out, Text(f"open: {end.words}{next_}", "yellow"), 6)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))
