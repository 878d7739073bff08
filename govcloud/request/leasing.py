"""Leases: what a request is given for a time, and the orders that end, prolong or hand over what it made.

An order is what the request says from then on (``plan.stages.Asked``); a plan carries it out through the same
stages and guards as any change. What is accepted of it tells where the request stands (``settling``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from ..access import Identity, read_roles
from ..addressing.wishes import ALLOCATOR
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import entries, requests
from ..ledger.claims import ClaimRow, claims_on
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.requests import CLAIMANT, Event, Row
from ..model.base import is_date
from ..model.catalogue import Catalogue
from ..plan.graph import LedgerGraph
from ..plan.guards.signing import signed
from ..plan.stages import Asked, Plan
from ..policy import Case
from . import states
from .carrying import release_claims
from .states import State

ENTRY: Key = ("profile", "leases")
# What is used: it has a lease that runs, is about to end, or has ended.
IN_USE: frozenset[State] = frozenset({"active", "expiring", "stopped"})
# What may hold data that are lost with it; whoever gives it back is told of each.
DATA = ("volume", "dataset", "storage", "instance")
# What keeps a copy of data.
COPIES = ("backup", "protection")
# What ends an order that somebody without `apply` left for the next tick.
_DONE = frozenset({"stop", "release", "renew", "transfer", "activate"})
# So many names in a sentence.
MOST = 5

What = Literal["stop", "renew", "transfer", "release"]


class Policy(msgspec.Struct, frozen=True):
    """The figures of ``profile/leases``: days, but for ``renewals_most``. Policy, none is from a document.

    ``remind_days``: before the last day, the longest first; ``grace_days``: after it, until it is stopped;
    ``recycle_days``: stopped, until it is destroyed; ``renew_days_most``, ``renewals_most``: how far from
    today and how often a lease is prolonged without a signature; ``decide_days``: until what nobody decided
    on expires.
    """

    remind_days: tuple[int, ...]
    grace_days: int
    recycle_days: int
    renew_days_most: int
    renewals_most: int
    decide_days: int


def policy(connection: Connection) -> Policy:
    """What is accepted, or the defaults. Raises ``InputError`` for values that are none."""
    known = {key: entry.fields for key, entry in entries.among(connection, [ENTRY]).items()}
    values = Case(Catalogue.of(known)).values(ENTRY[1])
    days = [str(one) for one in values["remind_days"]]
    if wrong := [one for one in days if not one.isdecimal()]:
        raise InputError([Problem(f"profile/leases: `values.remind_days` has {wrong[0]!r}, expected days")])
    figures = {name: int(values[name]) for name in Policy.__struct_fields__[1:]}
    return Policy(tuple(sorted({int(one) for one in days}, reverse=True)), **figures)


def today_of(today: str = "") -> str:
    """The day that counts, as YYYY-MM-DD: what is given, or this machine's."""
    return today or time.strftime("%Y-%m-%d")


