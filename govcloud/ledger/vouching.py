"""Who vouches for which row: each row names its writer, and the writer's heads say which rows it added.

Where a writer's heads are not here, its newest one is: the ledger has it (``heads.remember``), signed. It
says how many rows the writer has signed and up to which, so rows that somebody else put under its name are
counted out. A row that nobody vouches for becomes a sentence.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..errors import GovcloudError
from ..signatures import fingerprint, public_of, verify
from . import audit
from .audit import Row
from .connection import Connection
from .headfiles import ENDLESS, Known
from .heads import NAMESPACE, payload


class Introduced(msgspec.Struct, frozen=True):
    """With which key a writer comes, and where it stands (a digest)."""

    key: str = ""
    place: str = ""


class Began(msgspec.Struct, frozen=True):
    """The first row's data."""

    writer: str = ""
    began_by: Introduced | None = None


class Said(msgspec.Struct, frozen=True):
    """The data of a row that brings a writer, or a key of one."""

    writer: str = ""
    key: str = ""
    place: str = ""
    to: str = ""
    source: str = msgspec.field(name="from", default="")
    keeps: bool = False


class Tag(msgspec.Struct, frozen=True):
    """What every row says."""

    writer: str = ""


_tag = msgspec.json.Decoder(Tag)


@dataclass
class Writer:
    """One who writes the trail.

    ``joined``: its first row; ``keys``: fingerprints that the chain gives it, ``first`` the one it came
    with; ``rows``: how many rows name it; ``upto``: the row up to which it vouches; ``here``: whether its
    heads are; ``bare``: how many of its rows no head here covers.
    """

    name: str
    actor: str = ""
    place: str = ""
    joined: int = 0
    keys: list[str] = field(default_factory=list)
    first: str = ""
    rows: int = 0
    last: int = 0
    upto: int = 0
    here: bool = False
    head: Head | None = None
    # (row, key) of where it joins again with a key that was not handed over.
    changed: list[tuple[int, str]] = field(default_factory=list)
    # How many rows there are of the newest head's epoch up to it; those without a head; those after it.
    counted: int = 0
    bare: int = 0
    gaps: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)


class Head(msgspec.Struct):
    """The newest head that the ledger has of a writer; ``good``: signed with one of the writer's keys."""

    writer: str = ""
    ledger: str = ""
    epoch: int = 0
    seq: int = 0
    hash: str = ""
    rows: int = 0
    upto: int = 0
    signature: str = ""
    signer: str = ""
    public: str = ""

    @property
    def until(self) -> int:
        """The newest row that it counts."""
        return max(self.seq, self.upto)


def directory(connection: Connection) -> dict[str, Writer]:
    """Everybody whom the chain introduces, by id."""
    writers: dict[str, Writer] = {}
    rows = connection.rows(
        "SELECT seq, actor, action, data FROM audit WHERE seq = 1 OR action IN (:joined, :handed) "
        "ORDER BY seq",
        joined=audit.JOINED,
        handed=audit.HANDED,
    )
    for seq, actor, action, data in rows:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            if action in (audit.JOINED, audit.HANDED):
                _said(writers, seq, actor, action, msgspec.json.decode(data, type=Said))
            elif (first := msgspec.json.decode(data, type=Began)).began_by and first.writer:
                about = first.began_by
                writers[first.writer] = Writer(first.writer, actor, about.place, seq, [about.key], about.key)
    return writers


def _said(writers: dict[str, Writer], seq: int, actor: str, action: str, said: Said) -> None:
    known = writers.get(said.writer)
    if action == audit.HANDED:
        if known is not None:
            if said.source in known.keys and not said.keeps:
                known.keys.remove(said.source)
            known.keys.append(said.to)
    elif known is None and said.writer:
        writers[said.writer] = Writer(said.writer, actor, said.place, seq, [said.key], said.key)
    elif known is not None and said.key not in known.keys:
        known.changed.append((seq, said.key))


def newest(lines: dict[str, str], ledger: str) -> Iterator[Head]:
    """The heads that the ledger has noted, the newest of each writer; what is none is left out."""
    found: dict[str, Head] = {}
    for line in lines.values():
        head = _head(line)
        if head is None or not head.writer or head.ledger != ledger:
            continue
        known = found.get(head.writer)
        if known is None or (known.epoch, known.until) < (head.epoch, head.until):
            found[head.writer] = head
    yield from found.values()


def _head(line: str) -> Head | None:
    """A line whose signature holds; by whom is still to be judged."""
    with suppress(msgspec.DecodeError, binascii.Error, ValueError, TypeError, GovcloudError):
        document: dict[str, Any] = msgspec.json.decode(line)
        head = msgspec.convert(document, Head)
        blob = base64.b64decode(head.signature, validate=True)
        head.public = public_of(blob)
        verify(payload(document), NAMESPACE, blob, [head.public])
        head.signer = fingerprint(head.public)
        return head
    return None


