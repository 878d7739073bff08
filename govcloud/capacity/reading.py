"""The entries that capacity is about, typed: as they are accepted, or as the workspace's files say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..ledger import Ledger
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.typed import tables
from ..model import KINDS
from ..model.catalogue import Catalogue
from ..plan.together import together
from ..workspace import Workspace

READ = (
    *("unit", "site", "room", "rack", "server", "cloud", "project", "quota", "flavor", "instance", "volume"),
    *("application", "protection", "freeze", "profile", "person"),
)


def accepted(connection: Connection, said: Mapping[Key, Mapping[str, Any]] | None = None) -> Catalogue:
    """The entries as they are accepted now, with those of a request over them."""
    found = tables(connection, READ)
    for (kind, name), fields in (said or {}).items():
        if kind in found:
            found[kind][name] = msgspec.convert(fields, KINDS[kind])
    return Catalogue(found)


def proposed(workspace: Workspace, ledger: Ledger) -> Catalogue:
    """The entries as the workspace's files say, with what requests and other workspaces say.

    Raises ``InputError`` with every fault of the files.
    """
    with ledger.read() as connection:
        return Catalogue.of(together(workspace, connection).merged, READ)
