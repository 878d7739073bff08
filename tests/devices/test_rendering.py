"""What is written for devices: golden files, read back by others' parser, and the way there from anything."""

from __future__ import annotations

import ipaddress
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.devices.comparing import commands, read
from govcloud.devices.loading import proposed
from govcloud.devices.rendering import Renderer
from govcloud.devices.spelling import long_name
from govcloud.errors import InputError
from govcloud.ledger import open_ledger
from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Link, Node
from govcloud.plan.boundaries import Post, Rule
from govcloud.plan.devices import LONGEST_DESCRIPTION, description, refuse_control_characters
from govcloud.plan.packetfilters import lists
from govcloud.plan.wiring import nth_address
from govcloud.share import shipped
from govcloud.workspace import open_workspace
from tests.devices.device import Device, Session
from tests.devices.grammar import reads
from tests.devices.world import COMWARE, VRP, line_of, write

Cli = Callable[..., Any]
GOLDEN = Path(__file__).parent / "golden"
# (node, platform): a core, an aggregation, and a border with an instance and a boundary, as both vendors.
WRITTEN = [("core", VRP), ("county", COMWARE), ("edge", VRP), ("edge", COMWARE)]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, Renderer]:
    root = tmp_path_factory.mktemp("net")
    write(root)
    workspace = open_workspace(str(root))
    catalogue = proposed(workspace, open_ledger(workspace))
    return catalogue, Renderer(workspace, catalogue, "static")


@pytest.mark.parametrize(("node", "platform"), WRITTEN)
def test_golden_files(node: str, platform: str, net: tuple[Catalogue, Renderer]) -> None:
    written = net[1].render(node, platform).text
    assert written == (GOLDEN / f"{node}.{platform}.cfg").read_text(encoding="utf-8")


@pytest.mark.parametrize(("node", "platform"), WRITTEN)
def test_every_line_is_a_whole_command(node: str, platform: str, net: tuple[Catalogue, Renderer]) -> None:
    wanted = net[1].render(node, platform).text
    assert [line for line in wanted.splitlines() if not reads(line)] == []
    # With prefixes too: flows of whole networks are seldom, and their masks easily mangled.
    wanted = re.sub(r"10\.99\.1\.10 0\b", "192.168.64.0 0.0.0.255", wanted)
    # What is typed is what was rendered, word for word: only names of ports are written out.
    rendered = {_long(platform, line.strip()) for line in wanted.splitlines()}
    typed = {line.strip() for line in commands(platform, "", wanted)} - {"quit"}
    assert typed <= rendered | {"ospfv3 1"}


def _long(platform: str, line: str) -> str:
    first, _, name = line.partition(" ")
    return f"{first} {long_name(platform, name)}" if first in ("interface", "silent-interface") else line


@pytest.mark.parametrize(
    "line",
    [
        "rule 30 permit tcp source 192.168.64.0 0 destination 10.99.1.10 0 destination-port eq 443 .0.0.255",
        "rule 30 permit tcp source 192.168.64.0 0.0.0.256 destination 10.99.1.10 0",
        "ip address 10.0.0.1 24",
        "vpn-target 65001:1 import-extcommunity x",
        "ntp-service unicast-server 1",
        "undo rule 30 deny",
        "user-interface vty 0 4",
    ],
)
def test_a_mangled_line_is_no_command(line: str) -> None:
    assert not reads(line)


