"""What can be done where addresses overlap, what speaks for and against each, and which one is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model.application import Endpoint
from ..model.lines import PrivateNetwork
from ..plan.wiring import parse_prefix
from .overlaps import Held, Overlap, free_block, others_space, own_space
from .reading import MergePolicy, World

OPTIONS = ("none", "vrf", "nat", "renumber", "nat64")


@dataclass(frozen=True)
class Facts:
    """What a choice depends on, counted."""

    overlaps: int
    machines: int
    inwards: int  # declared flows that come in
    outwards: int  # declared flows that go out
    target_ipv6: bool
    own_ipv6: bool


@dataclass(frozen=True)
class Option:
    """One way to deal with overlaps. ``fits``: nothing makes it impossible here."""

    choice: str
    fits: bool
    pro: tuple[str, ...]
    contra: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """The declared choice with its reason, or what is proposed and the YAML to write."""

    decided: str  # empty while undecided
    reason: str
    proposed: str
    because: str
    options: tuple[Option, ...]
    write: str


def facts(world: World, name: str, found: Sequence[Overlap]) -> Facts:
    """The counts for a private network."""
    own = world.find(name)
    zone = world.catalogue.find("zone", own.merges_into)
    inwards = outwards = 0
    for flow in world.borders.crossing(name).values():
        if world.borders.home(f"instance/{world.catalogue.get(Endpoint, flow.endpoint).instance}") == name:
            inwards += 1
        else:
            outwards += 1
    return Facts(
        len(found),
        len(world.own_machines(name)),
        inwards,
        outwards,
        getattr(zone, "ipv6", "unknown") == "confirmed",
        bool(own.ipv6),
    )


def choose(world: World, name: str, found: Sequence[Overlap]) -> Choice:
    """What is declared to be done, or a proposal."""
    own = world.find(name)
    policy = world.policy()
    about = facts(world, name, found)
    options = tuple(_option(one, about, policy) for one in OPTIONS)
    proposed, because = _proposal(about, policy)
    if own.overlap != "undecided":
        return Choice(own.overlap, own.overlap_reason, proposed, because, options, "")
    return Choice("", "", proposed, because, options, _yaml(world, name, own, proposed, because, policy))


def _option(choice: str, about: Facts, policy: MergePolicy) -> Option:
    machines = f"{about.machines} machine{'s' if about.machines != 1 else ''}"
    flows = about.inwards + about.outwards
    contra: tuple[str, ...]
    if choice == "none":
        contra = (f"{about.overlaps} prefixes are others' too",) if about.overlaps else ()
        return Option(choice, not about.overlaps, ("nothing is translated and nobody changes",), contra)
    if choice == "vrf":
        contra = ("the shared router keeps a table of its own for it, for ever",)
        if flows:
            contra += (f"{flows} declared flows cross the boundary: it needs outside prefixes all the same",)
        return Option(choice, True, ("what is not declared has no route, not only a filter",), contra)
    if choice == "nat":
        contra = ("its machines have two addresses each, and logs show the outside ones",)
        return Option(
            choice,
            True,
            (f"none of {machines} changes", "services behind it can be reached, address for address"),
            contra,
        )
    if choice == "renumber":
        many = about.machines > policy.renumber_hosts
        contra = (f"{machines} change their addresses",)
        contra += (f"more than {policy.renumber_hosts} at once are much work",) if many else ()
        return Option(choice, True, ("nothing stays behind: one address plan for all",), contra)
    contra = () if about.own_ipv6 else ("no IPv6 prefix is declared for it (`ipv6`)",)
    if about.inwards:
        contra += (f"{about.inwards} declared flows come in over IPv4: NAT64 lets none in",)
    pro = ("the way to IPv6 alone, which is due anyway",)
    return Option(choice, not about.inwards, pro, contra)


def _proposal(about: Facts, policy: MergePolicy) -> tuple[str, str]:
    if not about.overlaps:
        return "none", "no prefix of it is anybody else's"
    if about.machines <= policy.renumber_hosts:
        return "renumber", f"{about.machines} machines are few enough (at most {policy.renumber_hosts})"
    if not about.inwards + about.outwards:
        return "vrf", "no declared flow crosses its boundary: it is only carried"
    if about.own_ipv6 and about.target_ipv6 and not about.inwards:
        return "nat64", "it and the target have IPv6, and nothing comes in over IPv4"
    return "nat", f"{about.machines} machines are too many to renumber, and flows cross the boundary"


def _yaml(
    world: World, name: str, own: PrivateNetwork, proposed: str, because: str, policy: MergePolicy
) -> str:
    lines = ["private_networks:", f"  {name}:", f"    overlap: {proposed}", f"    overlap_reason: {because}"]
    if proposed in ("nat", "renumber", "nat64"):
        taken = [*own_space(world, name), *others_space(world, name)]
        # What an address plan covers is to be given out; what is in use or kept is told beside it.
        taken = [held for held in taken if held.what != "address plan"]
        lengths = [parse_prefix(p, name).prefixlen for p in own.prefixes if ":" not in p]
        blocks = []
        for length in lengths:
            block = free_block(taken, policy.pool, length)
            blocks.append(block or f"PREFIX/{length}")
            if block:
                taken.append(Held(parse_prefix(block, name), "", "proposed"))
        lines.append(f"    outside: [{', '.join(blocks)}]  # free in {policy.pool}")
    if proposed == "vrf":
        lines.append("    vrf: VRF  # a `vrf` with an `rd`")
    return "\n".join(lines)
