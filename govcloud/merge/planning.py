"""The plan of a merge, as people read it: how it stands, what overlaps, what crosses, the steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..model.application import Endpoint
from ..model.cloud import Instance
from ..model.lines import PrivateNetwork
from ..model.network import Flow
from ..plan.borders import visible
from .choices import Choice, choose
from .gates import Gate, gates
from .order import pairs, readiness, renumbering, rows, unguarded
from .overlaps import Overlap, others_space, overlapping, own_space
from .reading import World


@dataclass(frozen=True)
class Crossing:
    """A declared flow across the boundary, from machine to machine, with what is seen on the way.

    ``seen``: the address under which it is reached; ``other``: the private network on the other side, if one.
    """

    flow: str
    direction: str  # in or out
    start: str
    endpoint: str
    port: int
    seen: str
    other: str


@dataclass(frozen=True)
class Step:
    """One step of the merge, what proves it, and its undo."""

    number: int
    title: str
    how: str
    undo: str


@dataclass(frozen=True)
class MergePlan:
    """All of it. ``ready``: nothing stands against `merge run`; ``missing``: what does, beside shut gates."""

    name: str
    title: str
    unit: str
    made_on: str
    classified: bool
    into: str
    by: str
    gates: tuple[Gate, ...]
    missing: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    choice: Choice
    outside: tuple[tuple[str, str], ...]
    crossings: tuple[Crossing, ...]
    steps: tuple[Step, ...]
    renumber: tuple[tuple[str, str, str], ...]
    routers: tuple[str, ...]
    machines: int
    ready: bool


def plan(world: World, name: str, today: date) -> MergePlan:
    """The plan as of a day. Raises ``InputError`` where there is no such private network."""
    own = world.find(name)
    found = overlapping(own_space(world, name), others_space(world, name))
    stand = gates(world, name, today)
    missing = readiness(world, name)
    shut = any(gate.state == "shut" for gate in stand)
    moved = renumbering(world, name, own) if own.overlap == "renumber" else []
    return MergePlan(
        name=name,
        title=own.title or name,
        unit=own.unit,
        made_on=today.isoformat(),
        classified=own.classified,
        into=own.merges_into,
        by=own.merge_by,
        gates=tuple(stand),
        missing=tuple(str(problem) for problem in missing),
        overlaps=tuple(found),
        choice=choose(world, name, found),
        outside=tuple(zip(own.prefixes, visible(own), strict=False)),
        crossings=tuple(crossings(world, name)),
        steps=tuple(steps(world, name, own)),
        renumber=tuple(("/".join(key), old, new) for key, old, new in moved),
        routers=tuple(own.nodes),
        machines=len(world.own_machines(name)),
        ready=not shut and not missing,
    )


def crossings(world: World, name: str) -> list[Crossing]:
    """The declared flows across a private network's boundaries, by name."""
    return [_crossing(world, name, flow, one) for flow, one in world.borders.crossing(name).items()]


def _crossing(world: World, name: str, flow: str, one: Flow) -> Crossing:
    endpoint = world.catalogue.get(Endpoint, one.endpoint)
    goal = f"instance/{endpoint.instance}"
    inwards = world.borders.home(goal) == name
    instance = world.catalogue.get(Instance, endpoint.instance)
    other = next((n for n in map(world.borders.home, (one.start, goal)) if n and n != name), "")
    return Crossing(
        flow,
        "in" if inwards else "out",
        world.told(*one.start.split("/", 1)),
        world.told("endpoint", one.endpoint),
        endpoint.port,
        world.borders.seen(goal, instance.ipv4 or instance.ipv6, one.start),
        other if other in world.networks else "",
    )


def steps(world: World, name: str, own: PrivateNetwork) -> list[Step]:
    """The steps in their order; nothing is open before what guards it stands."""
    links = ", ".join(f"{far}–{near}" for near, far in pairs(own)) if own.nodes else "–"
    shown = ", ".join(visible(own)) or "nothing"
    routers = ", ".join(dict.fromkeys([*own.nodes, *own.connects_to]))
    claims = "" if readiness(world, name) else f"{len(rows(world, name))} "
    flows = len(world.borders.crossing(name))
    order = f"{claims}claims of merge:{name}, in the ledger beside what the files say"
    ways = f"on {routers}: static, no routing protocol on the link; the one net learns of {shown} alone"
    tries = (
        "what is not declared is tried from both sides with real packets; a control proves each target alive"
    )
    looks = "nothing to undo: it only looks"
    found = [
        ("Record the order", order, f"`govcloud network merge undo {name}` ends it"),
        ("Lay the link", f"{links}; without an address, so nothing can cross it", "taken away, last of all"),
        ("Filter, then translate", _guards(world, name, own), "taken away after addresses and routes"),
        ("Addresses and routes", ways, "routes and tables are withdrawn"),
        ("Measure service", f"{flows} declared flows across it, and every flow that there was before", looks),
        ("Prove isolation", tries, looks),
    ]
    return [Step(number, *words) for number, words in enumerate(found, 1)]


def _guards(world: World, name: str, own: PrivateNetwork) -> str:
    filters = "the boundary lets pass what its flows need, and refuses the rest"
    if unguarded(world, name):
        filters = "its boundary does not stand everywhere yet (see what is missing)"
    change = {
        "nat": f"; {', '.join(map(' → '.join, zip(own.prefixes, own.outside, strict=False)))}",
        "vrf": f"; a routing table of its own ({own.vrf}) on {', '.join(own.connects_to)}",
        "nat64": f"; NAT64 speaks IPv4 for it from {', '.join(own.outside)}",
        "renumber": "; nothing is translated, it has other addresses by then",
    }
    return filters + change.get(own.overlap, "")
