"""Reading heads files: lines and signatures, who was given the trail, and how copies compare."""

from __future__ import annotations

import base64
import binascii
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..errors import GovcloudError
from ..signatures import BadSignature, bare, fingerprint, signer_of, verify
from . import keys
from .audit import GENESIS
from .heads import LONGEST, NAMESPACE, VERSION, Outside, digest, name_elsewhere, payload

# The single head of a former release covers the rows before it, whoever is said to have added them.
EVERYBODY = "*"
# And the one that a newcomer has joined after covers none: it was there.
NOBODY = "-"
ENDLESS = 1 << 62


@dataclass
class Headfile:
    """One file. ``size``: bytes of whole lines; ``role``: main, former (of the epoch before), copy (in an
    anchor folder) or given. ``writer`` and ``place``: whose it is, as the first line says;
    ``read``: its heads count, ``introduced``: for its writer's own rows, as the chain names its key."""

    path: Path
    role: str
    origin: str = ""
    lines: int = 0
    size: int = 0
    torn: bool = False
    continues: str = ""
    state: str = "complete"
    writer: str = ""
    place: str = ""
    read: bool = False
    introduced: bool = False


@dataclass
class Known:
    """Everything that the heads say, kept small: a head is a number, its columns are arrays."""

    environment: str
    ledger: str
    pinned: Sequence[str]
    # Who reads: the workspace's own writer id, and where it stands.
    writer: str = ""
    stands: str = ""
    # {writer: fingerprints} by which the chain introduced them; empty where only named keys are trusted.
    introduced: dict[str, set[str]] = field(default_factory=dict)
    # {origin: the newest line that the ledger has noted}, and the heads that were found so.
    seen: dict[str, str] = field(default_factory=dict)
    seen_at: dict[str, int] = field(default_factory=dict)
    files: list[Headfile] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    # Fingerprints of the keys that may sign; those that a trusted file leads to.
    names: set[str] = field(default_factory=set)
    vouched: set[str] = field(default_factory=set)
    # Digests of lines after which another file goes on, with its name; and those that were found.
    continues: dict[str, str] = field(default_factory=dict)
    ends: set[str] = field(default_factory=set)
    _seqs: array[int] = field(default_factory=lambda: array("q"))
    _firsts: array[int] = field(default_factory=lambda: array("q"))
    _epochs: array[int] = field(default_factory=lambda: array("q"))
    _lines: array[int] = field(default_factory=lambda: array("q"))
    _owners: array[int] = field(default_factory=lambda: array("q"))
    # Whose rows a head covers, as a number in ``_names``.
    _writers: array[int] = field(default_factory=lambda: array("q"))
    _names: dict[str, int] = field(default_factory=dict)
    _hashes: bytearray = field(default_factory=bytearray)
    # (epoch, the last row before it)
    _forks: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._seqs)

    def add(self, document: dict[str, Any], file: int, line: int, *, trusted: bool, writer: str) -> None:
        """Keep a head; only a trusted one may say that an epoch began. ``writer``: whose rows it covers.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none.
        """
        value = bytes.fromhex(document["hash"])
        numbers = [document[name] for name in ("seq", "first", "epoch")]
        if len(value) != 32 or not all(isinstance(n, int) and 0 < n < 1 << 62 for n in numbers):
            raise ValueError
        began = document.get("began")
        if began is not None and trusted:
            self._forks.append((int(began["epoch"]), int(began["after"])))
        for column, number in zip((self._seqs, self._firsts, self._epochs), numbers, strict=True):
            column.append(number)
        self._lines.append(line)
        self._owners.append(file)
        self._writers.append(self._names.setdefault(writer, len(self._names)))
        self._hashes += value

    def seq(self, head: int) -> int:
        """The row that a head is of."""
        return self._seqs[head]

    def hash(self, head: int) -> str:
        """The hash of that row."""
        return self._hashes[32 * head : 32 * head + 32].hex()

    def place(self, head: int) -> str:
        """A head as sentences name it."""
        return f"the head in {self.files[self._owners[head]].path.name}:{self._lines[head]}"

    def by_row(self) -> Sequence[int]:
        """The heads in the order of their rows."""
        return sorted(range(len(self._seqs)), key=self._seqs.__getitem__)

    def elsewhere(self, head: int) -> bool:
        """Whether a head is of rows that another site wrote after an epoch began here."""
        return self.left(self._epochs[head], self._seqs[head]) is not None

    def left(self, epoch: int, seq: int) -> int | None:
        """The last row that is common, where a row was left behind when a later epoch began."""
        return min((after for e, after in self._forks if epoch < e and seq > after), default=None)

    def reached(self, writer: str) -> int:
        """The newest row of a writer's heads here; 0 where there is none."""
        name = self._names.get(writer)
        return max((s for s, w in zip(self._seqs, self._writers, strict=True) if w == name), default=0)

    def count_elsewhere(self) -> int:
        """How many there are of those."""
        return sum(1 for head in range(len(self)) if self.elsewhere(head)) if self._forks else 0

    def gaps(self, writer: str) -> Iterator[tuple[int, int]]:
        """(first, last) of rows that no head of this writer covers, in order; the last one never ends."""
        mine = (self._names.get(writer), self._names.get(EVERYBODY))
        order = [n for n in range(len(self)) if self._writers[n] in mine and not self.elsewhere(n)]
        reached = 0
        for head in sorted(order, key=self._firsts.__getitem__):
            if self._firsts[head] > reached + 1:
                yield reached + 1, self._firsts[head] - 1
            reached = max(reached, self._seqs[head])
        yield reached + 1, ENDLESS


