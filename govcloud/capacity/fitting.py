"""One server for one item, at once: the fast path, and what is left of a packing."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence

from .estate import UNBOUNDED, Estate, Host, Item

# Servers of which the best is taken, where the load is to be even.
MOST_LOOKED = 4


def choose(estate: Estate, item: Item, hosts: Iterable[Host], prefer: str) -> Host | None:
    """The best server for an item among these, None where none takes it.

    ``prefer``: ``fewest`` takes one that carries something already, and of those the one whose room has the
    shape of the need (the largest cosine), so that no resource is left over alone; ``even`` the one that is
    least used afterwards.
    """
    bound = estate.bound_to(item)
    if bound:
        hosts = [estate.hosts[name] for name in bound] if len(bound) == 1 else []
    best, best_score = None, (math.inf, math.inf, "")
    for host in hosts:
        if not estate.roomy(host, item) or not estate.admits(host, item):
            continue
        score = _score(estate, host, item, prefer)
        if score < best_score and estate.clashing(host, item) is None:
            best, best_score = host, score
    return best


def _score(estate: Estate, host: Host, item: Item, prefer: str) -> tuple[float, float, str]:
    free = estate.free[host.name]
    if prefer == "even":
        return highest_use(host, [f - n for f, n in zip(free, item.need, strict=True)]), 0.0, host.name
    dot = there = wanted = 0.0
    for room, much, all in zip(free, item.need, host.total, strict=True):
        if all and all < UNBOUNDED:
            share, part = room / all, much / all
            dot, there, wanted = dot + share * part, there + share * share, wanted + part * part
    cosine = dot / math.sqrt(there * wanted) if there and wanted else 0.0
    return float(not estate.carries[host.name]), -cosine, host.name


def highest_use(host: Host, free: Iterable[int]) -> float:
    """The largest share in use of a server's resources, with this much free."""
    return max((1 - room / all for room, all in zip(free, host.total, strict=True) if all), default=0.0)


def fit(estate: Estate, items: Iterable[Item], prefer: str) -> list[Item]:
    """Let each stand on the best server for it, the largest first; returns those that found none."""
    hosts: dict[str, list[Host]] = {}
    for host in estate.hosts.values():
        hosts.setdefault(host.cloud, []).append(host)
    left = []
    # Room only shrinks: what found none, found it for all that are alike.
    full: set[tuple[object, ...]] = set()
    for item in sorted(items, key=lambda one: size(estate, hosts.get(one.cloud, ()), one)):
        sort = (item.cloud, item.need, item.level, item.least)
        found = None if sort in full else choose(estate, item, hosts.get(item.cloud, ()), prefer)
        if found is None:
            left.append(item)
            if not _is_special(estate, item):
                full.add(sort)
        else:
            estate.stand(item.names, item.need, found.name)
    return left


def _is_special(estate: Estate, item: Item) -> bool:
    """Whether somebody else has a say in where it stands."""
    return any(n in estate.apart or n in estate.mates or n in estate.given for n in item.names)


def spread(estate: Estate, hosts: Iterable[Host], items: Iterable[Item]) -> list[Item]:
    """Evenly: the largest first, each on the least used server that takes it, of a few the one that is least
    used afterwards; returns those that found none."""
    hosts = list(hosts)
    # A heap for each level: what may not stand somewhere does not look there.
    heaps: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for host in hosts:
        use = highest_use(host, estate.free[host.name])
        heaps.setdefault((host.cloud, host.level), []).append((use, host.name))
    for heap in heaps.values():
        heapq.heapify(heap)
    left = []
    full: set[tuple[object, ...]] = set()
    for item in sorted(items, key=lambda one: size(estate, hosts, one)):
        sort = (item.cloud, item.need, item.level, item.least)
        found = None if sort in full else _least_used(estate, list(heaps.values()), item)
        if found is None:
            left.append(item)
            if not _is_special(estate, item):
                full.add(sort)
    return left


def _least_used(estate: Estate, heaps: Iterable[list[tuple[float, str]]], item: Item) -> Host | None:
    """Let an item stand on one of the least used servers that take it; the heaps are in order afterwards."""
    looked: list[tuple[list[tuple[float, str]], Host]] = []
    fine: list[Host] = []
    for heap in heaps:
        if heap and estate.admits(estate.hosts[heap[0][1]], item):
            here = 0
            while heap and here < MOST_LOOKED:
                host = estate.hosts[heapq.heappop(heap)[1]]
                looked.append((heap, host))
                if choose(estate, item, [host], "even") is host:
                    fine.append(host)
                    here += 1
    found = choose(estate, item, fine, "even") if fine else None
    if found is not None:
        estate.stand(item.names, item.need, found.name)
    for heap, host in looked:
        heapq.heappush(heap, (highest_use(host, estate.free[host.name]), host.name))
    return found


def size(estate: Estate, hosts: Iterable[Host], item: Item) -> tuple[float, float, str]:
    """Sorts items, those that are hardest to place first: what must stay apart, then what needs most."""
    apart = sum(len(estate.apart.get(name, ())) for name in item.names)
    first = next(iter(hosts), None)
    if first is None:
        return 0.0, 0.0, item.name
    share = max(much / max(1, all) for much, all in zip(item.need, first.total, strict=True))
    return -float(bool(apart or len(item.names) > 1)), -share, item.name


def first_fit(
    estate: Estate, hosts: Sequence[Host], items: Iterable[Item], within: Mapping[str, str] | None = None
) -> list[Item]:
    """First-fit decreasing: the largest first, each on the first of these servers that takes it; returns
    those that found none. ``within``: the room or site that an item was given.
    """
    rest: list[Item] = []
    start: dict[tuple[object, ...], int] = {}
    for item in sorted(items, key=lambda one: (*(-much for much in one.need[1::-1]), one.name)):
        place = (within or {}).get(item.name)
        key = (item.need, item.level, item.least, place)
        at = start.get(key, 0)
        full = True
        while at < len(hosts):
            host = hosts[at]
            fine = estate.roomy(host, item) and estate.admits(host, item)
            fine = fine and (place is None or place in (host.room, host.site))
            if fine and estate.clashing(host, item) is None:
                estate.stand(item.names, item.need, host.name)
                break
            # Where it only clashes, the next one of its size may stand.
            full = full and not fine
            at += 1
            if full:
                start[key] = at
        else:
            rest.append(item)
    return rest
