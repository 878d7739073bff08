"""Moves that even the load out: from the most used server to the one that is least used afterwards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .estate import Estate, Host, Item
from .fitting import choose, highest_use

# A move that gains less of a server's use than this is not worth its risk.
LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Move:
    """An instance (or several that stand together), from where to where, and the highest use of both servers
    before and after."""

    names: tuple[str, ...]
    source: str
    target: str
    before: float
    after: float


def moves(estate: Estate, cloud: str, most: int) -> list[Move]:
    """At most so many moves within a cloud, each of which lowers the highest use there is. The estate is
    changed as if they were made."""
    hosts = [host for host in estate.hosts.values() if host.cloud == cloud and any(host.total)]
    out: list[Move] = []
    while len(out) < most:
        loaded = [h for h in hosts if estate.carries[h.name]]
        if not loaded:
            break
        host = max(loaded, key=lambda one: (highest_use(one, estate.free[one.name]), one.name))
        found = _best(estate, host, hosts)
        if found is None:
            # What is most used stays so: to relieve others would not lower the highest.
            break
        out.append(found)
    return out


def _best(estate: Estate, host: Host, hosts: Collection[Host]) -> Move | None:
    before = highest_use(host, estate.free[host.name])
    best: tuple[float, Item, Host] | None = None
    for names in {tuple(sorted(_with(estate, name))) for name in sorted(estate.carries[host.name])}:
        item = estate.item(names, host.cloud)
        _lift(estate, item, host)
        others = [one for one in hosts if one.name != host.name]
        target = choose(estate, item, others, "even")
        if target is not None:
            free = [room - much for room, much in zip(estate.free[target.name], item.need, strict=True)]
            after = max(highest_use(host, estate.free[host.name]), highest_use(target, free))
            if best is None or (after, item.name) < (best[0], best[1].name):
                best = after, item, target
        estate.stand(item.names, item.need, host.name)
    if best is None or best[0] > before - LEAST_GAIN:
        return None
    after, item, target = best
    _lift(estate, item, host)
    estate.stand(item.names, item.need, target.name)
    return Move(item.names, host.name, target.name, before, after)


def _with(estate: Estate, name: str) -> set[str]:
    host = estate.standing[name]
    return {mate for mate in estate.mates.get(name, {name}) if estate.standing.get(mate) == host}


def _lift(estate: Estate, item: Item, host: Host) -> None:
    """Take an item off its server."""
    for name in item.names:
        del estate.standing[name]
        estate.carries[host.name].discard(name)
    free = estate.free[host.name]
    for row, much in enumerate(item.need):
        free[row] += much
