"""What a cut does, worked out before anybody cuts: who loses what, over which family, on which line.

``outcome(net, catalogue, cut)`` tells everything of one cut; ``lost_line`` what becomes of each place when
one of the two lines fails as a whole (OP-19, 001:L240 互为备份). Traffic takes any link that carries its
family, of whichever line: what is on the wrong one afterwards is told. Families are looked at apart,
because a link may carry one of them alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from ..model.catalogue import Catalogue
from .demands import Demand, Hung, behind, demands
from .net import Family, Net, Plane
from .views import View
from .ways import Way, Ways

FAMILIES: tuple[Family, ...] = (4, 6)
LINES: tuple[Plane, ...] = ("data", "video")
OTHER: dict[Plane, Plane] = {"data": "video", "video": "data"}


class CutOff(msgspec.Struct, frozen=True):
    """Whom no core node reaches any more over one family, by whatever line; each list sorted.

    ``nodes``: without those that are cut themselves; ``parts``: nodes that still reach each other, and
    nobody else, the largest part first; a part with core nodes of its own counts, where others have more.
    """

    family: Family
    nodes: list[str]
    networks: list[str]
    machines: list[str]
    places: list[str]
    exits: list[str]
    parts: list[list[str]]


class LineLoss(msgspec.Struct, frozen=True):
    """Places that lose one line over one family: ``carried`` by the other, or ``cut_off`` altogether."""

    line: Plane
    family: Family
    carried: list[str]
    cut_off: list[str]


class Moved(msgspec.Struct, frozen=True):
    """A flow or a copy that the cut touches over one family. ``after``: None where it breaks.

    ``delay_ms``: added one way; ``off_line``: it was on the line it belongs on, and no longer is.
    """

    subject: str
    family: Family
    start: str
    goal: str
    line: Plane
    before: Way
    after: Way | None
    delay_ms: float | None
    off_line: bool


class Load(msgspec.Struct, frozen=True):
    """A link on which declared flows want more than it carries, Mbit/s in each direction."""

    link: str
    bandwidth_mbps: float
    before_mbps: float
    after_mbps: float
    flows: list[str]


class Exposed(msgspec.Struct, frozen=True):
    """A place whose spare way is gone: each of ``by`` alone cuts it off now, and could not before."""

    place: str
    by: list[str]


class Outcome(msgspec.Struct, frozen=True):
    """All that a cut does. ``untouched``: flows and copies, by family, whose way stays as it is."""

    cut: list[str]
    cut_off: list[CutOff]
    lines: list[LineLoss]
    broken: list[Moved]
    moved: list[Moved]
    untouched: int
    overloaded: list[Load]
    exposed: list[Exposed]

    @property
    def harmless(self) -> bool:
        """Whether nobody loses anything but a spare way."""
        return not (
            self.broken
            or self.overloaded
            or any(c.nodes or c.machines or c.places or c.parts for c in self.cut_off)
        )


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a place over one family when a whole line fails.

    ``has``: whether it has that line now; ``state``: ``carried`` by the other line, ``cut_off``, or
    ``unaffected`` where it does not have the line that fails. ``way``: to the nearest core node then.
    ``shared``: entries each of which alone takes both lines from it.
    """

    place: str
    family: Family
    has: bool
    other: bool
    state: Literal["carried", "cut_off", "unaffected"]
    way: Way | None
    shared: list[str]


def outcome(net: Net, catalogue: Catalogue, cut: Iterable[str]) -> Outcome:
    """All that happens when these fail at once.

    ``cut``: links, nodes, and what fails as one: ``circuit/z``, ``duct/d``, ``carrier/c``. Raises
    ``KeyError`` with the name of one that is not in the net.
    """
    names = list(dict.fromkeys(cut))
    hung = behind(catalogue, net)
    wanted = demands(catalogue, net)
    broken: list[Moved] = []
    moved: list[Moved] = []
    untouched = 0
    off: list[CutOff] = []
    lines: list[LineLoss] = []
    ways: dict[Family, tuple[Ways, Ways]] = {}
    for family in FAMILIES:
        before, after = net.view(family=family), net.view(family=family, cut=names)
        off.append(_cut_off(net, hung.values(), family, before, after))
        ways[family] = Ways(before), Ways(after)
        rest = served(after)
        lines += [_line_loss(net, line, family, names, rest) for line in LINES]
        gone = _gone(before, after)
        for demand in wanted:
            if family not in demand.families:
                continue
            old = ways[family][0].way(demand.a, demand.b)
            if old is None:
                continue
            if not old.entries & gone:
                untouched += 1
                continue
            found = _moved(demand, family, old, ways[family][1].way(demand.a, demand.b))
            (broken if found.after is None else moved).append(found)
    return Outcome(
        names,
        [c for c in off if c.nodes or c.networks or c.machines or c.places or c.exits or c.parts],
        sorted((x for x in lines if x.carried or x.cut_off), key=lambda x: (x.line, x.family)),
        broken,
        moved,
        untouched,
        _overloaded(net, wanted, ways),
        _exposed(net, names),
    )


def _gone(before: View, after: View) -> frozenset[str]:
    """Keys of the edges and nodes that the one view has and the other has not."""
    edges = before.net.edges
    lost = frozenset(edges[n].entry for n in set(before.edges) - set(after.edges))
    return lost | (after.cut & before.net.index.keys())


