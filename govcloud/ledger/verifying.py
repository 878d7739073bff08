"""Whether the audit trail is the one that was written: the chain against its signed heads.

Nothing is asked of a network. Rows and heads are read as they come; what stays in memory is some sixty
bytes a head. A sentence in ``wrong`` is proof that something was changed; one in ``warnings`` is what
cannot be told.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..signatures import fingerprint
from . import approvals, audit, keys, writers
from .audit import GENESIS
from .connection import Connection
from .headfiles import Headfile, Known, read_into, standing
from .heads import digest, noted
from .seen import Seen
from .vouching import Vouching, Writer, directory, newest

if TYPE_CHECKING:
    from .heads import Outside
    from .store import Ledger

# Sentences of one verification; whoever broke more than this has broken it all.
MOST = 40


class Wrote(msgspec.Struct):
    """One who writes the trail, as far as it can be told here.

    ``actor``: who added its first row, ``joined``; ``keys``: fingerprints that the trail gives it;
    ``upto``: the row up to which its heads vouch for what it added; ``heads``: here, elsewhere (its newest
    head is in the ledger) or none; ``trust``: pinned (this user has the key), seen (pinned when it was
    first met), new (met now), or not (other keys were named).
    """

    writer: str
    actor: str
    joined: int
    rows: int
    upto: int
    keys: list[str]
    heads: str
    trust: str
    own: bool


class Report(msgspec.Struct):
    """What a verification found.

    ``unsigned``: (first, last) of rows that nobody vouches for; ``lost``: how many heads are of rows that
    the site before a new epoch kept to itself; ``keys``: fingerprints that were trusted; ``places``: each
    heads file and how it stands to the longest; ``writers``: who adds rows.
    """

    rows: int = 0
    epoch: int = 0
    heads: int = 0
    lost: int = 0
    quarantined: int = 0
    unsigned: list[tuple[int, int]] = []
    keys: list[str] = []
    places: list[dict[str, Any]] = []
    writers: list[Wrote] = []
    wrong: list[str] = []
    warnings: list[str] = []
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def verify(ledger: Ledger, *, heads: Sequence[Path] = (), trusted: Sequence[str] = ()) -> Report:
    """Follow the chain from its first row to its last and hold it against every head.

    ``heads``: files to read instead of the workspace's and its anchors'; ``trusted``: public keys instead
    of those that this user has pinned. Raises ``GovcloudError`` where a named file cannot be read.
    """
    began = time.monotonic()
    report = Report()
    with ledger.read() as connection:
        name = audit.ledger_id(connection)
        environment = connection.scalar("SELECT value FROM setting WHERE key = 'environment'") or ""
        known = Known(environment, name, list(trusted) or keys.trusted(name), seen=noted(connection))
        known.writer = writers.identity(ledger.outside, name, make=False)
        known.stands = writers.place(ledger.outside)
        if not trusted:
            known.introduced = {w.name: set(w.keys) for w in directory(connection).values()}
    files = [Headfile(f, "given") for f in heads] or standing(ledger.outside, environment, name)
    report.places = read_into(known, files, report.wrong, report.warnings)
    # Only now the rows: what is added meanwhile has no head here yet, and no head is of a row to come.
    with ledger.read() as connection:
        vouching = Vouching(known, directory(connection), noted(connection), report.wrong)
        _former(connection, ledger.outside, known, vouching.writers, report)
        before = Seen(name)
        before.mark(vouching, known, report.wrong)
        last = _follow(connection, known, vouching, report)
        _quarantine(connection, report)
        report.wrong += approvals.faults(connection)
    gaps: list[str] = []
    report.unsigned = vouching.end(report.rows, gaps)
    if known.files or vouching.writers:
        report.warnings += gaps
    else:
        report.unsigned = []  # Nobody has signed anything: that is told once.
    report.writers = _writers(vouching, known, before, report, explicit=bool(trusted))
    if report.ok and not trusted and report.rows:
        before.keep(vouching, (report.rows, report.epoch, last))
    _ends(known, report)
    _not_found(known, vouching, report)
    report.heads, report.keys = len(known), sorted(known.names)
    for name in ("wrong", "warnings"):
        told: list[str] = getattr(report, name)
        if len(told) > MOST:
            setattr(report, name, [*told[:MOST], f"and {len(told) - MOST} more of this kind"])
    report.seconds = round(time.monotonic() - began, 3)
    return report


def _writers(
    vouching: Vouching, known: Known, before: Seen, report: Report, *, explicit: bool
) -> list[Wrote]:
    """Who writes the trail; a newcomer whose key this user does not know is told of once."""
    pinned = {fingerprint(public) for public in known.pinned}
    found = []
    for writer in vouching.writers.values():
        trust = "pinned" if pinned & set(writer.keys) else "not" if explicit else before.trust(writer)
        if trust in ("new", "not") and pinned:
            why = "the keys that were named are others" if explicit else "it is pinned from now on"
            report.warnings.append(
                f"the writer {writer.name} joined at row {writer.joined} as {writer.actor}, with a key that "
                f"nobody here has compared: {', '.join(writer.keys)}; {why}"
            )
        where = "here" if writer.here else "elsewhere" if writer.head else "none"
        found.append(
            Wrote(
                writer.name,
                writer.actor,
                writer.joined,
                writer.rows,
                writer.upto,
                writer.keys,
                where,
                trust,
                writer.name == known.writer,
            )
        )
    _replaced(vouching.writers, report)
    return found


def _replaced(known: dict[str, Writer], report: Report) -> None:
    """A writer whose heads are gone, and another at the same place: a new checkout, or a wiped one."""
    last: dict[str, Writer] = {}
    for writer in known.values():
        former = last.get(writer.place) if writer.place else None
        if former is not None and not former.here:
            report.warnings.append(
                f"the writer {writer.name} joined at row {writer.joined} in the same folder as {former.name} "
                "before it, whose heads are not here: somebody removed them, or the folder was made anew"
            )
        last[writer.place] = writer


def _former(
    connection: Connection, outside: Outside, known: Known, others: dict[str, Writer], report: Report
) -> None:
    """Where there are no signed heads at all: the single one of a former release, or nothing."""
    if known.files:
        return
    from .heads import FORMER

    file = outside.main.parent / FORMER
    if not file.exists():
        # Who has never written here has no heads to lose.
        mine = known.writer in others or any(w.place == known.stands for w in others.values())
        if audit.head(connection)[0] and (mine or not others):
            report.wrong.append(
                f"the heads file {outside.main.name} is missing: nobody can tell whether rows were "
                "changed or cut off"
            )
        return
    try:
        anchored = msgspec.json.decode(file.read_bytes())
        seq, value = int(anchored["seq"]), str(anchored["hash"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        report.wrong.append(f"the anchor {file.name} cannot be read")
        return
    count, _ = audit.head(connection)
    found = connection.scalar("SELECT hash FROM audit WHERE seq = :seq", seq=seq) if seq else GENESIS
    if seq > count:
        report.wrong.append(
            f"the trail ends at row {count}, the anchor has seen row {seq}: rows were cut off"
        )
    elif found != value:
        report.wrong.append(f"row {seq} is not the one that {file.name} has seen")
    else:
        report.warnings.append(
            "the heads are not signed yet: a former release wrote this trail; the next run signs it"
        )


def _follow(connection: Connection, known: Known, vouching: Vouching, report: Report) -> str:
    """The chain itself, and each head as its row comes by. Returns the last row's hash."""
    previous, count, epoch = GENESIS, 0, 0
    waiting = iter(known.by_row())
    head = next(waiting, None)
    good = 0
    for row in audit.rows(connection):
        count += 1
        if row.seq != count:
            report.wrong.append(f"row {count} is missing: the next one found is {row.seq}")
            # What follows is told by itself, not as missing once more.
            count = row.seq
        if row.previous != previous:
            report.wrong.append(f"row {row.seq} does not follow the row before it")
        if row.hash != row.true_hash():
            report.wrong.append(f"row {row.seq} ({row.action}) was changed after it was written")
        if row.epoch != epoch and not (row.epoch == epoch + 1 and (count == 1 or row.action == "epoch")):
            report.wrong.append(f"row {row.seq} says epoch {row.epoch}, and nobody began one after {epoch}")
        previous, epoch = row.hash, row.epoch
        vouching.row(row)
        while head is not None and known.seq(head) <= row.seq:
            if not known.elsewhere(head) and known.seq(head) == row.seq:
                if known.hash(head) == row.hash:
                    good = row.seq
                else:
                    report.wrong.append(
                        f"row {row.seq} is not the one that {known.place(head)} has seen: something after "
                        f"row {good} was rewritten, the hashes with it, or this is another ledger"
                    )
            head = next(waiting, None)
    report.rows, report.epoch = count, epoch
    return previous


