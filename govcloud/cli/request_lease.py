"""`govcloud request release`, `renew`, `transfer`: what a request made ends, goes on, or changes hands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConflictError, Exit, InputError, Problem
from .common import App, emit
from .guarding import order_options
from .redacting import redacted

if TYPE_CHECKING:
    from ..access import Identity
    from ..ledger import Ledger
    from ..ledger.connection import Connection
    from ..ledger.requests import Row
    from ..plan.guards import Leave


@click.command()
@click.argument("name", metavar="NAME")
@order_options
@click.pass_obj
@redacted
def release(app: App, name: str, out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Give back what a request made: it is stopped, kept for a time, then destroyed.

    How long it is kept says `profile/leases`; what never ran and holds no data is destroyed at once. Until
    then `request renew` brings it back. Whoever may not apply leaves it to the next `tick`. Denied (4) under
    a legal hold, and where other entries name what would go; one in the recycle bin waits (6).
    """
    from ..request import leasing
    from .lease_orders import may_apply

    ledger, identity, row = _begin(app, name, "release")
    today = leasing.today_of()
    with ledger.read() as connection:
        leasing.refuse_held(connection, name)
        destroy = leasing.at_once(connection, row) or row.state == "stopped"
        if row.state == "stopped" and not leasing.at_once(connection, row):
            last = leasing.binned_until(connection, row)
            if today <= last:
                return _told(connection, row, as_json, int(Exit.PARKED))
        leasing.refuse_needed(connection, name)
        if destroy:
            asked = leasing.giving_back(connection, name)
        else:
            asked = leasing.saying(connection, name, stopped_on=today)
        now = out is not None or may_apply(ledger, identity)
        lines = _goes(connection, row, destroy=destroy, now=now)
    if not as_json:
        for line in lines:
            click.echo(line)
    return _carry(app, ledger, identity, row, asked, {"order": "release"}, out, as_json, yes, leave)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--until", required=True, metavar="DAY", help="Its last day from now on, as 2027-06-30.")