@pytest.mark.parametrize(("node", "platform"), WRITTEN)
def test_what_is_read_back_is_what_the_ledger_says(
    node: str, platform: str, net: tuple[Catalogue, Renderer]
) -> None:
    catalogue, renderer = net
    tree = read(platform, renderer.render(node, platform).text)
    ports = {
        c.text.removeprefix("interface "): [x.text for x in c.children]
        for c in tree.get_children(startswith="interface ")
    }
    own = catalogue.get(Node, node)
    assert f"ip address {own.loopback4} 255.255.255.255" in ports["LoopBack0"]
    assert f"ipv6 address {own.loopback6.upper()}/128" in ports["LoopBack0"]
    seen = 0
    for name, link in catalogue.all(Link).items():
        for index, (end, port) in enumerate([(link.a, link.a_interface), (link.b, link.b_interface)]):
            if end != node:
                continue
            seen += 1
            lines = ports[long_name(platform, port)]
            four = ipaddress.IPv4Interface(nth_address(link.ipv4, index, name))
            assert f"ip address {four.ip} {four.netmask}" in lines
            six = nth_address(link.ipv6, index, name)
            assert not six or f"ipv6 address {six.upper()}" in lines
            border = "clinic" in (link.a, link.b)
            # No routing protocol runs towards a private network.
            assert [x for x in lines if x.startswith("ospf cost")] == (
                [] if border else [f"ospf cost {link.cost}"]
            )
            assert ("ospfv3 cost" in " ".join(lines)) == (bool(six) and not border)
    assert seen
    assert tree.get_child(equals=f"ospf 1 router-id {own.loopback4}") is not None


def test_a_filter_lets_pass_what_the_flow_needs_and_its_answers(net: tuple[Catalogue, Renderer]) -> None:
    tree = read(VRP, net[1].render("edge").text)
    found = {
        c.text: [x.text for x in c.children if x.text.startswith("rule")]
        for c in tree.get_children(startswith="acl ")
    }
    coming, going = found["acl number 3722"], found["acl number 3723"]
    assert any("source 10.99.1.10 0 destination 10.0.2.11 0 destination-port eq 80" in r for r in coming)
    assert any("source-port eq 80" in r and r.endswith("tcp-flag established") for r in going)
    assert [rules[-1].split(" ", 2)[2] for rules in found.values()] == ["deny ip"] * 2 + ["deny ipv6"] * 2
    (port,) = tree.get_children(equals="interface GigabitEthernet0/0/9")
    assert {c.text for c in port.children if "filter" in c.text} == {
        "traffic-filter inbound acl 3722",
        "traffic-filter outbound acl 3723",
        "traffic-filter inbound ipv6 acl 3722",
        "traffic-filter outbound ipv6 acl 3723",
    }


def numbered(network: str, *ports: int) -> list[dict[str, Any]]:
    rules = {Rule("out", 4, "tcp", "192.168.64.0/24", "10.99.1.10", port): ["f"] for port in ports}
    return lists([Post(network, network, "r", ("p",), rules)], VRP, ())


def test_a_list_keeps_its_number_and_its_rules_whatever_is_added() -> None:
    (few, *_), (many, *_) = numbered("b", 443), numbered("b", *range(1, 500))
    assert set(few["rules"]) < set(many["rules"])
    ends = "source 192.168.64.0 0.0.0.255 destination 10.99.1.10 0 destination-port eq 443"
    assert any(rule.endswith(f"permit tcp {ends}") for rule in few["rules"])
    assert few["rules"][-1] == many["rules"][-1] == "rule 65000 deny ip"
    ids = [int(rule.split()[1]) for rule in many["rules"]]
    assert ids == sorted(set(ids)) and all(reads(rule) for rule in many["rules"])
    posts = [Post(name, name, "r", ("p",), {}) for name in ("aa", "b", "c")]
    numbers = {one["title"]: one["number"] for one in lists(posts, VRP, ()) if one["way"] == "in"}
    assert numbers["boundary/b"] == few["number"] and len(set(numbers.values())) == 3
    # As many as there are numbers, whatever falls together; and not one more.
    posts = [Post(f"n{n}", f"n{n}", "r", ("p",), {}) for n in range(251)]
    assert {one["number"] for one in lists(posts[:250], VRP, ())} == set(range(3500, 4000))
    with pytest.raises(ValueError, match="more than 250 boundaries"):
        lists(posts, VRP, ())


def test_a_flow_more_undoes_nothing(net: tuple[Catalogue, Renderer]) -> None:
    wanted = net[1].render("edge").text
    before = re.sub(r"(?m)^ rule \d+ permit tcp .*\n", "", wanted)
    left = commands(VRP, before, wanted)
    assert len(left) == 6 and not any("undo" in line or "deny" in line for line in left)