def _cut_off(net: Net, hung: Iterable[Hung], family: Family, before: View, after: View) -> CutOff:
    lost = before.numbers - after.numbers
    behind_them = [h for h in hung if h.node in lost and family in h.families]
    places = sorted(served(before) - served(after))
    dead = {net.index[key] for key in after.cut if key in net.index}
    return CutOff(
        family,
        sorted(net.nodes[n] for n in lost - dead),
        sorted(h.key for h in behind_them if h.kind == "network"),
        sorted(h.key for h in behind_them if h.kind != "network"),
        [key for key in places if not key.startswith("exit/")],
        [key for key in places if key.startswith("exit/")],
        _parts(net, before, after, dead),
    )


def _parts(net: Net, before: View, after: View, dead: set[int]) -> list[list[str]]:
    """What each piece of the net, whole before, falls into, without its main part.

    The main part is the one with the most core nodes or, where there are none, the largest. Where there were
    some and are none left, no part is the main one.
    """
    # Only who stood at a cut end can be in a new part; everybody else is where they were.
    ends = {n for e in set(before.edges) - set(after.edges) for n in (net.edges[e].a, net.edges[e].b)} - dead
    if not ends:
        return []
    whole_of = {node: number for number, piece in enumerate(before.pieces) for node in piece}
    wholes: dict[int, list[set[int]]] = {}
    for piece in after.pieces:
        if not ends.isdisjoint(piece):
            wholes.setdefault(whole_of[next(iter(piece))], []).append(piece)
    roots, old_roots = set(after.roots), set(before.roots)
    out = []
    for number, pieces in wholes.items():
        first = min(pieces, key=after.foremost)
        if first & roots or not before.pieces[number] & old_roots:
            pieces = [piece for piece in pieces if piece is not first]
        named = [sorted(net.nodes[n] for n in piece) for piece in pieces]
        out += sorted(named, key=lambda names: (-len(names), names[0]))
    return out


def served(view: View) -> set[str]:
    """The places that a core node reaches, as ``View.serves`` says of each: all at once, in one walk."""
    numbers, planes, families, cut = view.numbers, view.planes, view.families, view.cut
    found = set()
    for key, place in view.net.places.items():
        for h in place.hangs:
            if (
                h.node in numbers
                and (not planes or h.planes & planes)
                and (not families or h.families & families)
                and h.entry not in cut
            ):
                found.add(key)
                break
    return found


def _line_loss(net: Net, line: Plane, family: Family, cut: Sequence[str], rest: set[str]) -> LineLoss:
    """``rest``: places that are reached by whatever line."""
    lost = served(net.view(line, family)) - served(net.view(line, family, cut=cut))
    return LineLoss(line, family, sorted(lost & rest), sorted(lost - rest))


def _moved(demand: Demand, family: Family, old: Way, new: Way | None) -> Moved:
    return Moved(
        demand.subject,
        family,
        demand.start,
        demand.goal,
        demand.plane,
        old,
        new,
        None if new is None else round(new.delay_ms - old.delay_ms, 6),
        new is not None and demand.plane in old.planes and demand.plane not in new.planes,
    )


def _overloaded(net: Net, wanted: Sequence[Demand], ways: dict[Family, tuple[Ways, Ways]]) -> list[Load]:
    """Links that declared flows fill beyond what they carry after the cut, the worst first.

    A flow counts once: over IPv6 where it has a way there, else over IPv4 (RFC 8305 prefers IPv6).
    """
    loads: tuple[dict[str, float], dict[str, float]] = ({}, {})
    flows: dict[str, list[str]] = {}
    for demand in wanted:
        if not demand.mbps:
            continue
        for when in (0, 1):
            for family in sorted(demand.families, reverse=True):
                way = ways[family][when].way(demand.a, demand.b)
                if way is not None:
                    for link in way.links:
                        loads[when][link] = loads[when].get(link, 0.0) + demand.mbps
                        if when:
                            flows.setdefault(link, []).append(demand.subject)
                    break
    out = []
    for link, load in loads[1].items():
        room = net.edges[net.edge_index[link]].bandwidth_mbps
        if load > room:
            out.append(Load(link, room, loads[0].get(link, 0.0), load, flows[link]))
    return sorted(out, key=lambda found: (-found.after_mbps / found.bandwidth_mbps, found.link))


def _exposed(net: Net, cut: Sequence[str]) -> list[Exposed]:
    from .cuts import Cuts

    before, view = net.cuts(), net.view(cut=cut)
    after = Cuts(view)
    out = []
    for key in sorted(served(view)):
        alone = after.of(key)
        if alone:
            known = set(before.of(key))
            alone = [entry for entry in alone if entry not in known]
        if alone:
            out.append(Exposed(key, alone))
    return out


def lost_line(net: Net, line: Plane, places: Iterable[str] | None = None) -> list[Fate]:
    """What becomes of each place when a whole line fails, by name, then family; the places given, or all.

    A place that has neither line over a family is left out there. Raises ``KeyError`` for a place that is
    not in the net.
    """
    keys = sorted(net.places) if places is None else list(dict.fromkeys(places))
    out = []
    single = net.cuts()
    for family in FAMILIES:
        rest = net.view(OTHER[line], family)
        mine, theirs = served(net.view(line, family)), served(rest)
        ways = Ways(rest)
        for key in keys:
            # A place that is not there is an error, and not one without a line.
            key = net.places[key].key
            has, other = key in mine, key in theirs
            if not (has or other):
                continue
            found = [w for h in rest.hangs(key) if (w := ways.to_core(h.node)) is not None] if other else []
            best = min(found, key=lambda w: (w.cost, w.nodes)) if found else None
            state: Literal["carried", "cut_off", "unaffected"] = "unaffected"
            if has:
                state = "carried" if other else "cut_off"
            shared = single.of(key) if has and other else []
            out.append(Fate(key, family, has, other, state, best, shared))
    return sorted(out, key=lambda fate: (fate.place, fate.family))
