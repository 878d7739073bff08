"""What the agent remembers of each object, and the checks on what it is asked to make."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..model.resources import TYPES, Identity, ResourceType, object_uid
from .protocol import LabError
from .space import Holder
from .wiring import check_interface

NODE_LIKE = frozenset({"Node", "Server", "Instance"})
PLUGGED = frozenset({"Server", "Instance"})
# A host name of Linux is at most 64 characters.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


@dataclass
class Record:
    """One object: what was asked for, and how to find it in reality."""

    type: str
    identity: Identity
    properties: dict[str, Any]
    ready: bool = False  # False while it is being made
    holder: Holder | None = None  # of a node-like
    # (holder, interface, its index) of each interface that is part of it, in a fixed order:
    # a link's two ends; a network's bridge; a server's eth0 and its port at the gateway.
    interfaces: list[tuple[Holder, str, int]] = field(default_factory=list)
    # (pid of the node, interface) that it claims, from before they are made.
    claims: frozenset[tuple[int, str]] = frozenset()
    # True of what is nobody's: its identity is only the id that it once had.
    released: bool = False
    # The id that its interfaces and its delay line were made with, where that is another one.
    born: str = ""

    @property
    def object_id(self) -> str:
        """``uid.incarnation``."""
        return self.identity.object_id

    @property
    def made_as(self) -> str:
        """The id under which it was made."""
        return self.born or self.object_id

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.properties.get("name", ""))

    def __str__(self) -> str:
        return f"{self.type.lower()} {self.name} ({self.object_id})"


def resource_type(name: str) -> ResourceType:
    """The type of that name. Raises ``LabError``."""
    found = TYPES.get(name)
    if found is None:
        raise LabError(f"the lab makes no {name!r}, only {', '.join(TYPES)}", code="refused")
    return found


def check_identity(identity: Identity, environment: str) -> None:
    """Refuse an identity of another environment, or one that is no object id. Raises ``LabError``."""
    if identity.environment != environment:
        raise LabError(
            f"{identity.object_id} belongs to environment {identity.environment!r}; "
            f"this lab is of {environment!r}",
            code="refused",
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", identity.uid) or identity.incarnation < 1:
        raise LabError(f"{identity.object_id!r} is not an object id", code="refused")


def checked(type_name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with their defaults, each of its type. Raises ``LabError``."""
    kind = resource_type(type_name)
    known = {p.name: p for p in kind.properties}
    faults = [f"{name!r} is not a property of {type_name}" for name in properties if name not in known]
    out: dict[str, Any] = {}
    for name, p in known.items():
        value = properties.get(name)
        value = p.default if value is None else value
        if value is None:
            faults.append(f"{name!r} is missing")
            continue
        if p.type == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)  # engines that speak protobuf know only floating-point numbers
        if not isinstance(value, _PYTHON_TYPES[p.type]) or (p.type != "boolean" and isinstance(value, bool)):
            faults.append(f"{name!r} must be a {p.type}, not {value!r}")
        out[name] = value
    if faults:
        raise LabError(f"{type_name}: {'; '.join(faults)}", code="refused")
    _check_values(type_name, out)
    return out


def _check_values(type_name: str, values: dict[str, Any]) -> None:
    if type_name in NODE_LIKE and not _NAME.fullmatch(values["name"]):
        raise LabError(f"{values['name']!r} cannot be a host name", code="refused")
    for name in ("a_interface", "b_interface", "interface"):
        if name in values:
            check_interface(values[name])
    if type_name == "Link":
        if values["a"] == values["b"]:
            raise LabError("a link joins two different nodes; both ends are the same", code="refused")
        if not 0.001 <= values["bandwidth_mbps"] <= 1_000_000:
            raise LabError("bandwidth_mbps must be from 0.001 to 1000000 Mbit/s", code="refused")
        if not 0 <= values["delay_ms"] <= 60_000:
            raise LabError("delay_ms must be from 0 to 60000 ms", code="refused")
    for reference in ("a", "b", "gateway", "network"):
        if reference in values:
            try:
                object_uid(values[reference])
            except ValueError as error:
                raise LabError(f"{reference}: {error}", code="refused") from None


def immutable_difference(type_name: str, real: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Names of immutable properties that differ, sorted."""
    return sorted(n for n in resource_type(type_name).immutable if real.get(n) != wanted.get(n))


def clash(record: Record, real: dict[str, Any], type_name: str, wanted: dict[str, Any]) -> LabError:
    """The refusal that shows both: what is there, and what was asked for."""
    if record.type != type_name:
        return LabError(
            f"{record.object_id} is a {record.type} already: {real}; asked for a {type_name}: {wanted}",
            code="clash",
        )
    names = immutable_difference(type_name, real, wanted)
    there = ", ".join(f"{n}={real.get(n)!r}" for n in names)
    asked = ", ".join(f"{n}={wanted.get(n)!r}" for n in names)
    return LabError(
        f"{record} is there already and differs where it cannot change: there {there}; asked for {asked}",
        code="clash",
        hint="a new value of such a property needs a new incarnation",
    )
