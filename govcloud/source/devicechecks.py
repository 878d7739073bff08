"""What nodes must be so that something can configure them, and networks so that they can be advertised."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..addressing.forms import Misread, read_prefix
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud
from ..model.datacentre import Server
from ..model.network import Link, Network, Node
from ..model.policy import Target
from .claims import Finding
from .words import shown

MACHINES: tuple[type[Server] | type[Cloud], ...] = (Server, Cloud)
LINUX = "linux"
SSH = "ssh"
# Interfaces of VRP and Comware: letters and dashes, numbers between slashes, a dot before a subinterface.
_PORT = re.compile(
    r"[0-9]{0,3}[A-Za-z][A-Za-z-]{1,30} ?[0-9]{1,4}(/[0-9]{1,4}){0,3}(:[0-9]{1,3})?(\.[0-9]{1,4})?"
)
# What SLAAC needs (RFC 4862, with the interface identifiers of RFC 4291).
SLAAC_LENGTH = 64


def platform_of(catalogue: Catalogue, node: str) -> str:
    """What a node runs; linux where the node is not known."""
    found = catalogue.find("node", node)
    return found.platform if isinstance(found, Node) else LINUX


def misnamed_port(interface: str) -> str:
    """What is wrong with the name of an interface of VRP or Comware; nothing where it is one."""
    return "" if _PORT.fullmatch(interface) else f"{shown(interface)} cannot be an interface of such a device"


def nodes_can_be_configured(catalogue: Catalogue) -> Iterator[Finding]:
    """What builds or configures a node can deal with what the node runs."""
    drivers = _drivers(catalogue)
    for name, node in catalogue.all(Node).items():
        driver = drivers.get(node.target, "")
        if node.platform != LINUX and driver == "lab":
            yield Finding(
                "node",
                name,
                "platform",
                f"`platform`: wrong vendor: {node.platform} at target {node.target}, where only linux runs",
                "name a target of driver ssh for a device that is there, or none to record it only; "
                "`govcloud network render` writes its configuration either way",
            )
        elif driver == SSH and (node.platform == LINUX or node.connection != "network_cli"):
            yield Finding(
                "node",
                name,
                "connection",
                f"`connection`: target {node.target} is of driver ssh, which is for devices with a command "
                f"line of their own; this one is {node.platform}, `{node.connection}`",
                "huawei_vrp and h3c_comware are configured with `connection: network_cli`",
            )
        elif node.connection == "network_cli" and driver != SSH:
            yield Finding(
                "node",
                name,
                "connection",
                "`connection`: network_cli needs a target of driver ssh, which says whom to log in as",
                "targets: {devices: {driver: ssh, user: NAME}}, and `target: devices` here",
            )
        if driver == SSH and not any((node.management4, node.management6, node.loopback4, node.loopback6)):
            yield Finding(
                "node", name, "management4", "`management4`: no address to reach it by", "or `management6`"
            )


def devices_are_entered_with_a_key(catalogue: Catalogue) -> Iterator[Finding]:
    """Nobody logs in to a device with a password."""
    for name, target in catalogue.all(Target).items():
        if target.driver == SSH and target.credentials:
            words = "`credentials`: a target of driver ssh is entered with a key, and with no secret"
            yield Finding("target", name, "credentials", words, "an SSH agent's key, or one in ~/.ssh")


def machines_are_not_devices(catalogue: Catalogue) -> Iterator[Finding]:
    """Servers and clouds are built; what is only configured over SSH are devices."""
    drivers = _drivers(catalogue)
    for cls in MACHINES:
        for name, entry in catalogue.all(cls).items():
            if drivers.get(entry.target) == SSH:
                words = f"`target`: {entry.target} is of driver ssh, which configures nodes alone"
                yield Finding(cls.KIND, name, "target", words)


def links_stay_in_their_world(catalogue: Catalogue) -> Iterator[Finding]:
    """A node of the lab has no line to a device outside."""
    drivers = _drivers(catalogue)
    if SSH not in drivers.values():
        return
    for name, link in catalogue.all(Link).items():
        a, b = (drivers.get(_target(catalogue, end), "") for end in (link.a, link.b))
        if {"lab", SSH} == {a, b}:
            words = f"`b`: {link.a} is at a target of driver {a} and {link.b} at one of driver {b}"
            yield Finding("link", name, "b", words, "a node of the lab has no line to a device outside")


def advertised_networks_have_a_prefix(catalogue: Catalogue) -> Iterator[Finding]:
    """What a gateway advertises is a /64: machines make up the other half themselves."""
    for name, network in catalogue.all(Network).items():
        if not network.advertise:
            continue
        if not network.ipv6:
            yield Finding("network", name, "advertise", "`advertise`: there is no IPv6 prefix", "give `ipv6`")
            continue
        try:
            length = int(read_prefix(network.ipv6, 6).text.partition("/")[2])
        except Misread:
            continue  # told by another check
        if length != SLAAC_LENGTH:
            words = f"`advertise`: {network.ipv6} is a /{length}; machines can only use a /64 (RFC 4862)"
            yield Finding("network", name, "advertise", words)


def _target(catalogue: Catalogue, node: str) -> str:
    found = catalogue.find("node", node)
    return found.target if isinstance(found, Node) else ""


def _drivers(catalogue: Catalogue) -> dict[str, str]:
    """The driver of each target."""
    return {name: target.driver for name, target in catalogue.all(Target).items()}


CHECKS = [
    nodes_can_be_configured,
    devices_are_entered_with_a_key,
    machines_are_not_devices,
    links_stay_in_their_world,
    advertised_networks_have_a_prefix,
]
READ = frozenset({"node", "server", "cloud", "link", "network", "target"})
