"""Why instances find no place: the constraints and the instances that clash, none of them to spare.

A deletion filter: what can be left out, and it still does not fit, has no part in it. The oracle is an exact
assignment (HiGHS) of instances to servers, or, of very many, the packing with the proof of its linear
programme.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .estate import RESOURCES, UNBOUNDED, Estate, Host, Item

# In the order in which they are left out: what is told is what stays, so the plainest come last.
FAMILIES = ("together", "apart", "site", "pool", "disk", "vcpu", "memory")
# Items up to which the assignment is exact.
MOST_EXACT = 40
# Clashes that are looked for: each is worth a sentence, and the tenth is not read.
MOST_TOLD = 8
# Instances that a sentence names.
MOST_NAMED = 6


@dataclass(frozen=True)
class Clash:
    """Instances that cannot all stand, and what of memory, vcpu, disk, pool, apart, site, together is in the
    way (``server``: one of another cloud is said). ``proved``: no placement exists; else none was found."""

    cloud: str
    instances: tuple[str, ...]
    constraints: tuple[str, ...]
    sentence: str
    proved: bool = True


def together(estate: Estate, items: Sequence[Item]) -> dict[str, str] | None:
    """Servers for all of these by the first name of each, exactly; None where there are none.

    Servers that are alike for all of them are looked at as often as there are items.
    """
    from .packing import solver

    if not items:
        return {}
    hosts = _alike(estate, items)
    index: dict[tuple[str, str], int] = {}
    solving = solver(0)
    rows: list[tuple[float, float, list[int], list[float]]] = []
    for item in items:
        for host in hosts:
            if _may(estate, host, item):
                index[item.name, host.name] = len(index)
    for item in items:
        mine = [index[item.name, host.name] for host in hosts if (item.name, host.name) in index]
        if not mine:
            return None
        rows.append((1.0, 1.0, mine, [1.0] * len(mine)))
    for host in hosts:
        there = [item for item in items if (item.name, host.name) in index]
        for row in range(len(RESOURCES)):
            need = [(index[i.name, host.name], float(i.need[row])) for i in there if i.need[row]]
            room = max(0, estate.free[host.name][row])
            if need and sum(much for _, much in need) > room:
                rows.append((-solving.inf, float(room), [c for c, _ in need], [much for _, much in need]))
    rows += _apart_rows(estate, items, hosts, index, -solving.inf)
    import highspy

    costs = {name: float(not estate.carries[name]) for name in estate.carries}
    for _, host_name in index:
        solving.addCol(costs[host_name], 0.0, 1.0, 0, [], [])
        solving.changeColIntegrality(solving.getNumCol() - 1, highspy.HighsVarType.kInteger)
    for low, high, columns, values in rows:
        solving.addRow(low, high, len(columns), columns, values)
    solving.run()
    if solving.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    found = list(solving.getSolution().col_value)
    return {item: host for (item, host), column in index.items() if found[column] > 0.5}


def _may(estate: Estate, host: Host, item: Item) -> bool:
    bound = estate.bound_to(item)
    fine = not bound or bound == {host.name}
    return (
        fine
        and estate.admits(host, item)
        and estate.roomy(host, item)
        and estate.clashing(host, item) is None
    )


def _alike(estate: Estate, items: Sequence[Item]) -> list[Host]:
    """Servers that take any of these; of those that are alike no more than there are items."""
    counts: dict[tuple[object, ...], int] = {}
    out = []
    for host in estate.hosts.values():
        may = tuple(_may(estate, host, item) for item in items)
        if not any(may):
            continue
        opened = bool(estate.carries[host.name])
        sort = (host.room, host.site, opened, tuple(estate.free[host.name]), may)
        counts[sort] = counts.get(sort, 0) + 1
        if counts[sort] <= len(items):
            out.append(host)
    return out


def _apart_rows(
    estate: Estate,
    items: Sequence[Item],
    hosts: Sequence[Host],
    index: Mapping[tuple[str, str], int],
    low: float,
) -> Iterable[tuple[float, float, list[int], list[float]]]:
    """At most one of a group on each server, in each room, at each site."""
    seen = set()
    for item in items:
        for group in (g for name in item.names for g in estate.apart.get(name, ())):
            those = [one for one in items if group.members.intersection(one.names)]
            if len(those) < 2 or group in seen:
                continue
            seen.add(group)
            places: dict[str, list[int]] = {}
            for host in hosts:
                columns = [index[o.name, host.name] for o in those if (o.name, host.name) in index]
                places.setdefault(host.within(group.domain), []).extend(columns)
            for columns in places.values():
                if len(columns) > 1:
                    yield low, 1.0, columns, [1.0] * len(columns)


def explain(estate: Estate, items: Sequence[Item], left: Sequence[Item]) -> list[Clash]:
    """What clashes, cloud by cloud; ``estate``: before any of the items was placed; ``left``: those that
    found no place."""
    out: list[Clash] = []
    for cloud in sorted({item.cloud for item in left}):
        those = [item for item in items if item.cloud == cloud]
        lacking = [item for item in left if item.cloud == cloud]
        alone: set[str] = set()
        # One speaks for all that are alike.
        for kind in _kinds(estate, lacking):
            if _fails(estate, kind[:1], ())[0]:
                out.append(_clash(estate, kind[:1], kind))
                alone |= {item.name for item in kind}
        rest = [item for item in those if item.name not in alone]
        lacking = [item for item in lacking if item.name not in alone]
        while rest and lacking and len(out) < MOST_TOLD and _fails(estate, rest, ())[0]:
            many = len(rest) > MOST_EXACT
            clash = _clash(estate, rest, lacking if many else ())
            out.append(clash)
            if many:
                break
            # The next one, apart from these.
            rest = [item for item in rest if item.name not in clash.instances]
        told = {name for clash in out for name in clash.instances}
        lacking = [item for item in lacking if told.isdisjoint(item.names)]
        if lacking and len(out) < MOST_TOLD:
            out.append(_unfound(cloud, lacking))
    return out


def _unfound(cloud: str, items: Sequence[Item]) -> Clash:
    """Of items that found no place among the others, though nothing is known to be in the way."""
    names = tuple(sorted({name for item in items for name in item.names}))
    words = f"{_named(names)} were found no place in cloud {cloud} beside the others; one may exist"
    return Clash(cloud, names, (), words, proved=False)


def _kinds(estate: Estate, items: Sequence[Item]) -> list[list[Item]]:
    """Items that are alike to everybody; at most so many kinds of them as are told."""
    kinds: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        groups = frozenset(group for name in item.names for group in estate.apart.get(name, ()))
        mates = frozenset(mate for name in item.names for mate in estate.mates.get(name, ()))
        given = frozenset(estate.given[name] for name in item.names if name in estate.given)
        sort = item.need, item.level, item.least, groups, mates, given
        kinds.setdefault(sort, []).append(item)
    return list(kinds.values())[: MOST_TOLD * 2]


def _clash(estate: Estate, items: Sequence[Item], all_of_them: Sequence[Item]) -> Clash:
    relaxed: list[str] = []
    for family in FAMILIES:
        if _fails(estate, items, (*relaxed, family))[0]:
            relaxed.append(family)
    left = [family for family in FAMILIES if family not in relaxed]
    if len(items) <= MOST_EXACT:
        items = _fewest(items, lambda some: _fails(estate, some, relaxed)[0])
    proved = _fails(estate, items, relaxed)[1]
    # Of very many those are named that found no place.
    named = all_of_them if len(items) > MOST_EXACT else (*items, *all_of_them)
    names = tuple(sorted({name for item in named for name in item.names}))
    sentence = _sentence(estate, items, names, left, proved)
    # Whoever says a server of another cloud finds no other, whatever is left out.
    constraints = tuple(reversed(left)) or (("server",) if _given(estate, items) else ())
    return Clash(items[0].cloud, names, constraints, sentence, proved)


def _fewest(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """Items none of which can be left out: by halves first, then one by one."""
    kept = list(items)
    step = max(1, len(kept) // 2)
    while True:
        at = 0
        while at < len(kept) and len(kept) > 1:
            fewer = kept[:at] + kept[at + step :]
            if fewer and fails(fewer):
                kept = fewer
            else:
                at += step
        if step == 1:
            return kept
        step //= 2


def _fails(estate: Estate, items: Sequence[Item], relaxed: Collection[str]) -> tuple[bool, bool]:
    """(whether they do not fit with these families left out, whether that is proved)."""
    tried, those = relax(estate, items, relaxed)
    if len(those) <= MOST_EXACT:
        return together(tried, those) is None, True
    if _beyond(tried, those):
        return True, True
    from .figures import Placement
    from .placing import place

    tried.waiting = those
    found = place(tried, Placement())
    return bool(found.left), any(bound.lacks for bound in found.bounds)


def _beyond(estate: Estate, items: Sequence[Item]) -> bool:
    """Whether they need more of something than all servers of their pool have left."""
    own = estate.own_pool_from
    for of_own in (False, True):
        pool = [host for host in estate.hosts.values() if (host.level >= own) == of_own]
        wanted = [item for item in items if (item.level >= own) == of_own]
        for row in range(len(RESOURCES)):
            there = sum(max(0, estate.free[h.name][row]) for h in pool if h.cloud == items[0].cloud)
            if sum(item.need[row] for item in wanted) > there:
                return True
    return False


def relax(estate: Estate, items: Sequence[Item], families: Collection[str]) -> tuple[Estate, list[Item]]:
    """A copy in which some sorts of constraint do not hold."""
    made = estate.copy()
    those = list(items)
    if "together" in families:
        made.mates = {}
        those = [made.item((name,), item.cloud) for item in those for name in item.names]
    if "pool" in families:
        made.hosts = {name: replace(host, level=0) for name, host in made.hosts.items()}
        those = [replace(item, level=0, least=0) for item in those]
    kept = {
        name: [g for g in groups if ("site" if g.domain == "site" else "apart") not in families]
        for name, groups in made.apart.items()
    }
    made.apart = {name: groups for name, groups in kept.items() if groups}
    for row, resource in enumerate(RESOURCES):
        if resource in families:
            those = [replace(item, need=_without(item.need, row)) for item in those]
            for free in made.free.values():
                free[row] = max(0, free[row])
    return made, those


def _without(need: tuple[int, ...], row: int) -> tuple[int, ...]:
    return (*need[:row], 0, *need[row + 1 :])


# -- in a sentence --------------------------------------------------------------------------------


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _sentence(
    estate: Estate, items: Sequence[Item], names: Sequence[str], families: Sequence[str], proved: bool
) -> str:
    cloud = items[0].cloud
    named = _named(names)
    verb = "cannot stand" if proved else "were found no place"
    hosts = [host for host in estate.hosts.values() if host.cloud == cloud]
    if not hosts:
        return f"{named} {verb}: cloud {cloud} has no server"
    given = _given(estate, items)
    parts = []
    if given:
        hosts = given
        said = (f"server {h.name}" + (f", of cloud {h.cloud}" if h.cloud != cloud else "") for h in given)
        parts.append(f"said to stand on {', '.join(said)}")
    fit_in = [host for host in hosts if any(estate.admits(host, item) for item in items)]
    if "pool" in families:
        level = max(item.level for item in items)
        own = level >= estate.own_pool_from
        which = f"of level {level} in a pool of its own" if own else "of a level that may carry them"
        parts.append(f"only servers {which} will do, {len(fit_in)} of {len(hosts)}")
    where = fit_in if "pool" in families else hosts
    for row, resource in enumerate(RESOURCES):
        if resource in families:
            parts.append(_shortage(estate, items, where, row))
    whys = sorted(
        {
            f"{group.why} keeps them in different {group.domain}s"
            for item in items
            for name in item.names
            for group in estate.apart.get(name, ())
            if ("site" if group.domain == "site" else "apart") in families
            and (len(group.members.intersection(names)) > 1 or _stands(estate, group.members, item))
        }
    )
    parts += whys
    if "together" in families:
        parts.append("they must stand on one server")
    return f"{named} {verb} in cloud {cloud}: {'; '.join(parts)}"


def _given(estate: Estate, items: Iterable[Item]) -> list[Host]:
    """The servers that they say themselves."""
    names = {estate.given[name] for item in items for name in item.names if name in estate.given}
    return [estate.hosts[name] for name in sorted(names)]


def _stands(estate: Estate, members: Collection[str], item: Item) -> bool:
    others = set(members).difference(item.names)
    return any(other in estate.standing or other in estate.sited for other in others)


def _shortage(estate: Estate, items: Sequence[Item], hosts: Sequence[Host], row: int) -> str:
    need = sum(item.need[row] for item in items)
    frees = [max(0, estate.free[host.name][row]) for host in hosts]
    there = amount(row, sum(frees)) if sum(frees) < UNBOUNDED else "any"
    most = amount(row, max(frees, default=0)) if max(frees, default=0) < UNBOUNDED else "any"
    servers = "1 server" if len(hosts) == 1 else f"{len(hosts)} servers, {most} at most on one"
    largest = f" ({amount(row, max(i.need[row] for i in items))} the largest)" if len(items) > 1 else ""
    return f"{amount(row, need)}{largest} needed, {there} free on {servers}"


def amount(row: int, much: int) -> str:
    """An amount of a resource in its unit."""
    if RESOURCES[row] == "memory":
        return f"{round(much / 1024, 1):g} GiB of memory"
    return f"{much} {'vCPU' if RESOURCES[row] == 'vcpu' else 'GiB of disk'}"
