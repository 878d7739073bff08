"""Who goes on under which name: what ``was`` says, resolved over all proposed entries at once.

A ``was`` that is accepted already was carried out then, and says nothing any more.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from ..errors import InputError, Problem
from ..ledger.entries import Accepted, Key
from ..model.resources import places_of
from .inputs import Inputs
from .stacking import restore
from .stages import Resource


def heirs(inputs: Inputs) -> dict[Key, Accepted]:
    """By the key of a proposed entry: the accepted one that it goes on as, under another name until now.

    A former name is free where no proposed entry has it, or where that one is itself the heir of another:
    so chains and swaps. One that lives on as an entry of its own has no heir.

    Raises ``InputError`` where two go on as one, where one would be lost that had the new name, and where
    only a part of a chain can be.
    """
    said = _said(inputs)
    going = {key for key in said if frees(key, said, inputs.proposed)}
    claimed: dict[Key, Key] = {}
    problems: list[Problem] = []
    for key, former in said.items():
        other = claimed.get(former)
        if key in going and other is None:
            claimed[former] = key
        elif key in going and other is not None:
            problems.append(
                inputs.problem(
                    f"{_name(other)} and {_name(key)} both say `was: {former[1]}`" + _at(inputs, other),
                    key,
                    "was",
                    "an entry goes on as one other; the rest are new and say no `was`",
                )
            )
    for key, former in said.items():
        if key in going:
            if key in inputs.accepted and key not in claimed:
                message = (
                    f"{_name(key)} says `was: {former[1]}`, and both are there: one of them would be lost"
                )
                hint = f"take {_name(key)} out and apply that first, then rename; or leave out `was`"
                problems.append(inputs.problem(message, key, "was", hint))
        elif former in said:
            there = f"{_name(former)}, which says `was: {said[former][1]}`" + _at(inputs, former)
            message = f"{_name(key)} says `was: {former[1]}`, but {there}, does not get that name"
            hint = "leave the last name of the chain out of the files, or rename in two plans"
            problems.append(inputs.problem(message, key, "was", hint))
    if problems:
        raise InputError(problems)
    return {heir: inputs.accepted[former] for former, heir in claimed.items()}


def refuse_taken_names(inputs: Inputs, wanted: Mapping[Key, Resource], drivers: Mapping[str, str]) -> None:
    """Raises ``InputError`` where an object takes the name of one that stays, at a target with unique names.

    An engine changes names in no order, so none is passed on or exchanged there in one plan.
    ``drivers``: by target.
    """
    ids = {one.object_id for one in wanted.values()}
    bearers: dict[tuple[str, ...], Resource] = {}
    named: dict[str, set[tuple[str, ...]]] = {}
    for row in inputs.applied.values():
        if row.stack and row.object_id in ids:
            one = restore(row)
            named[one.object_id] = _names(one, drivers)
            bearers |= dict.fromkeys(named[one.object_id], one)
    problems = []
    for key, resource in wanted.items():
        for place in _names(resource, drivers) - named.get(resource.object_id, set()):
            bearer = bearers.get(place)
            if bearer is not None:
                message = f"{_name(key)} takes the name {place[1]!r}, which {bearer.subject} has there"
                problems.append(inputs.problem(message, key, "was"))
    if problems:
        hint = "names are unique at this target: free a name in one plan, and give it away in the next"
        raise InputError(problems, hint=hint)


def _names(resource: Resource, drivers: Mapping[str, str]) -> set[tuple[str, ...]]:
    places = places_of(resource.type, resource.inputs, drivers.get(resource.target))
    return {place for place in places if place[0] == "name"}


def _said(inputs: Inputs) -> dict[Key, Key]:
    """The former key that each proposed entry tells of, where that is news and somebody is accepted there."""
    out: dict[Key, Key] = {}
    for key, fields in inputs.proposed.items():
        was = fields.get("was")
        known = inputs.accepted.get(key)
        news = known is None or known.fields.get("was") != was
        if was and was != key[1] and news and (key[0], was) in inputs.accepted:
            out[key] = (key[0], was)
    return out


def frees(key: Key, said: Mapping[Key, Key], proposed: Container[Key]) -> bool:
    """Whether the name that an entry says it had gets free: the chain ends outside the files or in itself.

    ``said``: the former key that each entry tells of, where that is news.
    """
    seen = {key}
    former = said[key]
    while former in proposed and former not in seen:
        if former not in said:
            return False
        seen.add(former)
        former = said[former]
    return True


def _name(key: Key) -> str:
    return "/".join(key)


def _at(inputs: Inputs, key: Key) -> str:
    """Where else it is said, as far as that is known."""
    place = inputs.place(*key, "was")
    return f" ({place.path}:{place.line})" if place.path and place.line else ""
