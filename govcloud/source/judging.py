"""Do all entries together make sense? Types, fields that are missing, references, and the checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, get_args

import msgspec

from ..model import KINDS, Entry, Ref, fields
from ..model.base import is_date
from ..model.catalogue import Catalogue, split_ref
from .checks import CHECKS, READ
from .claims import Finding, Key
from .explain import explain
from .words import Hints, one_of, shown


@dataclass
class Known:
    """What the files told before their entries are judged together."""

    # Entries with a fault that is told already; they exist, and are judged no further.
    broken: Collection[Key] = ()
    # Fields with a fault that is told already, by entry; what else is wrong with it is told too.
    told: Mapping[Key, Collection[str]] = field(default_factory=dict)
    # Names that may be those of entries of any kind: they stand in files that are broken.
    strangers: Collection[str] = ()
    # False where a file could not be read: then an entry or a field may be there after all.
    complete: bool = True
    hints: Hints = field(default_factory=Hints)


# Entries of a kind that nobody reads afterwards are made so many at a time.
PORTION = 10_000


def examine(
    proposed: Mapping[Key, Mapping[str, Any]], known: Known | None = None, *, keep: bool = True
) -> tuple[Catalogue, list[Finding]]:
    """The entries as typed structs, and everything wrong with them as a whole.

    Entries that are wrong in themselves are not in the catalogue; without ``keep`` nor are those of
    kinds that no check reads, for a million of them need room.
    """
    known = known or Known()
    tables: dict[str, dict[str, Mapping[str, Any]]] = {}
    for (kind, name), said in proposed.items():
        tables.setdefault(kind, {})[name] = said
    findings: list[Finding] = []
    typed: dict[str, dict[str, Entry]] = {}
    for kind, table in tables.items():
        if kind not in KINDS:
            findings += [Finding(kind, name, "", f"no kind is called {shown(kind)}") for name in table]
            continue
        typed[kind] = _typed(kind, table, known, findings, keep=keep or kind in READ)
    if known.complete:
        names: dict[str, Collection[str]] = {kind: table.keys() for kind, table in tables.items()}
        for kind in {kind for kind, _ in known.broken}:
            names[kind] = {*tables.get(kind, ()), *(name for of, name in known.broken if of == kind)}
        for kind, table in tables.items():
            if kind in KINDS:
                findings += _references(kind, table, names, known)
    catalogue = Catalogue(typed)
    for check in CHECKS:
        findings += check(catalogue)
    return catalogue, findings


def _typed(
    kind: str,
    table: dict[str, Mapping[str, Any]],
    known: Known,
    findings: list[Finding],
    *,
    keep: bool,
) -> dict[str, Entry]:
    cls = KINDS[kind]
    required = [info for info in fields(kind).values() if info.required]
    wrong: set[str] = {name for broken, name in known.broken if broken == kind}
    for info in required:
        for name, said in table.items():
            if info.name not in said and (name in wrong or info.name in known.told.get((kind, name), ())):
                continue
            if said.get(info.name, "") == "":
                # What is missing may stand in the part of a file that could not be read.
                if info.name in said or (known.complete and name not in known.strangers):
                    word = "is empty" if info.name in said else "is missing"
                    meaning = f"{info.doc.zh}: {info.doc.en}" if info.doc.zh else info.doc.en
                    findings.append(Finding(kind, name, info.name, f"`{info.name}` {word}", meaning))
    incomplete = {
        name for name, said in table.items() if any(said.get(info.name, "") == "" for info in required)
    }
    leave_out = wrong | incomplete | {name for told, name in known.told if told == kind}
    for finding in _no_dates(kind, table):
        findings.append(finding)
        leave_out.add(finding.name)
    good = {n: s for n, s in table.items() if n not in leave_out} if leave_out else table
    try:
        if keep:
            out: dict[str, Entry] = msgspec.convert(good, dict[str, cls])  # type: ignore[valid-type]
            return out
        rest = iter(good.values())
        while portion := list(islice(rest, PORTION)):
            msgspec.convert(portion, list[cls])  # type: ignore[valid-type]
        return {}
    except msgspec.ValidationError:
        return {n: e for n, s in good.items() if (e := _typed_one(cls, n, s, known, findings)) is not None}


def _no_dates(kind: str, table: dict[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Days that look like one and are in no calendar."""
    for info in fields(kind).values():
        if not info.dated:
            continue
        field, form = info.name, _form_of(info.hint)
        for name, said in table.items():
            text = said.get(field)
            # What is of another form is told by its type.
            if text and isinstance(text, str) and not is_date(text) and form(text):
                yield Finding(kind, name, field, f"`{field}`: no calendar has {text}")


