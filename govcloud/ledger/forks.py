"""Two copies of one ledger that went their own ways: where they parted, and what the other wrote since.

After a failover one site goes on in a new epoch. What the former one still wrote is never merged; it can
be kept beside the trail, in quarantine, where people look at it and decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ..errors import GovcloudError, InputError, Problem
from . import audit
from .audit import GENESIS, Row
from .connection import Connection

# Rows that go into the quarantine at once.
PIECE = 1000


class Comparison(msgspec.Struct):
    """``common``: the last row that both have; ``ours``, ``theirs``: how many each has after it.

    ``rows``: theirs, the first of them; ``broken``: what is wrong with theirs in itself.
    """

    site: str
    common: int
    ours: int
    theirs: int
    rows: list[audit.Event]
    broken: list[str]

    @property
    def forked(self) -> bool:
        """Whether both have written since they parted."""
        return self.ours > 0 and self.theirs > 0


@contextmanager
def other_ledger(place: str) -> Iterator[Connection]:
    """A reading connection to another copy: a SQLite file, or the URL of a ledger.

    Raises ``InputError`` where it is none.
    """
    if "://" in place and not place.startswith("sqlite:"):
        from .postgres import Postgres

        database = Postgres(place)
        try:
            with database.begin(writing=False) as connection:
                yield connection
        finally:
            database.close()
        return
    path = Path(place.removeprefix("sqlite:///"))
    if not path.is_file():
        raise InputError([Problem(f"there is no ledger {place}")], hint="name its file, or its URL")
    with closing(_ReadOnly(path)) as found:
        yield found


class _ReadOnly(Connection):
    """A SQLite file that is looked at and not touched: not its journal either."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        self._error = sqlite3.DatabaseError
        self._path = path
        # A copy without its write-ahead log is whole as it stands, and may lie where nobody can write.
        more = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{more}", uri=True)

    def rows(self, statement: str, /, **values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except self._error as error:
            raise InputError([Problem(f"{self._path} is no ledger: {error}")]) from None

    def run(self, statement: str, /, **values: Any) -> None:
        raise AssertionError("another ledger is only read")

    def run_many(self, statement: str, values: Any) -> None:
        raise AssertionError("another ledger is only read")

    def close(self) -> None:
        self._connection.close()


def compare(here: Connection, there: Connection, site: str, *, most: int) -> Comparison:
    """Where the two trails part. ``most``: how many of their rows are returned.

    Raises ``GovcloudError`` where the other one is no copy of this ledger.
    """
    for name, ask in (("ledger", audit.ledger_id), ("environment", _environment)):
        ours, theirs = ask(here), ask(there)
        if ours != theirs:
            raise GovcloudError(
                f"that is no copy of this ledger: its {name} is {theirs or 'none'!r}, this one's {ours!r}",
                hint="compare is for two copies of one ledger, such as before and after a failover",
            )
    common = _common(here, there)
    mine, yours = audit.head(here)[0], audit.head(there)[0]
    broken: list[str] = []
    events: list[audit.Event] = []
    previous = there.scalar("SELECT hash FROM audit WHERE seq = :seq", seq=common) or GENESIS
    for row in audit.rows(there, common):
        if row.previous != previous or row.hash != row.true_hash():
            broken.append(f"its row {row.seq} ({row.action}) was changed after it was written")
        previous = row.hash
        if len(events) < most:
            events.append(_event(row))
    return Comparison(site, common, mine - common, yours - common, events, broken)


def _environment(connection: Connection) -> str:
    return connection.scalar("SELECT value FROM setting WHERE key = 'environment'") or ""


def _common(here: Connection, there: Connection) -> int:
    """The last row that is the same in both. A hash covers all before it, so halving finds it."""
    low, high = 0, min(audit.head(here)[0], audit.head(there)[0])
    ask = "SELECT hash FROM audit WHERE seq = :seq"
    while low < high:
        middle = (low + high + 1) // 2
        if here.scalar(ask, seq=middle) == there.scalar(ask, seq=middle):
            low = middle
        else:
            high = middle - 1
    return low


def _event(row: Row) -> audit.Event:
    return audit.Event(row.seq, row.epoch, row.at, row.actor, row.action, msgspec.json.decode(row.data))


def quarantine(connection: Connection, there: Connection, found: Comparison, actor: str) -> int:
    """Keep their rows since the fork beside ours; safe to repeat. Returns how many there are.

    The row that says so holds the hash of the last of them, so that our chain covers what is kept.
    """
    known = {
        (seq, value)
        for seq, value in connection.rows(
            "SELECT seq, hash FROM quarantine WHERE site = :site", site=found.site
        )
    }
    last, kept, added = GENESIS, 0, 0
    piece: list[dict[str, Any]] = []
    now = time.time()
    for row in audit.rows(there, found.common):
        kept, last = kept + 1, row.hash
        if (row.seq, row.hash) not in known:
            piece.append(row._asdict() | {"site": found.site, "found": now})
            added += 1
        if len(piece) == PIECE:
            connection.insert("quarantine", piece)
            piece = []
    connection.insert("quarantine", piece)
    if added:
        data = {"site": found.site, "after": found.common, "rows": kept, "last": last}
        audit.append(connection, actor, "quarantine", data)
    return kept


class Kept(msgspec.Struct, frozen=True):
    """A row in quarantine: whose, and when it was found (seconds since 1970)."""

    site: str
    event: audit.Event
    found: float


def quarantined(connection: Connection, *, limit: int) -> list[Kept]:
    """What is in quarantine, by site, in the order in which it was written."""
    rows = connection.rows(
        f"SELECT {audit.COLUMNS}, site, found FROM quarantine ORDER BY site, found, seq LIMIT :limit",
        limit=limit,
    )
    return [Kept(site, _event(Row(*columns)), found) for *columns, site, found in rows]
