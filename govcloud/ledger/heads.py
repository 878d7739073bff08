"""Signed heads: what the audit trail's end was, kept outside the database, a line a head.

The file begins with a line of kind ``key``: whose it is and, of a writer who joined later, after which row
and hash. A ``head`` says which rows one transaction added (``first`` to ``seq``), the hash of the last, and
how many rows the writer has signed in this epoch (``rows``); ``hand-over`` gives the trail to another key.
Each line holds the digest of the line before it and an OpenSSH signature over all the rest of itself, so a
line can be neither changed nor taken out. One heads file belongs to one writer (``writers``); its name in
other places (``anchors:``, the user's own folder) says environment, ledger and origin, the first line's
digest. The newest line is kept in the ledger, too, where the other writers find it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from .. import canonical
from ..errors import GovcloudError
from ..files import write_atomically
from ..signatures import Signer, bare, fingerprint
from . import audit, keys, pending, writers
from .audit import GENESIS, Appended
from .connection import Connection

NAMESPACE = "govcloud-audit"
# The format of a heads file, in its first line.
VERSION = 1
MAIN = "audit-heads.jsonl"
# The anchor of releases before heads were signed: one head, without a signature.
FORMER = "audit-head.json"
# Settings of the ledger: the newest line of each heads file.
SEEN = "audit_head:"
# The longest line: a reason that somebody typed is cut before it comes near.
LONGEST = 64 * 1024
COPY = 1 << 20


class Outside:
    """What of the trail is outside the database: the heads file, anchor folders, and the key to sign with."""

    def __init__(self, main: Path, anchors: Sequence[Path] = (), key: str = "") -> None:
        self.main, self.anchors, self.key = main, tuple(anchors), key
        self.signer: Signer | None = None
        self._nobody: GovcloudError | None = None
        self._told: set[str] = set()

    def signs(self, ledger: str) -> Signer:
        """Who signs, found once a process: a passphrase may come through a pipe. Raises ``NoSigner``."""
        if self._nobody is not None:
            raise self._nobody
        if self.signer is None:
            try:
                if not self.key:
                    self._finish_rotation(ledger)
                self.signer = keys.signer(self.key, self.main.parent.parent, ledger)
            except GovcloudError as error:
                self._nobody = error
                raise
        return self.signer

    def _finish_rotation(self, ledger: str) -> None:
        """A key that the trail was handed to signs, also where the process ended before it could say so."""
        waiting = keys.waiting(ledger)
        if waiting and self.main.exists():
            with self.main.open("rb") as file:
                given = (line for line in file if b'"hand-over"' in line)
                if any(msgspec.json.decode(line)["to"] == waiting for line in given):
                    keys.adopt(ledger)

    def warn(self, sentence: str) -> None:
        """Tell it on standard error, once a process."""
        self.tell(f"warning: {sentence}")

    def tell(self, line: str) -> None:
        """The same, of what is no reason to worry."""
        if line not in self._told:
            self._told.add(line)
            import sys

            sys.stderr.write(f"{line}\n")


class HeadsLost(GovcloudError):
    """The heads file is not what was there before; nothing is signed on top of it."""


def digest(line: bytes) -> str:
    """The digest by which the next line names this one (SHA-256 of its bytes, without the line's end)."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def payload(document: dict[str, Any]) -> bytes:
    """What is signed of a line: all of it but the signature."""
    return canonical.encode({k: v for k, v in document.items() if k != "signature"})


def announce(outside: Outside, mine: Appended) -> Sequence[Appended] | None:
    """Before the commit: say which rows are added, for whoever has to sign them if this process cannot.

    Returns what others have left so; None where it could not be said, which costs no more than a head.
    """
    try:
        return pending.announce(outside.main, mine)
    except OSError:
        return None


def keep(
    outside: Outside,
    connect: Callable[[], Any],
    mine: Appended,
    change: Callable[[], Any] | None = None,
    earlier: Sequence[Appended] | None = None,
) -> None:
    """Sign and write the head of the rows that a transaction has added, after its commit.

    ``earlier``: what others said before and may not have signed, which is signed with it. What goes wrong is
    told and never raised: the rows are there, and ``audit verify`` will say that they have no head.
    ``connect`` gives a reading transaction, ``change`` one in which the head is noted.
    """
    try:
        with connect() as connection:
            about = _About(connection, outside)
            carried = _carried(connection, outside)
            left = [one for one in earlier or () if one.epoch == mine.epoch and mine.began is None]
            rows = [*pending.committed(connection, left), mine]
            begins = "SELECT previous FROM audit WHERE seq = :seq"
            before = connection.scalar(begins, seq=rows[0].first)
        signer = outside.signs(about.ledger)
        joined = False
        with (
            pending.locked(outside.main) as file,
            pending.signing(outside.main, [*(earlier or ()), mine]) as waits,
        ):
            last = _last(file)
            anew = bool(last) and mine.began is not None
            lines = []
            if not last or anew:
                joined = not last and carried is None and rows[0].first > 1
                lines.append(_first(about, signer, rows[0], carried, outside, file, before or GENESIS))
            done = b"" if anew else _tail(file)
            for one in rows:
                # Its own process may have signed it meanwhile, or another one for it.
                if one.hash.encode() in done or not (waits(one) or one is mine):
                    continue
                entry: dict[str, Any] = {"kind": "head", **about.document(), "at": time.time()}
                entry |= {"epoch": one.epoch, "first": one.first, "seq": one.seq, "hash": one.hash}
                entry |= _sum(lines[-1] if lines else last, one)
                if one.began is not None:
                    entry["began"] = msgspec.to_builtins(one.began)
                lines.append(_signed(entry, digest(lines[-1] if lines else last), signer))
            if anew:
                _begin_anew(outside.main, file, lines)
            elif lines:
                _write(file, lines)
                _copy_out(outside, about, file)
        if anew:
            with pending.locked(outside.main) as file:
                _copy_out(outside, about, file)
        if carried is not None:
            (outside.main.parent / FORMER).unlink(missing_ok=True)
        if joined:
            outside.tell(f"joined the audit trail at row {rows[0].first}")
        if change is not None:
            with change() as connection:
                remember(connection, outside)
    except (OSError, GovcloudError) as error:
        words = error.message if isinstance(error, GovcloudError) else str(error)
        hint = f" ({error.hint})" if isinstance(error, GovcloudError) and error.hint else ""
        outside.warn(f"the head of the audit trail was not signed: {words}{hint}")


def _sum(last: bytes, mine: Appended) -> dict[str, int]:
    """How many rows the writer has signed in this epoch, so that others can count without its heads.

    ``upto``: the newest of them, where processes of one workspace sign in another order than they wrote.
    """
    before = msgspec.json.decode(last) if last else {}
    same = before.get("epoch") == mine.epoch
    number = (before.get("rows", 0) if same else 0) + mine.seq - mine.first + 1
    upto = max(before.get("upto", before.get("seq", 0)) if same else 0, mine.seq)
    return {"rows": number} | ({"upto": upto} if upto != mine.seq else {})


def hand_over(outside: Outside, connection: Connection, to: str, *, keeps: bool) -> str:
    """Give the trail to another key, signed by the one that has it. ``keeps``: this one signs on, too.

    Returns the fingerprint of the new key. Raises ``GovcloudError`` where there is nothing to hand over.
    """
    about = _About(connection, outside)
    with pending.locked(outside.main) as file:
        last = _last(file)
        if not last:
            raise GovcloudError(
                "there is no trail yet that could be handed over", hint="the first `govcloud apply` begins it"
            )
        signer = outside.signs(about.ledger)
        entry = {"kind": "hand-over", **about.document(), "at": time.time(), "to": bare(to), "keeps": keeps}
        former = msgspec.json.decode(last)
        entry |= {k: former[k] for k in ("epoch", "seq", "hash", "rows", "upto") if k in former}
        _write(file, [_signed(entry, digest(last), signer)])
        _copy_out(outside, about, file)
    return fingerprint(to)


def remember(connection: Connection, outside: Outside) -> None:
    """Note in the ledger the newest line of the heads file: with the rows that are being added the one until
    now, and after they are signed theirs.

    So a heads file that is cut is told from one that a killed process could not write to, and those who
    have not got this file know which rows its writer vouches for.
    """
    try:
        with outside.main.open("rb") as file:
            first, last = file.readline(LONGEST), _last(file)
    except OSError:
        return  # Where it is there and cannot be read, ``keep`` tells it.
    if last:
        key = SEEN + digest(first)[:16]
        value = last.decode(errors="replace").rstrip("\n")
        connection.replace("setting", ["key"], [{"key": key, "value": value}])


class _About:
    """Which ledger it is, and who writes."""

    def __init__(self, connection: Connection, outside: Outside) -> None:
        self.environment: str = connection.scalar("SELECT value FROM setting WHERE key = 'environment'") or ""
        self.ledger = audit.ledger_id(connection)
        self.writer = writers.identity(outside, self.ledger)
        # Whether the ledger has seen a head of this writer before; only asked where there is no file.
        self.noted = not writers.whose(outside.main).ledger and any(
            f'"writer":"{self.writer}"' in value for value in noted(connection).values()
        )

    def document(self) -> dict[str, str]:
        return {"environment": self.environment, "ledger": self.ledger, "writer": self.writer}


def noted(connection: Connection) -> dict[str, str]:
    """The newest line of each heads file as the ledger has it: {beginning of the origin: line}."""
    rows = connection.rows(
        "SELECT key, value FROM setting WHERE substr(key, 1, :length) = :seen", length=len(SEEN), seen=SEEN
    )
    return {key.removeprefix(SEEN): value for key, value in rows}


def _carried(connection: Connection, outside: Outside) -> dict[str, Any] | None:
    """The single head of a former release, where there is one that the trail fits."""
    file = outside.main.parent / FORMER
    if outside.main.exists() or not file.exists():
        return None
    try:
        known = msgspec.json.decode(file.read_bytes())
        seq, value = int(known["seq"]), str(known["hash"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise HeadsLost(f"{FORMER} cannot be read", hint="see `govcloud audit verify`") from None
    if seq and connection.scalar("SELECT hash FROM audit WHERE seq = :seq", seq=seq) != value:
        raise HeadsLost(
            f"the trail is not the one that {FORMER} has seen", hint="see `govcloud audit verify`"
        )
    return {"seq": seq, "hash": value}


def _first(
    about: _About,
    signer: Signer,
    mine: Appended,
    carried: dict[str, Any] | None,
    outside: Outside,
    former: Any,
    before: str,
) -> bytes:
    """The first line of a heads file: whose it is, and who else may sign. Pins the key for this user.

    ``before``: the hash of the row that a newcomer begins after. Raises ``HeadsLost`` where this writer has
    had a heads file, so that a missing one is not made anew.
    """
    later = mine.first > 1 and carried is None and mine.began is None
    copy = writers.lost(outside, about.ledger, about.writer) if later else None
    if later and (about.noted or copy):
        place = f"copy {copy} there" if copy else "put it back from an anchor"
        raise HeadsLost(
            f"{outside.main.name} is missing, and the trail has {mine.first - 1} rows already",
            hint=f"{place}, or say what happened: `govcloud audit epoch --reason …`",
        )
    keys.trust(about.ledger, signer.public)
    entry: dict[str, Any] = {"kind": "key", "version": VERSION, **about.document(), "at": time.time()}
    entry |= {"key": bare(signer.public), "carried": carried, "place": writers.place(outside)}
    if later:
        entry["joined"] = {"after": mine.first - 1, "hash": before, "epoch": mine.epoch}
    if last := _last(former):
        from .headfiles import may_sign

        entry |= {
            "continues": digest(last),
            "others": may_sign(outside.main, about.environment, about.ledger),
        }
    return _signed(entry, GENESIS, signer)


def _signed(entry: dict[str, Any], previous: str, signer: Signer) -> bytes:
    entry |= {"previous": previous, "signer": fingerprint(signer.public)}
    blob = signer.sign(payload(entry), NAMESPACE)
    return canonical.encode(entry | {"signature": base64.b64encode(blob).decode()}) + b"\n"


def _begin_anew(main: Path, file: Any, lines: Sequence[bytes]) -> None:
    """An epoch has a heads file of its own, so that it never clashes with what a former site still writes."""
    file.seek(0)
    origin = digest(file.read(LONGEST).partition(b"\n")[0])
    former = main.with_name(f"{main.stem}-{origin[:8]}.jsonl")
    if not former.exists():
        os.link(main, former)
    write_atomically(main, b"".join(lines))


# -- the files ------------------------------------------------------------------------------------


def _last(file: Any) -> bytes:
    """The last whole line; empty where there is none."""
    end = file.seek(0, os.SEEK_END)
    begin = max(0, end - 2 * LONGEST)
    file.seek(begin)
    whole, _, _torn = file.read(end - begin).rpartition(b"\n")
    line: bytes = whole.rpartition(b"\n")[2]
    return line + b"\n" if line else b""


def _tail(file: Any) -> bytes:
    """The last lines, a hundred or more."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * LONGEST))
    tail: bytes = file.read(2 * LONGEST)
    return tail


def _write(file: Any, lines: Sequence[bytes]) -> None:
    """Add lines at the end, durably. What a killed process left of a line goes."""
    whole = _whole(file)
    file.truncate(whole)
    file.seek(whole)
    file.write(b"".join(lines))
    os.fsync(file.fileno())


def _whole(file: Any) -> int:
    """Bytes up to the end of the last whole line."""
    end: int = file.seek(0, os.SEEK_END)
    begin = max(0, end - 2 * LONGEST)
    file.seek(begin)
    at: int = file.read(end - begin).rfind(b"\n")
    return begin + at + 1 if at >= 0 else 0


def name_elsewhere(environment: str, ledger: str, origin: str) -> str:
    """The name of a heads file's copy in an anchor folder."""
    return f"{environment or 'ledger'}-{ledger[:8]}-{origin[:8]}.jsonl"


def _copy_out(outside: Outside, about: _About, file: Any) -> None:
    """Bring every other place to the same lines; one that cannot be written is caught up later."""
    file.seek(0)
    origin = digest(file.read(LONGEST).partition(b"\n")[0])
    name = name_elsewhere(about.environment, about.ledger, origin)
    folders = list(outside.anchors)
    with suppress(GovcloudError):  # No home: the key then comes from elsewhere, too.
        folders.insert(0, keys.folder(about.ledger))
    for folder in folders:
        try:
            _catch_up(file, folder / name)
        except OSError as error:
            outside.warn(
                f"the anchor {folder} cannot be written ({error.strerror}); it is caught up by a later head"
            )
        except HeadsLost as error:
            outside.warn(f"{error.message} ({error.hint})")


def _catch_up(file: Any, place: Path) -> None:
    """Add to a copy what it lacks. Raises ``HeadsLost`` where it is not the beginning of the file."""
    handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as copy:
        size = _whole(copy)
        overlap = min(size, 2 * LONGEST)
        copy.seek(size - overlap)
        file.seek(size - overlap)
        # Each line holds the digest of the one before: equal ends have equal beginnings.
        if copy.read(overlap) != file.read(overlap):
            raise HeadsLost(f"the heads in {place} are others than ours", hint="see `govcloud audit verify`")
        copy.truncate(size)
        copy.seek(size)
        file.seek(size)
        while piece := file.read(COPY):
            copy.write(piece)
        os.fsync(handle)
