"""The life of a request: one table says which step may follow where, and who may take it.

Everything that is not in the table is refused with what is possible instead. A step is a row of the
request's history and a row of the audit trail, in one transaction with what it does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..access import Identity, actor, read_roles
from ..access.identity import persons
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import requests, runs
from ..ledger.connection import Connection
from ..ledger.requests import Row
from .policy import policy

State = Literal[
    "draft",
    "submitted",
    "approved",
    "scheduled",
    "applied",
    "active",
    "expiring",
    "stopped",
    "released",
    "rejected",
    "withdrawn",
    "failed",
    "expired",
]
Event = Literal[
    "submit",
    "replace",
    "sign",
    "approve",
    "reject",
    "withdraw",
    "expire",
    "schedule",
    "void",
    "begin",
    "apply",
    "fail",
    "activate",
    "remind",
    "renew",
    "transfer",
    "stop",
    "release",
    "ask",
    "offer",
]
# unit: the applicant, somebody of their unit, or whoever may administer. approver: whoever may approve
# (which of them, the chain says). operator: whoever may apply. The clock's steps are an operator's.
Who = Literal["unit", "approver", "operator", "owner"]

_UNIT: Who = "unit"
_APPROVER: Who = "approver"
_OPERATOR: Who = "operator"
# The unit that has it, or an operator.
_OWNER: Who = "owner"

TRANSITIONS: Mapping[tuple[State, Event], tuple[State, Who]] = {
    # A draft is a file; whatever came to its end can be asked for anew.
    ("draft", "submit"): ("submitted", _UNIT),
    ("rejected", "submit"): ("submitted", _UNIT),
    ("withdrawn", "submit"): ("submitted", _UNIT),
    ("expired", "submit"): ("submitted", _UNIT),
    ("released", "submit"): ("submitted", _UNIT),
    ("submitted", "replace"): ("submitted", _UNIT),
    ("approved", "replace"): ("submitted", _UNIT),
    ("scheduled", "replace"): ("submitted", _UNIT),
    # Decisions. One stage of several that is signed leaves it submitted.
    ("submitted", "sign"): ("submitted", _APPROVER),
    ("submitted", "approve"): ("approved", _APPROVER),
    ("submitted", "reject"): ("rejected", _APPROVER),
    ("approved", "reject"): ("rejected", _APPROVER),
    ("scheduled", "reject"): ("rejected", _APPROVER),
    ("submitted", "withdraw"): ("withdrawn", _UNIT),
    ("approved", "withdraw"): ("withdrawn", _UNIT),
    ("scheduled", "withdraw"): ("withdrawn", _UNIT),
    ("submitted", "expire"): ("expired", _OPERATOR),
    ("approved", "expire"): ("expired", _OPERATOR),
    ("scheduled", "expire"): ("expired", _OPERATOR),
    # What was signed is not what would happen any more: decided on anew.
    ("approved", "void"): ("submitted", _OPERATOR),
    ("scheduled", "void"): ("submitted", _OPERATOR),
    ("submitted", "void"): ("submitted", _OPERATOR),
    ("failed", "void"): ("submitted", _OPERATOR),
    # Carried out.
    ("approved", "schedule"): ("scheduled", _OPERATOR),
    ("approved", "begin"): ("approved", _OPERATOR),
    ("scheduled", "begin"): ("approved", _OPERATOR),
    ("failed", "begin"): ("failed", _OPERATOR),
    ("approved", "apply"): ("applied", _OPERATOR),
    ("failed", "apply"): ("applied", _OPERATOR),
    ("approved", "fail"): ("failed", _OPERATOR),
    ("failed", "fail"): ("failed", _OPERATOR),
    ("failed", "release"): ("released", _OWNER),
    ("applied", "activate"): ("active", _OPERATOR),
    # Used, and given back.
    ("active", "remind"): ("expiring", _OPERATOR),
    ("active", "renew"): ("active", _OWNER),
    ("expiring", "renew"): ("active", _OWNER),
    ("stopped", "renew"): ("active", _OWNER),
    ("active", "transfer"): ("active", _OWNER),
    ("expiring", "transfer"): ("expiring", _OWNER),
    ("active", "stop"): ("stopped", _OWNER),
    ("expiring", "stop"): ("stopped", _OWNER),
    ("active", "release"): ("released", _OWNER),
    ("expiring", "release"): ("released", _OWNER),
    ("stopped", "release"): ("released", _OWNER),
    # What somebody without `apply` asks for, and the next tick carries out.
    ("failed", "ask"): ("failed", _OWNER),
    ("active", "ask"): ("active", _OWNER),
    ("expiring", "ask"): ("expiring", _OWNER),
    ("stopped", "ask"): ("stopped", _OWNER),
    # To another unit, which takes it or does not.
    ("active", "offer"): ("active", _OWNER),
    ("expiring", "offer"): ("expiring", _OWNER),
    ("expiring", "remind"): ("expiring", _OPERATOR),
}
# Where nothing is held for a request any more, or nothing yet.
LETS_GO: frozenset[State] = frozenset({"rejected", "withdrawn", "expired", "failed", "released"})
# Ends that nobody has to do anything about (OP-07); the others are open.
CLOSED: frozenset[State] = frozenset({"released", "rejected", "withdrawn", "expired"})
# The steps that bring a row of their own; all others are of the one that is there.
_NEW: frozenset[Event] = frozenset({"submit", "replace"})
# The steps that take a request back, or what was decided of it.
_BACK: frozenset[Event] = frozenset({"replace", "reject", "withdraw", "expire", "void"})
# What is typed for a step that a person takes.
_TYPED: Mapping[Event, str] = {
    "submit": "request submit FILE",
    "replace": "request submit FILE --replace",
    "approve": "request approve {}",
    "reject": "request reject {} --reason TEXT",
    "withdraw": "request withdraw {}",
    "begin": "request apply {}",
    "renew": "request renew {}",
    "transfer": "request transfer {}",
    "release": "request release {}",
}


def after(state: State, event: Event, name: str = "") -> tuple[State, Who]:
    """Where a step leads from a state, and who may take it.

    Raises ``ConflictError`` where it does not lead anywhere, with what is possible from there.
    """
    found = TRANSITIONS.get((state, event))
    if found is not None:
        return found
    shown = f"request {name}" if name else "the request"
    typed = [_TYPED[e].format(name or "NAME") for s, e in TRANSITIONS if s == state and e in _TYPED]
    raise ConflictError(
        f"{shown} is {state}: there is no `{event}` from there",
        hint="; ".join(f"`govcloud {one}`" for one in typed) + " is possible" if typed else "it is over",
    )


def possible(state: State, name: str) -> list[str]:
    """What people can type from a state, without the program's name."""
    return [_TYPED[e].format(name) for s, e in TRANSITIONS if s == state and e in _TYPED]


