"""``pulumi-resource-govcloud``: the engine's calls, handed to the drivers.

Driver calls block, and the plugin has one event loop, so each call runs in a thread. The process
ends when its parent does: an orphan must not go on building after a kill.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pulumi.provider.experimental.provider as pulumi_provider
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.provider.experimental.provider import (
    CheckFailure,
    CheckRequest,
    CheckResponse,
    ConfigureRequest,
    ConfigureResponse,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    GetSchemaRequest,
    GetSchemaResponse,
    PropertyDiff,
    PropertyDiffKind,
    ReadRequest,
    ReadResponse,
    UpdateRequest,
    UpdateResponse,
)
from pulumi.provider.experimental.server import main as serve

from .. import __version__
from ..model.resources import TYPES, Identity, RealObject, ResourceType, object_uid
from ..secrets.handing import ask
from . import orders
from .drivers import Driver, DriverError, open_driver
from .schema import IDENTITY, package_schema
from .settings import ProviderSettings

T = TypeVar("T")
Values = dict[str, PropertyValue]

# The fields of a target that say where its objects are.
PLACE = ("driver", "path")
# Calls of drivers that run at once; the engine itself asks for no more than its --parallel.
THREADS = 16


class GovcloudProvider(pulumi_provider.Provider):
    """The full life of every resource type, by the driver of its target."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="driver")
        self._drivers: dict[str, Driver] = {}
        self._lock = threading.Lock()
        self._orders = orders.read(settings.orders) if settings.orders else None
        self._lists: dict[str, dict[tuple[str, Identity], RealObject]] = {}

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _driver(self, target: str) -> Driver:
        with self._lock:
            if target not in self._drivers:
                fields = self._settings.targets[target]
                self._drivers[target] = open_driver(
                    self._settings.environment, fields, self._settings.workspace, _credential(fields)
                )
            return self._drivers[target]

    def _seen(self, target: str, type_name: str, identity: Identity) -> RealObject | None:
        """Reality from one bulk list a target: a refresh of 200 objects is one call, not 200."""
        driver = self._driver(target)
        with self._lock:
            if target not in self._lists:
                self._lists[target] = {
                    (o.type, o.identity): o for o in driver.list() if o.identity is not None
                }
            return self._lists[target].get((type_name, identity))

    def _changed(self, target: str) -> None:
        with self._lock:
            self._lists.pop(target, None)

    def _renamed(self, request: DiffRequest) -> bool:
        """Whether the two targets of a difference are one place: the plan knows one entry by both names."""
        kind, targets = _kind(request.type), self._settings.targets
        old = targets.get(_plain(kind, "target", request.old_state.get("target")) or "")
        new = targets.get(_plain(kind, "target", request.new_inputs.get("target")) or "")
        # Raw values: a plan lets neither change while something stands there.
        return old is not None and new is not None and all(old.get(n) == new.get(n) for n in PLACE)

    def _identity(self, resource_id: str) -> Identity:
        uid, incarnation = object_uid(resource_id)
        return Identity(self._settings.environment, uid, incarnation)

    async def get_schema(self, request: GetSchemaRequest) -> GetSchemaResponse:
        """The schema of all resource types."""
        return GetSchemaResponse(schema=package_schema())

    async def configure(self, request: ConfigureRequest) -> ConfigureResponse:
        """Nothing to configure: the runner's settings came with the process."""
        return ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: CheckRequest) -> CheckResponse:
        """Fill defaults and refuse what the type does not have, lacks, or has in another shape."""
        kind = _kind(request.type)
        inputs = {p.name: _value(p.default) for p in kind.properties if p.default is not None}
        inputs |= request.new_inputs
        return CheckResponse(inputs=inputs, failures=list(_failures(kind, inputs)))

    async def diff(self, request: DiffRequest) -> DiffResponse:
        """Property by property. What the plan does not change has no difference, whatever the state says.

        Raises ``DriverError`` for what cannot be changed in place: a replacement is the plan's to make,
        as another incarnation.
        """
        kind = _kind(request.type)
        immutable = kind.immutable | set(IDENTITY)
        if self._orders is not None and request.resource_id not in self._orders.change:
            return DiffResponse(changes=False)
        detailed: dict[str, PropertyDiff] = {}
        for name in (*IDENTITY, *(p.name for p in kind.properties)):
            old, new = request.old_state.get(name), request.new_inputs.get(name)
            if name in request.ignore_changes or _plain(kind, name, old) == _plain(kind, name, new):
                continue
            detailed[name] = PropertyDiff(PropertyDiffKind.UPDATE, True)
        fixed = [n for n in detailed if n in immutable and not (n == "target" and self._renamed(request))]
        if fixed:
            there = ", ".join(f"{n}={_plain(kind, n, request.old_state.get(n))!r}" for n in fixed)
            asked = ", ".join(f"{n}={_plain(kind, n, request.new_inputs.get(n))!r}" for n in fixed)
            raise DriverError(
                f"{kind.name.lower()} {request.resource_id} differs where it cannot change: there {there}; "
                f"asked for {asked}; `govcloud drift` takes note of it, and the next plan makes it anew"
            )
        return DiffResponse(changes=bool(detailed), diffs=list(detailed), detailed_diff=detailed)

    async def create(self, request: CreateRequest) -> CreateResponse:
        """Make the object, or adopt the one that already has this identity.

        What the plan does not make is taken as it is, there or not.
        """
        kind = _kind(request.type)
        inputs = _plain_map(kind, request.properties)
        if request.preview:
            return CreateResponse(properties=request.properties)
        identity = Identity(self._settings.environment, inputs["uid"], inputs["incarnation"])
        if self._orders is not None and identity.object_id not in self._orders.change:
            # The engine does not know of it and the ledger does: it is handed over, or a state was lost.
            found = await self._call(self._seen, inputs["target"], kind.name, identity)
            state = _state(inputs, found) if found is not None else request.properties
            return CreateResponse(identity.object_id, state)
        made = await self._call(
            self._driver(inputs["target"]).create,
            kind.name,
            identity,
            _own(kind, inputs),
            self._settings.fence,
        )
        self._changed(inputs["target"])
        return CreateResponse(identity.object_id, _state(inputs, made))

    async def read(self, request: ReadRequest) -> ReadResponse:
        """What is really there; an object that is gone has no id."""
        kind = _kind(request.type)
        state = _plain_map(kind, request.properties)
        orders = self._orders
        if orders is not None and orders.look is not None and request.resource_id not in orders.look:
            # Not what this update is about: it stays as it is known.
            return ReadResponse(request.resource_id, request.properties, request.inputs)
        identity = self._identity(request.resource_id)
        found = await self._call(self._seen, state["target"], kind.name, identity)
        if found is None:
            return ReadResponse()
        values = _state(state, found)
        return ReadResponse(request.resource_id, values, values)

    async def update(self, request: UpdateRequest) -> UpdateResponse:
        """Bring the mutable properties in line."""
        kind = _kind(request.type)
        inputs = _plain_map(kind, request.news)
        if request.preview:
            return UpdateResponse(properties=request.news)
        made = await self._call(
            self._driver(inputs["target"]).update,
            kind.name,
            self._identity(request.resource_id),
            _own(kind, inputs),
            self._settings.fence,
        )
        self._changed(inputs["target"])
        return UpdateResponse(_state(inputs, made))

    async def delete(self, request: DeleteRequest) -> None:
        """Remove it; what is not there is removed. What the plan does not take away stays as it is."""
        if self._orders is not None and request.resource_id not in self._orders.drop:
            return
        kind = _kind(request.type)
        target = _plain_map(kind, request.properties)["target"]
        await self._call(
            self._driver(target).delete,
            kind.name,
            self._identity(request.resource_id),
            self._settings.fence,
        )
        self._changed(target)


