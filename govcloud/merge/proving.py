"""Proof of a merge: what must not get through does not, and what must does; measured with real packets.

A try that fails proves nothing by itself: the target may be down, or the source mute. So each target is tried
from its own gateway too, and each source tries its own gateway; only with both does a failure count.
"""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from ..access import actor
from ..ledger import Ledger, audit, evidence
from ..ledger.entries import Key
from ..ledger.evidence import Evidence
from ..model.application import Endpoint
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import PrivateNetwork
from ..model.network import Flow, Network
from ..plan.wiring import bare, built_instances, built_servers, gateway_address, parse_prefix
from ..run.manual import NO_RUN, measure_now
from ..run.reach import Reach
from ..workspace import Workspace
from .reading import World

# Seconds that one host may take for all of its tries, and that one answer may take.
BATCH_S, WAIT_S = 60.0, 1.0
# Ports that nothing listens on (discard, RFC 863; chargen, RFC 864), for what no flow names.
NOBODYS = (9, 19)
# What only the machine itself can say to a connection.
ANSWERS = ("open", "refused")


@dataclass(frozen=True)
class Try:
    """From one host to an address of another; a ``control`` must get through, else nothing is proved."""

    source: str
    target: str  # kind/name
    address: str
    port: int
    control: bool = False

    @property
    def name(self) -> str:
        """One name for each question."""
        return f"{self.source}>{self.address}:{self.port}"


class Answer(msgspec.Struct, frozen=True):
    """What came of a try (``merge.trial``)."""

    name: str
    echo: bool = False
    tcp: str = ""

    @property
    def through(self) -> bool:
        """Anything that the other end itself said: an echo, a connection."""
        return self.echo or self.tcp == "open"


@dataclass(frozen=True)
class Trial:
    """A pair that must stay apart, with what it needs to prove something.

    ``port_alone``: a declared flow joins the two, so that an echo may get through; the port must not.
    """

    bad: Try
    target_control: Try
    source_control: Try
    port_alone: bool = False


def trials(world: World, name: str, *, service: bool = True) -> list[Trial]:
    """What must not get through, both ways, between machines of a private network and all others.

    Of each side `targets` machines are taken (``profile/merging``), from different networks where there are.
    With ``service`` pairs that a declared flow joins are tried at ports that none of their flows names: what
    they may is measured as service. Without, nothing may cross, and what was declared is tried first of all.
    """
    limit = world.policy().targets
    built = _built(world)
    sides: dict[str, list[Key]] = {}
    for key in built:
        host = "/".join(key)
        home = world.borders.home(host)
        sides.setdefault(f"private:{home}" if home else f"zone:{world.zone_of(host)}", []).append(key)
    own = _spread(world, sides.pop(f"private:{name}", []), limit)
    others = [key for _, some in sorted(sides.items()) for key in _spread(world, some, limit)]
    joined = _declared(world)
    out: list[Trial] = []
    for (source, target), declared in sorted(joined.items()):
        # However many machines are taken, these are among them.
        homes = [world.borders.home("/".join(key)) for key in (source, target)]
        if homes.count(name) == 1 and source in built and target in built:
            ports = sorted(declared) if not service else _undeclared(world, target, declared)
            for port in ports:
                out += _pair(world, source, target, port, port_alone=service)
    for one in own:
        for other in others:
            for source, target in ((one, other), (other, one)):
                if (source, target) not in joined:
                    out += _pair(world, source, target, _port(world, target))
    return out


def _undeclared(world: World, target: Key, declared: Collection[int]) -> list[int]:
    """Ports on which the target listens for others; where there is none, one on which nobody does."""
    listens = [e.port for e in world.catalogue.all(Endpoint).values() if target == ("instance", e.instance)]
    return sorted(set(listens) - set(declared)) or [p for p in NOBODYS if p not in declared][:1]


def _pair(world: World, source: Key, target: Key, port: int, *, port_alone: bool = False) -> Iterable[Trial]:
    about, viewer = "/".join(target), "/".join(source)
    machine = _machine(world, target)
    gateway = world.catalogue.get(Network, machine.network).gateway
    for inside in map(bare, (a for a in (machine.ipv4, machine.ipv6) if a)):
        alive = Try(gateway, about, inside, port, control=True)
        addresses = {world.borders.seen(about, inside, viewer), inside}
        addresses |= {world.borders.mapped(viewer, about, inside)} if "." in inside else set()
        for address in sorted(addresses - {""}):
            mute = _mute(world, source, address)
            # Where the source uses the same addresses itself, this one is a neighbour of its own.
            if mute is not None and not _own_address(world, viewer, address):
                yield Trial(Try(source[1], about, address, port), alive, mute, port_alone)


