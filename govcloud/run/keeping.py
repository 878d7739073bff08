"""The secrets of one run: fetched before anything begins, kept in memory, handed to those who need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from ..errors import ConflictError, GovcloudError
from ..ledger import Ledger, entries, runs
from ..ledger.connection import Connection
from ..model.secret import Secret
from ..plan.delivering import credentials, wanted_on
from ..plan.fetching import Fetching, withdraw_variables
from ..plan.stages import Plan, Play, Probe, Record
from ..secrets.handing import handing
from ..secrets.passphrase import VARIABLE, current, fits, former, in_memory
from ..secrets.resolving import Unresolved
from ..workspace import Workspace


class Kept:
    """Values by the secret's name, and the passphrases of the engine's state. Never shown, never written."""

    def __init__(
        self,
        values: Mapping[str, bytes] | None = None,
        passphrase: bytes = b"",
        former_passphrase: bytes | None = None,
    ) -> None:
        self._values = dict(values or {})
        self.passphrase = passphrase
        self.former_passphrase = former_passphrase

    def __repr__(self) -> str:
        return f"Kept({sorted(self._values)})"

    def credential(self, target: Mapping[str, Any]) -> bytes | None:
        """What a target's driver logs in with; None where it needs nothing. ``target``: its fields."""
        name = target.get("credentials")
        return self._values[name] if name else None

    @contextmanager
    def engine(
        self, workspace: Workspace, targets: Iterable[Mapping[str, Any]], salt: str
    ) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
        """(environment, handles to inherit) of an engine while the block lasts.

        ``targets``: fields of those that it builds at; ``salt``: the stack's, empty for a new one.
        """
        names = {str(t["credentials"]) for t in targets if t.get("credentials")}
        passphrase = self.passphrase
        if self.former_passphrase is not None and salt and fits(self.former_passphrase, salt):
            passphrase = self.former_passphrase
        with self.handed(workspace, names) as offered:
            if not passphrase:
                # The engine insists on being told, and nothing is no secret.
                yield {**offered, VARIABLE: ""}, ()
                return
            with in_memory(passphrase) as (handle, place):
                yield {**offered, **place}, (handle,)

    @contextmanager
    def handed(self, workspace: Workspace, names: Iterable[str]) -> Iterator[dict[str, str]]:
        """Offer these to children while the block lasts; gives the environment that tells them where."""
        with handing(workspace.private / "handing", {n: self._values[n] for n in names}) as environment:
            yield environment


def fetch(workspace: Workspace, ledger: Ledger, plan: Plan, run: str = "") -> Kept:
    """All that is left of a plan needs (``run``: of that run), before anything of it begins.

    Raises ``GovcloudError`` naming every secret that cannot be fetched, and ``ConflictError`` where one has
    another value than when this was planned.
    """
    with ledger.read() as connection:
        withdraw_variables(workspace, connection)
        done = {s.id for s in runs.stages(connection, run) if s.status is runs.Status.DONE} if run else set()
        left = [s for s in plan.stages if s.id not in done]
        played = {h for s in left if isinstance(s, Play) for h in s.inputs}
        versions = wanted_on(plan.hosts[h] for h in played if h in plan.hosts)
        built = any(not isinstance(s, Record | Play | Probe) for s in left)
        known = _said(connection, plan, "secret")
        targets = entries.by_any_name(connection, "target") | _said(connection, plan, "target")
        named = {*versions, *(credentials(targets, targets) if built else ())}
        fetching = Fetching(workspace, connection)
        values: dict[str, bytes] = {}
        faults, hints, moved = [], [], []
        for name in sorted(named):
            reference = msgspec.convert(known[name], Secret).reference()
            try:
                values[name] = fetching.value(name, reference)
                if name in versions and fetching.version(name, reference) != versions[name]:
                    moved.append(name)
            except Unresolved as error:
                faults.append(f"secret/{name}: {error.message}")
                hints.append(error.hint)
        passphrase, before = b"", None
        if built:
            try:
                passphrase = current(workspace, fetching.resolver)
                before = former(workspace, fetching.resolver)
            except Unresolved as error:
                faults.append(f"the passphrase of the state: {error.message}")
                hints.append(error.hint)
    if faults:
        raise GovcloudError(
            f"{'; '.join(faults)}; nothing was done",
            hint=next(filter(None, hints), "`govcloud secrets check` tries them one by one"),
        )
    if moved:
        names = ", ".join(f"secret/{name}" for name in moved)
        one = len(moved) == 1
        cancel = f"`govcloud runs cancel {run}`, then plan again" if run else "plan again: `govcloud plan`"
        raise ConflictError(
            f"{names} {'has another value' if one else 'have other values'} than when this was planned; "
            "nothing was done",
            hint=cancel,
        )
    return Kept(values, passphrase, before)


def credential_of(workspace: Workspace, ledger: Ledger, target: Mapping[str, Any]) -> bytes | None:
    """What a target's driver logs in with, outside of a run; None where it needs nothing.

    Raises ``GovcloudError`` where it cannot be fetched.
    """
    name = target.get("credentials")
    if not name:
        return None
    with ledger.read() as connection:
        known = entries.current(connection, kind="secret")[("secret", name)]
        reference = msgspec.convert(known.fields, Secret).reference()
        try:
            return Fetching(workspace, connection).value(name, reference)
        except Unresolved as error:
            raise GovcloudError(f"secret/{name}: {error.message}", hint=error.hint) from None


def _said(connection: Connection, plan: Plan, kind: str) -> dict[str, dict[str, Any]]:
    """Fields of a kind's entries, as they are when the plan is carried out."""
    fields = {name: e.fields for (_, name), e in entries.current(connection, kind=kind).items()}
    for stage in plan.stages:
        if isinstance(stage, Record):
            fields |= {c.name: c.fields for c in stage.changes if c.kind == kind and c.fields}
    return fields
