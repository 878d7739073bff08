"""The sample province: every claim it makes about itself, and that it says where each figure comes from."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter, defaultdict
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import msgspec
import pytest
import rustworkx as rx

from govcloud.model import KINDS, Entry
from govcloud.model.application import Application, Endpoint
from govcloud.model.catalogue import Catalogue
from govcloud.model.cloud import Cloud, Instance, Project
from govcloud.model.datacentre import Rack, Room, Server, Site
from govcloud.model.network import Flow, Link, Network, Node
from govcloud.model.organisation import Person, Region, Unit
from govcloud.model.recovery import Protection
from govcloud.source import load
from govcloud.workspace import open_workspace

SAMPLE = Path(__file__).parents[1] / "inventory" / "hainan"

# Lines of each source document, as `grep -n` counts them.
LINES = {"000": 103, "001": 390, "002": 61, "003": 289, "004": 73}

# No document gives these kinds' figures (addresses, bandwidths, sizes, levels, names of persons).
ALWAYS_INVENTED = {
    *("person", "node", "link", "network", "dns_zone", "flow"),
    *("room", "rack", "server", "project", "flavor", "image", "instance"),
    *("endpoint", "protection"),
}
# A list of what the documents name, by the document's own lines: it is where the others come from.
LISTED = "source_row"
# Document and line, then the rows of facts.md that it is; several places between `; `.
SOURCE = re.compile(r"(\d{3}):L(\d+)(?: S\1-\d{3})*")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    # A copy, because reading a workspace leaves a cache in it, and the sample ships as it stands.
    root = tmp_path_factory.mktemp("sample") / SAMPLE.name
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns(".govcloud"))
    fields: dict[tuple[str, str], dict[str, object]] = defaultdict(dict)
    for claim in load(open_workspace(str(root))).claims:
        fields[claim.kind, claim.name].update(claim.fields)
    tables: dict[str, dict[str, Entry]] = defaultdict(dict)
    for (kind, name), values in fields.items():
        tables[kind][name] = msgspec.convert(values, KINDS[kind])
    return Catalogue(tables)


def cloud_of(sample: Catalogue, instance: Instance) -> Cloud:
    return sample.get(Cloud, sample.get(Project, instance.project).cloud)


def prefixed(sample: Catalogue) -> dict[str, Link | Network]:
    links, networks = sample.all(Link), sample.all(Network)
    assert not set(links) & set(networks)
    return {**links, **networks}


def machines(sample: Catalogue) -> dict[str, Server | Instance]:
    return {**sample.all(Server), **sample.all(Instance)}


def gateway(sample: Catalogue, machine: Server | Instance) -> str:
    return sample.get(Network, machine.network).gateway


def built_nodes(sample: Catalogue) -> dict[str, Node]:
    return {name: node for name, node in sample.all(Node).items() if node.target}


class Net:
    """The built routers and the lines between them, weighted by cost."""

    def __init__(self, sample: Catalogue) -> None:
        self.names = list(built_nodes(sample))
        self.index = {name: i for i, name in enumerate(self.names)}
        self.graph = rx.PyGraph()
        self.graph.add_nodes_from(self.names)
        for link in sample.all(Link).values():
            if link.a in self.index and link.b in self.index:
                self.graph.add_edge(self.index[link.a], self.index[link.b], link.cost)

    def shortest(self, a: str, b: str) -> list[list[str]]:
        found = rx.graph_all_shortest_paths(self.graph, self.index[a], self.index[b], weight_fn=float)
        return [[self.names[i] for i in path] for path in found]


@pytest.fixture(scope="module")
def net(sample: Catalogue) -> Net:
    return Net(sample)


# Where figures come from


def test_every_entry_says_where_it_comes_from(sample: Catalogue) -> None:
    silent = [
        f"{kind}/{name}" for kind, name, e in sample if not e.source and not e.invented and kind != LISTED
    ]
    assert silent == []


def test_every_entry_has_a_chinese_title(sample: Catalogue) -> None:
    untitled = [f"{kind}/{name}" for kind, name, e in sample if not re.search(r"[\u4e00-\u9fff]", e.title)]
    assert [u for u in untitled if not u.startswith(f"{LISTED}/")] == []


def test_cited_lines_exist(sample: Catalogue) -> None:
    cited = 0
    for kind, name, entry in sample:
        if not entry.source or entry.source == "GB/T 2260":
            continue
        for place in entry.source.split("; "):
            match = SOURCE.fullmatch(place)
            assert match, f"{kind}/{name}: {entry.source}"
            assert 1 <= int(match[2]) <= LINES.get(match[1], 0), f"{kind}/{name}: {entry.source}"
            cited += 1
    assert cited > 500


def test_figures_that_no_document_gives_are_marked_invented(sample: Catalogue) -> None:
    unmarked = [f"{k}/{n}" for k, n, e in sample if k in ALWAYS_INVENTED and not e.invented]
    assert unmarked == []
    # No document determines a level of graded protection.
    graded = [f"{k}/{n}" for k, n, e in sample if getattr(e, "mlps", 0) and not e.invented]
    assert graded == []


def test_what_is_inferred_is_said(sample: Catalogue) -> None:
    for kind, name, entry in sample:
        said = {f for f in msgspec.structs.asdict(entry) if getattr(entry, f)}
        assert set(entry.inferred) <= said, f"{kind}/{name}: {set(entry.inferred) - said} says nothing"


def test_only_the_lab_province_is_built(sample: Catalogue) -> None:
    """What the documents name is recorded; it has no target, and what it says of itself is no invention."""
    built = {kind for kind, _, e in sample if getattr(e, "target", "")}
    assert built == {"node", "server", "cloud"}
    recorded = [e for kind, _, e in sample if re.search(r"S\d{3}-\d{3}", e.source) and not e.invented]
    assert len(recorded) > 400
    assert not [e for e in recorded if getattr(e, "target", "")]


# Who and where


def test_four_levels_from_province_to_village(sample: Catalogue) -> None:
    regions = sample.all(Region)
    coded = [r for r in regions.values() if r.code and r.level != "province"]
    assert len(coded) == 19
    assert {r.source for r in coded} == {"GB/T 2260"}

    tree_levels: list[list[str]] = []
    for name, region in regions.items():
        if region.level != "village":
            continue
        levels: list[str] = [region.level]
        while region.parent:
            region = regions[region.parent]
            levels.append(region.level)
        tree_levels.append(levels)
        assert levels[0:2] == ["village", "town"], name
        assert levels[2] in ("county", "city"), name
        assert levels[-1] == "province", name
    assert len(tree_levels) >= 2


def test_every_city_and_county_has_a_built_node(sample: Catalogue) -> None:
    served = {node.region for node in built_nodes(sample).values() if node.role == "aggregation"}
    assert {name for name, r in sample.all(Region).items() if r.level in ("city", "county")} <= served


def test_a_dozen_units_with_three_duties_each(sample: Catalogue) -> None:
    duties = Counter((p.unit, p.duty) for p in sample.all(Person).values())
    units = sample.all(Unit)
    # No document names a person, so the bodies that the plans name besides have none.
    staffed = {unit for unit, _ in duties}
    assert len(staffed) >= 12 and staffed <= set(units)
    assert set(duties) == {
        (unit, duty) for unit in staffed for duty in ("principal", "information_officer", "business_manager")
    }
    assert all(p.email.endswith(".example") for p in sample.all(Person).values())


# What is built


def test_hosts_of_the_lab(sample: Catalogue) -> None:
    hosts = list(built_nodes(sample))
    hosts += [name for name, s in sample.all(Server).items() if s.target]
    hosts += [name for name, i in sample.all(Instance).items() if cloud_of(sample, i).target]
    # Every host costs start-up time, and the demo has three minutes on two cores.
    assert 25 <= len(hosts) <= 40
    assert len(set(hosts)) == len(hosts)


def test_interfaces_fit_linux_and_are_unique(sample: Catalogue) -> None:
    interfaces = [(n.gateway, n.interface) for n in sample.all(Network).values()]
    for link in sample.all(Link).values():
        interfaces += [(link.a, link.a_interface), (link.b, link.b_interface)]
    assert [i for i, count in Counter(interfaces).items() if count > 1] == []
    assert [name for _, name in interfaces if not 1 <= len(name) <= 15] == []


def test_trunk_is_three_verticals_and_three_horizontals(sample: Catalogue) -> None:
    lines: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for name, link in sample.all(Link).items():
        match = re.fullmatch(r"trunk-([vh]\d)-(\d+)-([a-z]+)-([a-z]+)", name)
        if match:
            assert (match[3], match[4]) == (link.a, link.b)
            assert link.source == "000:L4 S000-003"
            lines[match[1]][int(match[2])] = (link.a, link.b)
    assert sorted(lines) == ["h1", "h2", "h3", "v1", "v2", "v3"]

    stops: dict[str, list[str]] = {}
    for line, parts in lines.items():
        ordered = [parts[i] for i in sorted(parts)]
        assert sorted(parts) == list(range(1, len(parts) + 1)), line
        assert all(x[1] == y[0] for x, y in itertools.pairwise(ordered)), f"{line} has a gap"
        stops[line] = [ordered[0][0], *(b for _, b in ordered)]

    verticals = [set(stops[v][1:-1]) for v in ("v1", "v2", "v3")]
    for v in ("v1", "v2", "v3"):
        assert (stops[v][0], stops[v][-1]) == ("haikou", "sanya")
    for a, b in itertools.combinations(verticals, 2):
        assert not a & b
    for h in ("h1", "h2", "h3"):
        assert all(len(v & set(stops[h])) == 1 for v in verticals), f"{h} does not cross the island"

    # It joins every city and county of the island; 三沙 is beyond the sea, 洋浦 hangs on 儋州.
    on_trunk = set().union(*stops.values())
    places = {n for n, r in sample.all(Region).items() if r.level in ("city", "county")}
    assert places - on_trunk == {"sansha", "yangpu"}


def test_a_satellite_link_is_slow_and_far(sample: Catalogue) -> None:
    satellites = [link for link in sample.all(Link).values() if link.medium == "satellite"]
    assert satellites
    assert all(link.delay_ms >= 250 and link.bandwidth_mbps <= 20 for link in satellites)


def test_no_machine_of_a_built_place_is_homeless(sample: Catalogue) -> None:
    for name, instance in sample.all(Instance).items():
        network = sample.get(Network, instance.network)
        assert sample.get(Cloud, network.cloud) is cloud_of(sample, instance), name
    for name, server in sample.all(Server).items():
        room = sample.get(Rack, server.rack).room
        assert sample.get(Network, server.network).site == sample.get(Room, room).site, name


# Addresses


def test_addresses_do_not_overlap(sample: Catalogue) -> None:
    prefixes = []
    for name, entry in prefixed(sample).items():
        prefixes += [(ip_network(p), name) for p in (entry.ipv4, entry.ipv6)]
    for name, node in sample.all(Node).items():
        prefixes += [(ip_network(p), name) for p in (node.loopback4, node.loopback6)]
    # Sorted, an overlap is always between neighbours.
    for version in (4, 6):
        ordered = sorted(p for p in prefixes if p[0].version == version)
        for (x, a), (y, b) in itertools.pairwise(ordered):
            assert not x.overlaps(y), f"{a} {x} and {b} {y}"


def test_prefixes_have_their_sizes_and_stay_in_documentation_space(sample: Catalogue) -> None:
    for link in sample.all(Link).values():
        assert (ip_network(link.ipv4).prefixlen, ip_network(link.ipv6).prefixlen) == (31, 127)
    for network in sample.all(Network).values():
        assert (ip_network(network.ipv4).prefixlen, ip_network(network.ipv6).prefixlen) == (24, 64)
    province6, private4 = IPv6Network("3fff:460::/28"), IPv4Network("10.0.0.0/8")
    for entry in prefixed(sample).values():
        assert IPv4Network(entry.ipv4).subnet_of(private4)
        assert IPv6Network(entry.ipv6).subnet_of(province6)
    for node in sample.all(Node).values():
        assert ip_address(node.loopback4) in private4
        assert ip_address(node.loopback6) in province6


def test_machines_have_addresses_of_their_own_in_their_network(sample: Catalogue) -> None:
    seen: Counter[str] = Counter()
    for name, machine in machines(sample).items():
        network = sample.get(Network, machine.network)
        for address, prefix in ((machine.ipv4, network.ipv4), (machine.ipv6, network.ipv6)):
            inside = ip_network(prefix)
            assert ip_address(address) in inside, name
            # The first is the prefix itself, the second the gateway's.
            assert ip_address(address) not in (inside[0], inside[1]), name
            seen[address] += 1
    assert max(seen.values()) == 1


# What must work


def test_flows_take_the_only_shortest_way(sample: Catalogue, net: Net) -> None:
    flows = sample.all(Flow)
    assert len(flows) >= 3
    for name, flow in flows.items():
        kind, _, start = flow.start.partition("/")
        answers = sample.get(Instance, sample.get(Endpoint, flow.endpoint).instance)
        end = gateway(sample, answers)
        if kind == "node":
            expected = [start, *flow.path]
        else:
            start, expected = gateway(sample, machines(sample)[start]), flow.path
        assert net.shortest(start, end) == [expected], name
        assert net.shortest(end, start) == [expected[::-1]], f"{name}, back"


def test_no_two_routers_have_two_shortest_ways(net: Net) -> None:
    ties = [(a, b) for a, b in itertools.combinations(net.names, 2) if len(net.shortest(a, b)) != 1]
    assert ties == []


def test_a_village_reaches_the_cloud_through_every_level(sample: Catalogue) -> None:
    crossed = []
    for flow in sample.all(Flow).values():
        if flow.ip_versions != [4, 6] or flow.measures != ["reach", "dns", "http"]:
            continue
        nodes = [sample.get(Node, name) for name in flow.path]
        levels = [sample.get(Region, node.region).level for node in nodes]
        crossed.append((levels[:3], [node.role for node in nodes][-2:]))
    assert (["village", "town", "county"], ["core", "border"]) in crossed


def test_some_flow_crosses_a_satellite(sample: Catalogue) -> None:
    satellites = {
        frozenset((link.a, link.b)) for link in sample.all(Link).values() if link.medium == "satellite"
    }
    hops = set()
    for flow in sample.all(Flow).values():
        way = [flow.start.partition("/")[2], *flow.path] if flow.start.startswith("node/") else flow.path
        hops |= {frozenset(pair) for pair in itertools.pairwise(way)}
    assert hops & satellites


# Applications and their second home


def test_a_dozen_applications_of_the_plan(sample: Catalogue) -> None:
    planned = [a for a in sample.all(Application).values() if a.source.startswith("001:")]
    assert len(planned) >= 12
    assert {"海易办", "海政通"} <= {a.title for a in planned}


def test_endpoints_have_names_of_their_own(sample: Catalogue) -> None:
    names = Counter((e.dns_zone, e.host) for e in sample.all(Endpoint).values())
    assert max(names.values()) == 1


def test_standby_stands_at_a_recovery_site(sample: Catalogue) -> None:
    protections = sample.all(Protection)
    assert protections
    for name, protection in protections.items():
        roles = [
            sample.get(Site, cloud_of(sample, sample.get(Instance, machine)).site).role
            for machine in (protection.primary, protection.standby)
        ]
        assert roles == ["datacentre", "recovery"], name
