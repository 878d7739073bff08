"""The types of things that drivers build, as the engine, the planner and every driver see them.

An object in reality is known by its identity (environment, uid, incarnation), never by a name.
Its engine id and its name towards the engine are ``uid.incarnation``. Each type lists its properties; an
*immutable* property cannot be changed in place: a new value means a new incarnation. A property that
refers to another object is always immutable: what stands on something new is made anew with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec


@dataclass(frozen=True)
class Property:
    """One property of a resource type: JSON type, meaning, and whether a change replaces."""

    name: str
    type: str  # "string", "number", "integer" or "boolean"
    doc: str
    immutable: bool = False
    reference: str = ""  # the resource type (or types, by comma) whose object id it holds
    default: Any = None


@dataclass(frozen=True)
class ResourceType:
    """A type of object: its name, the kind of entry it is made from, its properties."""

    name: str
    kind: str
    doc: str
    properties: tuple[Property, ...]
    # Pairs of properties (object, name of a part of it) of which only one object can have the same at a
    # time: the interfaces that it takes.
    parts: tuple[tuple[str, str], ...] = ()
    # There is one of it, wherever it is: what makes it anew takes the former one away first.
    single: bool = False

    @property
    def token(self) -> str:
        """The type token in Pulumi's terms."""
        return f"govcloud:index:{self.name}"

    def get(self, name: str) -> Property:
        """Raises ``KeyError`` for a name that the type does not have."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Property]:
        return {p.name: p for p in self.properties}

    @cached_property
    def immutable(self) -> frozenset[str]:
        """Names of the properties whose change replaces the object."""
        return frozenset(p.name for p in self.properties if p.immutable)


NAME = Property("name", "string", "Name that people see; a rename changes it in place.")

TYPES: dict[str, ResourceType] = {
    t.name: t
    for t in (
        ResourceType(
            "Node",
            "node",
            "A router.",
            (NAME, Property("role", "string", "core, aggregation, access or border.")),
        ),
        ResourceType(
            "Link",
            "link",
            "A line between two routers.",
            (
                NAME,
                Property("a", "string", "Object id of the first end.", True, "Node"),
                Property("b", "string", "Object id of the second end.", True, "Node"),
                Property("a_interface", "string", "Interface at the first end.", True),
                Property("b_interface", "string", "Interface at the second end.", True),
                Property("bandwidth_mbps", "number", "Rate in each direction, Mbit/s."),
                Property("delay_ms", "number", "One-way delay, ms.", default=0),
            ),
            parts=(("a", "a_interface"), ("b", "b_interface")),
        ),
        ResourceType(
            "Network",
            "network",
            "A broadcast domain behind a router.",
            (
                NAME,
                Property("gateway", "string", "Object id of the router.", True, "Node"),
                Property("interface", "string", "The router's interface to it.", True),
            ),
            parts=(("gateway", "interface"),),
        ),
        ResourceType(
            "Server",
            "server",
            "A physical server.",
            (
                NAME,
                Property("network", "string", "Object id of its network.", True, "Network"),
            ),
            single=True,
        ),
        ResourceType(
            "Instance",
            "instance",
            "A virtual machine.",
            (
                NAME,
                Property("network", "string", "Object id of its network.", True, "Network"),
                Property("image", "string", "What it starts from.", True),
                Property("vcpus", "integer", "Number of virtual CPUs."),
                Property("memory_mib", "integer", "Memory, MiB."),
            ),
        ),
    )
}


# Drivers at whose targets two incarnations never stand side by side: names and addresses of the lab are
# those of one machine's namespaces.
SINGLE_AT = frozenset({"lab"})
# Drivers at whose targets these types share one set of names.
NAMED_AT: dict[str, frozenset[str]] = {"lab": frozenset({"Node", "Server", "Instance"})}


def stands_beside(type_name: str, driver: str | None) -> bool:
    """Whether a former incarnation can stand while the next one is made; ``driver``: None where unknown."""
    return not (TYPES[type_name].single or driver is None or driver in SINGLE_AT)


def places_of(type_name: str, inputs: dict[str, Any], driver: str | None) -> set[tuple[str, ...]]:
    """What only one object can have at a time: interfaces, and names where the target has each once."""
    out: set[tuple[str, ...]] = set()
    out |= {("part", str(inputs.get(a)), str(inputs.get(b))) for a, b in TYPES[type_name].parts}
    if type_name in NAMED_AT.get(driver or "lab", ()):
        out.add(("name", str(inputs.get("name"))))
    return out


class Identity(msgspec.Struct, frozen=True, order=True):
    """Whose object this is: environment, the entry's uid, and its incarnation (from 1)."""

    environment: str
    uid: str
    incarnation: int

    @property
    def object_id(self) -> str:
        """The engine's id for it: ``uid.incarnation``."""
        return f"{self.uid}.{self.incarnation}"


class RealObject(msgspec.Struct, kw_only=True):
    """An object as a driver found it: identity (none: not ours), type, properties, and what else it saw."""

    type: str
    identity: Identity | None
    properties: dict[str, Any]
    # What the driver saw beyond the properties, e.g. addresses; never compared by the engine.
    facts: dict[str, Any] = {}
    # Changes whenever the object was made anew (boot id, start time); plays follow it.
    birth: str = ""
    # Of an object without identity: the driver's own id for it, by which it can be adopted.
    handle: str = ""


def object_uid(object_id: str) -> tuple[str, int]:
    """Split ``uid.incarnation``. Raises ``ValueError`` when it is not such an id."""
    uid, _, incarnation = object_id.rpartition(".")
    if not uid or not incarnation.isdigit():
        raise ValueError(f"not an object id: {object_id!r}")
    return uid, int(incarnation)


def foreign(type: str, object_id: str, wanted: dict[str, Any], found: RealObject) -> str:
    """In a sentence: what was asked for, the object of nobody's that has its name, and who may decide."""
    kind, name = TYPES[type].kind, wanted.get("name", "")
    return (
        f"{type.lower()} {name} ({object_id}) cannot be made: an object that is not managed here is called "
        f"{name} already: {found.handle} {found.properties}; asked for {wanted}; it stays untouched; "
        f"`govcloud adopt {kind}/{name}` takes it over"
    )