def _mute(world: World, source: Key, address: str) -> Try | None:
    """A source's try of its own gateway over the same IP version; None where it has no such address."""
    machine = _machine(world, source)
    if not (machine.ipv6 if ":" in address else machine.ipv4):
        return None
    own = world.catalogue.get(Network, machine.network)
    home = gateway_address(own, 6 if ":" in address else 4, machine.network)
    return Try(source[1], f"node/{own.gateway}", bare(home), 0, control=True) if home else None


def _own_address(world: World, viewer: str, address: str) -> bool:
    home = world.borders.home(viewer)
    prefixes = world.catalogue.get(PrivateNetwork, home).prefixes if home else []
    own = ipaddress.ip_address(address)
    return any(own in parse_prefix(p, home) for p in prefixes)


def prove(
    workspace: Workspace, ledger: Ledger, world: World, name: str, *, service: bool = True
) -> list[Evidence]:
    """Measure isolation, and with ``service`` the declared flows; keep it as evidence of the private network.

    Each row says of which order it is (``order``: the revision in which the merge's claims changed last).
    Raises ``LabDown`` where there is nothing to measure in.
    """
    rows = isolation(workspace, world, name, service=service)
    due = world.borders.crossing(name) if service else {}
    due = {flow: one for flow, one in due.items() if flow not in world.borders.waiting}
    mapped = {flow: address for flow, one in due.items() if (address := world.borders.by_nat64(one))}
    traced = [flow for flow, one in due.items() if set(one.ip_versions) - ({6} if flow in mapped else set())]
    if traced:
        patience = world.policy().patience_s
        found = measure_now(workspace, ledger, [f"flow/{flow}" for flow in traced], patience_s=patience)
        rows += [_service(name, flow, [r for r in found if r.subject == f"flow/{flow}"]) for flow in traced]
    rows += _by_nat64(workspace, world, name, mapped)
    subject = f"private_network/{name}"
    order = {"order": world.changed.get(name, 0)}
    rows = [msgspec.structs.replace(row, detail=row.detail | order) for row in rows]
    bad = sum(1 for row in rows if not row.ok)
    with ledger.write() as connection:
        evidence.keep(connection, NO_RUN, subject, rows)
        audit.append(
            connection, actor(), "merge proved", {"subject": subject, "measured": len(rows), "bad": bad}
        )
    return rows


def isolation(workspace: Workspace, world: World, name: str, *, service: bool = True) -> list[Evidence]:
    """Every trial of a private network, measured; ``service`` as of ``trials``."""
    wanted = trials(world, name, service=service)
    if not wanted:
        return []
    tries = {t.name: t for trial in wanted for t in (trial.bad, trial.target_control, trial.source_control)}
    answers = _measure(Reach(workspace), list(tries.values()), workspace.settings.parallel)
    return [_isolated(name, trial, answers) for trial in wanted]


def _isolated(name: str, trial: Trial, answers: dict[str, Answer]) -> Evidence:
    got = answers[trial.bad.name]
    alive, heard = answers[trial.target_control.name], answers[trial.source_control.name]
    reason = ""
    if trial.port_alone:
        # A refusal is an answer as well: the packet came to the machine.
        if got.tcp in ANSWERS:
            reason = f"{trial.bad.address} answers {trial.bad.source} at port {trial.bad.port}: {got.tcp}"
        elif alive.tcp not in ANSWERS:
            reason = f"not proved: {trial.bad.target} does not answer its own gateway at that port either"
    elif got.through:
        reason = f"{trial.bad.address} answers {trial.bad.source}" + (" an echo" if got.echo else "")
        reason += f" and a connection to port {trial.bad.port}" if got.tcp == "open" else ""
    elif not alive.echo or (trial.bad.port and alive.tcp != "open"):
        reason = f"not proved: {trial.bad.target} does not answer its own gateway either"
    if not reason and not heard.echo:
        reason = f"not proved: {trial.bad.source} does not reach its own gateway either"
    detail: dict[str, Any] = {
        "kind": "isolated",
        "reason": reason,
        "source": trial.bad.source,
        "target": trial.bad.target,
        "address": trial.bad.address,
        "port": trial.bad.port,
        "tcp": got.tcp,
        "control": alive.echo and heard.echo,
    }
    label = f"{name}/isolated/{trial.bad.name}"
    return Evidence(f"private_network/{name}", label, not reason, None, "", detail, at=time.time())


