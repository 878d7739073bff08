"""The accounts of what there is: how much of each pool is bounded, taken, held for requests, and free.

A pool is a measure of a project's quota, a cloud's capacity or a rack (``policy.pools``). What is taken is
what accepted entries take; what is held is what requests reserved that are not carried out yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from math import inf
from typing import Any

import msgspec

from ..errors import DeniedError, Problem
from ..ledger import requests
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.requests import Held, Promise
from ..model.catalogue import Catalogue
from ..plan.graph import LedgerGraph
from ..policy.pools import TAKERS, bounds, parts, taken, told

# Sums of figures are rounded; less than this is nothing.
SLACK = 1e-6
# What bounds pools.
BOUNDING = ("quota", "cloud", "rack")
# So many entries are named.
MOST = 3
# What must be known of an entry that takes from pools, and of what bounds them.
_NEEDED = ("project", "flavor", "cloud", "rack", "quota", *TAKERS)

Fields = Mapping[str, Any]


class Account(msgspec.Struct, frozen=True):
    """A pool: ``limit`` (None: no bound), what accepted entries take, what others hold, what is asked now.

    Amounts are in the pool's unit (``policy.pools.UNITS``).
    """

    pool: str
    limit: float | None
    taken: float
    held: float
    asked: float

    @property
    def free(self) -> float | None:
        """What nobody takes or holds, before what is asked; None where there is no bound."""
        return None if self.limit is None else self.limit - self.taken - self.held

    @property
    def short(self) -> float:
        """How much is lacking for what is asked; 0 where there is room."""
        free = self.free
        if free is None or self.asked <= SLACK:
            return 0.0
        lacking = self.asked - max(free, 0.0)
        return lacking if lacking > SLACK else 0.0


class Need(msgspec.Struct, frozen=True):
    """So much of a pool that one entry takes more than it does now."""

    kind: str
    name: str
    pool: str
    amount: float


def needs(connection: Connection, changed: Mapping[Key, Fields | None]) -> list[Need]:
    """What entries would take more of each pool than they do as accepted. ``changed``: their fields as they
    would be; None: gone. Sorted."""
    before, after = LedgerGraph(connection), LedgerGraph(connection, changed)
    touched = {key for key in changed if key[0] in TAKERS}
    # Who has a flavor that changes takes another amount.
    flavors = {key for key in changed if key[0] == "flavor"}
    if flavors:
        touched |= before.referrers(flavors, ("instance",))
    was, will = _taken(before, touched), _taken(after, touched)
    out = []
    for key in sorted(touched):
        now, then = was.get(key, {}), will.get(key, {})
        for pool in sorted(then):
            more = then[pool] - now.get(pool, 0.0)
            if more > SLACK:
                out.append(Need(*key, pool, more))
    return out


def accounts(
    connection: Connection,
    asked: Iterable[Need] = (),
    *,
    pools: Iterable[str] = (),
    changed: Mapping[Key, Fields | None] | None = None,
    apart_from: Collection[str] = (),
) -> list[Account]:
    """The accounts of the pools that are asked of, and of ``pools``, by name.

    ``changed``: entries as they would be, which may raise what bounds a pool. ``apart_from``: requests
    whose own holdings are left out.
    """
    wanted: dict[str, float] = defaultdict(float)
    for need in asked:
        wanted[need.pool] += need.amount
    for pool in pools:
        wanted.setdefault(pool, 0.0)
    owners = {parts(pool)[:2] for pool in wanted}
    limits = _limits(LedgerGraph(connection, changed), owners)
    used = _used(LedgerGraph(connection), owners)
    held: dict[str, float] = defaultdict(float)
    for one in requests.held(connection):
        if one.request not in apart_from and one.pool in wanted:
            held[one.pool] += one.amount
    return [
        Account(pool, limits.get(pool), used.get(pool, 0.0), held[pool], wanted[pool])
        for pool in sorted(wanted)
    ]


def reserve(
    connection: Connection,
    request: str,
    changed: Mapping[Key, Fields | None],
    at: float,
    promised: Iterable[Promise] = (),
) -> tuple[list[Account], list[Problem]]:
    """Hold for a request what its entries need, in the caller's writing transaction: it reads what is held
    and writes its own with nobody in between.

    Returns the accounts, and what is lacking in sentences; where something is, nothing is held. What it held
    before is given up for what it needs now. ``promised``: addresses and prefixes that it is given with that.
    """
    asked = needs(connection, changed)
    found = accounts(connection, asked, changed=changed, apart_from=(request,))
    lacking = [problem for one in found if (problem := shortage(one, asked))]
    if not lacking:
        held = (Held(request, n.kind, n.name, n.pool, n.amount) for n in asked)
        requests.hold(connection, request, held, at, promised)
    return found, lacking


def refuse_held(
    connection: Connection, changed: Mapping[Key, Fields | None], apart_from: Collection[str] = ()
) -> None:
    """Refuse changes of entries that would take what is held for requests, take away what bounds it, or make
    an entry that one of them is to make. ``apart_from``: those that the changes are of.

    What is too much without that is for the rules to say (``policy.quotas``). Raises ``DeniedError``.
    """
    held = [one for one in requests.held(connection) if one.request not in apart_from]
    if not held:
        return
    _refuse_made(connection, changed, held)
    asked = needs(connection, changed)
    found = accounts(connection, asked, changed=changed, apart_from=apart_from)
    lacking = [one for one in found if one.short and one.held > SLACK]
    words = [problem.message for one in lacking if (problem := shortage(one, asked))]
    words += _shrunk(connection, changed, held, {one.pool for one in lacking})
    if words:
        raise DeniedError(
            "; ".join(words),
            hint="`govcloud request list --open` shows for whom it is held; take less, or wait for them",
        )


def _refuse_made(connection: Connection, changed: Mapping[Key, Fields | None], held: list[Held]) -> None:
    """Raises ``DeniedError`` where entries would come to be that are asked for: their requests could not
    make them any more, and what is held for them would count twice."""
    asking = {(one.kind, one.name): one.request for one in held}
    new = {key for key, fields in changed.items() if fields is not None and key in asking}
    new -= LedgerGraph(connection).entries(new).keys()
    if new:
        found = [f"{kind}/{name} is what request {asking[kind, name]} asks for" for kind, name in sorted(new)]
        raise DeniedError(
            "; ".join(found[:MOST]) + (f"; and {len(found) - MOST} more" if len(found) > MOST else ""),
            hint="choose another name, or withdraw it: `govcloud request withdraw "
            f"{asking[min(new)]}`; then this can be said by files",
        )


def _shrunk(
    connection: Connection, changed: Mapping[Key, Fields | None], held: list[Held], told_of: set[str]
) -> list[str]:
    """In a sentence each, the pools whose bound would be less than what is taken of them and held."""
    if not any(kind in BOUNDING for kind, _ in changed):
        return []
    sums: dict[str, float] = defaultdict(float)
    whose: dict[str, set[str]] = defaultdict(set)
    for one in held:
        sums[one.pool] += one.amount
        whose[one.pool].add(one.request)
    owners = {parts(pool)[:2] for pool in sums}
    then = LedgerGraph(connection, changed)
    was, will = _limits(LedgerGraph(connection), owners), _limits(then, owners)
    lower = [p for p in sorted(sums) if p in will and will[p] < was.get(p, inf) - SLACK and p not in told_of]
    used = _used(then, {parts(pool)[:2] for pool in lower}) if lower else {}
    out = []
    for pool in lower:
        kind, name, measure = parts(pool)
        lacking = used.get(pool, 0.0) + sums[pool] - will[pool]
        if lacking > SLACK:
            out.append(
                f"{kind}/{name} would have {told(will[pool], measure)} of {measure} in all, "
                f"{told(used.get(pool, 0.0), measure)} taken, {told(sums[pool], measure)} held for request "
                f"{', '.join(sorted(whose[pool]))}, {told(lacking, measure)} too many"
            )
    return out


def shortage(account: Account, asked: Iterable[Need]) -> Problem | None:
    """That a pool has not what is asked of it, in a sentence that names who asks; None where it has."""
    if not account.short:
        return None
    kind, name, measure = parts(account.pool)
    mine = sorted({f"{need.kind}/{need.name}" for need in asked if need.pool == account.pool})
    few = ", ".join(mine[:3]) + (f" and {len(mine) - 3} more" if len(mine) > 3 else "")
    assert account.limit is not None
    held = f", {told(account.held, measure)} held for other requests" if account.held > SLACK else ""
    return Problem(
        f"{kind}/{name} has no room for {told(account.asked, measure)} of {measure} ({few}): "
        f"{told(account.limit, measure)} in all, {told(account.taken, measure)} taken{held}, "
        f"{told(account.short, measure)} too many"
    )


def _taken(graph: LedgerGraph, keys: set[Key]) -> dict[Key, dict[str, float]]:
    """What each of these entries takes of each pool."""
    known = dict(graph.entries(keys))
    for fields in ("flavor", "project"):
        known |= graph.entries(
            {(fields, str(entry[fields])) for entry in known.values() if isinstance(entry.get(fields), str)}
        )
    catalogue = Catalogue.of(known, _NEEDED)
    out = {}
    for key in keys:
        entry = catalogue.find(*key)
        if entry is not None:
            out[key] = taken(entry, catalogue.find)
    return out


def _limits(graph: LedgerGraph, owners: set[Key]) -> dict[str, float]:
    """What bounds the pools of these projects, clouds and racks."""
    known = dict(graph.entries(owners))
    projects = {key for key in owners if key[0] == "project"}
    known |= graph.entries(graph.referrers(projects, ("quota",)) if projects else ())
    out: dict[str, float] = defaultdict(float)
    for _, name, entry in Catalogue.of(known, ("cloud", "rack", "quota")):
        for pool, limit in bounds(name, entry, date.today()):
            out[pool] += limit
    return dict(out)


def _used(graph: LedgerGraph, owners: set[Key]) -> dict[str, float]:
    """What accepted entries take of the pools of these projects, clouds and racks."""
    clouds = {key for key in owners if key[0] == "cloud"}
    projects = {key for key in owners if key[0] == "project"}
    if clouds:
        projects = projects | graph.referrers(clouds, ("project",))
    racks = {key for key in owners if key[0] == "rack"}
    takers = graph.referrers(projects | racks, TAKERS) if projects or racks else set()
    out: dict[str, float] = defaultdict(float)
    for amounts in _taken(graph, takers).values():
        for pool, amount in amounts.items():
            out[pool] += amount
    return dict(out)
