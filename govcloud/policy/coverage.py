"""Dated goals: who is reached by which network, with what bandwidth, and by how many ways out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ..model.lines import Circuit, Exit, PrivateNetwork
from ..model.organisation import Region, Unit
from ..topology.net import CARRYING
from .base import Breach, Case
from .registry import rule

BANDWIDTH = ("circuit.user", "circuit.bandwidth_mbps", "circuit.status", "circuit.zone", "circuit.region")
LINKS = ("link.a", "link.b", "link.bandwidth_mbps", "node.region", "region.level")


@rule("N-11", "target", *BANDWIDTH, *LINKS, "circuit.unit")
def access_is_as_fast_as_planned(case: Case) -> Iterator[Breach]:
    """Towns, villages and government users have the bandwidth that is due from the day on."""
    policy = case.values("access-bandwidth")
    extranet = case.zones_of("extranet")
    wanted = {"town": "town_mbps", "village": "village_mbps", "government": "government_user_mbps"}
    due = {user: float(policy[key]) for user, key in wanted.items() if policy.get(key)}
    yield from _slow(case, policy, due, extranet)


@rule("N-12", "target", *BANDWIDTH, *LINKS)
def broadband_is_as_fast_as_planned(case: Case) -> Iterator[Breach]:
    """Towns and villages have the broadband that is due from the day on, of whichever network."""
    policy = case.values("broadband")
    due = {user: float(policy[f"{user}_mbps"]) for user in ("town", "village") if policy.get(f"{user}_mbps")}
    yield from _slow(case, policy, due, None)


def _slow(
    case: Case, policy: dict[str, Any], due: dict[str, float], zones: frozenset[str] | None
) -> Iterator[Breach]:
    start = str(policy.get("from", ""))
    if not case.reached(start):
        return
    for name, circuit in case.catalogue.all(Circuit).items():
        least = due.get(circuit.user)
        if least is None or (zones is not None and circuit.zone not in zones) or circuit.status == "retired":
            continue
        subject, goal = f"circuit/{name}", f"{least:g} Mbit/s have been due since {start}"
        if circuit.status not in CARRYING:
            message = f"{goal}, and it is {circuit.status}"
            yield Breach(subject, message, "status", (), "bring it into service")
        elif not circuit.bandwidth_mbps:
            message = f"{goal}, and its bandwidth is not said"
            yield Breach(subject, message, "bandwidth_mbps", (), "say it", "require")
        elif circuit.bandwidth_mbps < least:
            message = f"{goal}, and it has {circuit.bandwidth_mbps:g}"
            yield Breach(subject, message, "bandwidth_mbps", (), f"at least {least:g} Mbit/s")
    regions = case.catalogue.all(Region)
    best = {r: found for r, found in case.access(zones).items() if r in regions and regions[r].level in due}
    for region, (mbps, link) in best.items():
        least = due[regions[region].level]
        if mbps < least:
            message = f"region/{region} has {mbps:g} Mbit/s; {least:g} have been due since {start}"
            yield Breach(link, message, "bandwidth_mbps", (f"region/{region}",), f"at least {least:g} Mbit/s")


# So many nodes that one which is cut off still reaches are named as witness.
REACH = 8
LINK = "a link towards the core"
COVERAGE = ("region.level", "node.region", "node.zone", "circuit.region", "circuit.zone", "circuit.status")


@rule("N-13", "target", *COVERAGE, "zone.role")
def extranet_covers_towns_and_villages(case: Case) -> Iterator[Breach]:
    """Each town and village has the extranet from the day on."""
    policy = case.values("extranet-coverage")
    if case.reached(str(policy.get("from", ""))):
        words = f"; it has been due since {policy['from']}"
        yield from _uncovered(case, policy.get("levels", ()), words)


@rule("N-23", "flag", *COVERAGE, "zone.role")
def extranet_goes_down_to_the_grassroots(case: Case) -> Iterator[Breach]:
    """The extranet goes down to the grassroots (纵向到底、横向到边)."""
    yield from _uncovered(case, case.values("extranet-coverage").get("levels", ()), "")


@rule("N-22", "target", *COVERAGE, "zone.role")
def cities_are_interconnected(case: Case) -> Iterator[Breach]:
    """Each city's part of the extranet is joined to the others from the day on."""
    policy = case.values("city-interconnection")
    if case.reached(str(policy.get("from", ""))):
        words = f"; it has been due since {policy['from']}"
        yield from _uncovered(case, policy.get("levels", ()), words)


def _uncovered(case: Case, levels: Any, words: str) -> Iterator[Breach]:
    extranet = case.zones_of("extranet")
    view, net = case.net.view(zones=extranet), case.net
    for name, region in case.catalogue.all(Region).items():
        if region.level not in levels:
            continue
        key = f"region/{name}"
        place = net.places.get(key)
        hangs = [h for h in place.hangs if net.zones[h.node] in extranet] if place else []
        # Nodes say more than circuits: a line to an office joins no router that stands there.
        nodes = [h.node for h in hangs if h.own] or [h.node for h in hangs]
        if not nodes:
            if any(c.zone in extranet for _, c in case.lines.get(key, ())):
                continue
            message = f"no node and no circuit brings the extranet there{words}"
            yield Breach(key, message, "", (), "a node of the extranet, or a circuit to it")
        elif view.main.isdisjoint(nodes):
            cut_off = net.nodes[nodes[0]]
            alone = nodes[0] in view.numbers
            who = "the core as a whole does not reach" if alone else "no core node reaches"
            message = f"{who} {cut_off}{words}"
            reach = sorted(view.reached(cut_off))[:REACH]
            yield Breach(key, message, "", (cut_off, *(n for n in reach if n != cut_off)), LINK)


