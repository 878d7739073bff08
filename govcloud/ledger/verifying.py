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

from . import audit, keys
from .audit import GENESIS
from .connection import Connection
from .headfiles import Headfile, Known, read_into, standing

if TYPE_CHECKING:
    from .heads import Outside
    from .store import Ledger

# Sentences of one verification; whoever broke more than this has broken it all.
MOST = 40


class Report(msgspec.Struct):
    """What a verification found.

    ``unsigned``: (first, last) of rows that no head was written for; ``lost``: how many heads are of rows
    that the site before a new epoch kept to itself; ``places``: each heads file and how it stands to the
    longest; ``keys``: fingerprints that were trusted; ``last``: (row, hash, seconds since 1970) of the
    newest head.
    """

    rows: int = 0
    epoch: int = 0
    heads: int = 0
    lost: int = 0
    quarantined: int = 0
    unsigned: list[tuple[int, int]] = []
    keys: list[str] = []
    places: list[dict[str, Any]] = []
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
        known = Known(environment, name, list(trusted) or keys.trusted(name), _seen(connection))
    files = [Headfile(f, "given") for f in heads] or standing(ledger.outside, environment, name)
    report.places = read_into(known, files, report.wrong, report.warnings)
    # Only now the rows: what is added meanwhile has no head here yet, and no head is of a row to come.
    with ledger.read() as connection:
        _former(connection, ledger.outside, known, report)
        _follow(connection, known, report)
        _quarantine(connection, report)
    _ends(known, report)
    _not_found(known, report)
    report.heads, report.keys = len(known), sorted(known.names)
    for name in ("wrong", "warnings"):
        told: list[str] = getattr(report, name)
        if len(told) > MOST:
            setattr(report, name, [*told[:MOST], f"and {len(told) - MOST} more of this kind"])
    report.seconds = round(time.monotonic() - began, 3)
    return report


def _seen(connection: Connection) -> dict[str, str]:
    """The newest head of each heads file that the ledger has seen: {origin: digest}."""
    from .heads import SEEN

    rows = connection.rows("SELECT key, value FROM setting")
    return {key.removeprefix(SEEN): value for key, value in rows if key.startswith(SEEN)}


def _former(connection: Connection, outside: Outside, known: Known, report: Report) -> None:
    """Where there are no signed heads at all: the single one of a former release, or nothing."""
    if known.files:
        return
    from .heads import FORMER

    file = outside.main.parent / FORMER
    if not file.exists():
        if audit.head(connection)[0]:
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


def _follow(connection: Connection, known: Known, report: Report) -> None:
    """The chain itself, and each head as its row comes by."""
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


def _ends(known: Known, report: Report) -> None:
    """Heads that have seen more than there is; rows that no head was written for."""
    beyond = [n for n in known.by_row() if known.seq(n) > report.rows and not known.elsewhere(n)]
    if beyond:
        most = max(known.seq(n) for n in beyond)
        # The ledger noted which head it saw last: an older copy has an older note.
        noted = max((known.seq(n) for n in known.seen_at.values() if n >= 0), default=0)
        why = (
            "rows were cut off"
            if noted > report.rows or report.rows == 0
            else "this is an older copy of the ledger, or rows were cut off"
        )
        report.wrong.append(
            f"the trail ends at row {report.rows}, {known.place(beyond[0])} has seen row {most}: {why}"
        )
    report.lost = known.count_elsewhere()
    if not known.files:
        return
    report.unsigned = known.uncovered(report.rows)
    for first, last in report.unsigned:
        which = f"row {first} has" if first == last else f"rows {first} to {last} have"
        report.warnings.append(
            f"{which} no head: the process ended before it could sign, or somebody else wrote there"
        )


def _not_found(known: Known, report: Report) -> None:
    """Heads that the ledger has seen and that are nowhere."""
    for origin, value in known.seen.items():
        if origin not in known.origins:
            report.warnings.append(
                f"the ledger has seen heads of another heads file ({origin[:8]}), which is not here; "
                "`--heads FILE` reads it as well"
            )
        elif origin not in known.seen_at:
            report.wrong.append(
                f"the heads file was cut or changed: the ledger has seen the head {value[:12]}…, "
                "and it is not there"
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
