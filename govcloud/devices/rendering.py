"""The whole configuration of a node as text: from the variables and the templates that the plays use.

What is shown is what is applied: nothing is worked out here that a play does not read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import share
from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.network import Node
from ..model.policy import Target
from ..plan import advertising
from ..plan.devices import (
    LINUX,
    SSH,
    VARIABLE,
    device_variables,
    is_device,
    refuse_control_characters,
    way_of,
    whole,
)
from ..plan.hosts import HostVars, Routing, host_variables
from ..source.templatefile import Unfit, filled
from ..workspace import Workspace
from .linux import Linux


@dataclass(frozen=True)
class Rendered:
    """A node's configuration: files with their paths on the node, or one of a device (path empty).

    ``commands``: what a play does beside files, as lines of iproute2; empty for devices.
    """

    node: str
    platform: str
    files: Mapping[str, str]
    commands: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it as one text."""
        if self.platform != LINUX:
            return "".join(self.files.values())
        parts = ["# addresses and routes\n", *(f"{line}\n" for line in self.commands)]
        for path, content in self.files.items():
            parts += [f"\n# {path}\n", content, "" if content.endswith("\n") else "\n"]
        return "".join(parts)


class Renderer:
    """Nodes of one catalogue, rendered with a workspace's templates."""

    def __init__(self, workspace: Workspace, catalogue: Catalogue, routing: Routing) -> None:
        """``routing``: how routers of the lab learn their routes."""
        self._workspace, self._routing = workspace, routing
        self._plain, self._whole = catalogue, whole(catalogue)
        self._known: dict[tuple[bool, Routing], dict[str, HostVars]] = {}

    @property
    def nodes(self) -> list[str]:
        """Names of all nodes, sorted."""
        return sorted(self._plain.all(Node))

    def render(self, name: str, platform: str = "") -> Rendered:
        """One node; ``platform``: as if it ran this. Raises ``InputError``, ``KeyError`` for no such node."""
        # What is built is so in a world without what is only recorded.
        node = self._plain.get(Node, name)
        built = bool(node.target) and not is_device(self._plain, node)
        catalogue = self._plain if built else self._whole
        node = catalogue.get(Node, name)
        runs = platform or node.platform
        host = self._host(catalogue, name, node)
        if runs == LINUX:
            own = Linux(catalogue, self._workspace, name, host, self._fill)
            return Rendered(name, runs, own.files(), tuple(own.commands()))
        variables = {VARIABLE: device_variables(catalogue, name, node, host.vars, runs)}
        return Rendered(name, runs, {"": self._fill("devices", f"{runs}.j2", name, variables)})

    def _host(self, catalogue: Catalogue, name: str, node: Node) -> HostVars:
        """The variables of a node as its play has them, or would have them."""
        target = catalogue.get(Target, node.target)
        routing = way_of(target) if target.driver == SSH else self._routing
        key = catalogue is self._plain, routing
        if key not in self._known:
            self._known[key] = advertising.put(catalogue, host_variables(catalogue, routing=routing))
        return self._known[key][name]

    def _fill(self, role: str, template: str, node: str, variables: Mapping[str, Any]) -> str:
        path = Path("roles") / role / "templates" / template
        file = share.playbooks_dir(self._workspace) / path
        try:
            source = file.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError([Problem(error.strerror or str(error), f"playbooks/{path}")]) from None
        refuse_control_characters(node, variables)
        try:
            return filled(source, {**variables, "inventory_hostname": node})
        except Unfit as wrong:
            words = f"{wrong} (for node/{node})"
            raise InputError([Problem(words, f"playbooks/{path}", wrong.line)]) from None


def every(renderer: Renderer, platform: str = "") -> Iterator[Rendered]:
    """All nodes, by name."""
    for name in renderer.nodes:
        yield renderer.render(name, platform)
