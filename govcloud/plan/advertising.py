"""Networks whose IPv6 prefix the gateway advertises, as variables of the gateway and of the machines there.

- ``govcloud_advertise`` on the gateway: what radvd says, network by network.
- a machine that has no IPv6 address of its own accepts what it makes itself from an advertised prefix:
  ``accept`` of its interface; one that has an address takes no advertisements, so nothing changes for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from .. import system
from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import DnsZone, Network, Node
from ..model.policy import Profile, Target
from .hosts import HostVars, resolvers
from .wiring import EDGE_INTERFACE

VARIABLE = "govcloud_advertise"
SETTINGS = "govcloud_own_sysctls"
GROUP = "advertisers"
PROGRAM = "radvd"
PROFILE = "advertising"
INFINITE = 2**32 - 1  # what is no longer than ever (RFC 4861, section 4.6.2)


class Advertising(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of ``profile/advertising``, in seconds; the defaults and limits of RFC 4861, section 6.2.1.

    ``max_interval_s``: between two advertisements at most; ``valid_s`` and ``preferred_s``: how long what
    machines make of a prefix may be used, and is to be used for what begins.
    """

    max_interval_s: Annotated[int, msgspec.Meta(ge=4, le=1800)] = 600
    valid_s: Annotated[int, msgspec.Meta(ge=0, le=INFINITE)] = 2_592_000
    preferred_s: Annotated[int, msgspec.Meta(ge=0, le=INFINITE)] = 604_800


def put(catalogue: Catalogue, hosts: Mapping[str, HostVars]) -> dict[str, HostVars]:
    """The hosts, each with what it advertises or accepts; all others as they were. Raises ``InputError``."""
    out = dict(hosts)
    networks = {n: one for n, one in sorted(catalogue.all(Network).items()) if one.advertise and one.ipv6}
    if not networks:
        return out
    said = _said(catalogue)
    for network in networks.values():
        gateway = out.get(network.gateway)
        if gateway is None:
            continue
        one = {"interface": network.interface, "prefix": network.ipv6, **said}
        table = [*gateway.vars.get(VARIABLE, ()), one]
        out[network.gateway] = msgspec.structs.replace(
            gateway,
            groups=list(dict.fromkeys([*gateway.groups, GROUP])),
            vars={**gateway.vars, VARIABLE: table},
        )
    for name, network, static in _machines(catalogue, networks):
        if name in out:
            out[name] = _listening(out[name], network.ipv6, static)
    return out


def _said(catalogue: Catalogue) -> dict[str, Any]:
    """Lifetimes, and the name servers and domains that are told with a prefix (RFC 8106)."""
    zones = sorted(catalogue.all(DnsZone).items())
    return {
        **msgspec.structs.asdict(_figures(catalogue)),
        "servers": [address for address in resolvers(catalogue) if ":" in address],
        "domains": list(dict.fromkeys(zone.domain for _, zone in zones)),
    }


def _figures(catalogue: Catalogue) -> Advertising:
    """``profile/advertising`` over the defaults. Raises ``InputError`` for what cannot be advertised."""
    profile = catalogue.find("profile", PROFILE)
    values = profile.values if isinstance(profile, Profile) else {}
    if wrong := faults(values):
        raise InputError([Problem(f"profile/{PROFILE}: {words}", hint=hint) for words, hint in wrong])
    return msgspec.convert({**values}, Advertising)


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, a hint) of what ``profile/advertising`` says, the first of it."""
    try:
        said = msgspec.convert({**values}, Advertising)
    except msgspec.ValidationError as error:
        return [(str(error), f"it knows {', '.join(Advertising.__struct_fields__)}")]
    if said.preferred_s > said.valid_s:
        return [(f"`preferred_s` {said.preferred_s} is more than `valid_s` {said.valid_s}", "")]
    return []


def _machines(catalogue: Catalogue, networks: Mapping[str, Network]) -> Iterator[tuple[str, Network, bool]]:
    """(name, network, whether it has an IPv6 address of its own) of the machines in these networks."""
    kinds: Sequence[type[Server] | type[Instance]] = (Server, Instance)
    for kind in kinds:
        for name, machine in sorted(catalogue.all(kind).items()):
            if machine.network in networks:
                yield name, networks[machine.network], bool(machine.ipv6)


def _listening(host: HostVars, prefix: str, static: bool) -> HostVars:
    accept = f"net.ipv6.conf.{EDGE_INTERFACE}.accept_ra"
    variables: dict[str, Any] = {**host.vars, SETTINGS: {accept: 0 if static else 1}}
    if not static:
        variables["govcloud_interfaces"] = [
            {**one, "accept": [prefix]} if one["name"] == EDGE_INTERFACE else one
            for one in host.vars["govcloud_interfaces"]
        ]
    return msgspec.structs.replace(host, vars=variables)


def tools_missing(catalogue: Catalogue) -> list[Problem]:
    """What this machine lacks to advertise in a lab, for the first network that needs it."""
    labs = {name for name, target in catalogue.all(Target).items() if target.driver == "lab"}
    for name, network in sorted(catalogue.all(Network).items()):
        node = catalogue.find("node", network.gateway)
        if network.advertise and isinstance(node, Node) and node.target in labs:
            if system.which(PROGRAM) is not None:
                return []
            tools = [tool for tool in system.TOOLS if tool.command == PROGRAM]
            words = f"network/{name} needs `{PROGRAM}`, which is not on this machine"
            return [Problem(words, hint=system.cure(tools))]
    return []
