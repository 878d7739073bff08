"""Variables of hosts, inventory and probes, from a small catalogue."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from chain import chain, changed

from govcloud import canonical
from govcloud.errors import InputError
from govcloud.model.application import Application, Endpoint
from govcloud.model.datacentre import Server
from govcloud.model.network import Flow, Link, Node
from govcloud.model.policy import Profile
from govcloud.model.recovery import Protection
from govcloud.plan.hosts import PLAY_GROUPS, host_variables, inventory_document, play_inputs
from govcloud.plan.probes import ProbeSpec, probes
from govcloud.plan.wiring import nth_address


def test_every_built_host_and_no_other_in_the_order_of_the_inventory() -> None:
    hosts = host_variables(chain(), routing="ospf")
    assert list(hosts) == ["r1", "r2", "r3", "r4", "dns-1", "app-1", "desk", "app-dr"]
    assert hosts["app-dr"].entry == "instance/app-dr"
    assert hosts["app-dr"].target == "lab"
    assert hosts["r4"].groups == ["routers", "role_border", "zone_extranet", "region_here"]
    assert hosts["dns-1"].groups == ["servers", "zone_extranet", "dns_servers"]
    assert hosts["app-dr"].groups == ["instances", "zone_extranet", "site_s", "standbys"]


def test_a_link_gives_its_first_address_to_the_a_end_and_a_network_to_its_gateway() -> None:
    hosts = host_variables(chain(), routing="ospf")
    r4 = {i["name"]: i["addresses"] for i in hosts["r4"].vars["govcloud_interfaces"]}
    assert r4 == {
        "lo": ["10.255.0.4/32", "2001:db8:ff::4/128"],
        "to-r3": ["10.254.0.5/31", "2001:db8:fe:2::1/127"],
        "to-r2": ["10.254.0.7/31", "2001:db8:fe:3::1/127"],
        "app": ["10.4.0.1/24", "2001:db8:4::1/64"],
        "service": ["10.5.0.1/24", "2001:db8:5::1/64"],
    }
    r3 = {i["name"]: i["addresses"] for i in hosts["r3"].vars["govcloud_interfaces"]}
    assert r3["to-r4"] == ["10.254.0.4/31", "2001:db8:fe:2::/127"]


@pytest.mark.parametrize(
    ("prefix", "index", "address"),
    [
        ("10.0.0.0/31", 0, "10.0.0.0/31"),
        ("10.0.0.0/30", 0, "10.0.0.1/30"),
        ("10.0.0.0/30", 1, "10.0.0.2/30"),
        ("2001:db8::/127", 1, "2001:db8::1/127"),
        ("2001:db8::/64", 0, "2001:db8::1/64"),
        ("", 0, ""),
    ],
)
def test_usable_addresses(prefix: str, index: int, address: str) -> None:
    assert nth_address(prefix, index, "link/x") == address


@pytest.mark.parametrize("prefix", ["10.0.0.1/24", "10.0.0.0/32", "nonsense"])
def test_a_prefix_that_cannot_serve_is_refused_by_the_entrys_name(prefix: str) -> None:
    with pytest.raises(InputError) as refused:
        nth_address(prefix, 1, "link/x")
    assert "link/x" in str(refused.value.problems[0])


def test_machines_leave_by_their_gateway() -> None:
    desk = host_variables(chain(), routing="ospf")["desk"].vars
    assert desk["govcloud_interfaces"] == [
        {"name": "eth0", "addresses": ["10.1.0.10/24", "2001:db8:1::10/64"]}
    ]
    assert desk["govcloud_default_routes"] == [
        {"prefix": "0.0.0.0/0", "via": "10.1.0.1"},
        {"prefix": "::/0", "via": "2001:db8:1::1"},
    ]


def test_a_machine_with_one_ip_version_gets_one_default_route() -> None:
    only6 = Server(rack="k", network="lan", ipv6="2001:db8:1::10", target="lab")
    desk = host_variables(changed(chain(), ("desk", only6)), routing="ospf")["desk"].vars
    assert desk["govcloud_default_routes"] == [{"prefix": "::/0", "via": "2001:db8:1::1"}]


def test_ospf_speaks_on_links_alone_with_the_profiles_timers() -> None:
    routing = host_variables(chain(), routing="ospf")["r4"].vars["govcloud_routing"]
    assert routing["backend"] == "ospf"
    assert routing["router_id"] == "10.255.0.4"
    assert (routing["hello_s"], routing["dead_s"]) == (1, 4)
    passive = {i["name"]: i["passive"] for i in routing["interfaces"]}
    assert passive == {"app": True, "lo": True, "service": True, "to-r2": False, "to-r3": False}
    assert {i["name"]: i["cost"] for i in routing["interfaces"]}["to-r2"] == 100


def test_without_a_profile_the_timers_are_those_of_the_standard() -> None:
    catalogue = changed(chain(), ("routing", Profile(values={})))
    routing = host_variables(catalogue, routing="ospf")["r1"].vars["govcloud_routing"]
    assert (routing["hello_s"], routing["dead_s"]) == (10, 40)


def test_router_ids_without_an_ipv4_loopback() -> None:
    bare = {"region": "here", "zone": "extranet", "role": "core", "target": "lab"}
    catalogue = changed(chain(), ("r3", Node(**bare)), ("r9", Node(**bare)))
    hosts = host_variables(catalogue, routing="ospf")
    assert hosts["r3"].vars["govcloud_routing"]["router_id"] == "10.3.0.1"
    made_up = hosts["r9"].vars["govcloud_routing"]["router_id"]
    assert ipaddress.IPv4Address(made_up) and made_up != "0.0.0.0"
    assert hosts["r9"].vars["govcloud_interfaces"] == []


def test_name_servers_know_endpoints_and_hosts() -> None:
    dns = host_variables(chain(), routing="ospf")["dns-1"].vars["govcloud_dns"]
    assert dns["listen"] == ["10.5.0.53", "2001:db8:5::53"]
    (zone,) = dns["zones"]
    assert zone["nameservers"] == ["dns-1.gov.example"]
    records = {(r["name"], r["type"], r["value"]) for r in zone["records"]}
    assert ("www.gov.example", "AAAA", "2001:db8:4::11") in records
    assert ("app-1.gov.example", "A", "10.4.0.11") in records
    assert ("r2.gov.example", "AAAA", "2001:db8:ff::2") in records


def test_every_host_asks_the_name_servers_over_ipv6_first() -> None:
    for host in host_variables(chain(), routing="ospf").values():
        assert host.vars["govcloud_resolver"] == {
            "servers": ["2001:db8:5::53", "10.5.0.53"],
            "search": ["gov.example"],
        }


def test_an_instance_serves_what_its_endpoints_say() -> None:
    assert host_variables(chain(), routing="ospf")["app-1"].vars["govcloud_web"] == [
        {
            "port": 80,
            "fqdn": "www.gov.example",
            "application": "portal",
            "title": "政务门户",
            "unit": "政务局",
        }
    ]


def test_an_application_that_no_document_gives_a_unit_is_served_too() -> None:
    catalogue = changed(chain(), ("portal", Application(title="政务门户")))
    (served,) = host_variables(catalogue, routing="ospf")["app-1"].vars["govcloud_web"]
    assert (served["title"], served["unit"]) == ("政务门户", "")


def test_a_standby_copies_over_ipv6_first_three_times_within_the_rpo() -> None:
    assert host_variables(chain(), routing="ospf")["app-dr"].vars["govcloud_standby"] == [
        {
            "protection": "portal",
            "application": "portal",
            "urls": ["http://[2001:db8:4::11]:80/content/portal", "http://10.4.0.11:80/content/portal"],
            "every_s": 10,
        }
    ]


def test_two_entries_of_one_host_name_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        host_variables(changed(chain(), ("r1", Server(rack="k", target="lab"))), routing="ospf")
    assert "server/r1 and node/r1" in str(refused.value.problems[0])


def test_digests_stay_until_something_of_the_host_changes() -> None:
    def digests(*replacements: tuple[str, Link]) -> dict[str, str]:
        inputs = play_inputs(host_variables(changed(chain(), *replacements), routing="ospf"))
        return {name: canonical.digest(value) for name, value in inputs.items()}

    before = digests()
    assert digests() == before
    link = Link(
        a="r1",
        b="r2",
        a_interface="to-r2",
        b_interface="to-r1",
        bandwidth_mbps=1000,
        ipv4="10.254.0.0/31",
        ipv6="2001:db8:fe::/127",
        cost=11,
    )
    after = digests(("r1-r2", link))
    assert {name for name in before if before[name] != after[name]} == {"r1", "r2"}


def test_the_inventory_has_every_group_of_the_playbook_and_connections_win() -> None:
    hosts = host_variables(chain(), routing="ospf")
    document = inventory_document(hosts, {"r1": {"ansible_connection": "local", "govcloud_entry": "x"}})
    assert set(PLAY_GROUPS) <= set(document)
    assert document["all"]["hosts"] == list(hosts)
    assert document["routers"]["hosts"] == ["r1", "r2", "r3", "r4"]
    assert document["_meta"]["hostvars"]["r1"]["ansible_connection"] == "local"
    assert document["_meta"]["hostvars"]["r1"]["govcloud_entry"] == "x"
    assert msgspec.json.decode(msgspec.json.encode(document)) == document


# Probes


def test_each_measure_over_each_ip_version_is_a_probe_with_its_way() -> None:
    found = {p.name: p for p in probes(chain())}
    assert set(found) == {
        *(f"desk-portal/{kind}/{version}" for kind in ("reach", "dns", "http") for version in (4, 6)),
        "router-portal/reach/4",
        "router-portal/reach/6",
        "portal/copy/4",
        "portal/copy/6",
    }
    http = found["desk-portal/http/6"]
    assert (http.source, http.target, http.subject) == ("desk", "www.gov.example", "flow/desk-portal")
    assert http.path == ["r1", "r2", "r3", "r4"]
    assert http.args["address"] == "2001:db8:4::11"
    assert http.args["servers"] == ["2001:db8:5::53"]
    assert http.args["words"] == ["portal", "政务门户"]
    assert http.args["hops"][0] == ["r1", ["2001:db8:ff::1", "2001:db8:fe::", "2001:db8:1::1"]]
    assert found["portal/copy/6"].path == ["r3", "r4"]
    assert found["portal/copy/6"].args["rpo_s"] == 30


def test_a_flow_without_a_path_is_held_to_the_cheapest_one() -> None:
    found = {p.name: p for p in probes(chain())}
    assert found["router-portal/reach/6"].path == ["r2", "r3", "r4"]


def test_a_path_that_begins_with_the_start_means_the_same() -> None:
    flow = Flow(start="node/r1", endpoint="portal", path=["r1", "r2", "r3", "r4"], measures=["reach"])
    found = {p.name: p for p in probes(changed(chain(), ("router-portal", flow)))}
    assert found["router-portal/reach/4"].path == ["r2", "r3", "r4"]


def test_a_protection_whose_primary_serves_nothing_is_still_measured() -> None:
    elsewhere = Endpoint(application="portal", instance="app-dr", dns_zone="gov", host="www")
    catalogue = changed(chain(), ("portal", elsewhere))
    (probe,) = [p for p in probes(catalogue) if p.kind == "copy"]
    assert probe.args["url"] == ""
    assert "govcloud_standby" not in host_variables(catalogue, routing="ospf")["app-dr"].vars


def test_probes_are_plain_data() -> None:
    specs = probes(chain())
    assert msgspec.json.decode(msgspec.json.encode(specs), type=list[ProbeSpec]) == specs


def test_a_strict_rpo_is_copied_once_a_second() -> None:
    strict = Protection(application="portal", primary="app-1", standby="app-dr", level=6, rpo_s=0)
    hosts = host_variables(changed(chain(), ("portal", strict)), routing="ospf")
    assert hosts["app-dr"].vars["govcloud_standby"][0]["every_s"] == 1