def move(
    connection: Connection,
    identity: Identity,
    row: Row,
    event: Event,
    *,
    note: str = "",
    data: dict[str, Any] | None = None,
    by_rule: bool = False,
    **changed: Any,
) -> Row:
    """Take a step, in the caller's transaction; ``changed``: further values of its row. ``by_rule``: it
    follows from what was done, whoever did it and whatever their clock says.

    Where it leads to an end of a kind, what was held for it is let go. Raises ``ConflictError`` where the
    step does not lead anywhere from where it stands, ``row`` is not what was submitted last or the clock was
    set back, ``DeniedError`` where this person may not.
    """
    known = requests.find(connection, row.name)
    state: State = known.state if known is not None else "draft"  # type: ignore[assignment]
    target, who = after(state, event, row.name)
    if known is not None and event not in _NEW:
        refuse_anew(known, row)
        row = known
    if not by_rule:
        refuse_others(connection, identity, row, who, event)
        if known is not None:
            _refuse_carried(connection, event, known)
    now = max(time.time(), requests.newest(connection)) if by_rule else clock(connection)
    row = msgspec.structs.replace(row, state=target, changed=now, **changed)
    requests.keep(connection, row)
    if target in LETS_GO:
        requests.let_go(connection, row.name)
    requests.add_event(
        connection, row, event, actor=_named(identity), person=identity.person, at=now, note=note, data=data
    )
    return row


