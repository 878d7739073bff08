"""YAML files: plural kinds, each a mapping of names to fields.

The parser's events are read as they come, without a tree of nodes: that is ten times as fast as
``yaml.load``, sees duplicate keys and tags, and is stopped by depth and by aliases before memory is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from ..model import PLURALS
from .claims import Draft, Fault, Faults, Locator, Path, Spot, Table, TooMany
from .scalars import SPECIAL, plain, plain_key
from .texts import utf8_of
from .words import Hints, one_of, shown
from .yamlfault import character_fault, syntax_fault

# kind, name, field, and what a `dict` field may hold: nobody needs more, and the stack has an end.
DEEPEST = 32
# Values that aliases may add to a file; without a limit, nine lines become a thousand million values.
ALIAS_VALUES = 1_000_000
# YAML is for people, tables are for the mass: this is 100,000 entries of some twenty fields. What a file of
# 64 MiB may hold besides (thirty million empty lists) would take minutes and gigabytes.
MOST_VALUES = 2_000_000
# Items of one list whose places are kept; what is wrong behind them is told at the list.
MOST_PLACES = 10_000
# There are not so many kinds; a long list of something else is not worth a fault for each.
MOST_KINDS = 1_000

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = (None, _TAG + "str")
# Not interned with a "<<" that stands in quotes, which is a name like any other.
_MERGE = "".join(("<", "<"))


class _Stop(Exception):
    """The rest of the file cannot be read; the fault is noted."""


class _Anchored:
    """What an anchor stands for, with how many values it is and how deep."""

    __slots__ = ("count", "depth", "value")

    def __init__(self, value: Any, count: int, depth: int) -> None:
        self.value, self.count, self.depth = value, count, depth


class _Reader:
    """Builds plain values from one file's events, and notes what is wrong on the way."""

    def __init__(self, data: bytes, record: bool = False) -> None:
        self.faults = Faults()
        self.broken: set[tuple[str, str]] = set()
        self.lines: dict[Path, int] = {}
        # Where the document's value begins.
        self.start = (1, 1)
        # Keys that YAML reads as something else; told already.
        self.odd_keys: set[str] = set()
        # {way: (line, column of the key, line, column of the value)}; only where it is asked for.
        self.record: dict[Path, tuple[int, int, int, int]] | None = {} if record else None
        self._data = data
        # The parser takes what looks like UTF-16 too, and stops at what is no text with less to say.
        self._next: Callable[[], Any] = yaml.CSafeLoader(utf8_of(data)).get_event
        self._anchors: dict[str, _Anchored | None] = {}
        self._texts: set[str] = set()
        self._count = 0
        self._expanded = 0
        self._deepest = 0

    def document(self) -> Any:
        """The file's one document, or None for an empty file. Raises ``_Stop``."""
        try:
            self._next()  # the stream's start
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return None
            event = self._next()
            self.start = (event.start_mark.line + 1, event.start_mark.column + 1)
            value = self._node(event, (), 0)
            self._next()  # the document's end
            event = self._next()
            if not isinstance(event, yaml.StreamEndEvent):
                self._fault("a second document starts here, expected one in a file", event, "remove `---`")
            return value
        except yaml.MarkedYAMLError as error:
            self.faults.append(syntax_fault(error, self._data))
        except yaml.YAMLError as error:
            self.faults.append(character_fault(error, self._data))
        raise _Stop

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        self._count += 1
        if self._count > MOST_VALUES:
            self._fault(f"more than {MOST_VALUES:,} values in one file", event, "tables hold the mass: CSV")
            raise _Stop
        if depth > self._deepest:
            self._deepest = depth
            if depth > DEEPEST:
                self._fault(f"nested deeper than {DEEPEST} levels", event)
                raise _Stop
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event, depth)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None  # known, not complete
            count, deepest, self._deepest = self._count, self._deepest, depth
        if kind is yaml.ScalarEvent:
            value = self._scalar(event, path)
        elif kind is yaml.MappingStartEvent:
            self._check_tag(event, "map", path)
            value = self._mapping(path, depth)
        else:
            self._check_tag(event, "seq", path)
            value = self._sequence(path, depth)
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, self._count - count + 1, self._deepest - depth)
            self._deepest = max(deepest, self._deepest)
        return value

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: list[Any] = []
        record, get = self.record, self._next
        while True:
            event = get()
            if type(event) is yaml.MappingEndEvent:
                break
            key = self._key(event, path, depth)
            child = (*path, key) if (depth < 2 or record is not None) and key is not None else path
            following = get()
            if depth == 1 and child not in self.lines:
                self.lines[child] = event.start_mark.line + 1
            if record is not None and key is not None:
                start, value_start = event.start_mark, following.start_mark
                record.setdefault(
                    child,
                    (start.line + 1, start.column + 1, value_start.line + 1, value_start.column + 1),
                )
            value = self._node(following, child, depth + 1)
            if key is None:
                continue
            if key is _MERGE:
                merged.append((value, event))
            elif key in out:
                self._twice(key, out, value, event, path, depth)
            else:
                out[key] = value
                if depth == 0 and len(out) > MOST_KINDS:
                    self._fault(f"more than {MOST_KINDS} kinds; this is another sort of file", event)
                    raise _Stop
        for value, event in merged:
            self._merge(out, value, event, path)
        return out

    def _key(self, event: Any, path: Path, depth: int) -> str | None:
        if type(event) is not yaml.ScalarEvent:
            self._fault("a key must be a text", event, path=path)
            self._node(event, path, depth + 1)  # read on behind it
            return None
        text: str = event.value
        if not event.style and event.tag is None:
            if text in self._texts and event.anchor is None:  # names of fields come again and again
                return text
            if text == _MERGE:
                return _MERGE
            value = plain_key(text)
            if type(value) is str:
                if depth > 1:
                    self._texts.add(text)
            else:
                what = "nothing" if value is None else "a number"
                if isinstance(value, bool):
                    what = "true or false"
                self.odd_keys.add(text)
                hint = f'write it in quotes: "{text}"' if text else "write a name before the colon"
                self._fault(f"the key {shown(text)} is read as {what}, expected a text", event, hint, path)
        elif event.tag not in _TEXT_TAGS:
            self._fault(f"tags are not used here: {shown(event.tag)}", event, path=path)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(text, 1, 0)
        return text

    def _twice(self, key: str, out: dict[str, Any], value: Any, event: Any, path: Path, depth: int) -> None:
        mark = event.start_mark
        self.faults.append(
            Fault(
                f"{shown(key)} is written twice in the same mapping",
                "join the two" if depth < 2 else "remove one of the two",
                (*path, key) if depth < 2 else path,
                line=mark.line + 1,
                column=mark.column + 1,
                twice=depth < 2,
            )
        )
        if depth == 0 and isinstance(value, dict) and isinstance(out[key], dict):
            out[key] = {**value, **out[key]}  # the entries of both exist
        if path[1:]:
            self.broken.add((str(path[0]), str(path[1])))
        elif path:
            self.broken.add((str(path[0]), key))

    def _merge(self, out: dict[str, Any], value: Any, event: Any, path: Path) -> None:
        sources = value if isinstance(value, list) else [value]
        for source in sources:
            if not isinstance(source, dict):
                self._fault("`<<` takes in a mapping", event, "write `<<: *anchor`", path)
                return
            for key, inherited in source.items():
                out.setdefault(key, inherited)

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        out: list[Any] = []
        get = self._next
        while True:
            event = get()
            if type(event) is yaml.SequenceEndEvent:
                return out
            child = path
            if self.record is not None and len(out) < MOST_PLACES:
                child, mark = (*path, len(out)), event.start_mark
                line, column = mark.line + 1, mark.column + 1
                self.record.setdefault(child, (line, column, line, column))
            out.append(self._node(event, child, depth + 1))

    def _alias(self, event: Any, depth: int) -> Any:
        if event.anchor not in self._anchors:
            self._fault(f"no anchor is called {shown(event.anchor)}", event)
            raise _Stop
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._fault(f"the alias {shown(event.anchor)} stands inside of what it names", event)
            raise _Stop
        self._count += anchored.count
        self._expanded += anchored.count
        self._deepest = max(self._deepest, depth + anchored.depth)
        if self._expanded > ALIAS_VALUES or self._deepest > DEEPEST:
            what = "deeper" if self._deepest > DEEPEST else "more"
            self._fault(f"the aliases unfold to {what} than a file may hold", event, "write the values out")
            raise _Stop
        return anchored.value

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.tag is not None:
            return self._tagged(event, path)
        if event.style:  # quoted or block; a plain one has an empty style
            if "\0" in text:
                self._fault("the text holds a NUL character", event, path=path)
            return text
        if text and text[0] not in SPECIAL:
            return text
        try:
            value = plain(text)
        except ValueError as error:
            self._fault(str(error), event, 'a text is written in quotes: "..."', path)
            return None
        return value

    def _tagged(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.tag in (_TAG + "str", "!"):
            return text
        if event.tag in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
            try:
                value = plain(text)
            except ValueError:
                value = text
            if type(value) is not str:
                return value
            self._fault(f"{shown(text)} does not fit its tag", event, "remove the tag", path)
            return None
        self._fault(f"tags are not used here: {shown(event.tag)}", event, "remove the tag", path)
        return text

    def _check_tag(self, event: Any, expected: str, path: Path) -> None:
        if event.tag not in (None, _TAG + expected, "!"):
            self._fault(f"tags are not used here: {shown(event.tag)}", event, "remove the tag", path)

    def _fault(self, message: str, event: Any, hint: str = "", path: Path = ()) -> None:
        mark = event.start_mark
        self.faults.append(Fault(message, hint, line=mark.line + 1, column=mark.column + 1))
        if len(path) > 1:
            self.broken.add((str(path[0]), str(path[1])))


def read(data: bytes, path: str, hints: Hints) -> Draft:
    """The entries of a YAML file as they are written, with the faults of its form."""
    reader = _Reader(data)
    draft = Draft(faults=reader.faults)
    try:
        document = reader.document()
    except _Stop:
        draft.unreadable = True
        return draft
    if document is None:
        return draft
    if not isinstance(document, dict):
        draft.unreadable = True
        line, column = reader.start
        message = f"expected a mapping of kinds, got {shown(document)}"
        hint = "e.g. `servers:` with names below it"
        draft.faults.append(Fault(message, hint, line=line, column=column))
        return draft
    for plural, table in document.items():
        _take_table(draft, reader, plural, table, hints)
    for plural, name in reader.broken:
        if plural in PLURALS:
            draft.broken.add((PLURALS[plural], name))
    return draft


def _take_table(draft: Draft, reader: _Reader, plural: str, entries: Any, hints: Hints) -> None:
    kind = PLURALS.get(plural)
    if kind is None and plural in reader.odd_keys:
        return
    if kind is None:
        hint = hints.did_you_mean(plural, PLURALS.keys(), otherwise=f"kinds: {one_of(sorted(PLURALS))}")
        draft.faults.append(Fault(f"no kind is called {shown(plural)}", hint, (plural,), on_key=True))
        draft.strangers.update(entries if isinstance(entries, dict) else ())
        return
    if entries is None:
        return
    if not isinstance(entries, dict):
        draft.unreadable = True
        draft.faults.append(
            Fault(
                f"expected a mapping of names to fields under `{plural}`, got {shown(entries)}",
                f"write `{plural}:`, then each entry as `NAME:` with its fields below",
                (plural,),
            )
        )
        return
    table = Table(kind, plural)
    for name, said in entries.items():
        line = reader.lines.get((plural, name), 0)
        if said is not None and not isinstance(said, dict):
            draft.faults.append(
                Fault(
                    f"expected the fields of {kind}/{name}, got {shown(said)}",
                    "each field stands on a line of its own as `field: value`",
                    (plural, name),
                )
            )
            draft.broken.add((kind, name))
            continue
        table.names.append(name)
        table.raws.append(said or {})
        table.lines.append(line)
    draft.tables.append(table)


@dataclass
class Document:
    """A file's one document, whatever it holds (None: nothing, or it could not be read to its end)."""

    value: Any
    faults: Faults
    locate: Locator
    # Keys that YAML reads as something else than a text; their fault is told.
    odd_keys: set[str]


def document(data: bytes) -> Document:
    """Read a file that holds no entries, e.g. settings. Raises ``BadText``."""
    reader = _Reader(data, record=True)
    value: Any = None
    with contextlib.suppress(_Stop, TooMany):
        value = reader.document()
    return Document(value, reader.faults, _locator(reader), reader.odd_keys)


def locator(data: bytes, path: str) -> Locator:
    """Reads the file once more, this time with every position kept."""
    return document(data).locate


def _locator(reader: _Reader) -> Locator:
    record = reader.record or {}

    def locate(way: Path, line: int, on_key: bool) -> Spot:
        known = way
        while known and known not in record:
            known = known[:-1]
        if not known:
            return Spot(1, 1)
        key_line, key_column, value_line, value_column = record[known]
        # What is not written itself (a field that came by an alias) is told at the entry's name.
        return Spot(key_line, key_column) if on_key or known != way else Spot(value_line, value_column)

    return locate