def standing(outside: Outside, environment: str, ledger: str) -> list[Headfile]:
    """The workspace's heads file and every copy of a heads file of this ledger, where they are kept."""
    files = [Headfile(outside.main, "main")] if outside.main.exists() else []
    before = outside.main.parent.glob(f"{outside.main.stem}-*.jsonl")
    files += [Headfile(path, "former") for path in sorted(before, key=lambda p: p.stat().st_mtime)]
    own = keys.known_folder(ledger)
    pattern = name_elsewhere(environment, ledger, "*")
    for folder in [*([own] if own else []), *outside.anchors]:
        if ledger and folder.is_dir():
            files += [Headfile(path, "copy") for path in sorted(folder.glob(pattern))]
    return files


def read_into(
    known: Known, files: Sequence[Headfile], wrong: list[str], warnings: list[str]
) -> list[dict[str, Any]]:
    """Read the longest file of each origin, and hold the others of that origin against it.

    Returns each file with its lines and how it stands. Raises ``GovcloudError`` where one cannot be read.
    """
    # The main one last: it is written first, so one that grows meanwhile never looks shorter than its copies.
    for file in reversed(files):
        _measure(file)
    # An empty one says as little as none.
    files = [f for f in files if f.origin]
    main = next((f for f in files if f.role == "main"), None)
    gone = next((f for f in files if f.role == "copy" and _is_of(f, known)), None)
    if main is None and gone is not None:
        wrong.append(
            f"the heads file of this workspace is missing; {gone.path} is a copy that can be put back"
        )
    origins: dict[str, list[Headfile]] = {}
    for file in files:
        origins.setdefault(file.origin, []).append(file)
    known.continues = {f.continues: f.path.name for f in files if f.continues}
    # Those of former epochs say whom a later one may begin with; those of others come last.
    mine = {f.origin: n for n, f in enumerate(files) if f.role == "former"}
    mine |= {main.origin: len(files)} if main else {}
    mine |= {f.origin: len(files) for f in files if main is None and f.role == "copy" and _is_of(f, known)}
    for origin in sorted(origins, key=lambda o: mine.get(o, len(files) + 1)):
        group = origins[origin]
        best = max(group, key=lambda f: (f.size, f.role != "copy"))
        _compare(best, group, wrong, warnings)
        known.origins.add(origin[:16])
        known.files.append(best)
        # Before this user trusts anybody, the first file that is found is taken on trust, as it says.
        own = origin in mine or not (mine or known.pinned)
        _Reader(known, best, wrong, warnings, foreign=not own).read()
    for value, name in known.continues.items():
        if value not in known.ends:
            wrong.append(
                f"{name} goes on where another heads file ended, and that end ({value[:12]}…) is not there"
            )
    if not known.pinned and known.files:
        warnings.append(
            f"no key is pinned by this user: {', '.join(sorted(known.names)) or 'none'} is taken on trust; "
            "compare it with the operators', then `govcloud audit trust FILE`"
        )
    return [{"path": str(f.path), "lines": f.lines, "state": f.state} for f in files]


def _is_of(file: Headfile, known: Known) -> bool:
    """Whether it is a heads file of the workspace that reads; one from before there were several is."""
    if not file.writer:
        return True
    return file.writer == known.writer or (file.place != "" and file.place == known.stands)