# -- the way from what a device has ----------------------------------------------------------------------


def typed(device: Device, lines: list[str]) -> None:
    """Type commands into a device; none of them may be refused."""
    session = Session(device)
    for line in ["system-view", *lines, "return"]:
        said = session.answer(line.strip())
        assert not said.startswith("Error"), (line, said)


@pytest.mark.parametrize(("node", "platform"), WRITTEN)
def test_a_new_device_is_brought_there_in_one_go(
    node: str, platform: str, net: tuple[Catalogue, Renderer]
) -> None:
    wanted = net[1].render(node, platform).text
    device = Device(platform, "new")
    typed(device, commands(platform, device.config, wanted))
    assert commands(platform, device.config, wanted) == []
    # How people get in is not the ledger's.
    assert device.running["user-interface vty 0 4"] == {"authentication-mode aaa": {}}


LIST = """\
acl number 3900
 description boundary/x
 rule 10 permit tcp source 10.0.0.0 0.0.0.255 destination 10.1.0.1 0 destination-port eq 443
 rule 40 permit udp source 10.0.0.0 0.0.0.255 destination 10.1.0.1 0 destination-port eq 53
 rule 65000 deny ip
"""
VRF = """\
ip vpn-instance a
 ipv4-family
  route-distinguisher 1:1
  vpn-target 1:1 export-extcommunity
"""


def port(*lines: str) -> str:
    """The configuration of one interface."""
    return "\n".join(["#", "interface GigabitEthernet0/1/0", *(f" {line}" for line in lines), "#", ""])


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        pytest.param(
            LIST.replace("rule 65000", "rule 45"),
            LIST.replace("rule 10", "rule 20"),
            [
                "rule 65000 deny ip",
                "rule 20 permit tcp source 10.0.0.0 0.0.0.255 destination 10.1.0.1 0 destination-port eq 443",
                "undo rule 10",
                "undo rule 45",
            ],
            id="new rules stand before old ones go, and what denies is first",
        ),
        pytest.param(
            LIST,
            LIST.replace("eq 443", "eq 80"),
            [
                "undo rule 10",
                "rule 10 permit tcp source 10.0.0.0 0.0.0.255 destination 10.1.0.1 0 destination-port eq 80",
            ],
            id="a number is free before it is taken",
        ),
        pytest.param(
            "",
            LIST,
            [line.strip() for line in [LIST.splitlines()[-1], *LIST.splitlines()[1:-1]]],
            id="a new list denies first",
        ),
        pytest.param(
            port("ip address 10.0.0.1 255.255.255.0", "ip address 10.0.1.1 255.255.255.0 sub"),
            port("shutdown"),
            [
                "undo ip address 10.0.1.1 255.255.255.0 sub",
                "undo ip address 10.0.0.1 255.255.255.0",
                "shutdown",
            ],
            id="the first address goes last",
        ),
        pytest.param(
            port("traffic-filter inbound acl 3001", "mtu 9000", "vlan-type dot1q 7"),
            port("shutdown"),
            ["shutdown"],
            id="a filter set by hand is left alone",
        ),
        pytest.param(
            LIST + port("traffic-filter inbound acl 3900"),
            port("shutdown"),
            ["undo traffic-filter inbound acl 3900", "shutdown"],
            id="that of a boundary which ended is not",
        ),
        pytest.param(
            LIST + port("traffic-filter inbound acl 3001", "traffic-filter outbound acl 3002"),
            LIST + port("traffic-filter inbound acl 3900"),
            ["undo traffic-filter inbound acl 3001", "traffic-filter inbound acl 3900"],
            id="one goes where ours takes its place",
        ),
        pytest.param(
            "ip route-static 10.5.0.0 255.255.0.0 10.0.0.2\n"
            "ip route-static 10.5.0.0 255.255.0.0 10.0.0.9 preference 100\n"
            "ip route-static 10.6.0.0 16 10.0.0.2\n",
            "ip route-static 10.5.0.0 255.255.0.0 10.0.0.3\nip route-static 10.6.0.0 255.255.0.0 10.0.0.2\n",
            [
                "ip route-static 10.5.0.0 255.255.0.0 10.0.0.3",
                "undo ip route-static 10.5.0.0 255.255.0.0 10.0.0.2",
            ],
            id="the new way first, and one with a preference is somebody's own",
        ),
        pytest.param(
            "ip vpn-instance a\n ipv4-family\n  route-distinguisher 1:1\n"
            "  vpn-target 1:1 1:2 export-extcommunity\n  tnl-policy x\n ipv6-family\n",
            "ip vpn-instance a\n ipv4-family\n  route-distinguisher 1:1\n"
            "  vpn-target 1:1 export-extcommunity\n",
            ["ipv4-family", "undo vpn-target 1:2 export-extcommunity"],
            id="of an instance what the templates write",
        ),
        pytest.param(
            VRF,
            VRF.replace("distinguisher 1:1", "distinguisher 1:2"),
            [
                "ipv4-family",
                "undo route-distinguisher 1:1",
                "route-distinguisher 1:2",
                "vpn-target 1:1 export-extcommunity",
            ],
            id="targets go with their distinguisher",
        ),
    ],
)
def test_how_it_is_typed(now: str, then: str, expected: list[str]) -> None:
    left = [line.strip() for line in commands(VRP, now, then)]
    views = ("quit", "interface ", "acl ", "ip vpn-")
    assert [line for line in left if not line.startswith(views)] == expected
    if now in (LIST, VRF) or " sub" in now:
        device = Device(VRP, "r")
        typed(device, commands(VRP, "", now))
        typed(device, commands(VRP, device.config, then))


