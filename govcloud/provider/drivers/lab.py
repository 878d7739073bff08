"""The driver of the lab: a client of the lab's agent.

Vcpus, memory and image of an instance are kept and shown; the lab does not enforce them, for its
instances are namespaces on this machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...lab.client import LabClient
from ...lab.protocol import LabError
from ...model.resources import Identity, RealObject
from . import DriverError, ForeignObject, IdentityClash, StaleFence


def _translated(error: LabError) -> DriverError | StaleFence:
    kinds: dict[str, type[DriverError] | type[StaleFence]] = {
        "clash": IdentityClash,
        "fence": StaleFence,
        "foreign": ForeignObject,
    }
    return kinds.get(error.code, DriverError)(error.message, hint=error.hint)


class LabDriver:
    """The verbs over the lab of one workspace and environment."""

    def __init__(self, environment: str, workspace: str) -> None:
        self.client = LabClient(workspace, environment)

    def list(self, type: str | None = None) -> Iterable[RealObject]:
        """Everything that is really there, unmanaged interfaces among it. Raises ``DriverError``."""
        try:
            return self.client.list(type)
        except LabError as error:
            raise _translated(error) from error

    def read(self, type: str, identity: Identity) -> RealObject | None:
        """The object, or None. Raises ``DriverError``."""
        try:
            return self.client.read(type, identity)
        except LabError as error:
            raise _translated(error) from error

    def create(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Make or adopt. Raises ``IdentityClash``, ``StaleFence``, ``DriverError``."""
        try:
            return self.client.create(type, identity, properties, fence)
        except LabError as error:
            raise _translated(error) from error

    def update(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Change in place. Raises ``StaleFence``, ``DriverError``."""
        try:
            return self.client.update(type, identity, properties, fence)
        except LabError as error:
            raise _translated(error) from error

    def delete(self, type: str, identity: Identity, fence: int) -> None:
        """Remove; nothing there is success. Raises ``StaleFence``, ``DriverError``."""
        try:
            self.client.delete(type, identity, fence)
        except LabError as error:
            raise _translated(error) from error

    def adopt(
        self, type: str, handle: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Write the identity on something of nobody's. Raises as ``Driver.adopt`` does."""
        try:
            return self.client.adopt(type, handle, identity, properties, fence)
        except LabError as error:
            raise _translated(error) from error

    def release(self, type: str, identity: Identity, fence: int) -> None:
        """Take the identity off; nothing there is success. Raises ``StaleFence``, ``DriverError``."""
        try:
            self.client.release(type, identity, fence)
        except LabError as error:
            raise _translated(error) from error

    def fence(self) -> int:
        """The newest fencing token that the lab has seen. Raises ``DriverError``."""
        try:
            return self.client.fence()
        except LabError as error:
            raise _translated(error) from error
