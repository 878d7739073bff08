"""Leases: one holder, until it gives back, falls silent, or is proven dead; then a greater token."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from govcloud.errors import ConflictError, GovcloudError
from govcloud.ledger import Ledger, leases, runs
from govcloud.ledger.leases import LASTS, Holder
from tests.stores import only_sqlite

ELSEWHERE = Holder("another-machine/boot", 1, 1.0)


def take(ledger: Ledger, holder: Holder, *, now: float | None = None) -> int:
    with ledger.write() as connection:
        return leases.take(connection, "run", holder, now=now)


def child() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def as_holder(pid: int) -> Holder:
    started = leases._start_time(pid)
    assert started is not None
    return Holder(Holder.me().host, pid, started)


def test_held_by_the_living_and_free_again_when_given_back(ledger: Ledger) -> None:
    process = child()
    try:
        held = take(ledger, as_holder(process.pid))
        with pytest.raises(ConflictError, match=f"run is held by process {process.pid}"):
            take(ledger, Holder.me())
        with ledger.write() as connection:
            leases.release(connection, "run", held)
        assert take(ledger, Holder.me()) == held + 1
    finally:
        process.communicate(b"\n")


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_the_dead_lose_it_at_once(ledger: Ledger, reaped: bool) -> None:
    process = child()
    held = take(ledger, as_holder(process.pid))
    process.kill()
    if reaped:
        process.wait()
    else:
        stat = Path(f"/proc/{process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
    assert take(ledger, Holder.me()) == held + 1
    process.communicate()


def test_a_reused_process_id_is_somebody_else(ledger: Ledger) -> None:
    me = Holder.me()
    held = take(ledger, Holder(me.host, me.pid, me.started - 1))
    assert take(ledger, me) == held + 1


def test_a_process_is_known_by_ticks_since_boot_not_by_the_time_of_day() -> None:
    """A correction of the clock must not make the living look dead."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    assert Holder.me().started == float(stat[19])


def clock(ledger: Ledger) -> float:
    with ledger.read() as connection:
        return connection.clock()


def test_of_another_machine_only_silence_tells(ledger: Ledger) -> None:
    now = clock(ledger)
    held = take(ledger, ELSEWHERE, now=now)
    with pytest.raises(ConflictError, match="another-machine"):
        take(ledger, Holder.me(), now=now + LASTS - 1)
    assert take(ledger, Holder.me(), now=now + LASTS + 1) == held + 1


def test_who_was_taken_over_writes_nothing_any_more(ledger: Ledger) -> None:
    old = take(ledger, ELSEWHERE, now=clock(ledger) - 2 * LASTS)
    new = take(ledger, Holder.me())
    with (
        pytest.raises(ConflictError, match=f"token {new}, ours is {old}"),
        ledger.write(("run", old)) as connection,
    ):
        runs.put_blob(connection, b"late")
    with pytest.raises(ConflictError), ledger.write() as connection:
        leases.renew(connection, "run", old)
    # Giving back what one has lost gives nothing back.
    with ledger.write() as connection:
        leases.release(connection, "run", old)
    with ledger.write(("run", new)) as connection:
        leases.renew(connection, "run", new)
        assert connection.rows("SELECT digest FROM blob") == []


def test_the_same_process_may_take_it_again(ledger: Ledger) -> None:
    assert [take(ledger, Holder.me()) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_neither_takes_a_lease_nor_keeps_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """The time of day has no say in it: neither the holder's machine's nor the other's."""
    held = take(ledger, ELSEWHERE)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    with pytest.raises(ConflictError, match="for 20 s more"):
        take(ledger, Holder.me())
    with ledger.write() as connection:
        leases.renew(connection, "run", held)
    monkeypatch.undo()
    with pytest.raises(ConflictError, match="for 20 s more"):
        take(ledger, Holder.me())
    assert take(ledger, Holder.me(), now=clock(ledger) + LASTS + 1) == held + 1


def test_a_lease_of_another_count_of_time_ends_like_any_other(ledger: Ledger) -> None:
    """A former release wrote the time of day, and that is to come: it is not held for years."""
    far = clock(ledger) + 3e9
    take(ledger, ELSEWHERE, now=far)
    with pytest.raises(ConflictError, match="for 20 s more"), leases.held(ledger, "run"):
        pass
    assert take(ledger, Holder.me(), now=clock(ledger) + LASTS + 1) == 2


@only_sqlite
@pytest.mark.parametrize("ended", ["the machine started anew", "a former release"])
def test_a_lease_of_before_is_over(ledger: Ledger, ended: str) -> None:
    """The clock of before the start counted further; or the time of day that was written is past."""
    before = time.time() - 60 if ended == "a former release" else clock(ledger) + 1e6
    take(ledger, ELSEWHERE, now=before - LASTS)
    with leases.held(ledger, "run") as token:
        assert token == 2


def test_a_lease_that_cannot_be_given_back_hides_no_failure(ledger: Ledger) -> None:
    """It ends by itself; what is told is what went wrong."""
    with pytest.raises(ValueError, match="what went wrong"), leases.held(ledger, "run"):
        ledger.write = _gone  # type: ignore[method-assign]
        raise ValueError("what went wrong")


def _gone(*_: object) -> None:
    raise GovcloudError("the ledger's server cannot be reached")