CHANGES = [
    (r"(?m)^ ospf cost \d+$", " ospf cost 7"),
    (r"(?m)^ ospf cost \d+\n", ""),
    (r"(?m)^ description .*$", " description other"),
    (r"(?m)^ ip address (\S+) (\S+)$", r" ip address 192.0.2.1 \2"),
    (r"(?m)^ ipv6 address \S+$", " ipv6 address 3FFF:DEAD::1/64"),
    (r"(?m)^( ip binding.*)\n", ""),
    (r"(?m)^( rule 1?\d*5) permit .*$", r"\1 permit icmp"),
    (r"(?m)^ silent-interface .*\n", ""),
    (r"(?m)^(ospf 1 router-id) .*$", r"\1 192.0.2.9"),
    (r"(?m)^( ?ip route-static \S+ \S+) \S+$", r"\1 192.0.2.7"),
    (r"(?m)^( maximum load-balancing) 1$", r"\1 4"),
    (r"(?m)^( ?sysname) .*$", r"\1 other"),
]


@settings(max_examples=40, deadline=None)
@given(
    which=st.sampled_from(WRITTEN),
    changes=st.lists(st.sampled_from(CHANGES), max_size=5),
    count=st.integers(0, 3),
)
def test_whatever_was_changed_by_hand_the_commands_lead_back(
    net: tuple[Catalogue, Renderer], which: tuple[str, str], changes: list[tuple[str, str]], count: int
) -> None:
    node, platform = which
    wanted = net[1].render(node, platform).text
    other = wanted
    for pattern, instead in changes:
        other = re.sub(pattern, instead, other, count=count)
    device = Device(platform, node)
    typed(device, commands(platform, device.config, other))
    typed(device, commands(platform, device.config, wanted))
    assert commands(platform, device.config, wanted) == []


def test_what_is_not_the_ledgers_is_left_alone(net: tuple[Catalogue, Renderer]) -> None:
    wanted = net[1].render("core").text
    foreign = (
        "#\naaa\n local-user admin privilege level 15\n#\ninterface MEth0/0/0\n ip address 192.0.2.1 24\n#\n"
        "ip route-static 0.0.0.0 0.0.0.0 192.0.2.254\n#\nospf 7\n area 0.0.0.3\n#\n"
        "acl number 2000\n rule 5 permit\n"
    )
    inside = wanted.replace(
        "interface GE0/1/0\n", "interface GigabitEthernet0/1/0\n qos queue 3\n mtu 9000\n"
    )
    assert commands(VRP, foreign + inside, wanted) == []