def _named(identity: Identity) -> str:
    return str(identity) if identity.account else actor()


def refuse_anew(known: Row, row: Row) -> None:
    """Raises ``ConflictError`` where a request is not any more what somebody read a moment ago."""
    if (known.version, known.effect) != (row.version, row.effect):
        raise ConflictError(
            f"request {row.name} was submitted anew meanwhile: version {row.version} with effect "
            f"{row.effect[:8]} became version {known.version} with effect {known.effect[:8]}",
            hint=f"`govcloud request show {row.name}` shows it as it is now",
        )


def _refuse_carried(connection: Connection, event: Event, row: Row) -> None:
    """Raises ``ConflictError`` where a request would be taken back of which something was carried out.

    It may be of one that is only submitted: where nobody's signature is wanted, its run writes down a moment
    after it began that it is approved.
    """
    if event not in _BACK:
        return
    for run in runs.unfinished(connection):
        if run.effect == row.effect:
            raise ConflictError(
                f"run {run.id} carries request {row.name} out and is not over",
                hint=f"`govcloud runs resume {run.id}` goes on with it, `govcloud runs cancel {run.id}` "
                "gives it up",
            )
    if owned := requests.owned(connection, row.name):
        raise ConflictError(
            f"request {row.name} has {len(owned)} entries already",
            hint=f"`govcloud request release {row.name}` gives them back; then it can be submitted anew"
            if event == "void"
            else f"`govcloud request apply {row.name}` builds what is left of it, "
            f"`govcloud request release {row.name}` gives them back",
        )


def clock(connection: Connection) -> float:
    """The time of now, seconds since 1970, UTC.

    Raises ``ConflictError`` where it is before the newest event of the ledger, by more than the policy
    lets clocks differ: a deadline that is over must not come back.
    """
    now, newest = time.time(), requests.newest(connection)
    allowed = policy(connection).clock_back_s
    if newest - now > allowed:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(newest))
        raise ConflictError(
            f"this machine's clock is {newest - now:.0f} s behind the ledger's newest event, of {when}: "
            "it was set back, and no request can go on by it",
            hint="set the clock right (`timedatectl`), then type it again",
        )
    return now


def refuse_others(connection: Connection, identity: Identity, row: Row, who: Who, event: str) -> None:
    """Raises ``DeniedError`` where somebody may not take a step of a request."""
    roles = read_roles(connection)
    if not roles.inforce or roles.may(identity.person, "administer"):
        return
    mine = bool(identity.person) and row.unit in {identity_unit(connection, identity)}
    allowed = {
        # Who asks for a unit is of it: anybody could write themselves down as its applicant.
        "unit": mine or (event not in _NEW and identity.person == row.applicant != ""),
        "approver": roles.may(identity.person, "approve"),
        "operator": roles.may(identity.person, "apply"),
        "owner": mine or roles.may(identity.person, "apply"),
    }[who]
    if allowed:
        return
    words = {
        "unit": f"only people of unit/{row.unit} may"
        if event in _NEW
        else f"only {row.applicant or 'its applicant'} and others of unit/{row.unit} may",
        "approver": "`approve` is missing",
        "operator": "`apply` is missing",
        "owner": f"only people of unit/{row.unit} and those with `apply` may",
    }[who]
    raise DeniedError(
        f"you are {identity}: {words} {event} request {row.name}",
        hint="`govcloud whoami` tells what you may do",
    )


def identity_unit(connection: Connection, identity: Identity) -> str:
    """The unit of the accepted person that somebody is; empty where nobody knows."""
    return next((str(f.get("unit", "")) for name, f in persons(connection) if name == identity.person), "")


def state_of(row: Row) -> State:
    """Its state, as the table knows it. Raises ``InputError`` where a newer release wrote another."""
    if row.state not in State.__args__:  # type: ignore[attr-defined]
        raise InputError([Problem(f"request {row.name} stands in {row.state!r}, which this release lacks")])
    return row.state  # type: ignore[return-value]
