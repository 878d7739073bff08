"""Intranet and extranet apart: what is classified, what crosses, and by which way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..model.application import Application, Dependency, Endpoint
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Server
from ..model.lines import Exchange, PrivateNetwork
from ..model.network import Flow, Node
from ..model.services import Dataset
from ..topology.net import CARRYING
from .base import Breach, Case
from .housing import CLOUDS_READS, clouds_of, machines_of
from .registry import rule


@rule(
    "N-01",
    "deny",
    *("application.classified", "application.zones", "application.private_networks", "application.cloud"),
    *("dataset.classified", "dataset.zones", "private_network.classified", "project.classified"),
    *("cloud.zone", "flow.classified", "flow.start", "flow.endpoint", "flow.path", "zone.role"),
    *(
        "dataset.cloud",
        "instance.network",
        "instance.status",
        "network.vrf",
        "network.gateway",
        "vrf.zone",
        "node.zone",
    ),
    *CLOUDS_READS,
)
def classified_is_on_the_intranet(case: Case) -> Iterator[Breach]:
    """What is classified is on the intranet alone, and the intranet has no way to the extranet."""
    cure = "place it on a zone of role intranet, or have it found not to be classified"
    applications, datasets = case.catalogue.all(Application), case.catalogue.all(Dataset)
    placed = [(f"application/{n}", a.zones) for n, a in applications.items() if a.classified]
    placed += [(f"dataset/{n}", d.zones) for n, d in datasets.items() if d.classified]
    for subject, zones in placed:
        for zone in zones:
            if (role := case.crossings.role(zone)) != "intranet":
                message = f"handles classified data on zone/{zone}, a zone of role {role}"
                yield Breach(subject, message, "zones", (), cure)
    for name, application in applications.items():
        if application.classified:
            for private in application.private_networks:
                if case.crossings.role(_zone_of(case, private)) != "intranet":
                    message = f"handles classified data on private_network/{private}, no part of the intranet"
                    yield Breach(f"application/{name}", message, "private_networks", (), cure)
            key = f"application/{name}"
            for cloud, by in clouds_of(case, name, application).items():
                if not _on_intranet(case, cloud):
                    message = f"handles classified data on cloud/{cloud}, no cloud of the intranet"
                    yield Breach(key, message, "cloud", () if by == key else (by,), cure)
            yield from _machines(case, machines_of(case, name), key, cure)
    for name, dataset in datasets.items():
        if dataset.classified and dataset.cloud and not _on_intranet(case, dataset.cloud):
            message = f"holds classified data on cloud/{dataset.cloud}, no cloud of the intranet"
            yield Breach(f"dataset/{name}", message, "cloud", (), cure)
    for name, project in case.catalogue.all(Project).items():
        if project.classified:
            key = f"project/{name}"
            if not _on_intranet(case, project.cloud):
                message = f"holds classified data on cloud/{project.cloud}, no cloud of the intranet"
                yield Breach(key, message, "cloud", (), cure)
            yield from _machines(case, dict(case.named_by(Instance, "project", key)), key, cure)
    for name, flow in case.catalogue.all(Flow).items():
        if flow.classified:
            ends = (("start", _zone_of_start(case, flow)), ("endpoint", _zone_of_endpoint(case, flow)))
            wrong = [(f"over node/{n}", z, "path") for n, z in _nodes(case, flow)]
            wrong += [(f"{'from' if end == 'start' else 'to'} a machine", z, end) for end, z in ends if z]
            for where, zone, end in [w for w in wrong if case.crossings.role(w[1]) != "intranet"][:1]:
                message = f"carries classified data {where} of zone/{zone}"
                yield Breach(f"flow/{name}", message, end, (), cure)
    yield from _paths(case)


def _machines(case: Case, machines: Mapping[str, Instance], key: str, cure: str) -> Iterator[Breach]:
    """Machines of something classified that are in a network of another zone than the intranet's."""
    for name, machine in machines.items():
        zone = case.zone_of_network(machine.network)
        if zone and (role := case.role(zone)) != "intranet" and machine.status != "retired":
            where = f"network/{machine.network} of zone/{zone}, a zone of role {role}"
            message = f"handles what is classified ({key}) in {where}"
            yield Breach(f"instance/{name}", message, "network", (key, f"network/{machine.network}"), cure)


