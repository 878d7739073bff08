"""From counts to names: which instance stands on which server of a packing, and what stays apart does."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Sequence

from .estate import Estate, Host, Item


def given_places(
    estate: Estate, hosts: Collection[Host], items: Collection[Item]
) -> tuple[list[Item], list[Item], dict[str, str]]:
    """(items whose server is given by whom they stand with, the others, room or site by item).

    What must not share a room or a site gets one each, the roomiest that nobody of the group has yet, before
    servers are looked for.
    """
    special, plain, within = [], [], {}
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    load: Counter[str] = Counter()
    for item in sorted(items, key=lambda one: (*(-much for much in one.need), one.name)):
        if estate.bound_to(item):
            special.append(item)
            continue
        plain.append(item)
        groups = [g for name in item.names for g in estate.apart.get(name, ()) if g.domain != "server"]
        if not groups:
            continue
        # The narrower domain decides where a group of each asks.
        domain = "site" if all(g.domain == "site" for g in groups) else "room"
        roomy: Counter[str] = Counter()
        for host in hosts:
            if estate.admits(host, item):
                if not any(_has(estate, taken, g, host, item) for g in groups):
                    roomy[host.within(domain)] += sum(estate.free[host.name][:2])
        if roomy:
            place = min(roomy, key=lambda one: (load[one] / max(1, roomy[one]), one))
            load[place] += sum(item.need[:2])
            within[item.name] = place
            site = next(h.site for h in hosts if h.within(domain) == place)
            for group in groups:
                taken[group.domain, group.why].add(site if group.domain == "site" else place)
    return special, plain, within


def _has(
    estate: Estate, taken: dict[tuple[str, str], set[str]], group: object, host: Host, item: Item
) -> bool:
    """Whether somebody of a group has a server's room or site."""
    from .estate import Group

    assert isinstance(group, Group)
    place = host.within(group.domain)
    if place in taken[group.domain, group.why]:
        return True
    others = group.members.difference(item.names)
    return any(estate.place_of(other, group.domain) == place for other in others)


def unfold(
    estate: Estate,
    servers: Sequence[tuple[list[Host], tuple[int, ...]]],
    shapes: Sequence[list[Item]],
    rng: random.Random,
) -> list[Item]:
    """Let the items of each shape stand on servers with a slot for it; returns those that found none.

    ``servers``: the class and the pattern of each server that gets something. Who is apart from many goes
    first, and each takes the next server in turn, so that a group comes to stand on different ones.
    """
    free: dict[int, list[Host]] = {}
    slots: list[deque[tuple[Host, int]]] = [deque() for _ in shapes]
    for hosts, pattern in servers:
        ready = free.setdefault(id(hosts), sorted(hosts, key=lambda host: host.name, reverse=True))
        host = ready.pop()
        for n, many in enumerate(pattern):
            if many:
                slots[n].append((host, many))
    rest = []
    for n, items in enumerate(shapes):
        turn = list(slots[n])
        rng.shuffle(turn)
        queue = deque(turn)
        for item in sorted(items, key=lambda one: (-_company(estate, one), one.name)):
            if not _next(estate, queue, item):
                rest.append(item)
    return rest


def _company(estate: Estate, item: Item) -> int:
    return max((len(group.members) for name in item.names for group in estate.apart.get(name, ())), default=0)


def _next(estate: Estate, queue: deque[tuple[Host, int]], item: Item) -> bool:
    """Take the next slot whose server the item may share."""
    for _ in range(len(queue)):
        host, many = queue.popleft()
        if estate.clashing(host, item) is None:
            estate.stand(item.names, item.need, host.name)
            if many > 1:
                queue.append((host, many - 1))
            return True
        queue.append((host, many))
    return False
