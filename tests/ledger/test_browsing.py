"""Filters, searches, trees and portraits ask the ledger: the same answers on every store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from govcloud.errors import InputError
from govcloud.ledger import Ledger, building, evidence
from govcloud.ledger.browsing import View, Where
from govcloud.ledger.building import Observed
from govcloud.ledger.evidence import Evidence
from govcloud.report import coverage, filters, tree
from govcloud.report.portrait import portrait
from govcloud.report.search import search
from tests.browsing import PROVINCE, record, uid, withdraw


@pytest.fixture
def view(ledger: Ledger) -> Iterator[View]:
    record(ledger, PROVINCE)
    # A past: what was is not found any more.
    record(ledger, {"server": {"gone": {"rack": "rack-1", "title": "门户服务器"}}})
    withdraw(ledger, "server", "gone")
    record(ledger, {"server": {"web-2": {"rack": "rack-2", "title": "Backup 服务器", "unit": "health"}}})
    with ledger.read() as connection:
        yield View(connection)


def names(view: View, kind: str, *conditions: str, most: int | None = None) -> list[str]:
    return [entry.name for entry in filters.select(view, filters.read(kind, conditions), most=most)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], ["db_1", "web-1", "web-10", "web-2"]),
        (["rack=rack-1"], ["web-1"]),
        (["rack=rack-2"], ["db_1", "web-2"]),
        (["机柜=rack-2"], ["db_1", "web-2"]),
        (["rack=rack-2", "unit=health"], ["db_1", "web-2"]),
        (["rack=rack-2", "unit=bigdata"], []),
        (["rack!=rack-2"], ["web-1", "web-10"]),
        (["rack~k-1"], ["web-1", "web-10"]),
        (["title~backup"], ["web-2"]),
        (["title~服务器"], ["web-1", "web-2"]),
        (["title~100%"], ["db_1"]),
        (["title~1_0"], []),
        (["title="], ["web-10"]),
        (["title!="], ["db_1", "web-1", "web-2"]),
        (["web-*"], ["web-1", "web-10", "web-2"]),
        (["web-?"], ["web-1", "web-2"]),
        (["db?1"], ["db_1"]),
        (["[wd]*-1"], ["web-1"]),
        (["web-1", "db_1"], ["db_1", "web-1"]),
        (["name=web-1"], ["web-1"]),
        (["status="], ["db_1", "web-1", "web-10", "web-2"]),
        (["ipv4=10.1.0.11"], ["web-1"]),
        (["invented=false"], ["db_1", "web-1", "web-10", "web-2"]),
    ],
    ids=lambda value: " ".join(value) if value else "nothing",
)
def test_filters(view: View, conditions: list[str], expected: list[str]) -> None:
    if conditions == ["status="]:
        # A choice that has a default is never empty.
        expected = expected if filters.fields("server")["status"].default in ("", None) else []
    assert sorted(names(view, "server", *conditions)) == expected


def test_filters_of_other_types(view: View) -> None:
    assert names(view, "application", "mlps=3") == ["portal"]
    # What is not said has its default.
    assert names(view, "application", "mlps!=3") == ["identity", "records"]
    assert names(view, "endpoint", "port=80") == names(view, "endpoint", "port=80.0") == ["portal"]
    assert names(view, "endpoint", "port=8") == []
    assert names(view, "application", "status=planned") == ["identity", "records"]
    assert names(view, "application", "classified=true") == ["records"]
    assert names(view, "link", "bandwidth_mbps=100") == names(view, "link", "bandwidth_mbps=1e2")
    assert names(view, "dns_zone", "servers=web-2") == ["gov"]
    # A reference to one of several kinds, with the kind and without.
    assert names(view, "flow", "start=node/far") == names(view, "flow", "start=far") == ["village-portal"]
    assert names(view, "flow", "start=server/far") == []
    assert names(view, "flow", "ip_versions=6") == ["village-portal"]
    # The same words in a mapping are not the field's.
    assert names(view, "profile", "values~rack-1") == ["routing"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rak=1", "did you mean rack=…?"),
        ("position=high", ""),
        ("status=runing", "did you mean running?"),
    ],
)
def test_wrong_filters_are_told(text: str, hint: str) -> None:
    with pytest.raises(InputError) as raised:
        filters.read("server", [text])
    assert raised.value.hint == hint


def test_a_limit_is_a_limit(view: View) -> None:
    assert names(view, "server", "web-*", most=2) == ["web-1", "web-10"]
    assert names(view, "server", "title~服务器", most=1) == ["web-1"]


def test_pages_go_through_everything(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govcloud.ledger.browsing.PAGE", 2)
    assert [e.name for e in view.pages(Where(kind="server"))] == ["db_1", "web-1", "web-10", "web-2"]


def test_what_is_hidden_is_in_no_answer(view: View) -> None:
    secret = frozenset({uid("application", "records"), uid("server", "web-2")})
    blind = View(view.connection, secret)
    assert blind.counts()["application"] == 2
    assert blind.counts()["server"] == 3
    assert blind.find("application", "records") is None
    assert names(blind, "server", "rack=rack-2") == ["db_1"]
    assert names(blind, "server", "web-*", most=2) == ["web-1", "web-10"]
    assert [h.name for h in search(blind, "健康档案").hits] == []
    assert search(blind, "server").total == search(view, "server").total - 1
    assert "web-2" not in blind.names("server")
    shown = portrait(blind, blind.find("application", "portal"), now=time.time())  # type: ignore[arg-type]
    assert shown.dependencies["needed_by"] == []
    drawn = tree.grow(blind, "application", [blind.find("application", "portal")])  # type: ignore[list-item]
    assert "records" not in str(drawn)


# -- search ---------------------------------------------------------------------------------------------


def found(view: View, text: str, **options: Any) -> list[str]:
    return [f"{hit.kind}/{hit.name}" for hit in search(view, text, **options).hits]


def test_search_ranks(view: View) -> None:
    # The name, then how it begins, then the title; a field's text comes last.
    hits = found(view, "portal")
    assert hits[:3] == ["application/portal", "endpoint/portal", "protection/portal"]
    assert set(hits[3:5]) == {"instance/portal-1", "instance/portal-2"}
    assert "flow/village-portal" in hits
    assert found(view, "政务门户") == ["application/portal"]
    assert found(view, "海口")[0] == "region/haikou"
    assert found(view, "WEB-10") == ["server/web-10"]
    assert found(view, "gov.example")[0] == "dns_zone/gov"
    assert search(view, "门户", kind="server").hits[0].matches[0].field == "title"


def test_every_word_must_be_there(view: View) -> None:
    assert found(view, "backup 服务器") == ["server/web-2"]
    assert found(view, "backup health") == ["server/web-2"]
    assert found(view, "机房 一号") == ["room/room-a"]
    assert found(view, "backup 海口") == []


def test_names_of_fields_are_not_found(view: View) -> None:
    assert not [hit for hit in search(view, "rack").hits if hit.kind == "server" and not hit.matches]
    assert {hit.kind for hit in search(view, "interface").hits} <= {"interface"}
    assert found(view, "bandwidth_mbps") == []


def test_signs_are_only_signs(view: View) -> None:
    assert found(view, "100%") == ["server/db_1"]
    assert found(view, '"') == found(view, "\\") == []
    assert found(view, "%") == ["server/db_1"]


def test_addresses_and_what_contains_them(view: View) -> None:
    hits = search(view, "10.9.0.21").hits
    assert [(h.kind, h.name, h.reason) for h in hits] == [
        ("instance", "portal-1", "address"),
        ("network", "app", "prefix"),
    ]
    assert found(view, "10.9.0.200") == ["network/app"]
    # However it is written.
    assert found(view, "3fff:1:0::0:21")[0] == "instance/portal-1"


def test_what_is_mistyped_is_found_as_nearly_so_called(view: View) -> None:
    answer = search(view, "identiy")
    assert answer.alike
    assert answer.hits[0].name == "identity"
    chinese = search(view, "统一身分认证")
    assert chinese.alike
    assert chinese.hits[0].name == "identity"
    assert search(view, "zzzzzzzz").hits == []


# -- trees ----------------------------------------------------------------------------------------------


def lines(branch: tree.Branch, level: int = 0) -> list[str]:
    label = f"{branch.label} " if branch.label else ""
    out = [f"{'  ' * level}{label}{branch.kind}/{branch.name}"]
    for child in branch.children:
        out += lines(child, level + 1)
    return out


def grown(view: View, shape: str, kind: str, name: str, **options: Any) -> tree.Branch:
    start = view.find(kind, name)
    assert start is not None
    return tree.grow(view, shape, [start], **options).branches[0]


def test_tree_by_place(view: View) -> None:
    (top,) = tree.tops(view, tree.SHAPES["place"])
    whole = tree.grow(view, "place", [top], depth=6).branches[0]
    assert whole.beneath["server"] == 4
    assert whole.beneath["node"] == 2
    assert lines(whole)[:9] == [
        "region/hainan",
        "  region/haikou",
        "    site/haikou-dc",
        "      room/room-a",
        "        rack/rack-1",
        "          server/web-1",
        "        rack/rack-2",
        "          server/db_1",
        "          server/web-2",
    ]
    # A node at a site stands there, another in its region.
    assert "      node/core-1" in lines(whole)
    assert "    node/far" in lines(whole)


def test_what_is_cut_is_counted(view: View) -> None:
    room = grown(view, "place", "room", "room-a", depth=1, most=2)
    assert [child.name for child in room.children] == ["rack-1", "rack-2"]
    assert room.more == {"rack": 1}
    assert room.beneath == {"rack": 3, "server": 4}
    assert room.children[1].more == {"server": 2}


def test_tree_of_an_application_goes_both_ways(view: View) -> None:
    drawn = lines(grown(view, "application", "application", "portal", depth=2))
    assert "  needs application/identity" in drawn
    assert "  needed by application/records" in drawn
    assert "    served by instance/portal-1" in drawn
    assert "    standby instance/portal-2" in drawn
    # What needs it does not stand below it.
    assert "application" not in grown(view, "application", "application", "portal").beneath


def test_trees_end_where_entries_need_each_other(view: View, ledger: Ledger) -> None:
    record(ledger, {"dependency": {"back": {"application": "identity", "needs": "portal"}}})
    with ledger.read() as connection:
        drawn = grown(View(connection), "application", "application", "portal", depth=9)
    assert len(lines(drawn)) < 40


def test_tree_by_network_and_unit(view: View) -> None:
    drawn = lines(grown(view, "network", "zone", "extranet", depth=3))
    assert "    link/core-far" in drawn
    assert "      instance/portal-1" in drawn
    units = lines(grown(view, "unit", "unit", "bigdata", depth=2))
    assert units[:2] == ["unit/bigdata", "  unit/health"]
    assert "  person/chen" in units


# -- portrait -------------------------------------------------------------------------------------------


def test_portrait(view: View, ledger: Ledger) -> None:
    now = time.time()
    with ledger.write() as connection:
        evidence.keep(
            connection,
            "run",
            "probe",
            [
                Evidence("protection/portal", "portal/copy/4", True, 9.0, "s", {}, at=now - 900),
                Evidence(
                    "protection/portal", "portal/copy/4", False, 80.0, "s", {"reason": "late"}, at=now - 60
                ),
                Evidence("flow/village-portal", "village-portal/http/4", True, 3.5, "ms", {}, at=now - 60),
            ],
        )
        one = Observed("x.1", uid("instance", "portal-1"), "shelf", "missing", {})
        building.replace_observed(connection, ["shelf"], [one])
    with ledger.read() as connection:
        fresh = View(connection)
        application = fresh.find("application", "portal")
        assert application is not None
        shown = portrait(fresh, application, now=now)
    assert shown.owner["title"] == "省大数据管理局"
    assert [p["name"] for p in shown.owner["duties"]["principal"]] == ["chen"]
    assert shown.owner["duties"]["information_officer"] == []
    held = shown.holds["instances"]
    assert (held["count"], held["vcpus"], held["memory_mib"], held["disk_gib"]) == (2, 4, 8192, 80)
    assert [n["name"] for n in shown.networks["networks"]] == ["app"]
    assert [a["address"] for a in shown.networks["ipv6"]] == ["3fff:1::21"]
    assert (shown.endpoints[0]["domain"], shown.endpoints[0]["port"]) == ("www.gov.example", 80)
    # It is the application's, and no endpoint shows it.
    assert shown.endpoints[0]["certificates"] == []
    assert [one["name"] for one in shown.certificates] == ["www"]
    assert shown.grade["mlps"] == 3
    # The newest figure of each probe, and no other.
    (protection,) = shown.recovery["protections"]
    assert [(f["value"], f["ok"], f["age_s"]) for f in protection["measured"]] == [(80.0, False, 60)]
    assert [d["name"] for d in shown.dependencies["needs"]] == ["identity"]
    assert [d["name"] for d in shown.dependencies["needed_by"]] == ["records"]
    assert shown.cost["budgets"] == [] and shown.cost["resources_yuan"] is None
    assert [(f["subject"], f["what"]) for f in shown.findings] == [
        ("protection/portal", "failed_evidence"),
        ("instance/portal-1", "deviation"),
        ("certificate/www", "certificate_expired"),
        ("unit/bigdata", "duty_missing"),
    ]


# -- coverage -------------------------------------------------------------------------------------------


def test_coverage_counts_by_row(ledger: Ledger) -> None:
    row = {"document": "000", "line": "4", "tag": "base", "text": "一句话"}
    record(
        ledger,
        {
            "source_row": {"s000-003": row, "s000-004": row, "s001-001": row | {"source": "S001-001"}},
            "region": {
                "a": {"level": "city", "source": "000:L4 S000-003"},
                "b": {"level": "city", "source": "000:L4 S000-003 S000-003, 001:L1 S009-001"},
                "c": {"level": "city", "source": "000:L4"},
                "d": {"level": "city", "title": "S000-004"},
            },
        },
    )
    with ledger.read() as connection:
        counted = coverage.of_ledger(View(connection))
    assert counted.rows == {"S000-003": 2, "S009-001": 1}
    assert counted.missing == ["S000-004", "S001-001"]
    assert counted.entries == 2
