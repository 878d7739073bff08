"""The whole round as an ordinary user: a user namespace, a home of their own, no rights on the machine.

With routing daemons, and with routes worked out from the ledger where there are none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from govcloud.plan.gather import frr_installed
from tests.province import small
from tests.province.conftest import made
from tests.province.ordinary import UID, becoming
from tests.province.place import Place, machine, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-ordinary"), pytest.mark.timeout(600)]


@pytest.fixture
def theirs() -> Iterator[Place]:
    with place(becoming, owner=UID if os.geteuid() == 0 else -1) as where:
        where.env.pop("XDG_RUNTIME_DIR", None)
        yield where


@pytest.mark.parametrize("routing", ["ospf", pytest.param("static", marks=pytest.mark.soak)])
def test_an_ordinary_user_has_the_whole_round(theirs: Place, routing: str) -> None:
    if routing == "ospf" and not frr_installed():
        pytest.skip("FRR is not installed; without it all routes are static")
    before = machine()
    made(theirs, routing)
    assert "the lab is up" in theirs.type("lab", "up").out
    said = theirs.type("apply", "--yes").out
    if routing == "static":
        # Whether FRR is installed or not: nothing of it runs.
        assert "static routes from the ledger" in said
        assert theirs.processes("zebra", "ospfd", "ospf6d") == {}
    assert len(theirs.pids()) == len(small.HOSTS)
    shown = theirs.ask("show", f"flow/{small.FLOW}")["evidence"]
    assert len(shown) == 6 and all(e["ok"] and e["detail"]["path"] == small.PATH for e in shown), shown
    assert "Nothing to do" in theirs.type("plan", "--detailed-exitcode").out
    theirs.on("village", "ip", "link", "delete", "to-town")
    measured = theirs.ask("probe", small.FLOW, expect=3)
    assert measured["bad"] == 6 and all(one["detail"]["reason"] for one in measured["probes"]), measured
    found = theirs.ask("drift", expect=3)["findings"]
    assert [(f["subject"], f["status"]) for f in found] == [("link/village-town", "missing")]
    theirs.type("apply", "--yes")
    assert theirs.ask("probe")["bad"] == 0
    assert theirs.ask("drift")["findings"] == []
    theirs.type("destroy", "--confirm", "destroy everything in small")
    theirs.type("lab", "down")
    assert theirs.traces(before) == []
