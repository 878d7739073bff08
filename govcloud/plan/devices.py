"""What the configuration of a device says: the variables of a node in the terms of VRP and Comware.

From the same addresses, costs and routes that the plays give to a router of the lab; what is worked out
here is only how a device writes it (masks, names of ports) and what Linux has no use for (descriptions,
VPN instances).
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from ..errors import InputError, Problem
from ..model.base import Entry
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud
from ..model.datacentre import Server
from ..model.lines import Circuit, Translation
from ..model.network import Interface, Link, Network, Node, Vrf
from ..model.organisation import Unit
from ..model.policy import Profile, Target
from ..printable import visible
from .filtering import posts_by_node
from .hosts import OSPF_HELLO_S, HostVars, Routing, host_variables
from .packetfilters import lists
from .wiring import LOOPBACK

# The driver of targets whose nodes are there already, and what is known of them by their command line.
SSH: Literal["ssh"] = "ssh"
LINUX = "linux"
PLATFORMS = ("huawei_vrp", "h3c_comware")
# The target of nodes that have none, where they must have one.
NOBODY = "(nobody)"
GROUP = "devices"
VARIABLE = "govcloud_device"
CONNECTION = "ansible.netcommon.network_cli"
# The profile with what all devices are told; it has no defaults: what the ledger does not say is not touched.
PROFILE = "devices"
LOOPBACK_PORT = "LoopBack0"
# A neighbour is gone after so many hellos, where nothing else is said (RFC 2328, appendix C.3).
DEAD_HELLOS = 4
# Control characters, halves of characters, ends of lines and paragraphs (categories of Unicode).
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
DEFAULT_MTU = 1500
# As much as every one of these systems takes of a description (Comware 5: 80; VRP: 242).
LONGEST_DESCRIPTION = 80


def devices(catalogue: Catalogue, only: str = "") -> dict[str, HostVars]:
    """Variables of the nodes that are configured over SSH, by name; ``only``: of this one alone.

    Raises ``InputError`` where a device would have to do what its templates cannot say.
    """
    targets = {name: t for name, t in catalogue.all(Target).items() if t.driver == SSH}
    nodes = {
        name: node
        for name, node in sorted(catalogue.all(Node).items())
        if node.target in targets and (not only or name == only)
    }
    ways = {name: way_of(target) for name, target in targets.items()}
    around = whole(catalogue)
    every = {
        way: host_variables(around, routing=way)
        for way in sorted({ways[node.target] for node in nodes.values()})
    }
    return {
        name: _device(catalogue, name, node, every[ways[node.target]][name]) for name, node in nodes.items()
    }


def whole(catalogue: Catalogue) -> Catalogue:
    """The catalogue with a target for every node and machine that has none.

    A device has ports to neighbours that nobody builds here, and lets flows pass from machines of others; a
    node that is only recorded has a configuration too.
    """
    tables: dict[str, dict[str, Entry]] = {"target": {NOBODY: Target(driver=SSH)}}
    for kind, name, entry in catalogue:
        if isinstance(entry, Node | Server | Cloud) and not entry.target:
            entry = msgspec.structs.replace(entry, target=NOBODY)
        tables.setdefault(kind, {})[name] = entry
    return Catalogue(tables)


def is_device(catalogue: Catalogue, node: Node) -> bool:
    """Whether a node is configured over SSH by its own command line."""
    target = catalogue.find("target", node.target) if node.target else None
    return isinstance(target, Target) and target.driver == SSH


def way_of(target: Target) -> Routing:
    """How devices at a target learn their routes: they bring their own OSPF, so `auto` takes it."""
    return "static" if target.routing == "static" else "ospf"


def _device(catalogue: Catalogue, name: str, node: Node, host: HostVars) -> HostVars:
    """A router's variables as those of a device: what its templates read, and nothing else plays it."""
    return msgspec.structs.replace(
        host,
        groups=[GROUP if group == "routers" else group for group in host.groups],
        vars={
            "govcloud_entry": host.entry,
            VARIABLE: device_variables(catalogue, name, node, host.vars),
            **connection_of(catalogue, node),
        },
    )


