"""The ledger as trees: by place, by unit, by network, by application. One walk along references draws all.

What is beneath each entry is counted whole, however little of it is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..ledger.browsing import Seen, View
from ..ledger.entries import Key


class Way(msgspec.Struct, frozen=True):
    """From an entry to those beneath it.

    Entries of ``kind`` whose ``field`` refers to it; with ``out``, those of ``kind`` that its own
    ``field`` refers to. ``then``: not they themselves, but what that field of theirs refers to.
    ``unless``: not those that refer to something by this field too, for they stand beneath that.
    ``label``: what the one is to the other, where the kinds do not say it.
    """

    kind: str
    field: str
    out: bool = False
    then: str = ""
    unless: str = ""
    label: str = ""


class Shape(msgspec.Struct, frozen=True):
    """A tree: the kind at its top, the field by which one of those stands beneath another, the ways down.

    ``depth``: levels that are drawn where nobody says how many. ``brief``: fields told of an entry.
    """

    top: str
    within: str
    depth: int
    ways: dict[str, tuple[Way, ...]]


SHAPES = {
    "place": Shape(
        "region",
        "parent",
        3,
        {
            "region": (
                Way("region", "parent"),
                Way("site", "region"),
                Way("node", "region", unless="site"),
                Way("circuit", "region", unless="site"),
            ),
            "site": (
                Way("room", "site"),
                Way("cloud", "site"),
                Way("node", "site"),
                Way("network", "site"),
                Way("storage", "site", unless="rack"),
                Way("exchange", "site"),
                Way("circuit", "site"),
            ),
            "room": (Way("rack", "room"),),
            "rack": (Way("server", "rack"), Way("storage", "rack")),
            "server": (Way("instance", "server"),),
            "cloud": (Way("project", "cloud"),),
            "project": (Way("instance", "project", unless="server"), Way("volume", "project")),
        },
    ),
    "unit": Shape(
        "unit",
        "parent",
        2,
        {
            "unit": (
                Way("unit", "parent"),
                Way("person", "unit"),
                Way("application", "unit"),
                Way("project", "unit"),
                Way("component", "unit", unless="application"),
                Way("dataset", "unit", unless="application"),
                Way("website", "unit"),
                Way("hotline", "unit"),
                Way("service_entry", "unit"),
                Way("programme", "unit"),
                Way("cloud", "unit"),
                Way("site", "unit"),
                Way("private_network", "unit"),
                Way("server", "unit"),
            ),
            "project": (Way("instance", "project"), Way("volume", "project"), Way("quota", "project")),
            "application": (
                Way("component", "application"),
                Way("endpoint", "application"),
                Way("dataset", "application"),
            ),
        },
    ),
    "network": Shape(
        "zone",
        "within",
        2,
        {
            "zone": (
                Way("zone", "within"),
                Way("private_network", "zone"),
                Way("node", "zone"),
                Way("vrf", "zone"),
                Way("circuit", "zone", unless="node"),
                Way("exit", "zone", unless="node"),
            ),
            "node": (
                Way("network", "gateway"),
                Way("link", "a"),
                Way("link", "b"),
                Way("circuit", "node"),
                Way("exit", "node"),
                Way("interface", "device"),
            ),
            "network": (
                Way("server", "network"),
                Way("instance", "network"),
                Way("load_balancer", "network"),
            ),
        },
    ),
    "application": Shape(
        "application",
        "",
        2,
        {
            "application": (
                Way("component", "application"),
                Way("component", "components", out=True, label="uses"),
                Way("endpoint", "application"),
                Way("instance", "application"),
                Way("server", "application"),
                Way("load_balancer", "application"),
                Way("dataset", "application"),
                Way("certificate", "application"),
                Way("protection", "application"),
                Way("website", "application"),
                Way("hotline", "application"),
                Way("service_entry", "application"),
                Way("dependency", "application", then="needs", label="needs"),
                Way("dependency", "needs", then="application", label="needed by"),
            ),
            "endpoint": (Way("instance", "instance", out=True, label="served by"),),
            "load_balancer": (Way("instance", "members", out=True, label="to"),),
            "instance": (Way("volume", "instance"),),
            "protection": (
                Way("instance", "primary", out=True, label="primary"),
                Way("instance", "standby", out=True, label="standby"),
            ),
        },
    ),
}

# What is told of an entry beside its title.
BRIEF = {
    "region": ("level",),
    "site": ("role",),
    "node": ("role",),
    "server": ("ipv4", "ipv6"),
    "instance": ("flavor", "ipv4", "ipv6"),
    "network": ("ipv4", "ipv6"),
    "link": ("a", "b", "bandwidth_mbps"),
    "endpoint": ("host", "port"),
    "person": ("duty",),
    "application": ("status",),
    "zone": ("role",),
    "protection": ("level", "rpo_s"),
    "volume": ("size_gib",),
    "rack": ("units",),
}


class Branch(msgspec.Struct):
    """An entry in a tree. ``beneath``: how many entries of each kind there are below it in all.

    ``more``: children that are not drawn, by kind. ``repeated``: its children are drawn elsewhere.
    """

    kind: str
    name: str
    title: str
    brief: dict[str, object]
    label: str
    beneath: dict[str, int]
    more: dict[str, int]
    children: list[Branch]
    repeated: bool = False


class Tree(msgspec.Struct):
    """A drawn tree; ``more``: how many tops are not drawn."""

    shape: str
    branches: list[Branch]
    more: int


Edge = tuple[str, Key]  # label, child


class _Walk:
    """What is beneath some entries: the whole graph by keys, without any entry's fields."""

    def __init__(self, view: View, shape: Shape, depth: int) -> None:
        self.view = view
        self.shape = shape
        self.depth = depth
        # What stands beside an entry rather than beneath it: others that it needs, that need it.
        self.aside = {way.label for ways in shape.ways.values() for way in ways if way.then}
        self.edges: dict[Key, list[Edge]] = {}
        self.uids: dict[Key, str] = {}

    def go(self, tops: Sequence[Seen]) -> None:
        """Find all that is beneath, a level at a time; of what stands beside, only what is drawn."""
        level = [top.key for top in tops]
        number = 0
        self.uids |= {top.key: top.uid for top in tops}
        while level:
            for key in level:
                self.edges[key] = []
            # True where somebody has it beneath, False where all have it beside.
            found: dict[Key, bool] = {}
            by_kind: dict[str, list[str]] = {}
            for kind, name in level:
                by_kind.setdefault(kind, []).append(name)
            for kind, names in by_kind.items():
                self._down(kind, names, found)
            number += 1
            level = [k for k, own in found.items() if k not in self.edges and (own or number < self.depth)]

    def _down(self, kind: str, names: list[str], found: dict[Key, bool]) -> None:
        ways = self.shape.ways.get(kind, ())
        if any(not way.out for way in ways):
            self._inward(kind, names, [way for way in ways if not way.out], found)
        outward = [way for way in ways if way.out]
        if outward:
            self._outward(kind, names, outward, found)

    def _inward(self, kind: str, names: list[str], ways: list[Way], found: dict[Key, bool]) -> None:
        referrers = self.view.referrers(kind, names)
        wanted = {(way.kind, way.field): way for way in ways}
        fitting = [(wanted[r.kind, r.field], r) for r in referrers if (r.kind, r.field) in wanted]
        # Only those are looked at more closely whose way asks for it.
        asked = [r.uid for way, r in fitting if way.unless or way.then]
        further: dict[tuple[str, str], list[Key]] = {}
        for uid, field, to_kind, to_name in self.view.referred(asked):
            further.setdefault((uid, field), []).append((to_kind, to_name))
        hops: list[tuple[str, Key, Key]] = []
        for way, one in fitting:
            parent = (kind, one.to)
            if way.unless and (one.uid, way.unless) in further:
                continue
            if way.then:
                hops += [(way.label, parent, key) for key in further.get((one.uid, way.then), ())]
            else:
                child = (one.kind, one.name)
                self.uids[child] = one.uid
                self.edges[parent].append((way.label, child))
                found[child] = True
        self._arrive(hops, found)

    def _outward(self, kind: str, names: list[str], ways: list[Way], found: dict[Key, bool]) -> None:
        parents = {self.uids[kind, name]: (kind, name) for name in names}
        wanted = {(way.field, way.kind): way for way in ways}
        hops = [
            (wanted[field, to_kind].label, parents[uid], (to_kind, to_name))
            for uid, field, to_kind, to_name in self.view.referred(parents)
            if (field, to_kind) in wanted
        ]
        self._arrive(hops, found)

    def _arrive(self, hops: list[tuple[str, Key, Key]], found: dict[Key, bool]) -> None:
        """Take those ends of references that are there, and may be seen."""
        missing: dict[str, list[str]] = {}
        for _, _, (kind, name) in hops:
            if (kind, name) not in self.uids:
                missing.setdefault(kind, []).append(name)
        for kind, names in missing.items():
            for entry in self.view.named(kind, names).values():
                self.uids[entry.key] = entry.uid
        for label, parent, child in hops:
            if child in self.uids and child != parent:
                self.edges[parent].append((label, child))
                found[child] = found.get(child, False) or label not in self.aside

    def children(self, key: Key) -> list[Edge]:
        """What is drawn directly beneath, in the order of the ways, then of the names."""
        order = {way.kind: n for n, way in enumerate(self.shape.ways.get(key[0], ()))}
        unique = dict.fromkeys(self.edges.get(key, ()))
        return sorted(unique, key=lambda e: (e[0] != "", order.get(e[1][0], -1), e[0], natural(e[1][1])))

    def beneath(self, key: Key) -> dict[str, int]:
        """Entries below, each counted once, by kind; what merely depends on it is not below it."""
        seen = {key}
        stack = [key]
        counts: dict[str, int] = {}
        while stack:
            for label, child in self.edges.get(stack.pop(), ()):
                if child not in seen and label not in self.aside:
                    seen.add(child)
                    stack.append(child)
                    counts[child[0]] = counts.get(child[0], 0) + 1
        return counts


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts ``rack-2`` before ``rack-10``."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"([0-9]+)", text) if part
    ]


