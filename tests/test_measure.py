"""Probes on real namespaces: good ones, cut lines, other ways; and the judgement of ways on its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chain import chain, changed
from namespaces import Province
from playing import ROOT, play

from govcloud.model.recovery import Protection
from govcloud.plan.hosts import Routing, host_variables
from govcloud.plan.probes import ProbeSpec, probes
from govcloud.plan.wiring import address_owners
from govcloud.run.measure import Trace, judge

Result = dict[str, Any]
# Hellos of 1 s, dead after 4 s: what OSPF needs to find its ways, with room for a busy machine.
PATIENCE_S = 45
RPO_S = 4

CATALOGUE = changed(
    chain(),
    (
        "portal",
        Protection(application="portal", primary="app-1", standby="app-dr", level=5, rpo_s=RPO_S),
    ),
)


class Measured:
    """A configured province that can be measured."""

    def __init__(self, province: Province) -> None:
        self.province = province
        self.specs: dict[str, list[ProbeSpec]] = {}
        for spec in probes(CATALOGUE):
            self.specs.setdefault(spec.source, []).append(spec)

    def measure(self) -> dict[str, Result]:
        names = dict(address_owners(CATALOGUE))
        found: dict[str, Result] = {}
        for source, specs in self.specs.items():
            document = {"probes": msgspec.to_builtins(specs), "names": names}
            done = self.province.on(
                source,
                [sys.executable, "-m", "govcloud.run.measure"],
                input=json.dumps(document),
                cwd=ROOT,
            )
            found |= {r["name"]: r for r in json.loads(done.stdout)}
        return found

    def until(self, good: Callable[[dict[str, Result]], bool]) -> dict[str, Result]:
        limit = time.monotonic() + PATIENCE_S
        while not good(found := self.measure()):
            assert time.monotonic() < limit, found
        return found

    def flow(self, found: dict[str, Result]) -> list[Result]:
        return [r for name, r in found.items() if name.startswith("desk-portal/")]


def all_ok(found: dict[str, Result]) -> bool:
    return all(r["ok"] for r in found.values())


BACKENDS = [pytest.param(b, marks=pytest.mark.xdist_group(f"measure-{b}")) for b in ("ospf", "static")]


def configured(routing: Routing, folder: Path) -> Iterator[Measured]:
    with Province(CATALOGUE) as province:
        played = play(province, host_variables(CATALOGUE, routing=routing), folder)
        assert played.code == 0, played.words
        yield Measured(province)


@pytest.fixture(scope="module")
def ospf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    yield from configured("ospf", tmp_path_factory.mktemp("ospf"))


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    yield from configured("static", tmp_path_factory.mktemp("static"))


@pytest.fixture(params=BACKENDS)
def measured(request: pytest.FixtureRequest) -> Measured:
    found: Measured = request.getfixturevalue(request.param)
    return found


@pytest.mark.lab
def test_every_probe_holds_with_the_declared_way_as_evidence(measured: Measured) -> None:
    found = measured.until(all_ok)
    assert set(found) == {p.name for p in probes(CATALOGUE)}
    for result in measured.flow(found):
        assert result["nodes"] == ["r1", "r2", "r3", "r4"]
        assert result["value"] > 0 and result["unit"] == "ms"
    assert found["portal/copy/6"]["unit"] == "s"
    assert found["portal/copy/6"]["value"] <= RPO_S
    assert len(found["portal/copy/6"]["figures"]["sha256"]) == 64
    assert found["desk-portal/dns/6"]["figures"]["answer"] == ["2001:db8:4::11"]


@pytest.mark.lab
@pytest.mark.xdist_group("measure-ospf")
@pytest.mark.parametrize("link", ["r1-r2", "r2-r3", "r3-r4"])
def test_cutting_any_line_of_the_way_fails_every_probe_with_a_reason(ospf: Measured, link: str) -> None:
    ospf.until(all_ok)
    wanted = "stopped after r1" if link == "r1-r2" else "took another way: r1 > r2 > r4"
    ospf.province.set_link(link, "down")
    try:
        found = ospf.until(lambda f: all(r["detail"].startswith(wanted) for r in ospf.flow(f)))
        assert not any(r["ok"] for r in ospf.flow(found))
        if link != "r1-r2":
            # What it measured may be good: the way is not.
            assert found["desk-portal/http/6"]["value"] is not None
    finally:
        ospf.province.set_link(link, "up")


@pytest.mark.lab
@pytest.mark.xdist_group("measure-ospf")
def test_a_copy_follows_the_primary_and_an_old_one_fails(ospf: Measured) -> None:
    before = ospf.until(all_ok)["portal/copy/6"]["figures"]["sha256"]
    ospf.province.on("app-1", ["sh", "-c", "echo '{}' > /run/govcloud/data/portal.json"])
    found = ospf.until(lambda f: f["portal/copy/6"]["ok"] and f["portal/copy/4"]["ok"])
    assert found["portal/copy/6"]["figures"]["sha256"] != before
    ospf.province.end_daemon("app-dr", "standby", "keep_copies")
    found = ospf.until(lambda f: not f["portal/copy/6"]["ok"])
    assert "s old, 4 s are allowed" in found["portal/copy/6"]["detail"]


@pytest.mark.lab
@pytest.mark.xdist_group("measure-static")
def test_static_routes_do_not_move(static: Measured) -> None:
    """The last one: a line that comes back would need a play, for the kernel forgets what led through it."""
    static.until(lambda f: all(r["ok"] for r in static.flow(f)))
    static.province.set_link("r2-r3", "down")
    found = static.measure()
    assert {r["detail"].partition(",")[0].partition(";")[0] for r in static.flow(found)} == {
        "stopped after r2"
    }


# Ways


SPEC = {
    "source": "desk",
    "path": ["r1", "r2"],
    "args": {"hops": [["r1", ["10.0.0.1", "10.0.1.1"]], ["r2", ["10.0.2.1"]]]},
}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Trace(["10.0.0.1", "10.0.2.1"], True), ""),
        (Trace(["10.0.1.1", "10.0.2.1"], True), ""),
        (Trace(["10.0.0.1", "10.0.3.1", "10.0.2.1"], True), "took another way: r1 > r3 > r2, not r1 > r2"),
        (Trace(["10.0.0.1", "192.0.2.9"], True), "took another way: r1 > 192.0.2.9, not r1 > r2"),
        (Trace(["10.0.0.1", None], True), "no answer from r2, so the way is not proved"),
        (Trace(["10.0.0.1"], True), "took another way: r1, not r1 > r2"),
        (Trace([], True), "took another way: directly, not r1 > r2"),
        (Trace(["10.0.0.1"], False), "stopped after r1"),
        (Trace(["10.0.0.1"], False, "which knows no way on"), "stopped after r1, which knows no way on"),
        (Trace(["10.0.3.1"], False), "stopped after r3 on another way: r3"),
        (Trace([], False), "stopped at desk: no router answered"),
        (Trace([], False, "the source cannot send: x"), "the source cannot send: x"),
    ],
)
def test_a_way_is_judged_by_the_routers_in_order(found: Trace, reason: str) -> None:
    assert judge(found, SPEC, {"10.0.3.1": "r3"})[1] == reason