class Vouching:
    """Goes along with the rows, from the first to the last, and keeps count of each writer's."""

    def __init__(
        self, known: Known, writers: dict[str, Writer], lines: dict[str, str], wrong: list[str]
    ) -> None:
        self._known, self.writers, self._wrong = known, writers, wrong
        # {row: [(hash, who has seen it)]}
        self.marks: dict[int, list[tuple[str, str]]] = {}
        self._gaps: dict[str, Iterator[tuple[int, int]]] = {}
        self._gap: dict[str, tuple[int, int]] = {}
        self._strangers: dict[str, Writer] = {}
        # A file that lacks the head that the ledger had before it was read is as good as none.
        lacking = {o: line for o, line in known.seen.items() if o not in known.seen_at}
        missing = {head.writer for head in newest(lacking, known.ledger)}
        for name in {f.writer for f in known.files if f.read} - missing:
            self._who(name).here = True
        for writer in writers.values():
            wrong += [
                f"row {row} lets the writer {writer.name} join again with the key {key}, which it was never "
                "given"
                for row, key in writer.changed
            ]
        for head in newest(lines, known.ledger):
            self._take(head)

    def _take(self, head: Head) -> None:
        writer = self.writers.get(head.writer)
        if writer is None:
            return
        # Where its heads are, they tell who may sign, also of a hand-over that came no further.
        if not writer.here and writer.keys != [""] and head.signer not in writer.keys:
            self._wrong.append(
                f"the ledger has a head of the writer {head.writer} that {head.signer} signed; the trail "
                f"gives it {', '.join(writer.keys)}: the key was changed without a hand-over, or it is forged"
            )
            return
        writer.head = head
        if (after := self._known.left(head.epoch, head.seq)) is not None:
            # Another site wrote those; how many of the rows before them it counts is not known here.
            head.seq, head.upto, head.rows = after, after, ENDLESS
        elif head.hash and not writer.here:
            self.mark(head.seq, head.hash, f"the newest head of the writer {head.writer}")

    def mark(self, seq: int, value: str, who: str) -> None:
        """Somebody has seen that row with that hash."""
        self.marks.setdefault(seq, []).append((value, who))

    def _who(self, name: str) -> Writer:
        known = self.writers.get(name) or self._strangers.get(name)
        if known is None:
            known = self._strangers[name] = Writer(name)
        return known

    def row(self, row: Row) -> None:
        """The next row."""
        try:
            name = _tag.decode(row.data).writer
        except (msgspec.DecodeError, UnicodeDecodeError):
            name = ""
        writer = self._who(name)
        seq = row.seq
        writer.rows += 1
        writer.last = seq
        head = writer.head
        if head is not None and seq <= head.until:
            if row.epoch == head.epoch:
                writer.counted += 1
        elif head is not None or not writer.here:
            _extend(writer.after, seq)
        gap = self._gap.get(name)
        if gap is None:
            self._gaps[name] = self._known.gaps(name)
            gap = self._gap[name] = next(self._gaps[name])
        while gap[1] < seq:
            gap = self._gap[name] = next(self._gaps[name], (ENDLESS, ENDLESS))
        if gap[0] <= seq:
            writer.bare += 1
            if writer.here or name not in self.writers:
                _extend(writer.gaps, seq)
        if (seen := self.marks.pop(seq, None)) is not None:
            for value, who in seen:
                if value != row.hash:
                    self._wrong.append(
                        f"row {seq} is not the one that {who} has seen: something up to there was rewritten, "
                        "the hashes with it, or this is another copy of the ledger"
                    )

    def end(self, rows: int, warnings: list[str]) -> list[tuple[int, int]]:
        """After the last row: what nobody vouches for. Returns those rows, as (first, last)."""
        for seq in sorted(self.marks):
            for _, who in self.marks[seq]:
                self._wrong.append(
                    f"the trail ends at row {rows}, {who} has seen row {seq}: rows were cut off, or this is "
                    "an older copy of the ledger"
                )
        unsigned: list[tuple[int, int]] = []
        for writer in [*self.writers.values(), *self._strangers.values()]:
            unsigned += self._judge(writer, warnings)
        return sorted(unsigned)

    def _judge(self, writer: Writer, warnings: list[str]) -> list[tuple[int, int]]:
        head = writer.head
        writer.upto = head.until if head else 0
        if writer.here or not writer.name or not self.writers:
            reached = self._known.reached(writer.name)
            writer.upto = max(writer.upto, reached)
            honest = head is not None and writer.counted <= head.rows
            # What was added and signed while the files were read already is in the newest head alone.
            runs = [r for r in writer.gaps if not (honest and head and r[0] > reached and r[1] <= head.until)]
            for first, last in runs:
                warnings.append(
                    f"{_rows(first, last, 'has', 'have')} no head: the process ended before it could sign, "
                    "or somebody else wrote there"
                )
            return [(a, b) for a, b in runs]
        if not writer.bare:  # All of it is covered by what is here of its heads.
            return []
        if writer.name in self._strangers:
            runs = writer.gaps
            words = f"of the writer {writer.name}, whom nobody knows: it never joined the trail"
        else:
            runs = writer.after
            words = (
                f"said to be of the writer {writer.name}, and no head of it covers that: it is at work now, "
                "it ended before it could sign, or somebody else wrote there"
            )
        for first, last in runs:
            warnings.append(f"{_rows(first, last, 'is', 'are')} {words}")
        if head is not None and writer.counted > head.rows:
            more = writer.counted - head.rows
            warnings.append(
                f"{writer.counted} rows up to row {head.until} say that they are of the writer "
                f"{writer.name}, which has signed {head.rows}: {more} it did not sign, or somebody else "
                "wrote; its heads tell which (`--heads FILE`)"
            )
        return [(a, b) for a, b in runs]


def _extend(runs: list[list[int]], seq: int) -> None:
    if runs and runs[-1][1] == seq - 1:
        runs[-1][1] = seq
    else:
        runs.append([seq, seq])


def _rows(first: int, last: int, one: str, more: str) -> str:
    return f"row {first} {one}" if first == last else f"rows {first} to {last} {more}"