def _ends(known: Known, report: Report) -> None:
    """Heads that have seen more than there is; rows that no head was written for."""
    beyond = [n for n in known.by_row() if known.seq(n) > report.rows and not known.elsewhere(n)]
    if beyond:
        most = max(known.seq(n) for n in beyond)
        # The ledger noted which head it saw last: an older copy has an older note.
        newest_noted = max((known.seq(n) for n in known.seen_at.values() if n >= 0), default=0)
        why = (
            "rows were cut off"
            if newest_noted > report.rows or report.rows == 0
            else "this is an older copy of the ledger, or rows were cut off"
        )
        report.wrong.append(
            f"the trail ends at row {report.rows}, {known.place(beyond[0])} has seen row {most}: {why}"
        )
    report.lost = known.count_elsewhere()


def _not_found(known: Known, vouching: Vouching, report: Report) -> None:
    """Heads that the ledger has seen and that are nowhere."""
    for origin, line in known.seen.items():
        if origin in known.seen_at:
            continue
        head = next(newest({origin: line}, known.ledger), None)
        anothers = head is not None and head.writer != known.writer and head.writer in vouching.writers
        if origin not in known.origins:
            if not anothers:  # Those of another writer were looked at where they are, in the ledger.
                report.warnings.append(
                    f"the ledger has seen heads of another heads file ({origin[:8]}), which is not here; "
                    "`--heads FILE` reads it as well"
                )
        elif anothers and head is not None:
            report.warnings.append(
                f"what is here of the heads of the writer {head.writer} lacks the newest: it could not be "
                "caught up yet, or it was cut"
            )
        else:
            report.wrong.append(
                "the heads file was cut or changed: the ledger has seen the head "
                f"{digest(line.encode())[:12]}…, and it is not there"
            )


def _quarantine(connection: Connection, report: Report) -> None:
    """Rows of other sites are shown, never merged; what is kept of them must be what was found."""
    rows: Iterable[Any] = connection.rows(
        f"SELECT {audit.COLUMNS}, site FROM quarantine ORDER BY site, seq, hash"
    )
    for *columns, site in rows:
        row = audit.Row(*columns)
        report.quarantined += 1
        if row.hash != row.true_hash():
            report.wrong.append(f"the quarantined row {row.seq} of {site} was changed after it was written")
