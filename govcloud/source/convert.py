"""Entries as they are written -> fields as their kind wants them, or what is wrong with each."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec

from ..model import KINDS, NAME_PATTERN, fields
from .claims import Block, Draft, Fault, Path, Table
from .explain import explain
from .markers import put_back, set_aside
from .words import Hints, one_of, shown

_name_fits = re.compile(NAME_PATTERN).fullmatch


class Shape:
    """What a claim of one kind may say: every field of the kind, none of them required.

    Another claimant may say the rest, so a field that is missing is judged after the merge.
    """

    def __init__(self, kind: str) -> None:
        hints = get_type_hints(KINDS[kind], include_extras=True)
        self.kind = kind
        self.types: dict[str, Any] = {name: hints[name] for name in fields(kind)}
        self.struct = msgspec.defstruct(
            f"Said_{kind}",
            [(name, type_ | msgspec.UnsetType, msgspec.UNSET) for name, type_ in self.types.items()],
            forbid_unknown_fields=True,
        )
        self.many = list[self.struct]  # type: ignore[name-defined]
        self.floats = [name for name, info in fields(kind).items() if info.type is float]

    def convert(self, raws: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Checked and normalised copies. Raises ``msgspec.ValidationError`` if one does not fit."""
        out: list[dict[str, Any]] = msgspec.to_builtins(msgspec.convert(raws, self.many))
        for name in self.floats:
            for said in out:
                if name in said and not math.isfinite(said[name]):
                    raise msgspec.ValidationError(f"not a finite number - at `$.{name}`")
        return out


_shapes: dict[str, Shape] = {}


def shape(kind: str) -> Shape:
    """The shape of a kind's claims, made on first use."""
    known = _shapes.get(kind)
    if known is None:
        known = _shapes[kind] = Shape(kind)
    return known


def convert_draft(draft: Draft, hints: Hints, *, layered: bool = False) -> list[Block]:
    """The good entries of a file by kind; what is wrong with others is added to the draft's faults.

    An entry with a wrong field keeps its right ones, so that they are judged too. Markers that remove
    pass in a layer's file (``layered``) and nowhere else.
    """
    return [_convert_table(table, draft, hints, layered) for table in draft.tables if table.names]


def _convert_table(table: Table, draft: Draft, hints: Hints, layered: bool) -> Block:
    if len(set(table.names)) != len(table.names):
        _drop_repeated(table, draft)
    for name, line in zip(table.names, table.lines, strict=True):
        if not _name_fits(name):
            draft.faults.append(_bad_name(table, name, line))
            draft.broken.add((table.kind, name))
    form = shape(table.kind)
    marked = set_aside(table, draft, layered)
    try:
        said = form.convert(table.raws)
    except msgspec.ValidationError:
        said = [
            _convert_one(form, table, name, raw, line, draft, hints)
            for name, raw, line in zip(table.names, table.raws, table.lines, strict=True)
        ]
    for index, markers in marked.items():
        said[index] = put_back(said[index], markers)
    return Block(table.kind, table.names, table.lines, said)


def _drop_repeated(table: Table, draft: Draft) -> None:
    first: dict[str, int] = {}
    keep: list[int] = []
    for index, name in enumerate(table.names):
        if name not in first:
            first[name] = table.lines[index]
            keep.append(index)
            continue
        draft.faults.append(
            Fault(
                f"{table.kind} {shown(name)} stands in this file twice; first in line {first[name]}",
                "remove one of the two",
                (table.plural, name),
                on_key=True,
                line=table.lines[index],
            )
        )
        draft.broken.add((table.kind, name))
    table.names = [table.names[i] for i in keep]
    table.raws = [table.raws[i] for i in keep]
    table.lines = [table.lines[i] for i in keep]


def _bad_name(table: Table, name: str, line: int) -> Fault:
    hint = "at most 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends"
    better = re.sub(r"[^a-z0-9._-]+", "-", name[:63].lower()).strip("-._")
    if better and better != name and len(better) > 1 and _name_fits(better):
        hint = f"{better!r} would do: {hint}"
    return Fault(f"{shown(name)} cannot be a name", hint, (table.plural, name), on_key=True, line=line)


def _convert_one(
    form: Shape, table: Table, name: str, raw: dict[str, Any], line: int, draft: Draft, hints: Hints
) -> dict[str, Any]:
    try:
        return form.convert([raw])[0]
    except msgspec.ValidationError:
        pass
    good: dict[str, Any] = {}
    told = draft.told.setdefault((form.kind, name), set())
    way = (table.plural, name)
    for field, value in raw.items():
        if field not in form.types:
            # A field that is written almost right is not called missing as well.
            told.add(hints.nearest(field, form.types.keys()) or field)
            hint = hints.did_you_mean(field, form.types.keys(), otherwise=f"fields: {one_of(form.types)}")
            draft.faults.append(
                Fault(
                    f"{form.kind}/{name}: no field is called {shown(field)}",
                    hint,
                    (*way, field),
                    on_key=True,
                    line=line,
                )
            )
            continue
        try:
            good |= form.convert([{field: value}])[0]
        except msgspec.ValidationError as error:
            told.add(field)
            for fault in _wrong_value(
                form.kind, form.types[field], field, value, way, line, str(error), hints
            ):
                draft.faults.append(fault)
    return good


def _wrong_value(
    kind: str, type_: Any, field: str, value: Any, way: Path, line: int, engine: str, hints: Hints
) -> Iterator[Fault]:
    for index, message, hint in explain(type_, value, engine, hints):
        deeper = (field,) if index is None else (field, index)
        yield Fault(f"{kind}/{way[1]}: `{field}`: {message}", hint, (*way, *deeper), line=line)
