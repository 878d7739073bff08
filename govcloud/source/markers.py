"""Markers that remove, in the entries of one file: set aside while fields are held against their types."""

from __future__ import annotations

from typing import Any

from ..model import fields
from .claims import Draft, Fault, Path, Table
from .layers import DELETE, is_marker

_TREE = dict[str, Any]


def set_aside(table: Table, draft: Draft, layered: bool) -> dict[int, _TREE]:
    """Take the markers out of a table's entries, and return them by the entry's index.

    Where a marker cannot stand, it becomes a fault: in a file that is in no layer (not ``layered``), in
    a list, beside other fields of an entry that is removed.
    """
    marked: dict[int, _TREE] = {}
    known = fields(table.kind)
    for index, raw in enumerate(table.raws):
        if not raw or not _has_marker(raw):
            continue
        key = (table.kind, table.names[index])
        faults: list[tuple[Path, str, str]] = []
        if layered and DELETE in raw:
            if raw[DELETE] is True and len(raw) == 1:
                marked[index] = raw
                table.raws[index] = {}
                continue
            what = f"expected `{DELETE}: true` and no other field"
            faults.append(((DELETE,), what, "an entry that is removed says nothing else"))
            draft.broken.add(key)
            plain: _TREE = {field: value for field, value in raw.items() if field != DELETE}
        else:
            plain, markers = _parted(raw, (), faults)
            for field in [f for f in markers if f not in known]:
                plain[field] = raw[field]  # told as a field that nobody knows
                del markers[field]
            if not layered:
                faults = [((f,), f"`{DELETE}` removes what a lower layer says", _OUTSIDE) for f in markers]
                faults += [((DELETE,), f"`{DELETE}` removes what a lower layer says", _OUTSIDE)] * (
                    DELETE in plain
                )
                if plain.pop(DELETE, None) is not None:
                    draft.broken.add(key)
                draft.told.setdefault(key, set()).update(markers)
            elif markers:
                marked[index] = markers
        table.raws[index] = plain
        for way, message, hint in faults:
            draft.told.setdefault(key, set()).add(str(way[0]))
            place: Path = (table.plural, table.names[index], *way)
            message = f"{key[0]}/{key[1]}: {message}"
            draft.faults.append(Fault(message, hint, place, line=table.lines[index]))
    return marked


_OUTSIDE = "files of a layer stand in `layers/NAME/`; a text is written otherwise"


def put_back(said: _TREE, markers: _TREE) -> _TREE:
    """The fields with their markers again, as a copy."""
    out = dict(said)
    for key, value in markers.items():
        below = out.get(key)
        out[key] = (
            put_back(below if isinstance(below, dict) else {}, value) if isinstance(value, dict) else value
        )
    return out


def _has_marker(raw: _TREE) -> bool:
    if DELETE in raw:
        return True
    for value in raw.values():
        kind = type(value)
        if kind is str:
            if value == DELETE:
                return True
        elif kind is list:
            if DELETE in value:
                return True
        elif kind is dict and _has_marker(value):
            return True
    return False


def _parted(raw: _TREE, way: Path, faults: list[tuple[Path, str, str]]) -> tuple[_TREE, _TREE]:
    """(what is left, the markers) of a mapping and those in it."""
    plain: _TREE = {}
    markers: _TREE = {}
    for key, value in raw.items():
        if is_marker(value):
            markers[key] = value
        elif isinstance(value, dict):
            plain[key], below = _parted(value, (*way, key), faults)
            if below:
                markers[key] = below
        elif isinstance(value, list) and DELETE in value:
            hint = "write the list as it should be"
            faults.append(((*way, key), f"`{key}`: a list is replaced as a whole", hint))
        else:
            plain[key] = value
    return plain, markers