def _measure(file: Headfile) -> None:
    try:
        with file.path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(LONGEST), b"")):
                if not line.endswith(b"\n"):
                    file.torn = True
                    break
                if number == 0:
                    file.origin = digest(line)
                    with suppress(msgspec.DecodeError, AttributeError):
                        first = msgspec.json.decode(line)
                        file.continues = first.get("continues", "")
                        file.writer, file.place = first.get("writer", ""), first.get("place", "")
                file.lines += 1
                file.size += len(line)
    except OSError as error:
        raise GovcloudError(f"{file.path}: {error.strerror}") from None


def _compare(best: Headfile, group: Sequence[Headfile], wrong: list[str], warnings: list[str]) -> None:
    """Each is the beginning of the longest, or somebody has written in one of them."""
    for file in group:
        if file.torn:
            warnings.append(f"{file.path.name} ends within a line: a process ended while it wrote it")
        if file is best:
            continue
        at = _first_difference(best, file)
        if at:
            file.state = "differs"
            wrong.append(f"{best.path} and {file.path} are not of one story: they differ from line {at}")
        elif file.size < best.size and file.role == "copy":
            file.state = "behind"
            warnings.append(
                f"{file.path} lacks the last {best.lines - file.lines} lines; the next head catches it up"
            )
        elif file.size < best.size and file.role == "former":
            file.state = "behind"  # The former site wrote on after the epoch had begun.
        elif file.size < best.size:
            file.state = "cut"
            wrong.append(
                f"the heads file {file.path.name} was cut, or an older one was put in its place: it has "
                f"{file.lines} lines, its copy {best.path} has {best.lines}"
            )


def _first_difference(one: Headfile, other: Headfile) -> int:
    """The first line in which two files differ, as far as both go; 0 where there is none."""
    with one.path.open("rb") as a, other.path.open("rb") as b:
        for number in range(1, min(one.lines, other.lines) + 1):
            if a.readline(LONGEST) != b.readline(LONGEST):
                return number
    return 0