def connection_of(catalogue: Catalogue, node: Node) -> dict[str, Any]:
    """How Ansible reaches a device: IPv6 before IPv4, management addresses before loopbacks."""
    target = catalogue.get(Target, node.target)
    found = [node.management6, node.management4, node.loopback6, node.loopback4]
    user = {"ansible_user": target.user} if target.user else {}
    return {
        "ansible_connection": CONNECTION,
        "ansible_network_os": node.platform,
        "ansible_host": next(a for a in found if a).partition("/")[0],
        "ansible_port": target.port,
        **user,
    }


def device_variables(
    catalogue: Catalogue, name: str, node: Node, variables: Mapping[str, Any], platform: str = ""
) -> dict[str, Any]:
    """What the templates of the role `devices` read, for one node.

    ``variables``: those that the node has as a router. Interfaces are in the order of their names, the
    loopback first. ``platform``: as if the node ran this. Raises ``InputError`` where a device would have to
    do what its templates cannot say.
    """
    node = msgspec.structs.replace(node, platform=platform) if platform in PLATFORMS else node
    _refuse_what_is_not_written(catalogue, name, node, variables)
    routing = variables["govcloud_routing"]
    said = {i.port: i for _, i in sorted(catalogue.all(Interface).items()) if i.device == f"node/{name}"}
    ports = ports_of(catalogue, name)
    addresses: dict[str, list[str]] = {i["name"]: i["addresses"] for i in variables["govcloud_interfaces"]}
    for port, one in said.items():
        if port not in addresses:
            addresses[port] = [a for a in (one.ipv4, one.ipv6) if a]
    ospf = {i["name"]: i for i in routing.get("interfaces", ())}
    vlans = {one.interface: one.vlan for one in catalogue.all(Network).values() if one.gateway == name}
    interfaces = [
        _interface(port, addresses[port], ports.get(port), said.get(port), ospf.get(port))
        | {"dot1q": vlans.get(port, 0) if "." in port else 0}
        for port in sorted(addresses, key=lambda port: (port != LOOPBACK, port))
        if addresses[port]
    ]
    static = [_route(r["prefix"], r["via"]) for r in routing.get("static", ())]
    _refuse_lost_routes(name, static, interfaces)
    filters = _filters(catalogue, name, node, interfaces)
    used = {i["vrf"] for i in interfaces if i["vrf"]}
    versions = {v: {i["vrf"] for i in interfaces if i[f"ipv{v}"]} for v in (4, 6)}
    out = {
        "name": name,
        "entry": f"node/{name}",
        "vrfs": [
            _vrf(vrf, catalogue.get(Vrf, vrf), ipv4=vrf in versions[4], ipv6=vrf in versions[6])
            for vrf in sorted(used)
        ],
        "interfaces": interfaces,
        "filters": filters,
        "ospf": _ospf(routing, interfaces),
        "static": static,
        "ntp": _ntp(catalogue),
    }
    refuse_control_characters(name, out)
    return out


def _refuse_what_is_not_written(
    catalogue: Catalogue, name: str, node: Node, variables: Mapping[str, Any]
) -> None:
    """Raises ``InputError``: half a configuration would be worse than none."""
    what = ["a routing table that an interface chooses"] if variables.get("govcloud_tables") else []
    what += [f"translation/{t}" for t, one in sorted(catalogue.all(Translation).items()) if one.node == name]
    what += [
        f"what network/{n} advertises"
        for n, one in sorted(catalogue.all(Network).items())
        if one.gateway == name and one.advertise
    ]
    if what:
        words = f"node/{name}: {', '.join(what)}: not written for {node.platform}"
        raise InputError([Problem(words)], hint="let a linux node do it")


