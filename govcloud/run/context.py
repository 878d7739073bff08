"""What the stages of one run share in this process: ledger, plan, fencing token, stop signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import GovcloudError
from ..ledger import Ledger, entries, leases, runs
from ..ledger.connection import Connection
from ..plan.stages import Plan, Stage
from ..provider.settings import ProviderSettings
from ..workspace import Workspace
from .events import Bus
from .keeping import Kept

LEASE = "run"


class Stopped(GovcloudError):
    """The run was asked to stop, and did, at a place from which it can go on.

    ``detail``: what was done and what was not, as far as it is known.
    """

    def __init__(self, message: str, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.detail = detail or {}


class StageFailed(GovcloudError):
    """A stage did not get to its end. ``detail``: what was done, what was not, the engine's words."""

    def __init__(self, message: str, detail: dict[str, Any]) -> None:
        super().__init__(message)
        self.detail = detail


@dataclass
class RunContext:
    """One run in this process."""

    workspace: Workspace
    ledger: Ledger
    run: str
    actor: str
    plan: Plan
    fence: int
    bus: Bus
    stop: threading.Event = field(default_factory=threading.Event)
    # Why the stop was asked for, when it was not the user.
    lost: list[GovcloudError] = field(default_factory=list)
    # How many transactions of this run are open, and when the lease was last renewed (monotonic, s).
    writing: int = 0
    renewed: float = field(default_factory=time.monotonic)
    # The secrets that its stages need.
    kept: Kept = field(default_factory=Kept)

    def stage(self, stage_id: str) -> Stage:
        """A stage of the plan by its id."""
        return next(s for s in self.plan.stages if s.id == stage_id)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of this run: refused where the lease was taken over.

        While it lasts nobody can take the lease, nor can it be renewed beside it: it does so at its end.
        """
        with self.ledger.write((LEASE, self.fence)) as connection:
            began = time.monotonic()
            self.writing += 1
            try:
                yield connection
                if time.monotonic() - began > leases.RENEW:
                    leases.renew(connection, LEASE, self.fence)
            finally:
                self.renewed = time.monotonic()
                self.writing -= 1

    def check_stop(self) -> None:
        """Raises ``Stopped`` where somebody asked the run to stop."""
        if self.stop.is_set():
            raise Stopped("stopped before it was done")

    def targets(self) -> dict[str, dict[str, Any]]:
        """The fields of every target, as accepted, by its name and its former ones."""
        with self.ledger.read() as connection:
            return entries.by_any_name(connection, "target")

    def provider(self, orders: str) -> ProviderSettings:
        """What a provider process of this run is told; ``orders``: the file that says what it may do."""
        return ProviderSettings(
            self.workspace.environment, str(self.workspace.root), self.targets(), self.fence, orders
        )

    def blob(self, digest: str) -> bytes:
        """A program or playbook of the plan, as it was when the plan was made."""
        with self.ledger.read() as connection:
            return runs.get_blob(connection, digest)