class _Reader:
    """Reads one file from its first line to its last, with the keys that may sign as it goes on.

    A key may sign that the first line names, that was handed the trail, or that this user has pinned; one
    that handed it over may no longer. The file is trusted where this user has pinned the key that it
    begins with, or one that the hand-overs lead to.
    """

    def __init__(
        self, known: Known, file: Headfile, wrong: list[str], warnings: list[str], *, foreign: bool
    ) -> None:
        self._known, self._file, self._wrong, self._warnings = known, file, wrong, warnings
        # Of another writer: what it says counts only where its keys are trusted, or where the chain has
        # introduced it by its key; then it vouches for its own rows and for nothing else.
        self._foreign = foreign
        self._introduced = False
        self._number = len(known.files) - 1
        self._pinned = {fingerprint(p): bare(p) for p in known.pinned}
        self.chain: dict[str, str] = {}
        self._retired: set[str] = set()
        self._began = ""
        # Who signed though the trail was never handed to them, and the first line of theirs.
        self._strangers: dict[str, int] = {}
        self._wanted = digest(known.seen.get(file.origin[:16], "").encode())

    def read(self) -> None:
        """Read it all, line by line."""
        if self._foreign and not self._leads_to_pinned():
            self._introduced = self._began in self._known.introduced.get(self._file.writer, ())
            if not self._introduced and self._file.role != "given":
                self._warnings.append(
                    f"{self._file.path} is of another workspace, and its key {self._began} is not trusted"
                )
                return
            self._file.introduced = self._introduced
        self._file.read = True
        previous = GENESIS
        for number, line in enumerate(self._lines(), 1):
            try:
                self._line(msgspec.json.decode(line), number, previous)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError, TypeError):
                self._tell(number, "cannot be read")
            previous = digest(line)
            if previous in self._known.continues:
                self._known.ends.add(previous)
            if previous == self._wanted:
                self._known.seen_at[self._file.origin[:16]] = len(self._known) - 1
        if self._pinned and not self._trusted() and not self._introduced:
            self._wrong.append(
                f"{self._file.path} begins with the key {self._began}, this user trusts "
                f"{', '.join(self._pinned)}: another file was put in its place, or the key was changed "
                "without a hand-over"
            )
        if self._trusted() or not self._pinned:
            self._known.vouched |= set(self.chain)
        if (wanted := self._known.introduced.get(self._file.writer)) and not (
            wanted & (set(self.chain) | self._retired)
        ):
            self._wrong.append(
                f"{self._file.path} is signed by {', '.join(sorted(self.chain))}, the trail says that its "
                f"writer {self._file.writer} has {', '.join(sorted(wanted))}"
            )
        for name, number in self._strangers.items():
            why = "has handed it over" if name in self._retired else "was never given it"
            self._tell(number, f"is signed by {name}, and the trail is not its: that key {why}")
        self._known.names |= set(self.chain) or set(self._pinned)

    def _trusted(self) -> bool:
        known = set(self._pinned) | self._known.vouched
        return self._began in known or bool(set(self.chain) & set(self._pinned))

    def _leads_to_pinned(self) -> bool:
        """Whether a file of another workspace is trusted; its keys are looked at before its heads."""
        trial = _Reader(self._known, self._file, [], [], foreign=False)
        for number, line in enumerate(self._lines(), 1):
            if number > 1 and b'"hand-over"' not in line:
                continue
            with suppress(msgspec.DecodeError, ValueError, KeyError, TypeError):
                document = msgspec.json.decode(line)
                if number == 1:
                    trial._first(document)
                if trial._signature(document, number) and document["kind"] == "hand-over":
                    trial._handed(document)
        self._began = trial._began
        return trial._trusted()

    def _lines(self) -> Iterator[bytes]:
        with self._file.path.open("rb") as stream:
            for _ in range(self._file.lines):
                yield stream.readline(LONGEST)

    def _tell(self, number: int, words: str) -> None:
        self._wrong.append(f"the head in {self._file.path.name}:{number} {words}")

    def _line(self, document: dict[str, Any], number: int, previous: str) -> None:
        kind = document["kind"]
        if document["previous"] != previous:
            self._tell(number, "does not follow the line before it: a line was taken out or put in")
        if number == 1:
            self._first(document)
            if document["version"] != VERSION:
                words = f"is of format {document['version']}, which a newer release writes"
                self._tell(number, f"{words}; this one reads {VERSION}")
        of = (document["ledger"], document["environment"])
        if of != (self._known.ledger, self._known.environment):
            if number == 1:
                self._tell(
                    number,
                    f"is of the ledger {of[0][:8]} of {of[1]!r}, the database is {self._known.ledger[:8]} of "
                    f"{self._known.environment!r}: another database was put in its place",
                )
            return
        good = self._signature(document, number)
        writer = document.get("writer", "")
        if self._file.writer and writer != self._file.writer:
            self._tell(number, f"is of the writer {writer}, the file of {self._file.writer}")
        count = self._known.add
        trusted = good and not self._introduced
        if document.get("carried") and trusted:  # the one head of a former release
            first = document["carried"] | {"first": 1, "epoch": 1}
            count(first, self._number, number, trusted=trusted, writer=EVERYBODY)
        if isinstance(joined := document.get("joined"), dict):  # the row it began after: seen, not its own
            seen = {"seq": joined["after"], "first": joined["after"] + 1, "hash": joined["hash"]}
            seen["epoch"] = joined["epoch"]
            count(seen, self._number, number, trusted=False, writer=NOBODY)
        if kind == "head":
            count(document, self._number, number, trusted=trusted, writer=writer)
        elif kind == "hand-over" and good:
            self._handed(document)

    def _first(self, document: dict[str, Any]) -> None:
        """Whose file it is."""
        public = bare(document["key"])
        self._began = fingerprint(public)
        self.chain[self._began] = public
        self.chain |= {fingerprint(other): bare(other) for other in document.get("others", [])}

    def _signature(self, document: dict[str, Any], number: int) -> bool:
        """Whether the line is signed by somebody who may."""
        try:
            blob = base64.b64decode(document["signature"], validate=True)
            name = signer_of(blob)
            public = None if name in self._retired else self.chain.get(name) or self._pinned.get(name)
            if public is None:
                self._strangers.setdefault(name, number)
                return False
            verify(payload(document), NAMESPACE, blob, [public])
        except (BadSignature, binascii.Error):
            self._tell(number, "was changed: its signature does not fit it")
            return False
        return True

    def _handed(self, document: dict[str, Any]) -> None:
        """From here on another key signs; what it signed before is vouched for by the one who hands over."""
        giver = signer_of(base64.b64decode(document["signature"], validate=True))
        to = bare(document["to"])
        name = fingerprint(to)
        if not document["keeps"]:
            self.chain.pop(giver, None)
            self._retired.add(giver)
        self.chain[name] = to
        self._retired.discard(name)
        self._strangers.pop(name, None)


def may_sign(main: Path, environment: str, ledger: str) -> list[str]:
    """The public keys that may sign at the end of a heads file."""
    known = Known(environment, ledger, [])
    file = Headfile(main, "main")
    _measure(file)
    known.files.append(file)
    reader = _Reader(known, file, [], [], foreign=False)
    reader.read()
    return sorted(reader.chain.values())