def _refuse_lost_routes(
    name: str, static: Sequence[Mapping[str, Any]], interfaces: Sequence[Mapping[str, Any]]
) -> None:
    """Raises ``InputError`` for a route of the common table by a neighbour that only an instance reaches."""
    words = []
    for interface in interfaces:
        if not interface["vrf"]:
            continue
        beside = [ipaddress.ip_network(a.replace(" ", "/"), strict=False) for a in interface["ipv4"]]
        beside += [ipaddress.ip_network(a, strict=False) for a in interface["ipv6"]]
        lost = [r for r in static if any(ipaddress.ip_address(r["via"]) in network for network in beside)]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            ways = f"{lost[0]['to']}/{lost[0]['length']}{more}"
            words.append(
                f"node/{name}: the way to {ways} leads by {interface['name']}, "
                f"which is in vrf/{interface['vrf']}: routes of an instance are not written"
            )
    if words:
        hint = "take the interface out of the vrf, or let routers find the way (`routing: ospf`)"
        raise InputError([Problem(one) for one in words], hint=hint)


class Port:
    """What the ledger says of a port beside its addresses."""

    def __init__(self, title: str, vrf: str = "") -> None:
        self.title, self.vrf = title, vrf


def ports_of(catalogue: Catalogue, node: str) -> dict[str, Port]:
    """Ports of a node by name, as its links and networks have them."""
    out = {LOOPBACK: Port("")}
    for name, link in sorted(catalogue.all(Link).items()):
        for end, port in ((link.a, link.a_interface), (link.b, link.b_interface)):
            if end == node:
                out[port] = Port(" ".join([link.title or name, *_carriers(catalogue, link)]))
    for name, network in sorted(catalogue.all(Network).items()):
        if network.gateway == node:
            out[network.interface] = Port(network.title or name, network.vrf)
    return out


def _carriers(catalogue: Catalogue, link: Link) -> list[str]:
    """Who carries a line, and the provider's number of it."""
    out = []
    carrier = catalogue.find("unit", link.carrier)
    if isinstance(carrier, Unit):
        out.append(carrier.title or link.carrier)
    circuit = catalogue.find("circuit", link.circuit)
    if isinstance(circuit, Circuit) and circuit.number:
        out.append(circuit.number)
    return out


def description(text: str) -> str:
    """A text as a device takes it in one line: no control characters, and no `?`, which asks for help."""
    plain = "".join(c if c.isprintable() and c != "?" else " " for c in text)
    return " ".join(plain.split())[:LONGEST_DESCRIPTION].strip()


def _interface(
    port: str,
    addresses: Sequence[str],
    known: Port | None,
    said: Interface | None,
    ospf: Mapping[str, Any] | None,
) -> dict[str, Any]:
    vrf = (said.vrf if said else "") or (known.vrf if known else "")
    title = (known.title if known else "") or (said.title if said else "")
    # An instance of its own has its own routes; the one of all runs OSPF.
    runs = ospf if not vrf else None
    return {
        "name": LOOPBACK_PORT if port == LOOPBACK else port,
        "description": description(title),
        "vrf": vrf,
        "enabled": said.enabled if said else True,
        # What a device has of itself it does not show.
        "mtu": said.mtu if said and said.mtu != DEFAULT_MTU else 0,
        "ipv4": [_masked(a) for a in addresses if ":" not in a],
        # As these systems show them: capital letters.
        "ipv6": [a.upper() for a in addresses if ":" in a],
        "filters": [],
        "cost": runs["cost"] if runs else 0,
        "passive": bool(runs and runs["passive"]),
        "ospf4": bool(runs and runs["ipv4"]),
        "ospf6": bool(runs and runs["ipv6"]),
    }