def day_of(at: float) -> str:
    """The day of a moment (seconds since 1970), by this machine, as YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def later(day: str, days: int) -> str:
    """The day so many days after another; the last one that there is where that is beyond all calendars."""
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        return date.max.isoformat()


def between(start: str, end: str) -> int:
    """Days from one day to another, negative where that is before."""
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


# -- what stands in its way -------------------------------------------------------------------------


def own_entry(connection: Connection, name: str) -> dict[str, Any]:
    """The accepted fields of ``request/NAME``; empty where it is gone."""
    entry = entries.among(connection, [("request", name)]).get(("request", name))
    return dict(entry.fields) if entry else {}


def held_by(connection: Connection, name: str, today: str = "") -> str:
    """Why nothing of a request may be stopped or destroyed, in a sentence; empty where it may."""
    entry = own_entry(connection, name)
    document, until = entry.get("legal_hold", ""), entry.get("legal_hold_until", "")
    if not document or (until and until < today_of(today)):
        return ""
    days = f" until {until}" if until else ""
    return f"request/{name} is under legal hold{days}: {document}"


def refuse_held(connection: Connection, name: str, today: str = "") -> None:
    """Raises ``DeniedError`` where a legal hold keeps what a request made."""
    if why := held_by(connection, name, today):
        raise DeniedError(
            f"{why}; nothing of it is stopped or destroyed",
            hint=f"`govcloud show request/{name}` tells who says so; it ends with `legal_hold_until`, or "
            "when the field is taken back",
        )


def made(connection: Connection, name: str) -> set[Key]:
    """The entries that a request alone says: they end with it. What others say too keeps it from ending."""
    owned = {key[:2] for key in requests.owned(connection, name)}
    others = (row for row in claims_on(connection, owned) if row.claimant not in (CLAIMANT + name, ALLOCATOR))
    return owned - {row.key for row in others}


def refuse_needed(connection: Connection, name: str) -> None:
    """Raises ``DeniedError`` where other entries name what goes, or others say something of any of it: what
    is said by two would neither stop nor end, and the request would be over all the same."""
    going, graph = made(connection, name), LedgerGraph(connection)
    found = []
    for key in sorted(going):
        if others := sorted(graph.referrers([key]) - going):
            found.append(f"{'/'.join(key)} is named by {_few(others)}")
    shared = {key[:2] for key in requests.owned(connection, name)} - going
    rows = claims_on(connection, shared)
    for key in sorted(shared):
        sayers = {row.claimant for row in rows if row.key == key} - {CLAIMANT + name, ALLOCATOR}
        found.append(f"{'/'.join(key)} is also said by {', '.join(sorted(sayers))}")
    if found:
        raise DeniedError(
            f"request {name} cannot be given back: {'; '.join(found[:MOST])}"
            + (f"; and {len(found) - MOST} more" if len(found) > MOST else ""),
            hint="these go first: take them out of the files, or give their requests back",
        )


def _few(keys: list[Key]) -> str:
    named = ", ".join("/".join(key) for key in keys[:MOST])
    return named + (f" and {len(keys) - MOST} more" if len(keys) > MOST else "")


# -- orders -----------------------------------------------------------------------------------------


def says(connection: Connection, name: str) -> list[ClaimRow]:
    """What a request says now, by (kind, name)."""
    keys = [key[:2] for key in requests.owned(connection, name)]
    rows = [row for row in claims_on(connection, keys) if row.claimant == CLAIMANT + name]
    return sorted(rows, key=lambda row: row.key)


def saying(
    connection: Connection,
    name: str,
    *,
    until: str | None = None,
    unit: str | None = None,
    stopped_on: str | None = None,
) -> Asked:
    """The order that changes what a request says: its last day, its unit, or that it is stopped since a day
    (empty: that it runs), whoever says more of the same entries. Only what becomes other is in it; nothing
    where all is so already."""
    rows = says(connection, name)
    own, out = next((row.fields or {} for row in rows if row.key == ("request", name)), {}), []
    for row in rows:
        fields = dict(row.fields or {})
        mine = row.key == ("request", name)
        if until is not None and (mine or (row.kind == "quota" and fields.get("request") == name)):
            _put(fields, "until", until)
        if unit is not None and fields.get("unit") == own.get("unit"):
            _put(fields, "unit", unit)
        if stopped_on is not None and mine:
            _put(fields, "stopped_on", stopped_on)
        if stopped_on is not None and row.kind == "instance":
            _put(fields, "stopped", bool(stopped_on))
        if fields != row.fields:
            out.append(msgspec.structs.replace(row, fields=fields))
    return Asked(said=tuple(out))


def rest(connection: Connection, asked: Asked) -> Asked:
    """What of an order is not accepted yet."""
    rows = claims_on(connection, {key[:2] for key in (*(r.claim_key for r in asked.said), *asked.ended)})
    known = {row.claim_key: row.fields for row in rows}
    return Asked(
        said=tuple(row for row in asked.said if known.get(row.claim_key) != row.fields),
        ended=tuple(key for key in asked.ended if key in known),
    )


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    if value:
        fields[name] = value
    else:
        fields.pop(name, None)


def same_order(connection: Connection, name: str, said: dict[Any, Any]) -> What | None:
    """Which order these claims of a request are, by their keys; None where they are none that is given."""
    then = said.get(("request", name, CLAIMANT + name))
    if not then:
        return None
    now = own_entry(connection, name)
    changed = {
        field: str(then.get(field, ""))
        for field in ("until", "unit", "stopped_on")
        if str(then.get(field, "")) != str(now.get(field, ""))
    }
    asked = saying(connection, name, **changed)
    if not changed or {row.claim_key: row.fields for row in asked.said} != said:
        return None
    if changed.get("stopped_on"):
        return "stop" if set(changed) == {"stopped_on"} else None
    if "unit" in changed:
        return "transfer" if set(changed) == {"unit"} else None
    return "renew"


def at_once(connection: Connection, row: Row) -> bool:
    """Whether nothing is kept for a time before it is destroyed: nothing of it ran or holds data, or the
    policy's recycle bin keeps nothing."""
    if states.state_of(row) == "failed" or policy(connection).recycle_days == 0:
        return True
    return not any(kind in DATA for kind, _, _ in requests.owned(connection, row.name))