def _form_of(hint: Any) -> Callable[[str], Any]:
    (pattern,) = [meta.pattern for meta in get_args(hint) if isinstance(meta, msgspec.Meta)]
    return re.compile(str(pattern)).search


def _typed_one(
    cls: type[Entry], name: str, said: Mapping[str, Any], known: Known, findings: list[Finding]
) -> Entry | None:
    # Only entries that no file said come here: what an older version accepted, what a request holds.
    try:
        return msgspec.convert(said, cls)
    except msgspec.ValidationError as error:
        before = len(findings)
        infos = fields(cls.KIND)
        for key, value in said.items():
            if key not in infos:
                hint = known.hints.did_you_mean(key, infos.keys(), otherwise=f"fields: {one_of(infos)}")
                findings.append(Finding(cls.KIND, name, key, f"no field is called {shown(key)}", hint))
                continue
            try:
                msgspec.convert(value, infos[key].type)
            except msgspec.ValidationError as wrong:
                for _, message, hint in explain(infos[key].type, value, str(wrong), known.hints):
                    findings.append(Finding(cls.KIND, name, key, f"`{key}`: {message}", hint))
        if len(findings) == before:
            findings.append(Finding(cls.KIND, name, "", str(error)))
        return None


def _references(
    kind: str, table: Mapping[str, Mapping[str, Any]], names: Mapping[str, Collection[str]], known: Known
) -> Iterator[Finding]:
    for info in fields(kind).values():
        ref = info.ref
        if ref is None:
            continue
        single = names.get(ref.kinds[0], set()) if len(ref.kinds) == 1 else None
        for name, said in table.items():
            value = said.get(info.name)
            if not value:
                continue
            if not info.many:
                # By far the most common case comes first: the name is there.
                if (single is None or value not in single) and isinstance(value, str):
                    yield from _dangling(Finding(kind, name, info.name, ""), ref, value, names, known)
                continue
            for index, one in enumerate(value):
                if (single is None or one not in single) and isinstance(one, str):
                    yield from _dangling(
                        Finding(kind, name, info.name, "", item=index), ref, one, names, known
                    )


def _dangling(
    where: Finding, ref: Ref, value: str, names: Mapping[str, Collection[str]], known: Known
) -> Iterator[Finding]:
    try:
        kind, name = split_ref(ref, value)
    except ValueError as error:
        holders = [k for k in ref.kinds if value.rpartition("/")[2] in names.get(k, ())]
        hint = f"did you mean '{holders[0]}/{value.rpartition('/')[2]}'?" if len(holders) == 1 else ""
        yield _at(where, f"`{where.field}`: {error}", hint)
        return
    there = names.get(kind, set())
    if name in there or name in known.strangers or ref.early:
        return
    hint = known.hints.did_you_mean(name, there)
    if hint and len(ref.kinds) > 1:
        guess = known.hints.nearest(name, there)
        hint = f"did you mean '{kind}/{guess}'?"
    if not there:
        hint = f"the files have no {KINDS[kind].PLURAL} at all"
    yield _at(where, f"`{where.field}`: no {kind} is called {shown(name)}", hint)


def _at(where: Finding, message: str, hint: str) -> Finding:
    return Finding(where.kind, where.name, where.field, message, hint, where.item)