def test_an_interface_that_changes_its_instance_gets_all_its_addresses_again(
    net: tuple[Catalogue, Renderer],
) -> None:
    wanted = net[1].render("edge").text
    left = commands(VRP, wanted.replace(" ip binding vpn-instance video\n", ""), wanted)
    assert left == [
        "interface GigabitEthernet0/0/3",
        " ip binding vpn-instance video",
        " ip address 10.0.3.1 255.255.255.0",
        "quit",
    ]


def test_a_description_is_one_line_that_asks_for_nothing() -> None:
    assert description("大厅?\nsystem-view\treboot") == "大厅 system-view reboot"
    assert len(description("长" * 300)) == LONGEST_DESCRIPTION


# -- the command -----------------------------------------------------------------------------------------


def test_the_command(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    done = cli("network", "render", "cores", "--files")
    assert done.code == 2 and "did you mean core?" in done.err
    assert cli("network", "render").code == 2
    written = cli("network", "render", "county", "--files", "--out", "county.cfg")
    assert written.code == 0, written
    same = cli("network", "render", "county", "--files", "--diff", "county.cfg")
    assert (same.code, same.out) == (0, "")
    running = (tmp_path / "county.cfg").read_text().replace("ospf cost 60", "ospf cost 5")
    (tmp_path / "running.cfg").write_text(running)
    left = cli("network", "render", "county", "--files", "--diff", "running.cfg", "--json")
    assert left.code == 3 and left.json["commands"] == [
        "interface Ten-GigabitEthernet1/0/25",
        " ospf cost 60",
        "quit",
    ]
    every = cli("network", "render", "--all", "--files", "--out", "all")
    assert every.code == 0 and {p.name for p in (tmp_path / "all").iterdir()} == {
        f"{name}.cfg" for name in ("core", "county", "edge", "clinic")
    }
    linux = cli("network", "render", "clinic", "--files", "--diff", "running.cfg")
    assert linux.code == 2 and "govcloud preview" in linux.err
    # Nothing of it is accepted yet.
    assert cli("network", "render", "core").code == 2


def test_a_wrong_vendor_is_told_with_its_place(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, core={"target": "lab"}, county={"target": "devices"}, edge={"connection": "network_cli"})
    with (tmp_path / "policy.yaml").open("w") as file:
        file.write("targets: {lab: {driver: lab}}\n")
    done = cli("plan")
    assert done.code == 2
    assert f"base.yaml:{line_of(tmp_path, 'core')}:" in done.err
    assert "wrong vendor: huawei_vrp at target lab, where only linux runs" in done.err
    assert "node/county: `connection`: target devices is of driver ssh" in done.err
    assert "node/edge: `connection`: network_cli needs a target of driver ssh" in done.err


def test_an_interface_of_a_device_has_a_devices_name(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    base = tmp_path / "base.yaml"
    base.write_text(base.read_text().replace('"GE0/1/0"', '"to county"'))
    done = cli("validate")
    assert done.code == 2 and "cannot be an interface of such a device" in done.err


def test_a_template_of_ones_own_that_is_wrong_is_told_with_its_line(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    shutil.copytree(shipped("playbooks"), tmp_path / "playbooks")
    template = tmp_path / "playbooks" / "roles" / "devices" / "templates" / "huawei_vrp.j2"
    template.write_text("#\nsysname {{ govcloud_device.nome }}\n")
    done = cli("network", "render", "core", "--files")
    assert done.code == 2
    assert "playbooks/roles/devices/templates/huawei_vrp.j2:2" in done.err and "nome" in done.err
    template.write_text("{{ lookup('pipe', 'id') }}\n")
    assert cli("network", "render", "core", "--files").code == 2


def test_translation_is_not_for_devices(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "nat.yaml").open("w") as file:
        file.write(
            "translations: {t: {node: edge, inside: 10.99.0.0/16, outside: 10.98.0.0/16, "
            "private_network: health}}\n"
        )
    done = cli("network", "render", "edge", "--files")
    assert done.code == 2 and "nat.yaml:1" in done.err, done


def test_what_devices_have_no_words_for_is_refused(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    base = tmp_path / "base.yaml"
    base.write_text(base.read_text().replace('"Vlan-interface10",', '"Vlan-interface10", "advertise": true,'))
    done = cli("network", "render", "county", "--files")
    assert done.code == 2
    assert "node/county: what network/halls advertises: not written for h3c_comware" in done.err


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param(
            '"imports": ["65001:20', r'"imports": ["1:1 x\n#\nuser-interface vty 0', "a route target", id="t"
        ),
        pytest.param('"rd": "65001:20', r'"rd": "65001:20\n', "a distinguisher", id="rd"),
        pytest.param('["10.0.2.123', r'["10.0.2.123\n#', "does not appear to be", id="ntp"),
        pytest.param('["10.0.2.123", "3fff:0:0:2::123"]', "[5]", "list of addresses", id="ntp-number"),
        pytest.param('["10.0.2.123", "3fff:0:0:2::123"]', '"10.0.2.123"', "list of addresses", id="ntp-text"),
    ],
)
def test_nothing_comes_in_by_a_field(cli: Cli, tmp_path: Path, before: str, after: str, words: str) -> None:
    write(tmp_path)
    base = tmp_path / "base.yaml"
    said = base.read_text()
    assert before in said
    base.write_text(said.replace(before, after))
    done = cli("network", "render", "edge", "--files")
    assert done.code == 2 and words in done.err and "Traceback" not in done.err, done
    assert "ntp" not in before or (cli("plan").code == 2)


def test_no_template_prints_more_than_a_line_of_a_text() -> None:
    refuse_control_characters("r", {"a": [{"b": "大厅 x"}], "c": 5, "ruleset": "a\nb"})
    for text in ("a\nb", "a\rb", "a\x1bb", "a\u2028b", "a\x85b"):
        with pytest.raises(InputError) as caught:
            refuse_control_characters("r", {"a": [{"b": text}]})
        assert "node/r: a control character" in caught.value.problems[0].message


def test_a_title_is_one_line_on_linux_too(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    base = tmp_path / "base.yaml"
    title = r'"edge-clinic": {"title": "a\nip route replace default via 6.6.6.6", '
    base.write_text(base.read_text().replace("  edge-clinic: {", "  " + title))
    done = cli("network", "render", "clinic", "--files", "--json")
    assert done.code == 0, done
    lines = done.json["commands"]
    assert "# a ip route replace default via 6.6.6.6" in lines and not [x for x in lines if "\n" in x]


def test_a_packet_size_and_a_vlan_are_written(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path)
    base = tmp_path / "base.yaml"
    said = base.read_text().replace('"interface": "GE0/0/2"', '"interface": "GE0/0/2.10", "vlan": 10')
    base.write_text(said + "interfaces:\n  p: {device: node/edge, port: GE0/0/1, mtu: 9000}\n")
    for platform, vlan in ((VRP, "vlan-type dot1q 10"), (COMWARE, "vlan-type dot1q vid 10")):
        done = cli("network", "render", "edge", "--files", "--platform", platform)
        assert f" description service\n {vlan}\n" in done.out, done
        assert done.out.count("vlan-type") == 1
        assert " description core-edge\n mtu 9000\n" in done.out and done.out.count(" mtu ") == 1


def test_a_route_by_an_interface_in_an_instance_is_refused(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, managed="core")
    base = tmp_path / "base.yaml"
    said = base.read_text().replace('"driver": "ssh"', '"driver": "ssh", "routing": "static"')
    base.write_text(said + "interfaces:\n  p: {device: node/core, port: GE0/1/0, vrf: video}\n")
    done = cli("network", "render", "core", "--files")
    assert done.code == 2 and "leads by GE0/1/0, which is in vrf/video" in done.err, done