def _service(name: str, flow: str, rows: Sequence[Evidence]) -> Evidence:
    bad = [f"{r.name}: {r.detail.get('reason') or 'not good'}" for r in rows if not r.ok]
    reason = "; ".join(bad) if rows else "nothing of it was measured: its start is not built"
    worst = max((r.value for r in rows if r.value is not None), default=None)
    detail = {"kind": "service", "reason": reason, "flow": flow, "probes": [r.name for r in rows]}
    label = f"{name}/service/{flow}"
    return Evidence(f"private_network/{name}", label, not reason, worst, "ms", detail, at=time.time())


def _by_nat64(workspace: Workspace, world: World, name: str, mapped: Mapping[str, str]) -> list[Evidence]:
    """Flows that get through by NAT64: a connection to the address that stands for the endpoint's."""
    tries = {}
    for flow, address in mapped.items():
        one = world.catalogue.get(Flow, flow)
        endpoint = world.catalogue.get(Endpoint, one.endpoint)
        start, target = one.start.partition("/")[2], f"instance/{endpoint.instance}"
        tries[flow] = Try(start, target, address, endpoint.port, control=True)
    answers = _measure(Reach(workspace), list(tries.values()), workspace.settings.parallel) if tries else {}
    rows = []
    for flow, made in tries.items():
        got = answers[made.name].tcp
        reason = (
            "" if got == "open" else f"no connection to {made.address} port {made.port}: {got or 'not tried'}"
        )
        detail = {"kind": "service", "reason": reason, "flow": flow, "probes": [made.name]}
        label = f"{name}/service/{flow}/nat64"
        rows.append(Evidence(f"private_network/{name}", label, not reason, None, "", detail, at=time.time()))
    return rows


def _measure(reach: Reach, tries: Sequence[Try], parallel: int) -> dict[str, Answer]:
    by_source: dict[str, list[Try]] = {}
    for one in tries:
        by_source.setdefault(one.source, []).append(one)
    answers = {one.name: Answer(one.name) for one in tries}
    there = [some for source, some in by_source.items() if not reach.missing([source])]
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        for found in pool.map(lambda some: _from(reach, some), there):
            answers |= found
    return answers


def _from(reach: Reach, tries: Sequence[Try]) -> dict[str, Answer]:
    """What one host gets through to; a host whose program fails gets nowhere, and its control tells."""
    argv = reach.command(tries[0].source, [sys.executable, "-m", "govcloud.merge.trial"])
    asked = [{"name": t.name, "address": t.address, "port": t.port} for t in tries]
    order = msgspec.json.encode({"wait_s": WAIT_S, "tries": asked})
    try:
        done = subprocess.run(argv, input=order, capture_output=True, timeout=BATCH_S, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return {}
    return {a.name: a for a in msgspec.json.decode(done.stdout, type=list[Answer])}


def _built(world: World) -> list[Key]:
    """Machines that stand in a network, by (kind, name)."""
    found: list[Key] = []
    for name, server in built_servers(world.catalogue).items():
        found += [("server", name)] if server.network else []
    for name, instance in built_instances(world.catalogue).items():
        found += [("instance", name)] if instance.network else []
    return found


def _spread(world: World, keys: Sequence[Key], limit: int) -> list[Key]:
    """At most ``limit`` of them, one of each network in turn, by name."""
    by_network: dict[str, list[Key]] = {}
    for key in sorted(keys):
        by_network.setdefault(_machine(world, key).network, []).append(key)
    out: list[Key] = []
    while by_network and len(out) < limit:
        for network in sorted(by_network):
            if len(out) < limit:
                out.append(by_network[network].pop(0))
        by_network = {network: some for network, some in by_network.items() if some}
    return out


def _declared(world: World) -> dict[tuple[Key, Key], set[int]]:
    """The ports that flows name by (source, target): what a source may ask of a target."""
    out: dict[tuple[Key, Key], set[int]] = {}
    for name in world.borders.networks:
        for flow in world.borders.crossing(name).values():
            kind, _, start = flow.start.partition("/")
            endpoint = world.catalogue.get(Endpoint, flow.endpoint)
            out.setdefault(((kind, start), ("instance", endpoint.instance)), set()).add(endpoint.port)
    return out


def _machine(world: World, key: Key) -> Server | Instance:
    entry = world.catalogue.find(*key)
    assert isinstance(entry, (Server, Instance))
    return entry


def _port(world: World, key: Key) -> int:
    """A port on which the target listens; 0 where none is declared."""
    endpoints = sorted(world.catalogue.all(Endpoint).items())
    return next((e.port for _, e in endpoints if key == ("instance", e.instance)), 0)
