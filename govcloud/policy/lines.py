"""One network, two lines (一网两线): both lines to each place, no common fate, and what belongs on which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from ..model.datacentre import Site
from ..model.lines import Circuit
from ..model.network import Flow
from ..model.recovery import Backup
from ..topology import DATA, VIDEO, Place
from ..topology.net import CARRYING, Plane
from .base import Breach, Case
from .registry import rule

TITLES: dict[str, str] = {"data": "data line", "video": "video line"}
# So many single points of failure are named in one finding; `network whatif` tells them all.
MOST = 3
# So many links of a duct are named as witness, and so many steps of a way, counted from its end.
MEMBERS, STEPS = 8, 100
ON_VIDEO = {
    "video_conference": "a video conference",
    "video_surveillance": "video surveillance",
    "backup": "backup data",
}


@rule(
    "N-15",
    "deny",
    *("circuit.line", "circuit.site", "circuit.unit", "circuit.region", "circuit.zone", "circuit.backs_up"),
    *("link.a", "link.b", "link.plane", "link.path", "node.role", "node.site", "network.site", "site.role"),
    "circuit.status",
)
def two_lines_back_each_other_up(case: Case) -> Iterator[Breach]:
    """Each place has the data line and the video line, and nothing alone takes both from it."""
    policy = case.values("two-lines")
    extranet = case.zones_of("extranet")
    for key in _places(case, policy):
        place = case.net.places.get(key)
        hangs = [h for h in place.hangs if case.net.zones[h.node] in extranet] if place else []
        if place is not None and hangs:
            yield from _of_graph(case, place, policy.get("together", ()), extranet)
        elif case.lines.get(key):
            yield from _of_circuits(case, key)
        elif place is not None and place.hangs:
            zone = case.net.zones[place.hangs[0].node]
            message = f"is on zone/{zone} alone: neither the data line nor the video line reaches it"
            yield Breach(key, message, "", (place.hangs[0].entry,), "both lines of the extranet up to it")
        elif key.startswith("site/"):
            message = "nothing says which lines it has"
            cure = "name the site in its circuits, nodes or networks"
            yield Breach(key, message, "", (), cure, "require")


def _places(case: Case, policy: dict[str, object]) -> Iterator[str]:
    roles, levels = policy.get("site_roles") or (), policy.get("region_levels") or ()
    assert isinstance(roles, list | tuple) and isinstance(levels, list | tuple)
    for name, site in case.catalogue.all(Site).items():
        if site.role in roles and site.status in CARRYING:
            yield f"site/{name}"
    for key, place in case.net.places.items():
        kind = key.partition("/")[0]
        if (kind == "region" and place.sort in levels) or (kind == "unit" and policy.get("units")):
            yield key


def _of_graph(
    case: Case, place: Place, together: Sequence[str], extranet: frozenset[str]
) -> Iterator[Breach]:
    net, key = case.net, place.key
    planes: tuple[Plane, Plane] = ("data", "video")
    missing = [plane for plane in planes if not net.view(plane, zones=extranet).serves(key)]
    for plane in missing:
        message = f"has no {TITLES[plane]}: no way of that line leads from a core node to it"
        # What does lead to it is of the other line alone; where nothing does, whom it still reaches.
        way = _way(case, key, extranet) or sorted({net.nodes[h.node] for h in place.hangs})[:MEMBERS]
        yield Breach(
            key, message, "", tuple(way), f"a link or circuit of plane {plane} up to it, or one of both"
        )
    if len(missing) == 2:
        return
    cuts, view = net.cuts(zones=extranet), net.view(zones=extranet)
    nodes = [h.node for h in view.hangs(key)]
    if nodes and view.main.isdisjoint(nodes):
        there = net.nodes[nodes[0]]
        message = f"is cut off from the other core nodes: no way leads from {there} to them"
        yield Breach(key, message, "", (there,), "both lines of the extranet up to it")
        return
    single = cuts.of(key, MOST + 1)
    if single:
        way = _way(case, key, extranet)
        # A line that alone connects it is the last step.
        way = [*way[:-1], single[0], key] if way and single[0].startswith("circuit/") else way
        named = ", ".join(single[:MOST]) + (" and more" if len(single) > MOST else "")
        words = f"{named} alone cuts it off" if len(single) == 1 else f"each of {named} alone cuts it off"
        message = f"its two lines do not back each other up: {words}"
        cure = "a second way that does not use it"
        yield Breach(key, message, "", tuple(way), cure)
        return
    for group in cuts.groups_of(key, together)[:MOST]:
        way = _way(case, key, extranet)
        alive = (net.edges[n].entry for n in net.groups[group] if n in view.alive)
        # The way there, then what else runs in it.
        members = islice((entry for entry in alive if entry not in way), MEMBERS)
        message = f"its two lines do not back each other up: both run in {group}"
        yield Breach(key, message, "", (*way, *members), "lead one of them another way")


def _way(case: Case, key: str, extranet: frozenset[str]) -> list[str]:
    """The shortest way from a core node to the place, as witness."""
    view = case.net.view(zones=extranet)
    return view.to_root(key, STEPS)


def _of_circuits(case: Case, key: str) -> Iterator[Breach]:
    """By what the circuits say, where none says at which node it ends."""
    lines = {"data": DATA, "video": VIDEO}
    found: dict[str, list[tuple[str, Circuit]]] = {"data": [], "video": []}
    for name, circuit in case.lines[key]:
        if circuit.line in lines:
            found[circuit.line].append((name, circuit))
    for line, those in found.items():
        if not those:
            there = ", ".join(f"circuit/{name}" for name, _ in case.lines[key])
            yield Breach(key, f"has no {TITLES[line]}, only {there}", "", (), f"a circuit of line {line}")
    pairs = {(a, c.backs_up) for those in found.values() for a, c in those if c.backs_up}
    named = [(a, b) for a, _ in found["data"] for b, _ in found["video"]]
    if named and not any((a, b) in pairs or (b, a) in pairs for a, b in named):
        a, b = named[0]
        message = f"its two lines do not back each other up: circuit/{a} and circuit/{b} name no other"
        yield Breach(f"circuit/{a}", message, "backs_up", (key,), f"`backs_up: {b}`, and the other way round")


def _misplaced(case: Case, contents: tuple[str, ...]) -> Iterator[Breach]:
    circuits = case.catalogue.all(Circuit)
    for name, backup in case.catalogue.all(Backup).items():
        if backup.circuit in circuits and circuits[backup.circuit].line != "video":
            message = f"is transferred over circuit/{backup.circuit}, which is not the video line"
            yield Breach(f"backup/{name}", message, "circuit", (), "run it over the video line")
    for name, flow in case.catalogue.all(Flow).items():
        if flow.content not in contents:
            continue
        words = f"carries {ON_VIDEO[flow.content]}"
        wrong = [c for c in flow.circuits if c in circuits and circuits[c].line != "video"]
        if wrong:
            message = f"{words} over circuit/{wrong[0]}, which is not the video line"
            yield Breach(f"flow/{name}", message, "circuits", (), "run it over the video line")
            continue
        if flow.circuits:
            continue
        start = [flow.start.removeprefix("node/")] if flow.start.startswith("node/") else []
        nodes = [f"node/{n}" for n in (*start, *flow.path)]
        gap = next((pair for pair in pairwise(nodes) if not _video(case, *pair)), None)
        if gap:
            message = f"{words} from {gap[0]} to {gap[1]}, where no link is of the video line"
            yield Breach(f"flow/{name}", message, "path", tuple(nodes), "lead it over the video line")
        elif len(nodes) < 2:
            message = f"{words}, and nothing says by which line"
            yield Breach(f"flow/{name}", message, "circuits", (), "name its circuits, or its path")


def _video(case: Case, a: str, b: str) -> bool:
    index, edges = case.net.index, case.net.edges
    if a not in index or b not in index:
        return False
    return any(edges[n].planes & VIDEO for n in case.net.between(index[a], index[b]))


READ = (
    *("flow.content", "flow.circuits", "flow.path", "flow.start", "backup.circuit"),
    *("circuit.line", "link.plane"),
)


@rule("N-16", "flag", *READ)
def video_is_on_the_video_line(case: Case) -> Iterator[Breach]:
    """Video conferences, surveillance and backups run over the video line."""
    yield from _misplaced(case, ("video_conference", "video_surveillance", "backup"))


@rule("R-09", "flag", *READ)
def backups_are_on_the_video_line(case: Case) -> Iterator[Breach]:
    """Transfers of backups run over the video line."""
    yield from _misplaced(case, ("backup",))