@order_options
@click.pass_obj
@redacted
def renew(app: App, name: str, until: str, out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Keep what a request made longer, or bring it back as it was from the recycle bin.

    Further than `profile/leases` lets, or again, it wants the signature of somebody else who may approve:
    over the plan that --out writes.
    """
    from ..request import leasing

    ledger, identity, row = _begin(app, name, "renew")
    leasing.refuse_until(row, until)
    with ledger.read() as connection:
        stopped = row.state == "stopped"
        asked = leasing.saying(connection, name, until=until, stopped_on="" if stopped else None)
    order = {"order": "renew", "until": until}
    return _carry(app, ledger, identity, row, asked, order, out, as_json, yes, leave)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--to", "unit", default="", metavar="UNIT", help="Offer it to this unit; to its own: to none.")
@click.option("--accept", is_flag=True, help="Take what was offered to your unit.")
@order_options
@click.pass_obj
@redacted
def transfer(
    app: App,
    name: str,
    unit: str,
    accept: bool,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave,
) -> int:
    """Hand what a request made to another unit: one side offers it (--to), the other takes it (--accept)."""
    from ..ledger import entries, requests
    from ..request import leasing, states

    if bool(unit) == accept:
        raise InputError([Problem("either --to UNIT, by its own unit, or --accept, by the other")])
    ledger, identity, row = _begin(app, name, "transfer", owner=not accept)
    if unit:
        with ledger.write() as connection:
            row = requests.get(connection, name)
            back = unit == row.unit
            if back and not leasing.offered(connection, row):
                raise ConflictError(f"request {name} is of unit/{unit} already")
            if ("unit", unit) not in entries.among(connection, [("unit", unit)]):
                raise InputError([Problem(f"no unit is called {unit!r}")], hint="`govcloud ls unit`")
            row = states.move(connection, identity, row, "offer", data={"to": "" if back else unit})
        if as_json:
            emit({"request": row, "offered": "" if back else unit}, as_line=True)
        elif back:
            click.echo(f"request {name} is offered to nobody any more")
        else:
            click.echo(f"request {name} is offered to unit/{unit}")
            click.echo(f"next: somebody of unit/{unit} types `govcloud request transfer {name} --accept`")
        return int(Exit.OK)
    with ledger.read() as connection:
        unit = leasing.offered(connection, row)
        if not unit:
            raise ConflictError(
                f"request {name} is offered to nobody",
                hint=f"`govcloud request transfer {name} --to UNIT` by unit/{row.unit}",
            )
        leasing.refuse_untaken(connection, identity, row, unit)
        asked = leasing.saying(connection, name, unit=unit)
        staying = leasing.staying(connection, name)
    for (kind, entry), project in [] if as_json else staying:
        click.echo(f"{kind}/{entry} stays in project/{project}, and counts against its quota")
    order = {"order": "transfer", "unit": unit}
    return _carry(app, ledger, identity, row, asked, order, out, as_json, yes, leave, owner=False)


def _begin(app: App, name: str, event: str, *, owner: bool = True) -> tuple[Ledger, Identity, Row]:
    """The request as it stands, which this person may take this step of, and which has it."""
    from ..access import who
    from ..ledger import open_ledger, requests
    from ..request import carrying, states

    ledger = open_ledger(app.workspace)
    identity = who(app.workspace, ledger)
    carrying.settle(ledger, identity, name)
    with ledger.read() as connection:
        states.clock(connection)
        row = requests.get(connection, name)
        states.after(states.state_of(row), event, name)  # type: ignore[arg-type]
        if owner:
            states.refuse_others(connection, identity, row, "owner", event)
    return ledger, identity, row


def _carry(
    app: App,
    ledger: Ledger,
    identity: Identity,
    row: Row,
    asked: Any,
    wish: dict[str, str],
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave,
    *,
    owner: bool = True,
) -> int:
    """Carry it out, or write down that it is wished where somebody may not."""
    from ..access import require
    from ..ledger import requests
    from ..request import states
    from . import lease_orders
    from .apply import ask as confirm

    if out is None and not lease_orders.may_apply(ledger, identity):
        if not yes:
            confirm(as_json)
        with ledger.write() as connection:
            row = requests.get(connection, row.name)
            row = states.move(connection, identity, row, "ask", data=wish, by_rule=not owner)
        with ledger.read() as connection:
            return _told(
                connection, row, as_json, int(Exit.OK), "asked for: the next `govcloud tick` does it"
            )
    require(ledger, identity, "plan" if out else "apply")
    code = lease_orders.give(app, ledger, identity, row, asked, out, as_json, yes, leave)
    if out is not None:
        return code
    with ledger.read() as connection:
        return _told(connection, requests.get(connection, row.name), as_json, code)


def _goes(connection: Connection, row: Row, *, destroy: bool, now: bool) -> list[str]:
    """What goes and when, and of what holds data, what copies remain. ``now``: not by a later tick."""
    from ..request import leasing

    alone = leasing.made(connection, row.name)
    rows = [r for r in leasing.says(connection, row.name) if r.key in alone]
    data = [f"{r.kind}/{r.name}" for r in rows if r.kind in leasing.DATA]
    copies = [f"{r.kind}/{r.name}" for r in rows if r.kind in leasing.COPIES]
    when = "now" if now else "with the next tick"
    days = leasing.policy(connection).recycle_days
    kept = f"stopped {when}, kept for {days} days, then destroyed"
    lines = [f"{len(rows)} entries of request {row.name} go: {f'{when}, for good' if destroy else kept}"]
    if data:
        lines.append(f"with what lies on {', '.join(data)}")
        lines.append(
            f"its copies go with it: {', '.join(copies)}" if copies else "the request made no copy of that"
        )
    return lines


def _told(connection: Connection, row: Row, as_json: bool, code: int, words: str = "") -> int:
    """Say where it stands now, and until when; the exit code as it is."""
    from ..request import leasing

    last = leasing.binned_until(connection, row) if row.state == "stopped" else ""
    if as_json:
        emit(
            {
                "event": "request",
                "request": row.name,
                "state": row.state,
                "unit": row.unit,
                "until": row.until,
                "kept_until": last,
                "asked": leasing.wished(connection, row) or {},
            },
            as_line=True,
        )
        return code
    more = (
        f", kept until {last}; `govcloud request renew {row.name} --until DAY` brings it back" if last else ""
    )
    until = f" until {row.until}" if row.until and row.state in ("active", "expiring") else ""
    click.echo(f"request {row.name}, of unit/{row.unit}, is {row.state}{until}{more}")
    if words:
        click.echo(words)
    return code