def _filters(
    catalogue: Catalogue, name: str, node: Node, interfaces: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The lists of rules of the boundaries that the node stands on; each interface is told which it has."""
    # What may cross is worked out for nodes that run Linux, and is the same here.
    nodes: dict[str, Entry] = {**catalogue.table("node"), name: msgspec.structs.replace(node, platform=LINUX)}
    tables: dict[str, dict[str, Entry]] = {}
    for kind, other, entry in catalogue:
        tables.setdefault(kind, {})[other] = entry
    posts = posts_by_node(Catalogue({**tables, "node": nodes})).get(name, [])
    speaking = [i["name"] for i in interfaces if (i["ospf4"] or i["ospf6"]) and not i["passive"]]
    try:
        found = lists(posts, node.platform, speaking)
    except ValueError as error:
        raise InputError([Problem(f"node/{name}: {error}")]) from None
    for one in found:
        one["title"] = description(one["title"])
    for interface in interfaces:
        own = [one for one in found if interface["name"] in one["interfaces"]]
        interface["filters"].extend({k: one[k] for k in ("number", "version", "way")} for one in own)
    return found


def _masked(address: str) -> str:
    """``10.0.0.1/24`` as ``10.0.0.1 255.255.255.0``."""
    interface = ipaddress.IPv4Interface(address)
    return f"{interface.ip} {interface.netmask}"


def _vrf(name: str, vrf: Vrf, *, ipv4: bool, ipv6: bool) -> dict[str, Any]:
    return {
        "name": name,
        "rd": vrf.rd,
        "imports": vrf.imports,
        "exports": vrf.exports,
        "ipv4": ipv4,
        "ipv6": ipv6,
    }


def _ospf(routing: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """OSPF and OSPFv3, with nothing in it where routes are static.

    Timers are 0 where a device has them of itself: it does not show those, and would differ for ever.
    """
    if routing.get("backend") != "ospf":
        return {"ipv4": False, "ipv6": False}
    hello, dead = routing["hello_s"], routing["dead_s"]
    return {
        "ipv4": any(i["ospf4"] for i in interfaces),
        "ipv6": any(i["ospf6"] for i in interfaces),
        "router_id": routing["router_id"],
        **_told(routing.get("border") or {}),
        "hello_s": hello if hello != OSPF_HELLO_S else 0,
        "dead_s": dead if dead != DEAD_HELLOS * hello else 0,
    }


def _told(border: Mapping[str, Any]) -> dict[str, Any]:
    """What private networks show of themselves, which the device tells its neighbours of."""
    told = [ipaddress.ip_network(prefix) for prefix in border.get("exports", ())]
    parts = {f"exports{version}": [n for n in told if n.version == version] for version in (4, 6)}
    return {
        **{
            k: [f"{str(n.network_address).upper()} {n.prefixlen}" for n in found]
            for k, found in parts.items()
        },
        "default": bool(border.get("default")),
    }


def _route(prefix: str, via: str) -> dict[str, Any]:
    """A static route; ``mask``: as VRP writes it (dotted for IPv4), ``length``: as Comware does."""
    network = ipaddress.ip_network(prefix)
    return {
        "version": network.version,
        "to": str(network.network_address).upper(),
        "mask": str(network.netmask) if network.version == 4 else network.prefixlen,
        "length": network.prefixlen,
        "via": via.upper(),
    }


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What ``profile/devices`` says. ``ntp``: addresses of time servers."""

    ntp: list[str] = []


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, a hint) of what ``profile/devices`` says, the first of it."""
    try:
        for address in msgspec.convert({**values}, Said).ntp:
            ipaddress.ip_address(address)
    except msgspec.ValidationError as error:
        return [(str(error), "`ntp` is a list of addresses: ntp: [10.0.0.1]")]
    except ValueError as error:
        return [(f"`ntp`: {visible(str(error))}", "`ntp` is a list of addresses: ntp: [10.0.0.1]")]
    return []


def _ntp(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Time servers. Raises ``InputError`` where what is said is no list of addresses."""
    profile = catalogue.find("profile", PROFILE)
    values = profile.values if isinstance(profile, Profile) else {}
    if wrong := faults(values):
        raise InputError([Problem(f"profile/{PROFILE}: {words}", hint=hint) for words, hint in wrong])
    found = [ipaddress.ip_address(address) for address in msgspec.convert({**values}, Said).ntp]
    return [{"version": a.version, "address": str(a).upper()} for a in found]


def refuse_control_characters(node: str, values: Any) -> None:
    """Raises ``InputError`` for a text that would be more than one line, or less, where templates print it.

    ``values``: what the templates read, whatever it is made of.
    """
    if isinstance(values, Mapping):
        for key, one in values.items():
            # A ruleset is a whole file, and no template prints it.
            if key != "ruleset":
                refuse_control_characters(node, one)
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for one in values:
            refuse_control_characters(node, one)
    elif isinstance(values, str) and any(unicodedata.category(c) in _NO_TEXT for c in values):
        words = f"node/{node}: a control character in what its configuration says: {visible(values)}"
        raise InputError([Problem(words, hint="write it as one line of plain text")])
