"""Layers: which claim outranks which, and how a higher one is laid over a lower one.

The files of a workspace are the base; those below ``layers/NAME/`` overlay it, in the order in which
the settings name the layers. Maps merge, lists and values replace, and a marker removes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .claims import path_of

# A folder of this name at the top of a workspace holds a folder for each layer.
FOLDER = "layers"
# As the value of a field: the field is removed. As a field that is true: the whole entry is.
DELETE = "$delete"
# What a claimant begins with that outranks every file until the files agree.
PINS = "pin:"
# The rank of a layer's file where the layer is not in force: it says nothing.
NOT_IN_FORCE = -1


def layer_in(path: str) -> str:
    """The layer that a file belongs to by its path; empty for one of the base."""
    if not path.startswith(FOLDER + "/"):
        return ""
    return path.split("/", 2)[1]


def layer_of(claimant: str, layers: Sequence[str]) -> int:
    """A claimant's rank: 0 for the base, 1 for the first of ``layers`` and so on, one more for a pin.

    ``NOT_IN_FORCE`` for a file of a layer that is not among them. Whoever is no file is of the base.
    """
    if claimant.startswith(PINS):
        return len(layers) + 1
    name = layer_in(path_of(claimant))
    if not name:
        return 0
    return layers.index(name) + 1 if name in layers else NOT_IN_FORCE


def removes(fields: Mapping[str, Any]) -> bool:
    """Whether a layer's claim removes its whole entry."""
    return fields.get(DELETE) is True


def overlay(
    lower: Mapping[str, Any],
    upper: Mapping[str, Any],
    absent: list[tuple[str, ...]],
    way: tuple[str, ...] = (),
) -> dict[str, Any]:
    """``upper`` laid over ``lower``, as a copy without markers.

    What ``upper`` removes although ``lower`` does not say it goes to ``absent``: the keys that lead to it.
    """
    out = dict(lower)
    for key, value in upper.items():
        if isinstance(value, dict):
            below = out.get(key)
            out[key] = overlay(below if isinstance(below, dict) else {}, value, absent, (*way, key))
        elif not is_marker(value):
            out[key] = value
        elif key in out:
            del out[key]
        else:
            absent.append((*way, key))
    return out


def is_marker(value: Any) -> bool:
    """Whether a field's value is the marker that removes the field."""
    return isinstance(value, str) and value == DELETE
