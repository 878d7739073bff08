"""Leases with a time limit and a fencing token: who may carry a run, and since when."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConflictError, GovcloudError
from .connection import Connection

if TYPE_CHECKING:
    from .store import Ledger

# Seconds after its last sign of life that a holder counts as gone, and between two signs.
# Long enough for a busy machine to miss a few; other machines wait this long after a crash.
LASTS = 20.0
RENEW = 4.0


class LeaseLost(ConflictError):
    """Somebody took the lease over: nothing more may be written or built under it."""


@dataclass(frozen=True)
class Holder:
    """A process, known by host, id and start time (an id alone is used again)."""

    host: str
    pid: int
    started: float

    @classmethod
    def me(cls) -> Holder:
        """This process."""
        return cls(_host(), os.getpid(), _start_time(os.getpid()) or 0.0)

    def encode(self) -> str:
        """As the ledger keeps it."""
        return json.dumps([self.host, self.pid, self.started])

    def proven_dead(self) -> bool:
        """True where it ran on this machine and is no more. Elsewhere nobody can tell."""
        return self.host == _host() and _start_time(self.pid) != self.started


def _host() -> str:
    # Two machines may share a name, two boots may not share this id.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}"
    except OSError:
        return socket.gethostname()


def _start_time(pid: int) -> float | None:
    """When a process started; None where there is none, or only a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _start_elsewhere(pid)
    # The command's name is in brackets and may hold brackets itself.
    fields = text.rpartition(")")[2].split()
    # Ticks since boot: a time of day would move with every correction of the clock.
    return None if fields[0] in ("Z", "X") else float(fields[19])


def _start_elsewhere(pid: int) -> float | None:
    if Path("/proc/self/stat").exists():
        return None
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def take(connection: Connection, name: str, holder: Holder, *, now: float | None = None) -> int:
    """Take a lease that is free, has ended, or whose holder is proven dead; returns the new token.

    Raises ``ConflictError`` that names the holder where it is held.
    """
    now = connection.clock() if now is None else now
    row = connection.row("SELECT holder, token, expires FROM lease WHERE name = :name", name=name)
    held_by, token, expires = row or ("", 0, 0.0)
    if held_by and held_by != holder.encode() and expires > now:
        other = Holder(*json.loads(held_by))
        if not other.proven_dead():
            raise ConflictError(
                f"{name} is held by process {other.pid} on {other.host.split('/')[0]}, "
                f"for {expires - now:.0f} s more unless it renews",
                hint="wait for it, or see `govcloud runs list`",
            )
    new = {"name": name, "holder": holder.encode(), "token": int(token) + 1, "expires": now + LASTS}
    connection.replace("lease", ["name"], [new])
    return int(token) + 1


def renew(connection: Connection, name: str, token: int) -> None:
    """A sign of life. Raises ``ConflictError`` where the lease was taken over."""
    check(connection, name, token)
    connection.run(
        "UPDATE lease SET expires = :end WHERE name = :name", name=name, end=connection.clock() + LASTS
    )


def release(connection: Connection, name: str, token: int) -> None:
    """Give it back; the token stays, so that it only ever grows."""
    connection.run(
        "UPDATE lease SET holder = '', expires = :now WHERE name = :name AND token = :token",
        name=name,
        token=token,
        now=connection.clock(),
    )


def newest(connection: Connection, name: str) -> int:
    """The newest token of a lease; 0 where nobody has held it yet."""
    return int(connection.scalar("SELECT token FROM lease WHERE name = :name", name=name) or 0)


def outrun(connection: Connection, name: str, seen: int) -> None:
    """Let the next token be newer than one that was seen elsewhere: the ledger is a copy from before it.

    Nothing happens to a lease that somebody holds.
    """
    connection.run(
        "UPDATE lease SET token = :seen WHERE name = :name AND holder = '' AND token < :seen",
        name=name,
        seen=seen,
    )


def check(connection: Connection, name: str, token: int) -> None:
    """Raises ``ConflictError`` where ``token`` is not the lease's newest: somebody took over."""
    newest = connection.scalar("SELECT token FROM lease WHERE name = :name", name=name)
    if newest != token:
        raise LeaseLost(
            f"the lease of {name} was taken over (token {newest}, ours is {token}); nothing was written"
        )


def is_held(connection: Connection, name: str, *, now: float | None = None) -> bool:
    """Whether somebody holds a lease who is not proven dead, and whose time is not over."""
    row = connection.row("SELECT holder, expires FROM lease WHERE name = :name", name=name)
    if row is None or not row[0] or row[1] <= (connection.clock() if now is None else now):
        return False
    return not Holder(*json.loads(row[0])).proven_dead()


@contextmanager
def held(ledger: Ledger, name: str) -> Iterator[int]:
    """Hold a lease as this process; gives its fencing token. Raises ``ConflictError`` as ``take`` does."""
    _bound(ledger, name)
    with ledger.write() as connection:
        token = take(connection, name, Holder.me())
    try:
        yield token
    except BaseException:
        # What went wrong is told, and not that the lease could not be given back because of it.
        with suppress(GovcloudError):
            _give_back(ledger, name, token)
        raise
    _give_back(ledger, name, token)


@contextmanager
def renewed(ledger: Ledger, name: str, token: int) -> Iterator[None]:
    """While something takes its time, give signs of life of a lease.

    Where it is lost all the same, whoever writes with its token is told.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(RENEW):
            try:
                with ledger.write() as connection:
                    renew(connection, name, token)
            except LeaseLost:
                return
            except GovcloudError:
                # One missed sign (a busy ledger) loses nothing while the lease lasts.
                continue

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _give_back(ledger: Ledger, name: str, token: int) -> None:
    with ledger.write() as connection:
        release(connection, name, token)


def _bound(ledger: Ledger, name: str) -> None:
    """Let a lease end in ``LASTS`` seconds at the latest, whatever its clock was when it was taken.

    The machine may have started anew, and its clock with it: then its holder is gone. Or a former release
    wrote the time of day. A holder who lives renews it.
    """
    with ledger.read() as connection:
        expires = connection.scalar("SELECT expires FROM lease WHERE name = :name", name=name)
        now = connection.clock()
    if expires is not None and expires > now + LASTS:
        with ledger.write() as connection:
            connection.run(
                "UPDATE lease SET expires = :end WHERE name = :name AND expires = :seen",
                name=name,
                end=now if expires <= time.time() else now + LASTS,
                seen=expires,
            )