@rule(
    "N-19",
    "deny",
    *("flow.start", "flow.endpoint", "flow.exchange", "dependency.exchange", "application.zones"),
    *("dependency.application", "dependency.needs"),
    *("exchange.role", "exchange.zones", "exchange.site", "exchange.status", "link.a", "link.b", "zone.role"),
    *("interface.network", "circuit.zone", "circuit.node"),
)
def intranet_and_extranet_meet_at_the_exchange(case: Case) -> Iterator[Breach]:
    """Data pass between intranet and extranet by a declared exchange, and there is no other way."""
    yield from _paths(case)
    for name, flow in case.catalogue.all(Flow).items():
        ends = {_zone_of_start(case, flow), _zone_of_endpoint(case, flow)}
        if {"intranet", "extranet"} <= {case.crossings.role(z) for z in ends}:
            yield from _without(case, f"flow/{name}", flow.exchange)
    applications = case.catalogue.all(Application)
    for name, dependency in case.catalogue.all(Dependency).items():
        one, other = (applications.get(a) for a in (dependency.application, dependency.needs))
        if one is not None and other is not None:
            first, second = ({case.crossings.role(z) for z in a.zones} for a in (one, other))
            # Those that share a network need no crossing.
            if first | second >= {"intranet", "extranet"} and not first & second:
                yield from _without(case, f"dependency/{name}", dependency.exchange)


def _without(case: Case, subject: str, exchange: str) -> Iterator[Breach]:
    cure = "name an exchange of role cross_network that joins both zones and is in service"
    entry = case.catalogue.all(Exchange).get(exchange)
    if entry is None:
        yield Breach(subject, "passes between intranet and extranet by no exchange", "exchange", (), cure)
        return
    roles = {case.crossings.role(z) for z in entry.zones}
    if entry.role != "cross_network" or entry.status not in CARRYING or not {"intranet", "extranet"} <= roles:
        message = f"passes between intranet and extranet by exchange/{exchange}, which does not join them"
        yield Breach(subject, message, "exchange", (), cure)


def _paths(case: Case) -> Iterator[Breach]:
    for way in case.crossings.ways("intranet", "extranet"):
        field = ""
        # The entry to look at: what joins the two, or the vertex that stands in both.
        joints = [v for v in way if v.startswith(("link/", "circuit/"))]
        inner = way[1:-1] or way
        subject = joints[0] if joints else inner[len(inner) // 2]
        if subject.startswith("private_network/"):
            field = "connects_to"
        message = f"the intranet has a way to the extranet{_place(case, way)} that is no declared exchange"
        cure = "cut it, or declare the exchange that stands there: its zones, and its site or application"
        yield Breach(subject, message, field, tuple(way), cure)


def _place(case: Case, way: Iterable[str]) -> str:
    nodes = case.catalogue.all(Node)
    for vertex in way:
        kind, _, name = vertex.partition("/")
        if kind == "node" and (node := nodes.get(name)) is not None:
            return f" at site/{node.site}" if node.site else f" in region/{node.region}"
    return ""


def _zone_of(case: Case, private: str) -> str:
    entry = case.catalogue.all(PrivateNetwork).get(private)
    return entry.zone if entry is not None else ""


def _on_intranet(case: Case, cloud: str) -> bool:
    entry = case.catalogue.all(Cloud).get(cloud)
    return entry is not None and case.crossings.role(entry.zone) == "intranet"


def _zone_of_start(case: Case, flow: Flow) -> str:
    kind, _, name = flow.start.partition("/")
    entry = case.catalogue.find(kind, name)
    if isinstance(entry, Node):
        return entry.zone
    return case.crossings.zone_of_network(entry.network) if isinstance(entry, Server | Instance) else ""


def _zone_of_endpoint(case: Case, flow: Flow) -> str:
    endpoint = case.catalogue.all(Endpoint).get(flow.endpoint)
    instance = case.catalogue.all(Instance).get(endpoint.instance) if endpoint is not None else None
    return case.crossings.zone_of_network(instance.network) if instance is not None else ""


def _nodes(case: Case, flow: Flow) -> Iterator[tuple[str, str]]:
    """(node, zone) of the nodes that a flow is declared to cross, its start among them."""
    nodes = case.catalogue.all(Node)
    start = [flow.start.removeprefix("node/")] if flow.start.startswith("node/") else []
    for name in (*start, *flow.path):
        if name in nodes:
            yield name, nodes[name].zone


@rule("N-07", "flag", "application.audience", "application.status", "application.zones", "zone.role")
def services_are_on_the_extranet(case: Case) -> Iterator[Breach]:
    """Applications that serve people and enterprises are on the extranet."""
    for name, application in case.catalogue.all(Application).items():
        if not {"public", "enterprise"} & set(application.audience) or application.status == "retired":
            continue
        roles = {case.crossings.role(z) for z in application.zones}
        if roles and "extranet" not in roles:
            message = f"serves {', '.join(application.audience)} and is not on the extranet"
            yield Breach(f"application/{name}", message, "zones", (), "plan its move to the extranet")
