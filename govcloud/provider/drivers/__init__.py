"""The driver protocol, and how a driver is opened by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ...errors import ConflictError, GovcloudError
from ...model.resources import Identity, RealObject


class DriverError(GovcloudError):
    """A driver could not do what was asked; the message is the driver's own."""


class StaleFence(ConflictError):
    """The caller's fencing token is older than one the driver has seen: its lease is gone."""


class IdentityClash(DriverError):
    """The identity is taken by an object whose immutable properties differ; shows both."""


class ForeignObject(DriverError):
    """An object without identity has the name that an object of ours should get; shows both."""


class Driver(Protocol):
    """Typed objects that carry an identity: five verbs, and two that give and take an identity.

    All calls are safe to repeat.

    ``fence`` is the run's fencing token: a driver remembers the highest it has seen for the
    environment and refuses a lower one with ``StaleFence``. Calls may come from many threads.
    """

    def list(self, type: str | None = None) -> Iterable[RealObject]:
        """Everything there is (of one type), ours or not, in one call."""
        ...

    def read(self, type: str, identity: Identity) -> RealObject | None:
        """The object of that identity, or None."""
        ...

    def create(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Make the object, or adopt one of the same identity whose immutable properties match.

        Raises ``IdentityClash`` when one of that identity differs in an immutable property, and
        ``ForeignObject`` where something that is not ours has its name.
        """
        ...

    def update(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Bring the mutable properties to these values. Raises ``DriverError`` when it is gone."""
        ...

    def delete(self, type: str, identity: Identity, fence: int) -> None:
        """Remove it. Nothing there is success."""
        ...

    def adopt(
        self, type: str, handle: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Write an identity on the object without one that ``list`` calls ``handle``; change nothing else.

        An object that carries the identity already is success. Raises ``IdentityClash`` where the
        immutable among ``properties`` differ from what is there, ``DriverError`` where there is no such
        object.
        """
        ...

    def release(self, type: str, identity: Identity, fence: int) -> None:
        """Take our identity off; the object stays as it is. Nothing there is success."""
        ...

    def fence(self) -> int:
        """The newest fencing token that was seen of the environment; 0 before the first."""
        ...


def open_driver(
    environment: str, target: dict[str, Any], workspace: str, credential: bytes | None = None
) -> Driver:
    """The driver of a target's fields (``model.policy.Target`` as a dict), for one environment.

    ``workspace``: the folder that relative paths of the target start from; ``credential``: the value of
    the secret that the target names.
    """
    name = target["driver"]
    if name == "lab":
        from .lab import LabDriver

        return LabDriver(environment, workspace)
    if name == "store":
        from .store import StoreDriver

        return StoreDriver(environment, workspace, target, credential)
    raise DriverError(f"no driver is called {name!r}")