def binned_until(connection: Connection, row: Row) -> str:
    """The last day on which a stopped request can be had back: whatever day is said for its stop, it counts
    from the one on which that was written down, or later."""
    days = [day_of(one.at) for one in _since(connection, row) if one.event == "stop"] or [day_of(row.changed)]
    said = str(own_entry(connection, row.name).get("stopped_on", ""))
    return later(max(said, days[-1]), policy(connection).recycle_days)


def refuse_stopped_on(day: str, today: str = "") -> None:
    """Raises ``InputError`` for a day on which nothing was stopped yet."""
    if len(day) != len("2000-01-01") or not is_date(day):
        raise InputError([Problem(f"`stopped_on` {day!r} is no day: write it as 2027-06-30")])
    if day > today_of(today):
        raise InputError([Problem(f"`stopped_on` {day} is to come")])


def giving_back(connection: Connection, name: str, today: str = "") -> Asked:
    """The order that ends all that a request says.

    Raises ``DeniedError`` where a legal hold or other entries keep it.
    """
    refuse_held(connection, name, today)
    refuse_needed(connection, name)
    return release_claims(connection, name)


def refuse_early(connection: Connection, row: Row, today: str = "") -> None:
    """Raises ``ConflictError`` where what a request made would be destroyed before it was stopped and lay in
    the recycle bin for its time."""
    if at_once(connection, row):
        return
    if states.state_of(row) != "stopped":
        raise ConflictError(
            f"request {row.name} is {row.state}: first it is stopped, and kept for a time",
            hint=f"`govcloud request release {row.name}` stops it",
        )
    last = binned_until(connection, row)
    if today_of(today) <= last:
        raise ConflictError(
            f"request {row.name} lies in the recycle bin until {last}",
            hint=f"`govcloud request renew {row.name} --until DAY` brings it back; after that day "
            "`govcloud tick` destroys it",
        )


# -- prolonging and handing over ---------------------------------------------------------------------


def refuse_until(row: Row, until: str, today: str = "") -> None:
    """Raises ``InputError`` where a lease cannot be prolonged to this day, ``ConflictError`` where it has no
    end."""
    problem = ""
    if len(until) != len("2000-01-01") or not is_date(until):
        problem = f"--until {until!r} is no day: write it as 2027-06-30"
    elif until < today_of(today):
        problem = f"--until {until} is over"
    elif row.state != "stopped" and row.until and until <= row.until:
        problem = f"request {row.name} lasts until {row.until} already"
    if problem:
        raise InputError([Problem(problem)])
    if row.state != "stopped" and not row.until:
        raise ConflictError(f"request {row.name} is for good: there is no end to be put off")


def beyond(connection: Connection, row: Row, until: str, today: str = "") -> str:
    """Why prolonging to a day wants somebody's signature, in words; empty where it wants none."""
    figures = policy(connection)
    days = between(today_of(today), until)
    if days > figures.renew_days_most:
        return f"{until} is {days} days away, and {figures.renew_days_most} are given without a signature"
    renewals = [one.data for one in _since(connection, row) if one.event == "renew"]
    done = sum(1 for one in renewals if "was" not in one or str(one.get("until", "")) > str(one["was"]))
    if done >= figures.renewals_most:
        many = f"{done} times" if done != 1 else "once"
        return f"it was renewed {many} already, and {figures.renewals_most} are given without a signature"
    return ""


