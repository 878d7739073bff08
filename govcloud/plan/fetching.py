"""Fetching secrets for a plan or a run: within the accepted limits, and no command that nobody allowed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..errors import InputError, Problem
from ..ledger.connection import Connection
from ..ledger.entries import among, current
from ..model.secret import Secret
from ..references import Reference
from ..secrets.allowing import is_allowed
from ..secrets.passphrase import VARIABLE as PASSPHRASE
from ..secrets.resolving import Limits, Resolver, Unresolved, withdraw
from ..secrets.versions import version_key, version_of
from ..workspace import Workspace
from .delivering import Version

POLICY = ("profile", "secrets")


class Fetching:
    """Values and versions of secrets; each is fetched once."""

    def __init__(self, workspace: Workspace, connection: Connection) -> None:
        """Raises ``InputError`` where the accepted ``profile/secrets`` is wrong."""
        self._workspace = workspace
        self._connection = connection
        self.resolver = Resolver(workspace, limits(connection))
        self._key: bytes | None = None

    def value(self, name: str, reference: Reference) -> bytes:
        """The value. Raises ``Unresolved``."""
        if reference.origin == "command" and not self._may_run(name, reference):
            raise Unresolved(
                f"its command, {reference.command[0] if reference.command else 'none'}, is a new one",
                hint=f"look at it, then `govcloud secrets allow {name}`",
            )
        return self.resolver.value(reference)

    def version(self, name: str, reference: Reference) -> str:
        """The version of the value. Raises ``Unresolved``."""
        found = self.value(name, reference)
        if self._key is None:
            self._key = version_key(self._workspace, self.resolver)
        return version_of(self._key, name, found)

    def versions(self, secrets: Mapping[str, Secret]) -> dict[str, Version]:
        """What is known of each; one that cannot be fetched does not keep the others from it."""
        out = {}
        for name, secret in secrets.items():
            try:
                out[name] = Version(self.version(name, secret.reference()))
            except Unresolved as error:
                hint = f" ({error.hint})" if error.hint else ""
                out[name] = Version(trouble=f"{error.message}{hint}")
        return out

    def _may_run(self, name: str, reference: Reference) -> bool:
        known = among(self._connection, [("secret", name)]).get(("secret", name))
        if known is not None and msgspec.convert(known.fields, Secret).reference() == reference:
            return True
        return is_allowed(self._workspace.environment, name, reference)


def withdraw_variables(workspace: Workspace, connection: Connection) -> None:
    """Take every variable that holds an accepted secret out of the environment, before a child is started."""
    named = {PASSPHRASE, *(r.variable for r in workspace.settings.secrets.references().values())}
    named |= {str(e.fields.get("variable", "")) for e in current(connection, kind="secret").values()}
    for name in named - {""}:
        withdraw(name)


def limits(connection: Connection) -> Limits:
    """How long sources may take, as accepted. Raises ``InputError`` for values that are none."""
    entry = among(connection, [POLICY]).get(POLICY)
    values = entry.fields.get("values", {}) if entry else {}
    try:
        return msgspec.convert(values, Limits)
    except msgspec.ValidationError as error:
        raise InputError(
            [Problem(f"{'/'.join(POLICY)}: {error}")],
            hint="this is the accepted revision: put the file right and apply it, then try again",
        ) from None
