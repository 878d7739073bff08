"""What is due in the life of requests on a day: pure, from the ledger; who carries it out is for `tick`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ..access import Identity
from ..access.asof import rows_of
from ..access.identity import persons
from ..errors import ConflictError
from ..ledger import Ledger, requests
from ..ledger.connection import Connection
from ..ledger.requests import Row
from ..notify import messages
from ..workspace import Workspace
from . import deciding, leasing, settling, states
from .leasing import IN_USE, Policy

# carry: its day has come; finish: its order is accepted, and what it builds may not be; the others are steps
# of its life. kept: it would be due, but for a legal hold.
What = Literal["finish", "carry", "expire", "remind", "renew", "transfer", "stop", "release", "kept"]
# So that what is free again is there for what begins.
_ORDER = ("finish", "release", "stop", "expire", "renew", "transfer", "carry", "remind", "kept")


class Due(msgspec.Struct, frozen=True):
    """One thing that is due. ``words``: why, in a sentence's end; ``next``: what is typed for it by hand;
    ``data``: what the step is about (``until``, ``unit``, ``days``)."""

    what: What
    request: str
    words: str
    next: str = ""
    data: dict[str, Any] = {}


def due(connection: Connection, today: str = "") -> list[Due]:
    """What is due on a day (YYYY-MM-DD; empty: today, by this machine), in the order in which it is done."""
    today = leasing.today_of(today)
    figures = leasing.policy(connection)
    found = [one for row in requests.every(connection) for one in _of(connection, row, figures, today)]
    return sorted(found, key=lambda one: (_ORDER.index(one.what), one.request))


class NotDue(ConflictError):
    """What was due is not any more: somebody did it, put it off or took it back meanwhile."""


def still(connection: Connection, one: Due) -> Due:
    """The same thing as it is due now. Raises ``NotDue``: minutes pass between the first and the last."""
    row = requests.find(connection, one.request)
    figures = leasing.policy(connection)
    for now in _of(connection, row, figures, leasing.today_of()) if row is not None else ():
        if (now.what, now.data) == (one.what, one.data):
            return now
    raise NotDue(f"to {one.what} request {one.request} is not due any more")


def _of(connection: Connection, row: Row, figures: Policy, today: str) -> Iterator[Due]:
    state, name = states.state_of(row), row.name
    if state == "submitted":
        idle = leasing.between(leasing.day_of(row.changed), today)
        if idle > figures.decide_days:
            yield Due("expire", name, f"nobody decided on it for {idle} days")
    elif state in ("approved", "scheduled"):
        if row.starts_on and row.starts_on <= today:
            words = f"is approved, and begins on {row.starts_on}"
            yield Due("carry", name, words, f"request apply {name}")
    elif state in IN_USE or state == "failed":
        yield from _used(connection, row, figures, today)


def _used(connection: Connection, row: Row, figures: Policy, today: str) -> Iterator[Due]:
    state, name = states.state_of(row), row.name
    wish = leasing.wished(connection, row)
    if state != "failed" or (wish is not None and not requests.owned(connection, name)):
        for event, _ in settling.steps(connection, row):
            yield Due("finish", name, f"its {event} is accepted, and not written down as done")
            return
    ending = _ending(connection, row, figures, today, wish)
    asked = str(wish["order"]) if wish is not None else ""
    if ending is not None and asked == "renew" and _in_time(connection, row, figures, today):
        # Whoever asked on its last day does not lose it before the next tick; past the day asked for they do.
        ending = None if str((wish or {})["until"]) >= today else ending
    if ending is not None:
        held = leasing.held_by(connection, name, today)
        yield msgspec.structs.replace(ending, what="kept", words=held, next="") if held else ending
        return
    if wish is not None and asked in ("renew", "transfer"):
        key = "until" if asked == "renew" else "unit"
        what: What = "renew" if asked == "renew" else "transfer"
        option = f" --until {wish[key]}" if asked == "renew" else " --accept"
        yield Due(what, name, f"was asked for: {key} {wish[key]}", f"request {asked} {name}{option}",
                  {key: wish[key]})  # fmt: skip
    # Of what was asked for people are told all the same: it may wait for a signature that nobody gives.
    if state != "stopped":
        yield from _reminder(connection, row, figures, today)


def _in_time(connection: Connection, row: Row, figures: Policy, today: str) -> bool:
    """Whether what was asked for last was while it was to be had."""
    if states.state_of(row) == "stopped":
        last = leasing.binned_until(connection, row)
    else:
        last = leasing.later(row.until, figures.grace_days) if row.until else ""
    return leasing.asked_on(connection, row) <= last


def _ending(
    connection: Connection, row: Row, figures: Policy, today: str, wish: dict[str, Any] | None
) -> Due | None:
    """The next step towards its end, where that is due: it is stopped, or destroyed."""
    state, name = states.state_of(row), row.name
    typed = f"request release {name}"
    if state == "stopped":
        last = leasing.binned_until(connection, row)
        if today > last or leasing.at_once(connection, row):
            return Due("release", name, f"its time in the recycle bin ended on {last}", typed)
        return None
    given = wish is not None and wish.get("order") == "release"
    over = bool(row.until) and today > leasing.later(row.until, figures.grace_days)
    if not given and not (over and state != "failed"):
        return None
    why = "was given back" if given else f"ended on {row.until}, {figures.grace_days} days of grace are over"
    return Due("release" if leasing.at_once(connection, row) else "stop", name, why, typed)


def _reminder(connection: Connection, row: Row, figures: Policy, today: str) -> Iterator[Due]:
    if not row.until or states.state_of(row) == "failed":
        return
    left = leasing.between(today, row.until)
    reached = [days for days in figures.remind_days if left <= days]
    if reached and not any(days <= reached[-1] for days in leasing.reminded(connection, row)):
        words = f"ends on {row.until}, " + (f"in {left} days" if left >= 0 else f"{-left} days ago")
        yield Due("remind", row.name, words, f"request renew {row.name} --until DAY", {"days": reached[-1]})


# -- steps that change nothing but where a request stands ----------------------------------------------


def remind(ledger: Ledger, workspace: Workspace, identity: Identity, one: Due) -> None:
    """Tell the applicant and the people of the unit that a lease ends; once for each of the days.

    Raises ``NotDue`` where it does not end any more.
    """
    with ledger.write() as connection:
        one = still(connection, one)
        row = requests.get(connection, one.request)
        states.move(connection, identity, row, "remind", note=one.words, data=one.data)
        figures = leasing.policy(connection)
        stop = leasing.later(row.until, figures.grace_days)
        people = sorted(n for n, f in persons(connection) if f.get("unit") == row.unit)
        messages.gate(
            connection,
            workspace,
            ["lease", row.name, row.version, row.until, one.data["days"]],
            title=f"request {row.name} {one.words}",
            words=[
                f"{row.title or row.name}, of unit/{row.unit}, asked for by {row.applicant}",
                f"for: {', '.join(people) or 'nobody known of the unit'}",
                f"after {stop} it is stopped; {figures.recycle_days} days later it is destroyed",
            ],
            subjects=[f"request/{row.name}"],
            next=f"govcloud request renew {row.name} --until DAY",
        )


def expire(ledger: Ledger, identity: Identity, one: Due) -> None:
    """What nobody decided on in its time: what was held for it is free again. Raises ``NotDue`` where
    somebody did, or submitted it anew."""
    with ledger.write() as connection:
        one = still(connection, one)
        row = requests.get(connection, one.request)
        states.move(connection, identity, row, "expire", note=one.words)


def tell(ledger: Ledger, workspace: Workspace, today: str = "") -> int:
    """Put into the outbox what people should hear of: decisions that are late, delegations that ended,
    emergencies, dead runs. Each is told once; returns how many of the first two were new."""
    from ..notify.delivery import tell_of_emergencies, tell_of_the_dead

    if not workspace.settings.notify:
        return 0
    today, told = leasing.today_of(today), 0
    with ledger.write() as connection:
        for row, standing in deciding.waiting(connection):
            if standing.open is not None and standing.open.state == "overdue":
                told += deciding.tell(connection, workspace, row, standing)
        for name, fields in rows_of(connection, "delegation"):
            last = str(fields.get("ends_on", ""))
            if last and last < today:
                told += messages.gate(
                    connection,
                    workspace,
                    ["delegation", name, last],
                    title=f"delegation {name} ended on {last}",
                    words=[f"{fields['taker']} does not act for {fields['giver']} any more"],
                    subjects=[f"delegation/{name}"],
                    next=f"govcloud show delegation/{name}",
                )
    tell_of_emergencies(workspace, ledger)
    tell_of_the_dead(workspace, ledger)
    return told