def refuse_beyond(
    connection: Connection, identity: Identity, row: Row, until: str, plan: Plan, today: str = ""
) -> None:
    """Raises ``DeniedError`` where prolonging wants a signature over the plan, and none is there."""
    why = beyond(connection, row, until, today)
    if not why or any(not one.void for one in signed(connection, plan, identity)):
        return
    raise DeniedError(
        f"request {row.name} is not renewed: {why}",
        hint=f"`govcloud request renew {row.name} --until {until} --out FILE`; somebody else who may "
        "approve signs it with `govcloud approve FILE`; then `govcloud apply FILE`",
    )


def refuse_untaken(connection: Connection, identity: Identity, row: Row, unit: str) -> None:
    """Raises ``DeniedError`` where a request goes to a unit that it was not offered, or whose people did not
    take it: somebody of that unit does, or whoever may administer."""
    last = offered(connection, row)
    if last != unit:
        raise DeniedError(
            f"request {row.name} was not offered to unit/{unit}",
            hint=f"`govcloud request transfer {row.name} --to {unit}` by its own unit offers it",
        )
    asked = wished(connection, row)
    if asked is not None and asked.get("order") == "transfer" and asked.get("unit") == unit:
        return
    refuse_stranger(connection, identity, row, unit)


def refuse_stranger(connection: Connection, identity: Identity, row: Row, unit: str) -> None:
    """Raises ``DeniedError`` where somebody is not of a unit and may not administer, where roles are in
    force."""
    roles = read_roles(connection)
    if not roles.inforce or roles.may(identity.person, "administer"):
        return
    if not identity.person or states.identity_unit(connection, identity) != unit:
        raise DeniedError(
            f"you are {identity}: only people of unit/{unit} take request {row.name}",
            hint=f"`govcloud request transfer {row.name} --accept` by one of them",
        )


def staying(connection: Connection, name: str) -> list[tuple[Key, str]]:
    """Machines and disks of a request that lie in a project which is not its own: (which, the project)."""
    alone = made(connection, name)
    rows = [row for row in says(connection, name) if row.key in alone]
    mine = {row.name for row in rows if row.kind == "project"}
    found = [(row.key, str((row.fields or {}).get("project", ""))) for row in rows]
    return [(key, project) for key, project in found if project and project not in mine]


def offered(connection: Connection, row: Row) -> str:
    """The unit that a request was offered to last, and that did not take it yet; empty where none is: it was
    taken back, or what was offered was stopped."""
    last = ""
    for one in _since(connection, row):
        if one.event == "offer":
            last = str(one.data.get("to", ""))
        elif one.event in ("transfer", "release", "stop"):
            last = ""
    return last


def wished(connection: Connection, row: Row) -> dict[str, Any] | None:
    """The order that somebody without `apply` left for the next tick: ``order``, and what it is about."""
    last = None
    for one in _since(connection, row):
        if one.event == "ask":
            last = dict(one.data)
        elif one.event in _DONE:
            last = None
        elif one.event == "offer" and last is not None and last.get("order") == "transfer":
            # What was taken is not what is offered now.
            last = None
    return last


def asked_on(connection: Connection, row: Row) -> str:
    """The day (YYYY-MM-DD) on which such an order was left last; empty where none was."""
    days = [day_of(one.at) for one in _since(connection, row) if one.event == "ask"]
    return days[-1] if days else ""


def reminded(connection: Connection, row: Row) -> set[int]:
    """Of which days before the present end people were told."""
    told: set[int] = set()
    for one in _since(connection, row):
        if one.event == "remind":
            told.add(int(one.data.get("days", 0)))
        elif one.event == "renew":
            told = set()
    return told


def _since(connection: Connection, row: Row) -> Iterator[Event]:
    """The steps of what was submitted last."""
    return (one for one in requests.events(connection, row.name) if one.version == row.version)
