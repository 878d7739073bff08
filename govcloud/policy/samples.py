"""Cases cut out of entries: some of a sample's, or of a ledger's own, with changes laid over them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from fnmatch import translate
from functools import cache
from pathlib import Path
from re import compile as pattern_of
from typing import Any

import msgspec

from ..model import KINDS, fields
from ..model.base import Entry
from ..model.catalogue import Catalogue
from ..share import samples
from ..source.explain import explain
from ..source.words import Hints, one_of, shown
from ..workspace import Workspace, open_workspace
from .base import Case

# What is laid over entries: fields by ``kind/name``; None takes the field, or the entry, away.
Changes = Mapping[str, Mapping[str, Any] | None]
# Who is where, which zones there are, and the numbers: every case has them.
GROUND = ("region/*", "zone/*", "profile/*")


class Wrong(Exception):
    """An example is wrong in itself. ``hint``: what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Stock:
    """Entries that cases are cut out of. ``name``: of the sample; empty for a ledger's own."""

    def __init__(self, name: str, said: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        self.name = name
        self.fields = {f"{kind}/{entry}": fields for (kind, entry), fields in said.items()}
        self._kinds: dict[str, list[str]] = {}
        for key in self.fields:
            self._kinds.setdefault(key.partition("/")[0], []).append(key)
        self._typed: dict[str, Entry] = {}
        self._cut: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}

    def case(self, patterns: Iterable[str], changes: Iterable[Changes], as_of: date) -> Case:
        """The case of the entries that fit (``kind/name``, with wildcards), with changes laid over them.

        Raises ``Wrong`` for a pattern that fits nothing, and for fields that no entry of the kind can have.
        """
        taken: dict[str, Mapping[str, Any]] = dict(self.taken(patterns))
        touched: set[str] = set()
        for change in changes:
            for key, said in change.items():
                touched.add(key)
                if said is None:
                    taken.pop(key, None)
                    continue
                laid = {**taken.get(key, {}), **said}
                taken[key] = {field: value for field, value in laid.items() if value is not None}
        tables: dict[str, dict[str, Entry]] = {}
        for key, said in taken.items():
            kind, _, name = key.partition("/")
            tables.setdefault(kind, {})[name] = typed(key, said) if key in touched else self._entry(key)
        return Case(Catalogue(tables), as_of)

    @property
    def words(self) -> str:
        """What the entries are."""
        return f"the sample {self.name}" if self.name else "this ledger"

    def taken(self, wanted: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """Fields of the entries that fit, and of the ground. Raises ``Wrong`` where nothing fits."""
        patterns = tuple(wanted)
        if patterns not in self._cut:
            out: dict[str, Mapping[str, Any]] = {}
            for pattern in patterns:
                found = self._fitting(pattern)
                if not found:
                    raise Wrong(f"`entries`: {shown(pattern)} fits no entry of {self.words}")
                out |= {key: self.fields[key] for key in found}
            for pattern in GROUND:
                out |= {key: self.fields[key] for key in self._fitting(pattern)}
            self._cut[patterns] = out
        return self._cut[patterns]

    def _fitting(self, pattern: str) -> list[str]:
        if not set("*?[") & set(pattern):
            return [pattern] if pattern in self.fields else []
        kind = pattern.partition("/")[0]
        among = self._kinds.get(kind, ()) if not set("*?[") & set(kind) else self.fields
        fits = pattern_of(translate(pattern)).match
        return [key for key in among if fits(key)]

    def _entry(self, key: str) -> Entry:
        if key not in self._typed:
            self._typed[key] = typed(key, self.fields[key])
        return self._typed[key]


def typed(key: str, said: Mapping[str, Any]) -> Entry:
    """An entry of fields that nobody checked yet. Raises ``Wrong`` with what is wrong with them."""
    kind = key.partition("/")[0]
    if kind not in KINDS:
        raise Wrong(f"no kind is called {shown(kind)}", Hints().did_you_mean(kind, KINDS.keys()))
    infos = fields(kind)
    try:
        return msgspec.convert(said, KINDS[kind])
    except msgspec.ValidationError as error:
        words = Hints()
        for field, value in said.items():
            if field not in infos:
                hint = words.did_you_mean(field, infos.keys(), otherwise=f"fields: {one_of(list(infos))}")
                raise Wrong(f"{key}: {kind} has no field {shown(field)}", hint) from None
            try:
                msgspec.convert(value, infos[field].hint or infos[field].type)
            except msgspec.ValidationError as wrong:
                for _, message, hint in explain(infos[field].type, value, str(wrong), words):
                    raise Wrong(f"{key}: `{field}`: {message}", hint) from None
        raise Wrong(f"{key}: {error}") from None


class _Shipped(Workspace):
    """A sample where it ships: what is remembered of its files is kept elsewhere."""

    def __init__(self, workspace: Workspace, aside: Path) -> None:
        super().__init__(workspace.root, workspace.settings)
        self._aside = aside

    @property
    def private(self) -> Path:
        """Nothing is written where the program is installed."""
        return self._aside


@cache
def stock(name: str) -> Stock:
    """The entries of a sample that ships, read once. Raises ``Wrong`` where there is none of the name."""
    from ..source import load, merge

    known = samples()
    if name not in known:
        hint = Hints().did_you_mean(name, known.keys(), otherwise=f"samples: {one_of(sorted(known))}")
        raise Wrong(f"no sample is called {shown(name)}", hint)
    with tempfile.TemporaryDirectory() as aside:
        loaded = load(_Shipped(open_workspace(str(known[name].folder)), Path(aside) / "private"))
        return Stock(name, merge(loaded.claims, layers=loaded.layers))


def day(text: str) -> date:
    """A day of an example. Raises ``Wrong``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Wrong(f"{shown(text)} is no day of the calendar", "YYYY-MM-DD") from None
