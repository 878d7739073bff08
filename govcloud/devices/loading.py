"""The entries that configurations are written from: as they are accepted, or as the workspace's files say."""

from __future__ import annotations

from ..ledger import Ledger
from ..model.catalogue import Catalogue
from ..plan.graph import Graph, LedgerGraph, MemoryGraph, with_what_they_need
from ..plan.scope import built
from ..plan.together import together
from ..workspace import Workspace

# Beside all that has to do with what is built: what a node needs that is only recorded.
RECORDED = (
    "node",
    "interface",
    "link",
    "network",
    "dns_zone",
    "flow",
    "private_network",
    "boundary",
    "translation",
)


def accepted(ledger: Ledger) -> Catalogue:
    """As they are accepted now."""
    with ledger.read() as connection:
        return _of(LedgerGraph(connection))


def proposed(workspace: Workspace, ledger: Ledger) -> Catalogue:
    """As the workspace's files say, with what orders, other workspaces and pins say.

    Raises ``InputError`` with every fault of the files.
    """
    with ledger.read() as connection:
        return _of(MemoryGraph(together(workspace, connection).merged))


def _of(graph: Graph) -> Catalogue:
    found = built(graph)
    found = with_what_they_need(graph, found | graph.of_kinds(RECORDED))
    return Catalogue.of(found)
