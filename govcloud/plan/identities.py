"""What happens to entries in the ledger: who each proposed entry is, and how it differs from before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import canonical
from ..ledger.entries import Accepted, Key, uid_for
from . import renaming
from .inputs import Inputs
from .stages import EntryChange, FieldChange, Record, Stage


@dataclass
class Identity:
    """Who a proposed entry is: uid, incarnation and stack; ``was``: what is accepted of it now."""

    uid: str
    incarnation: int
    stack: str | None
    was: Accepted | None


def identify(inputs: Inputs) -> dict[Key, Identity]:
    """Every proposed entry's uid, and its incarnation as it stands.

    Raises ``InputError`` as ``renaming.heirs`` does.
    """
    identities: dict[Key, Identity] = {}
    heirs = renaming.heirs(inputs)
    for key in inputs.proposed:
        kind, name = key
        was = heirs.get(key) or inputs.accepted.get(key)
        if was is not None:
            identities[key] = Identity(was.uid, was.incarnation, was.stack, was)
        else:
            uid = uid_for(inputs.environment, kind, name, inputs.former.get(key, 0))
            identities[key] = Identity(uid, 1, None, None)
    return identities


def entry_changes(
    inputs: Inputs, identities: Mapping[Key, Identity]
) -> tuple[list[EntryChange], list[EntryChange]]:
    """(creates and updates, withdrawals) of entries."""
    expand: list[EntryChange] = []
    kept: set[str] = set()
    for key in sorted(inputs.proposed):
        kind, name = key
        identity, fields = identities[key], inputs.proposed[key]
        was = identity.was
        kept.add(identity.uid)
        if was is None:
            expand.append(
                EntryChange("create", identity.uid, kind, name, identity.incarnation, identity.stack, fields)
            )
            continue
        same = canonical.digest([kind, name, fields]) == was.digest
        if same and (was.incarnation, was.stack) == (identity.incarnation, identity.stack):
            continue
        expand.append(
            EntryChange(
                "update",
                identity.uid,
                kind,
                name,
                identity.incarnation,
                identity.stack,
                fields,
                field_changes(was.fields, fields),
                was.name if was.name != name else "",
            )
        )
    withdraw = [
        EntryChange("delete", a.uid, a.kind, a.name, a.incarnation, a.stack)
        for _, a in sorted(inputs.accepted.items())
        if a.uid not in kept
    ]
    return expand, withdraw


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields in which two values differ."""
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def expand_record(changes: list[EntryChange]) -> list[Stage]:
    """The stage that accepts creates and updates, where there are any."""
    if not changes:
        return []
    return [Record(id="record", title=_record_title(changes), phase="expand", changes=tuple(changes))]


def contract_record(changes: list[EntryChange], after: tuple[str, ...]) -> list[Stage]:
    """The stage that withdraws entries, after everything else."""
    if not changes:
        return []
    return [
        Record(
            id="withdraw",
            title=f"withdraw {len(changes)} from the ledger",
            phase="contract",
            needs=after,
            changes=tuple(changes),
        )
    ]


def _record_title(changes: list[EntryChange]) -> str:
    made = sum(1 for c in changes if c.verb == "create")
    changed = len(changes) - made
    parts = [f"{made} new"] if made else []
    if changed:
        parts.append(f"{changed} changed")
    return f"record {' and '.join(parts)} entr{'y' if len(changes) == 1 else 'ies'}"
