"""What a stack program is given: the stack's resources, and how to declare them to the engine.

A program is a file in ``stacks/`` with a function ``program(slice)``. It decides order and
options; the values come from the ledger.

Most programs only declare. What they say is collected here and registered with the engine directly
(``actuators/language.py``), which costs a tenth of what the engine's SDK takes for a resource. A program
that wants more of the engine, or imports anything but Python's own library, gets the SDK
(``actuators/sdk.py``).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.resources import TYPES
from ..plan.stages import Resource

# Pulumi's ``ResourceOptions`` that need no SDK.
PLAIN_OPTIONS = frozenset(
    {"depends_on", "protect", "retain_on_delete", "ignore_changes", "delete_before_replace"}
)


class NeedsSdk(BaseException):
    """A program asked for something that only the engine's SDK has; no error, and not to be caught by it."""


def engine_name(resource: Resource) -> str:
    """The name that a resource has towards the engine, the last part of its URN."""
    return resource.object_id


class Slice:
    """One stack's part of the ledger. How a declaration gets to the engine is for who inherits this."""

    def __init__(self, stack: str, resources: Iterable[Resource]) -> None:
        self.stack = stack
        self._resources = list(resources)
        self._declared: dict[str, Any] = {}

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, in order of reference."""
        return [r for r in self._resources if r.type in types]

    def left_out(self) -> list[Resource]:
        """Resources that the program has not declared."""
        return [r for r in self._resources if r.object_id not in self._declared]

    def declare(self, resource: Resource, **options: Any) -> Any:
        """Declare a resource to the engine; ``options`` are Pulumi's ``ResourceOptions``.

        A reference to an object of this stack becomes the engine's own output, so that it orders
        creation and deletion; one to another stack's object is the id from the ledger.
        Raises ``ValueError`` for a resource that was declared before.
        """
        if resource.object_id in self._declared:
            raise ValueError(f"{resource.subject} is declared twice")
        made = self._declare(resource, self.values(resource), options)
        self._declared[resource.object_id] = made
        return made

    def values(self, resource: Resource) -> dict[str, Any]:
        """The properties; one that refers to something declared here has that as its value."""
        out: dict[str, Any] = {}
        for prop in TYPES[resource.type].properties:
            value: Any = resource.inputs.get(prop.name)
            out[prop.name] = self._declared.get(value, value) if prop.reference else value
        return out | {"uid": resource.uid, "incarnation": resource.incarnation, "target": resource.target}

    def _declare(self, resource: Resource, values: dict[str, Any], options: Mapping[str, Any]) -> Any:
        raise NotImplementedError


class Declared:
    """A declaration as a program holds it: good for ``depends_on``. Whatever else is asked needs the SDK."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def __getattr__(self, name: str) -> Any:
        raise NeedsSdk(name)


@dataclass(frozen=True)
class Declaration:
    """One resource as the engine is to know it.

    ``key`` is its object id. ``references``: properties whose value is the id of another declaration;
    ``after``: declarations that it has to wait for besides. The rest are the engine's options.
    """

    key: str
    token: str
    name: str
    values: dict[str, Any]
    references: dict[str, str]
    after: tuple[str, ...] = ()
    protect: bool | None = None
    retain_on_delete: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The keys of the declarations that must be registered before."""
        return (*self.references.values(), *self.after)


class Collected(Slice):
    """A slice that keeps what the program declares, in its order. Raises ``NeedsSdk`` out of ``declare``."""

    def __init__(self, stack: str, resources: Iterable[Resource]) -> None:
        super().__init__(stack, resources)
        self.declarations: list[Declaration] = []

    def _declare(self, resource: Resource, values: dict[str, Any], options: Mapping[str, Any]) -> Declared:
        if not options.keys() <= PLAIN_OPTIONS:
            raise NeedsSdk(*sorted(options.keys() - PLAIN_OPTIONS))
        after = options.get("depends_on") or ()
        if isinstance(after, Declared):
            after = (after,)
        references = {n: v._key for n, v in values.items() if isinstance(v, Declared)}
        self.declarations.append(
            Declaration(
                key=resource.object_id,
                token=TYPES[resource.type].token,
                name=engine_name(resource),
                values={n: v for n, v in values.items() if n not in references},
                references=references,
                after=tuple(_key(one) for one in after),
                protect=options.get("protect"),
                retain_on_delete=options.get("retain_on_delete"),
                ignore_changes=tuple(options.get("ignore_changes") or ()),
                delete_before_replace=options.get("delete_before_replace"),
            )
        )
        return Declared(resource.object_id)


def _key(one: Any) -> str:
    if not isinstance(one, Declared):
        raise NeedsSdk("depends_on")
    return one._key


def only_declares(source: bytes) -> bool:
    """Whether a program imports nothing but Python's own library, so that it cannot use the engine's SDK."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("" if node.level else node.module or "")
    return {name.partition(".")[0] for name in names} <= sys.stdlib_module_names - {"importlib"}
