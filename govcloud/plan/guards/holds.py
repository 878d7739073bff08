"""Legal holds: of what a request under one made, nothing is stopped, rebuilt or taken away, by whatever door.

They bind from the accepted revision, so that no plan ends the hold and what it keeps in one go; a hold that a
plan brings binds it as well. Whoever takes the field back first, in a plan of its own, may go on after that.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from ...ledger.claims import claims_on
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ...ledger.entries import Key, among, key_of
from ...ledger.requests import CLAIMANT
from ..stages import LEAVING, EntryChange, Plan, Record, SiteStack, Stack

REQUEST = "request"
# Verbs after which what lay on an object is gone, or is ours no more.
_LOSING = LEAVING | {"replace"}


class Held(msgspec.Struct, frozen=True):
    """What a plan ends of a request under legal hold. ``document``: what orders it; ``until``: its last day
    (empty: until it is taken back); ``subjects``: all that it ends of it."""

    request: str
    document: str
    until: str
    subjects: tuple[str, ...]


def held_against(connection: Connection, plan: Plan, done: Collection[str] = ()) -> list[Held]:
    """The legal holds that forbid what is left of a plan. ``done``: its stages that are over."""
    ended = set(_ended(connection, plan, done))
    ended |= {key[:2] for key in plan.asked.ended if key[2].startswith(CLAIMANT)}
    if not ended:
        return []
    of: dict[str, set[Key]] = {}
    for row in claims_on(connection, ended):
        if row.claimant.startswith(CLAIMANT):
            of.setdefault(row.claimant.removeprefix(CLAIMANT), set()).add(row.key)
    known = among(connection, [(REQUEST, name) for name in of])
    brought = {
        change.name: change.fields for change in _changes(plan) if change.kind == REQUEST and change.fields
    }
    today = time.strftime("%Y-%m-%d", time.localtime(now(connection)))
    out = []
    for name, keys in sorted(of.items()):
        accepted = known.get((REQUEST, name))
        for fields in (accepted.fields if accepted else {}, brought.get(name, {})):
            document, until = _hold(fields, today)
            if document:
                out.append(Held(name, document, until, tuple(sorted(map("/".join, keys)))))
                break
    return out


def held_words(one: Held) -> str:
    """A legal hold that forbids a plan, in a sentence but for what it ends."""
    until = f" until {one.until}" if one.until else ""
    return (
        f"request/{one.request} is under legal hold{until}: {one.document}; "
        "nothing of it is stopped, rebuilt or destroyed"
    )


def _hold(fields: dict[str, Any], today: str) -> tuple[str, str]:
    document, until = str(fields.get("legal_hold", "")), str(fields.get("legal_hold_until", ""))
    return ("", "") if until and until < today else (document, until)


def _changes(plan: Plan) -> Iterator[EntryChange]:
    for stage in plan.stages:
        if isinstance(stage, Record):
            yield from stage.changes


def _ended(connection: Connection, plan: Plan, done: Collection[str]) -> Iterator[Key]:
    """The entries that the stages which are left take away, stop or retire, and those whose objects they do
    away with or make anew."""
    left = [stage for stage in plan.stages if stage.id not in done]
    changes = [change for stage in left if isinstance(stage, Record) for change in stage.changes]
    ending = [change for change in changes if change.verb != "delete" and _idle(change.fields)]
    known = among(connection, [_before(change) for change in ending])
    for change in changes:
        if change.verb == "delete":
            yield change.kind, change.name
    for change in ending:
        was = known.get(_before(change))
        if was is not None and _idle(change.fields) - _idle(was.fields):
            yield _before(change)
    for stage in left:
        if isinstance(stage, (Stack, SiteStack)):
            for one in stage.changes:
                if one.verb in _LOSING:
                    yield key_of(one.subject)


def _before(change: EntryChange) -> Key:
    return change.kind, change.was or change.name


def _idle(fields: dict[str, Any]) -> set[str]:
    """What an entry says by which it runs no more."""
    said = {"stopped"} if fields.get("stopped") else set()
    return said | ({"retired"} if fields.get("status") == "retired" else set())
