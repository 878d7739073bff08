"""Where instances would stand: all that wait, on as few servers as can be, or those of one request at once.

Nothing is written here: what comes back are names of servers, which a request or a person declares.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..model.catalogue import Catalogue
from .bounds import Bound, bound_of
from .estate import Estate, Host, Item
from .figures import Placement, figures
from .fitting import first_fit, fit, spread
from .unfolding import given_places, unfold

if TYPE_CHECKING:
    from .clashes import Clash
    from .packing import Class

# Classes of servers that carry something, beyond which they are filled first-fit before the solver begins.
MOST_OPEN = 40


@dataclass
class Placed:
    """``where``: server by instance, of those that waited; ``left``: those that found none; ``bounds``: how
    many servers each cloud uses, and how few it could; ``clashes``: why some found none."""

    where: dict[str, str] = field(default_factory=dict)
    left: list[Item] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)


def place_new(catalogue: Catalogue, names: Collection[str]) -> Placed:
    """Where these new instances would stand, over what stands: the fast path, no solver where they fit.

    ``catalogue``: the entries with the request's own. What says its ``server`` stands there or nowhere; what
    is of a cloud without servers is not asked about. Where they do not fit one by one, all of them are tried
    together before any is said to clash. Raises ``InputError`` for a wrong ``profile/placement``.
    """
    numbers = figures(Placement, catalogue)
    whole = Estate.of(catalogue, numbers, only=names)
    clouds = {host.cloud for host in whole.hosts.values()}
    items = [item for item in whole.waiting if item.cloud in clouds]
    tried = whole.copy()
    left = fit(tried, items, numbers.prefer)
    if not left:
        return _result(tried, items, left)
    # Late: the solver is for what is not plain.
    from .clashes import explain, together

    found = together(whole, items)
    if found is None:
        placed = _result(tried, items, left)
        placed.clashes = explain(whole, items, left)
        return placed
    for item in items:
        whole.stand(item.names, item.need, found[item.name])
    return _result(whole, items, [])


def place(estate: Estate, numbers: Placement, seed: int = 0) -> Placed:
    """All that wait: on the fewest servers, or evenly, as ``numbers.prefer`` says. The estate is filled."""
    items = list(estate.waiting)
    opened = {name for name, those in estate.carries.items() if those}
    left: list[Item] = []
    bounds = []
    by_cloud: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_cloud[item.cloud].append(item)
    for cloud, those in sorted(by_cloud.items()):
        hosts = [host for host in estate.hosts.values() if host.cloud == cloud]
        bound = bound_of(estate, cloud, hosts, those)
        before = estate.copy()
        if not hosts:
            rest = those
        elif numbers.prefer == "even":
            rest = spread(estate, hosts, those)
        else:
            rest = _fewest(estate, hosts, those, bound, seed)
        left += _again(estate, before, those, rest) if hosts and rest else rest
        bound.used = sum(1 for host in hosts if estate.carries[host.name])
        bound.before = sum(1 for host in hosts if host.name in opened)
        bound.finish(estate, hosts)
        bounds.append(bound)
    placed = _result(estate, items, left)
    placed.bounds = bounds
    return placed


def _again(estate: Estate, before: Estate, items: list[Item], rest: list[Item]) -> list[Item]:
    """All of a few at once, exactly, where one after the other left some; returns those that are left."""
    from .clashes import MOST_EXACT, together

    found = together(before, items) if len(items) <= MOST_EXACT else None
    if found is None:
        return rest
    estate.free, estate.standing, estate.carries = before.free, before.standing, before.carries
    for item in items:
        estate.stand(item.names, item.need, found[item.name])
    return []


def _result(estate: Estate, items: Iterable[Item], left: Iterable[Item]) -> Placed:
    names = {name for item in items for name in item.names}
    where = {name: estate.standing[name] for name in sorted(names) if name in estate.standing}
    return Placed(where, sorted(left, key=lambda item: item.name))


def _fewest(
    estate: Estate, hosts: Collection[Host], items: Collection[Item], bound: Bound, seed: int
) -> list[Item]:
    """On the fewest servers: those whose place is given, then the solver, then one by one what it left."""
    from .packing import Shape, pack

    special, plain, within = given_places(estate, hosts, items)
    left = fit(estate, special, "fewest")
    if len(_classes(estate, hosts, by_place=bool(within), open_only=True)) > MOST_OPEN:
        already = sorted((h for h in hosts if estate.carries[h.name]), key=lambda host: host.name)
        plain = first_fit(estate, already, plain, within)
    keys = _classes(estate, hosts, by_place=bool(within))
    classes = list(keys)
    groups: dict[tuple[tuple[int, ...], frozenset[int]], list[Item]] = defaultdict(list)
    allowed: dict[tuple[int, int, str | None], frozenset[int]] = {}
    for item in plain:
        sort = item.level, item.least, within.get(item.name)
        if sort not in allowed:
            allowed[sort] = _allowed(estate, item, keys, sort[2])
        groups[item.need, allowed[sort]].append(item)
    shapes = [Shape(need, len(those), at) for (need, at), those in groups.items()]
    packed = pack(shapes, [_class(key, keys[key]) for key in classes], seed)
    if not special and not within:
        # Of rooms that were chosen first the programme proves nothing.
        bound.lacks = packed.lacks
    if not special and not within and packed.lacks == 0 and len(plain) == len(items):
        bound.programme = packed.bound
    rng = random.Random(seed)
    servers = [(keys[classes[at]], pattern) for at, pattern in packed.servers]
    rest = unfold(estate, servers, list(groups.values()), rng)
    return left + fit(estate, rest, "fewest")


Key = tuple[tuple[int, ...], int, str, bool]


def _classes(
    estate: Estate, hosts: Collection[Host], *, by_place: bool, open_only: bool = False
) -> dict[Key, list[Host]]:
    """Servers by what is left of them, their level, room (where that matters) and whether they are open."""
    out: dict[Key, list[Host]] = {}
    for host in hosts:
        is_open = bool(estate.carries[host.name])
        if is_open or not open_only:
            free = tuple(max(0, room) for room in estate.free[host.name])
            out.setdefault((free, host.level, host.room if by_place else "", is_open), []).append(host)
    return out


def _class(key: Key, hosts: list[Host]) -> Class:
    from .packing import Class

    return Class(key[0], len(hosts), key[3])


def _allowed(estate: Estate, item: Item, keys: Mapping[Key, list[Host]], place: str | None) -> frozenset[int]:
    """The classes in which an item may stand, in its room or site where one was given."""
    return frozenset(
        at
        for at, hosts in enumerate(keys.values())
        if estate.admits(hosts[0], item) and (place is None or place in (hosts[0].room, hosts[0].site))
    )
