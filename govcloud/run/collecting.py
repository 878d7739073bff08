"""Collecting what nobody needs any more, in the ledger and beside it, while no run can be at work.

Rows go first, and files after them: whatever interrupts it, nothing that is left names what is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..access import actor
from ..ledger import Ledger, audit, leases, pruning, runs
from ..ledger.pruning import Compacted, Tally
from ..ledger.retention import Policy, policy
from ..ledger.store import SQLITE
from ..workspace import Workspace
from . import remains
from .context import LEASE


class Collection(msgspec.Struct, frozen=True):
    """What would go, or went, by class; ``compacted``: what became of the ledger's file."""

    policy: Policy
    tallies: list[Tally]
    compacted: Compacted = Compacted()

    def __bool__(self) -> bool:
        return any(self.tallies)

    @property
    def rows(self) -> int:
        """Rows of all classes."""
        return sum(tally.rows for tally in self.tallies)

    @property
    def files(self) -> int:
        """Files of all classes."""
        return sum(tally.files for tally in self.tallies)

    @property
    def bytes(self) -> int:
        """Bytes of all classes."""
        return sum(tally.bytes for tally in self.tallies)


def survey(workspace: Workspace, ledger: Ledger, *, now: float | None = None) -> Collection:
    """What would go now; nothing is written. Raises ``InputError`` for a policy that cannot be read."""
    now = time.time() if now is None else now
    octets = pruning.octets_of(workspace.ledger_url)
    with ledger.read() as connection:
        limits = policy(connection)
        found = pruning.survey(connection, limits, now=now, octets=octets)
        standing = [run.id for run in runs.unfinished(connection)]
    left = remains.find(workspace, limits, standing, now=now)
    return Collection(limits, [*found, *(one.tally for one in left)])


def collect(
    workspace: Workspace,
    ledger: Ledger,
    *,
    now: float | None = None,
    told: Callable[[Tally], None] = lambda _: None,
) -> Collection:
    """Take away what the accepted policy lets go; ``told`` hears of each class when it is gone.

    Holds the environment's lease, so that no run begins in between; both ends are in the audit trail.
    Raises ``ConflictError`` where a run is at work, ``InputError`` for a policy that cannot be read.
    """
    now = time.time() if now is None else now
    octets = pruning.octets_of(workspace.ledger_url)
    with leases.held(ledger, LEASE) as token:
        fence = (LEASE, token)
        with ledger.write(fence) as connection:
            limits = policy(connection)
            standing = [run.id for run in runs.unfinished(connection)]
            words = {"policy": limits.values, "said": list(limits.said)}
            audit.append(connection, actor(), "gc started", words)
        tallies = pruning.prune(ledger, limits, fence, now=now, octets=octets, told=told)
        alive = _Alive(ledger, fence)
        for left in remains.find(workspace, limits, standing, now=now):
            tally = remains.remove(workspace, left, alive)
            tallies.append(tally)
            told(tally)
        done = {tally.name: {"rows": tally.rows, "files": tally.files} for tally in tallies if tally}
        with ledger.write(fence) as connection:
            audit.append(connection, actor(), "gc done", done)
        compacted = _compacted(workspace, tallies)
    return Collection(limits, tallies, compacted)


class _Alive:
    """Renews the lease as often as it must be, however many files there are."""

    def __init__(self, ledger: Ledger, fence: tuple[str, int]) -> None:
        self._ledger, self._fence = ledger, fence
        self._renewed = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._renewed < leases.RENEW:
            return
        with self._ledger.write() as connection:
            leases.renew(connection, *self._fence)
        self._renewed = time.monotonic()


def _compacted(workspace: Workspace, tallies: list[Tally]) -> Compacted:
    """Make files of SQLite as small as what is left in them; a server does that by itself."""
    files = [workspace.private / "workflows.db"]
    if workspace.ledger_url.startswith(SQLITE):
        files.insert(0, Path(workspace.ledger_url.removeprefix(SQLITE)))
    if not any(tally.rows for tally in tallies):
        return Compacted()
    found = [pruning.compact(path) for path in files if path.exists()]
    return Compacted(
        sum(one.before for one in found),
        sum(one.after for one in found),
        "; ".join(dict.fromkeys(one.note for one in found if one.note)),
    )
