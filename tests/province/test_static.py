"""The small province without routing daemons: routes worked out from the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.province import small
from tests.province.conftest import made
from tests.province.place import Place, machine, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-static"), pytest.mark.timeout(600)]


@pytest.fixture
def static() -> Iterator[Place]:
    with place() as where:
        yield made(where, "static")


def test_the_province_works_with_static_routes_and_no_daemon(static: Place) -> None:
    before = machine()
    static.type("lab", "up")
    said = static.type("apply", "--yes").out
    assert "static routes from the ledger" in said
    # Whether FRR is installed or not: nothing of it runs.
    assert static.processes("zebra", "ospfd", "ospf6d") == {}
    shown = static.ask("show", f"flow/{small.FLOW}")["evidence"]
    assert len(shown) == 6 and all(e["ok"] and e["detail"]["path"] == small.PATH for e in shown), shown
    assert "Nothing to do" in static.type("plan", "--detailed-exitcode").out
    # A static route knows no other way round, and a line that was down for a while needs its routes again.
    static.on("city", "ip", "link", "set", "to-core", "down")
    measured = static.ask("probe", small.FLOW, expect=3)["probes"]
    assert all(not one["ok"] and "another way" not in one["detail"]["reason"] for one in measured), measured
    assert static.ask("drift", expect=3)["deviations"] == 1
    static.type("apply", "--yes")
    assert static.ask("probe")["bad"] == 0
    static.type("destroy", "--yes")
    static.type("lab", "down")
    assert static.traces(before) == []