def tops(view: View, shape: Shape) -> Iterator[Seen]:
    """The entries at the top: those of its kind that stand beneath no other."""
    from ..ledger.browsing import Where

    entries = list(view.listing(Where(kind=shape.top)))
    if not shape.within:
        return iter(entries)
    lower = {uid for uid, field, _, _ in view.referred(e.uid for e in entries) if field == shape.within}
    return (entry for entry in entries if entry.uid not in lower)


def grow(view: View, name: str, starts: Iterable[Seen], *, depth: int | None = None, most: int = 20) -> Tree:
    """The tree of a shape from these entries down.

    ``depth``: levels below the tops that are drawn, the shape's own where it is None; ``most``: children
    of one entry that are drawn, and tops.
    """
    shape = SHAPES[name]
    depth = shape.depth if depth is None else depth
    ordered = sorted(starts, key=lambda e: natural(e.name))
    drawn_tops = ordered[:most]
    walk = _Walk(view, shape, depth)
    walk.go(drawn_tops)
    drawn: set[Key] = set()
    branches = [_branch(walk, "", top.key, depth, most, drawn) for top in drawn_tops]
    _tell(view, walk, branches)
    return Tree(name, branches, len(ordered) - len(drawn_tops))


def _branch(
    walk: _Walk, label: str, key: Key, depth: int, most: int, drawn: set[Key], parent: Key | None = None
) -> Branch:
    # What needs another is needed by it: there is no use in going back at once.
    children = [edge for edge in walk.children(key) if edge[1] != parent]
    branch = Branch(key[0], key[1], "", {}, label, walk.beneath(key), {}, [])
    if not children:
        return branch
    if key in drawn:
        branch.repeated = True
        return branch
    shown: list[Edge] = []
    if depth > 0:
        drawn.add(key)
        shown = _some(children, most)
        branch.children = [_branch(walk, how, child, depth - 1, most, drawn, key) for how, child in shown]
    left = set(children) - set(shown)
    for _, child in left:
        branch.more[child[0]] = branch.more.get(child[0], 0) + 1
    return branch


def _some(children: list[Edge], most: int) -> list[Edge]:
    """At most so many of each kind: a thousand servers must not hide the one cloud after them."""
    taken: dict[tuple[str, str], int] = {}
    out = []
    for label, child in children:
        group = (label, child[0])
        taken[group] = taken.get(group, 0) + 1
        if taken[group] <= most:
            out.append((label, child))
    return out


def _tell(view: View, walk: _Walk, branches: list[Branch]) -> None:
    """Give the drawn entries their titles; no other's fields are read."""
    flat: list[Branch] = []
    stack = list(branches)
    while stack:
        branch = stack.pop()
        flat.append(branch)
        stack += branch.children
    entries = view.by_uid(walk.uids[b.kind, b.name] for b in flat)
    for branch in flat:
        entry = entries.get(walk.uids[branch.kind, branch.name])
        if entry is not None:
            branch.title = entry.title
            told = BRIEF.get(branch.kind, ())
            branch.brief = {f: entry.fields[f] for f in told if f in entry.fields}
