"""The entries that the net is made of, typed: as they are accepted, or as the workspace's files say."""

from __future__ import annotations

from ..ledger import Ledger, entries
from ..ledger.connection import Connection
from ..ledger.typed import tables
from ..model.catalogue import Catalogue
from ..plan.together import together
from ..workspace import Workspace

# What graphs, flows and their figures read; everything else of a ledger stays where it is.
READ = (
    "region",
    "unit",
    "site",
    "room",
    "rack",
    "zone",
    "node",
    "link",
    "interface",
    "network",
    "circuit",
    "exit",
    "server",
    "project",
    "cloud",
    "instance",
    "endpoint",
    "flow",
    "protection",
    "profile",
)
Key = entries.Key


def accepted(connection: Connection) -> Catalogue:
    """The net's entries as they are accepted now."""
    return Catalogue(tables(connection, READ))


def proposed(workspace: Workspace, ledger: Ledger) -> Catalogue:
    """The net's entries as the workspace's files say, with what orders and other workspaces say.

    Raises ``InputError`` with every fault of the files.
    """
    with ledger.read() as connection:
        return Catalogue.of(together(workspace, connection).merged, READ)