@rule(
    "N-14",
    "target",
    *("unit.level", "unit.type", "unit.region", "circuit.unit", "circuit.zone", "private_network.type"),
    *("private_network.unit", "private_network.connects_to", "node.region", "node.zone", "region.level"),
    *("circuit.region", "circuit.status", "zone.role"),
)
def intranet_covers_departments_and_cities(case: Case) -> Iterator[Breach]:
    """Provincial departments, cities and counties have the intranet from the day on."""
    policy = case.values("intranet-coverage")
    start = str(policy.get("from", ""))
    if not case.reached(start):
        return
    intranet, net = case.zones_of("intranet"), case.net
    words = f"no node, circuit or network of its own joins it to the intranet; due since {start}"
    joined = {
        f"unit/{p.unit}"
        for p in case.catalogue.all(PrivateNetwork).values()
        if p.type == "intranet" and p.status in CARRYING and p.connects_to
    }
    wanted = [
        f"unit/{name}"
        for name, unit in case.catalogue.all(Unit).items()
        if unit.level == "province" and unit.type in policy.get("unit_types", ())
    ]
    wanted += [f"region/{n}" for n, r in case.catalogue.all(Region).items() if r.level in policy["levels"]]
    for key in wanted:
        lines = any(c.zone in intranet for _, c in case.lines.get(key, ()))
        place = net.places.get(key)
        nodes = any(net.zones[h.node] in intranet for h in place.hangs) if place else False
        if not (lines or nodes or key in joined):
            yield Breach(key, words, "", (), "a circuit of the intranet to it")


@rule("N-21", "target", "exit.role", "exit.direction", "exit.status", "exit.node", "exit.circuits")
def exits_lie_in_several_directions(case: Case) -> Iterator[Breach]:
    """The ways out of the province lie in so many directions from the day on."""
    policy = case.values("province-exits")
    start, least = str(policy.get("from", "")), int(policy.get("directions", 0))
    if not case.reached(start):
        return
    ways = {n: e for n, e in case.catalogue.all(Exit).items() if e.role == "province"}
    served = partial(_stands, case)
    standing = {n: e for n, e in ways.items() if e.direction and served(n, e)}
    # However they are written: East and east are one.
    directions = sorted({e.direction.strip().casefold(): e.direction for e in standing.values()}.values())
    if len(directions) >= least:
        yield from _shared(case, standing)
        return
    there = ", ".join(directions) or "none"
    goal = f"{least} directions out of the province have been due since {start}, and there are "
    goal += f"{len(directions)} ({there})"
    for name, way in sorted(ways.items()):
        if way.status not in CARRYING:
            yield Breach(f"exit/{name}", f"{goal}: it is {way.status}", "status", (), "bring it into service")
        elif not way.direction:
            yield Breach(f"exit/{name}", f"{goal}: its direction is not said", "direction", (), "say it")
        elif not (way.node or way.circuits):
            message = f"{goal}: nothing says what it consists of"
            yield Breach(f"exit/{name}", message, "node", (), "name its node, or its circuits")
        elif not way.node:
            idle = ", ".join(f"circuit/{c}" for c in way.circuits)
            message = f"{goal}: not all of its circuits are in service ({idle})"
            yield Breach(f"exit/{name}", message, "circuits", (), "bring them into service")
        elif not served(name, way):
            message = f"{goal}: no core node reaches node/{way.node}"
            yield Breach(f"exit/{name}", message, "node", (), "a link from the core to it")
    if all(e.direction and served(n, e) for n, e in ways.items()):
        subject = f"exit/{min(ways)}" if ways else _province(case)
        yield Breach(subject, goal, "", (), "an exit in another direction")


def _stands(case: Case, name: str, way: Exit) -> bool:
    """Whether an exit is in service, and a core node reaches its node or, without one, its circuits are in
    service too. One that names neither may stand nowhere."""
    if way.status not in CARRYING:
        return False
    if way.node:
        return f"exit/{name}" in case.net.places and case.net.view().serves(f"exit/{name}")
    circuits = case.catalogue.all(Circuit)
    lines = [circuits[c] for c in way.circuits if c in circuits]
    return bool(lines) and all(line.status in CARRYING for line in lines)


def _shared(case: Case, ways: Mapping[str, Exit]) -> Iterator[Breach]:
    """Exits of several directions that fail together: by one node, one circuit, or one duct."""
    users: dict[str, dict[str, str]] = {}
    for name, way in sorted(ways.items()):
        needs = [f"node/{way.node}"] if way.node else []
        needs += [f"circuit/{c}" for c in way.circuits]
        if f"exit/{name}" in case.net.places:
            needs += case.net.cuts().groups_of(f"exit/{name}", ("duct",))
        for key in dict.fromkeys(needs):
            users.setdefault(key, {}).setdefault(way.direction.strip().casefold(), f"exit/{name}")
    for key, several in sorted(users.items()):
        if len(several) > 1:
            first, *rest = several.values()
            message = f"it fails together with {', '.join(rest)}: all of them need {key}"
            yield Breach(first, message, "node", (key, first, *rest), "lead each another way", "flag")


def _province(case: Case) -> str:
    regions = case.catalogue.all(Region)
    return f"region/{next((n for n, r in regions.items() if r.level == 'province'), 'province')}"
