"""Which incarnation of its entry an object is: the one that stands, while it can become what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.resources import TYPES, object_uid
from .inputs import Inputs
from .stages import Resource

Fixed = dict[str, Any]


@dataclass
class Past:
    """What is known of an entry's objects.

    ``built``: by incarnation what of each cannot be changed, None where that is not so any more in
    reality; ``sent``: of those that an engine may have made; ``stacks``: where something is built.
    """

    built: dict[int, Fixed | None] = field(default_factory=dict)
    sent: dict[int, Fixed] = field(default_factory=dict)
    stacks: set[str] = field(default_factory=set)

    def incarnation(self, resource: Resource) -> int:
        """The incarnation to have; ``resource``: what is wanted, in the accepted one.

        One that stands and can become what is wanted is kept, also when a later one was accepted and
        not made. Else it is one that nothing else has had.
        """
        wanted = _fixed(resource.type, resource.target, resource.inputs)
        accepted = resource.incarnation
        fit = [number for number, fixed in self.built.items() if fixed == wanted]
        if accepted in fit:
            return accepted
        if fit:
            return max(fit)
        perhaps = [number for number, fixed in self.sent.items() if fixed == wanted]
        if perhaps and accepted not in self.built:
            # It may stand, and is looked for.
            return accepted if accepted in perhaps else max(perhaps)
        free = accepted not in self.built and accepted not in self.sent
        return accepted if free else 1 + max([accepted, *self.built, *self.sent])


def pasts(inputs: Inputs, names: Mapping[str, str]) -> dict[str, Past]:
    """By uid, of every entry of which something is built or may be.

    ``names``: what targets are called from now on, by the name that they had.
    """
    drifted = {o.object: o.detail.get("fields", {}) for o in inputs.observed if o.status == "changed"}
    out: dict[str, Past] = {}
    for row in inputs.applied.values():
        if not row.stack:
            continue
        past = out.setdefault(row.uid, Past())
        past.stacks.add(row.stack)
        kept = row.inputs
        lost = TYPES[kept["type"]].immutable & set(drifted.get(row.object_id, ()))
        past.built[row.incarnation] = None if lost else _of(kept, names)
    for uid in inputs.rebuild & out.keys():
        out[uid].built = dict.fromkeys(out[uid].built)
    for one in inputs.observed:
        # Made after this ledger was copied: it is that object, whatever incarnation it has.
        if one.status == "newer" and one.uid is not None:
            number = object_uid(one.object)[1]
            values = {"type": one.detail["type"], "target": one.target, "inputs": one.detail["properties"]}
            out.setdefault(one.uid, Past()).built.setdefault(number, _of(values, names))
    for intent in inputs.intents:
        uid, number = object_uid(intent.object)
        out.setdefault(uid, Past()).sent[number] = _of(intent.inputs, names)
    return out


def _of(snapshot: Mapping[str, Any], names: Mapping[str, str]) -> Fixed:
    target = names.get(snapshot["target"], snapshot["target"])
    return _fixed(snapshot["type"], target, snapshot["inputs"])


def _fixed(type_name: str, target: str, values: Mapping[str, Any]) -> Fixed:
    """What of an object cannot be changed: where it is, and its immutable properties."""
    names = TYPES[type_name].immutable
    return {"": target} | {name: value for name, value in values.items() if name in names}
