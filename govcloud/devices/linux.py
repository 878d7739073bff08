"""The configuration of a Linux router of the lab: files as the plays write them, the rest as `ip` says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from .. import share
from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..plan.devices import description, ports_of
from ..plan.hosts import HostVars
from ..workspace import Workspace

# Where the plays put everything (playbooks: govcloud_root).
ROOT = "/run/govcloud"
FRR = ("zebra.conf", "ospfd.conf", "ospf6d.conf")
# Routes that the module network_state sets carry this protocol.
OUR_PROTOCOL = 171

Fill = Callable[[str, str, str, Mapping[str, Any]], str]


class Linux:
    """One router, with the variables of its play."""

    def __init__(self, catalogue: Catalogue, workspace: Workspace, name: str, host: HostVars, fill: Fill):
        """``fill``: (role, template, node, variables) as text."""
        self._catalogue, self._workspace, self._name, self._fill = catalogue, workspace, name, fill
        self._vars = host.vars

    def files(self) -> dict[str, str]:
        """Files by path on the node."""
        out: dict[str, str] = {}
        if self._vars["govcloud_routing"]["backend"] == "ospf":
            for file in FRR:
                out[f"{ROOT}/frr/{file}"] = self._fill("routing", f"{file}.j2", self._name, self._vars)
        for item in self._vars.get("govcloud_translation", {}).get("nat64", ()):
            variables = {**self._vars, "govcloud_root": ROOT, "item": item}
            path = f"{ROOT}/nat64/{item['device']}.conf"
            out[path] = self._fill("translation", "tayga.conf.j2", self._name, variables)
        if "govcloud_advertise" in self._vars:
            path = f"{ROOT}/advertise/radvd.conf"
            out[path] = self._fill("advertise", "radvd.conf.j2", self._name, self._vars)
        # The kernel's own: there is no file of it on the node.
        for variable in ("govcloud_boundary", "govcloud_translation"):
            if ruleset := self._vars.get(variable, {}).get("ruleset"):
                out[f"nft list ruleset: {variable}"] = ruleset
        return out

    def commands(self) -> Iterator[str]:
        """Kernel settings, addresses and routes, each port with what the ledger calls it."""
        for setting, value in self._settings().items():
            yield f"sysctl -w {setting}={value}"
        titles = ports_of(self._catalogue, self._name)
        for interface in self._vars["govcloud_interfaces"]:
            title = titles[interface["name"]].title if interface["name"] in titles else ""
            if title:
                yield f"# {description(title)}"
            for address in interface["addresses"]:
                yield f"ip address add {address} dev {interface['name']}"
        routes = [*self._vars["govcloud_default_routes"], *self._vars["govcloud_routing"].get("static", ())]
        for route in routes:
            yield f"ip route replace {route['prefix']} via {route['via']} proto {OUR_PROTOCOL}"
        for table in self._vars.get("govcloud_tables", ()):
            yield from _table(table)

    def _settings(self) -> dict[str, Any]:
        """The kernel settings of the group of routers, as the playbooks have them."""
        path = share.playbooks_dir(self._workspace) / "group_vars" / "routers.yml"
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            return dict(values["govcloud_sysctls"])
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                [Problem(f"no `govcloud_sysctls` in it: {error}", "playbooks/group_vars/routers.yml")]
            ) from None


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    number = table["table"]
    for route in table["routes"]:
        how = f"via {route['via']} " if "via" in route else ""
        kind = f"{route['type']} " if "type" in route else ""
        yield f"ip route replace {kind}{route['prefix']} {how}table {number} proto {OUR_PROTOCOL}"
    for interface in table["interfaces"]:
        for family in ("-4", "-6"):
            yield f"ip {family} rule add iif {interface} lookup {number} protocol {OUR_PROTOCOL}"