def _credential(target: dict[str, Any]) -> bytes | None:
    """What a target's driver logs in with, asked of the run. Raises ``DriverError``."""
    name = target.get("credentials")
    try:
        return ask(name) if name else None
    except LookupError as error:
        raise DriverError(str(error)) from None


def _kind(token: str) -> ResourceType:
    return TYPES[token.rpartition(":")[2]]


def _type_of(kind: ResourceType, name: str) -> str:
    return IDENTITY[name][0] if name in IDENTITY else kind.get(name).type


def _plain(kind: ResourceType, name: str, value: PropertyValue | None) -> Any:
    """A property as a plain value of its declared type (the wire knows only floats)."""
    if value is None or value.value is None:
        return None
    plain: Any = value.value
    if _type_of(kind, name) == "integer" and isinstance(plain, float) and plain.is_integer():
        return int(plain)
    return plain


def _plain_map(kind: ResourceType, values: Values) -> dict[str, Any]:
    names = {*IDENTITY, *(p.name for p in kind.properties)}
    return {n: _plain(kind, n, v) for n, v in values.items() if n in names}


def _own(kind: ResourceType, inputs: dict[str, Any]) -> dict[str, Any]:
    return {p.name: inputs[p.name] for p in kind.properties if p.name in inputs}


def _state(inputs: dict[str, Any], found: RealObject) -> Values:
    """The state to keep: identity from the inputs, everything else as it really is."""
    identity = {n: inputs[n] for n in IDENTITY}
    return {n: _value(v) for n, v in {**found.properties, **identity}.items()}


def _value(value: Any) -> PropertyValue:
    """The wire knows no integers, and truth values are not numbers."""
    return PropertyValue(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _failures(kind: ResourceType, inputs: Values) -> list[CheckFailure]:
    known = {**{n: t for n, (t, _) in IDENTITY.items()}, **{p.name: p.type for p in kind.properties}}
    out = [CheckFailure(n, f"{kind.name} has no property {n!r}") for n in inputs if n not in known]
    for name, type_name in known.items():
        value = inputs.get(name)
        if value is None or value.value is None:
            out.append(CheckFailure(name, f"{kind.name} needs {name!r}"))
        elif not _computed(value) and not _fits(value.value, type_name):
            article = "an" if type_name == "integer" else "a"
            out.append(CheckFailure(name, f"{name!r} should be {article} {type_name}"))
    return out


def _fits(value: Any, type_name: str) -> bool:
    """Whether a value from the wire (numbers are floats there) is of a declared type."""
    if type_name == "string":
        return isinstance(value, str)
    if type_name == "boolean":
        return isinstance(value, bool)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (type_name == "number" or float(value).is_integer())


def _computed(value: PropertyValue) -> bool:
    return isinstance(value.value, Computed)


def _watch_parent() -> None:
    """End this process when its parent has ended (a signal would follow a thread, not the process)."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()


def main() -> None:
    """Entry point of the plugin; the engine starts it and reads its port from standard output."""
    _watch_parent()
    try:
        settings = ProviderSettings.from_environment()
    except KeyError:
        sys.stderr.write("pulumi-resource-govcloud is started by govcloud, which tells it what to build\n")
        sys.exit(2)
    serve(sys.argv[1:], __version__, GovcloudProvider(settings))
