"""What a cut does at 100,000 links: the whole command, its files read before.

The net is the one that the rules are measured on (``judging``).
"""

from __future__ import annotations

from .fixtures import Fixtures
from .frame import Failure, Figure, compare
from .judging import drawn, written

WHATIF_S = 10.0
ASKED = ("network", "whatif", "--files")


def one(fixtures: Fixtures) -> list[Figure]:
    """``network whatif --cut`` of one of the two core nodes: then everybody hangs on the other."""
    folder = written(fixtures.place("net-cut"), fixtures.sizes.large)
    _, nodes, links = drawn(fixtures.sizes.large)
    typed = (*ASKED, "--cut", "node/n0")
    exposed = fixtures.ask(*typed, at=folder)["exposed"]
    if not any("node/n1" in place["by"] for place in exposed):
        raise Failure("one of two core nodes was cut, and nobody hangs on the other")
    work = fixtures.govcloud(*typed, at=folder)
    note = f"{len(links):,} links, {len(nodes):,} nodes; {len(exposed):,} places lose their spare way"
    return compare("whatif-100k", work, [], fixtures.times(3), note, target=WHATIF_S)


def each(fixtures: Fixtures) -> list[Figure]:
    """``network whatif --each node``: every single one, the worst first."""
    folder = written(fixtures.place("net-each"), fixtures.sizes.large)
    _, nodes, links = drawn(fixtures.sizes.large)
    typed = (*ASKED, "--each", "node")
    found = fixtures.ask(*typed, at=folder)
    if not found["harmful"]:
        raise Failure("every node carries a place, and none alone cuts anybody off")
    work = fixtures.govcloud(*typed, at=folder)
    note = f"{len(links):,} links, {len(nodes):,} nodes; {found['harmful']:,} of them alone cut somebody off"
    return compare("whatif-each-100k", work, [], fixtures.times(3), note, target=WHATIF_S)


BENCHMARKS = {"whatif-100k": one, "whatif-each-100k": each}
