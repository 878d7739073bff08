"""Before a merge: what must be decided, what overlaps, what is proposed, what the order says."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.errors import DeniedError, InputError
from govcloud.ledger import evidence, open_ledger
from govcloud.ledger.claims import ClaimRow
from govcloud.ledger.evidence import Evidence
from govcloud.merge import document, order, planning, proving, vouching
from govcloud.merge.gates import gates
from govcloud.merge.overlaps import Held, free_block, overlapping
from govcloud.merge.reading import CLAIMANT, World
from govcloud.model import KINDS, PLURALS
from govcloud.model.catalogue import Catalogue
from govcloud.plan.borders import Borders
from govcloud.plan.hosts import host_variables
from govcloud.plan.probes import probes
from govcloud.plan.stages import EntryChange, FieldChange
from govcloud.policy import Case, judge
from govcloud.run.manual import NO_RUN
from govcloud.workspace import open_workspace
from tests.merge import town
from tests.test_json_keys import keys_of

TODAY = date(2026, 11, 1)


def catalogue(tables: town.Tables, said: dict[tuple[str, str], dict[str, Any]] | None = None) -> Catalogue:
    """Typed entries of tables of files, with what an order says beside them."""
    fields = {(PLURALS[kind], name): dict(f) for kind, table in tables.items() for name, f in table.items()}
    for key, more in (said or {}).items():
        fields[key] = fields.get(key, {}) | more
    out: dict[str, dict[str, Any]] = {}
    for (kind, name), values in fields.items():
        out.setdefault(kind, {})[name] = msgspec.convert(values, KINDS[kind])
    return Catalogue(out)


def world(**private: dict[str, Any]) -> World:
    """The town with other fields of its private networks, accepted and not merged."""
    return World(catalogue(town.changed(**private)), frozenset(), {})


def merged(*names: str, **private: dict[str, Any]) -> tuple[World, list[ClaimRow]]:
    """The town after the merges of these."""
    apart = world(**private)
    rows = [row for name in names for row in order.rows(apart, name)]
    said: dict[tuple[str, str], dict[str, Any]] = {row.key: row.fields or {} for row in rows}
    standing: dict[str, list[ClaimRow]] = {}
    for row in rows:
        standing.setdefault(row.claimant.removeprefix(CLAIMANT), []).append(row)
    return World(catalogue(town.changed(**private), said), frozenset(), standing), rows


def shut(found: World, name: str) -> dict[str, str]:
    """What stands against a merge, by rule."""
    return {gate.rule: gate.write for gate in gates(found, name, TODAY) if gate.state == "shut"}


# -- what must be decided ----------------------------------------------------------------------------


def test_what_is_decided_opens_every_gate() -> None:
    for name in town.PRIVATE:
        assert shut(world(), name) == {}
        assert order.readiness(world(), name) == []


@pytest.mark.parametrize("field", ["classified_on", "classified_by", "classified_reason"])
def test_undecided_it_is_told_what_to_write(field: str) -> None:
    found = shut(world(health={field: None}), "health")
    assert found.keys() == {"N-02"}
    assert f"{field}:" in found["N-02"] and found["N-02"].startswith("private_networks:\n  health:")


def test_classified_goes_to_the_intranet_and_the_rest_to_the_extranet() -> None:
    assert "N-01" in shut(world(health={"classified": True}), "health")
    right = world(health={"classified": True, "merges_into": "intranet"})
    # The intranet wants a secrecy test, and its flows to the extranet an exchange.
    assert shut(right, "health").keys() == {"N-08", "N-19"}
    assert shut(world(health={"merges_into": "intranet"}), "health").keys() == {"N-05", "N-19"}
    assert shut(world(health={"merges_into": None}), "health").keys() == {"N-05"}


def test_what_the_extranet_cannot_serve_stays_apart() -> None:
    assert "N-05" in shut(world(health={"extranet_suffices": "denied"}), "health")


def test_a_decision_of_tomorrow_is_none() -> None:
    assert "N-02" in shut(world(health={"classified_on": "2026-11-02"}), "health")


def test_without_boundary_or_review_nothing_is_merged() -> None:
    tables = town.changed()
    del tables["boundaries"]["health"]["drawn_on"]
    tables["reviews"]["health-access"]["passed"] = False
    found = World(catalogue(tables), frozenset(), {})
    assert shut(found, "health").keys() == {"N-10", "N-09"}
    tables["reviews"]["health-access"] |= {"passed": True, "valid_until": "2026-10-31"}
    assert "N-09" in shut(World(catalogue(tables), frozenset(), {}), "health")
    tables["reviews"]["health-access"] |= {"valid_until": "", "document": ""}
    assert "N-09" in shut(World(catalogue(tables), frozenset(), {}), "health")


def test_a_review_that_failed_ends_the_one_before_and_none_of_tomorrow_counts() -> None:
    tables = town.changed(health={"classified": True, "merges_into": "intranet"})
    for field, date_, passed, rules in (
        ("access", "2026-10-01", False, {"N-08", "N-09", "N-19"}),
        ("access", "2026-12-01", False, {"N-08", "N-19"}),
        ("access", "2025-10-01", False, {"N-08", "N-19"}),
        ("secrecy_test", "2099-10-01", True, {"N-08", "N-19"}),
        ("secrecy_test", "2026-10-01", True, {"N-19"}),
    ):
        review = {"type": field, "subject": "private_network/health", "date": date_, "passed": passed}
        review["document"] = "琼海网安审〔2026〕9号"
        with_it = tables | {"reviews": tables["reviews"] | {"later": review}}
        assert shut(World(catalogue(with_it), frozenset(), {}), "health").keys() == rules, review


def test_a_boundary_stands_wherever_the_network_meets_the_rest() -> None:
    def told(tables: town.Tables) -> list[str]:
        return order.unguarded(World(catalogue(tables), frozenset(), {}), "health")

    tables = town.changed()
    boundary = tables["boundaries"]["health"]
    assert told(tables) == []
    boundary["nodes"] = ["city"]
    assert told(tables) == []
    boundary["nodes"] = []
    assert len(told(tables)) == 1 and "node/health-border or node/city" in told(tables)[0]
    found = World(catalogue(tables), frozenset(), {})
    made = planning.plan(found, "health", TODAY)
    assert not made.ready and "refuses the rest" not in made.steps[2].how
    boundary |= {"nodes": ["health-border"], "zone": "intranet"}
    assert any("`zone` is intranet, and it merges into extranet" in words for words in told(tables))
    # A second router, joined by the merge or by a link of the files.
    two = town.changed(
        health={
            "nodes": ["health-border", "health-2"],
            "connects_to": ["city", "town"],
            "transit": ["10.254.9.0/31", "10.254.9.8/31"],
        }
    )
    two["nodes"]["health-2"] = {**two["nodes"]["health-border"], "loopback4": "10.255.0.9"}
    assert len(told(two)) == 1 and "node/health-2 or node/town" in told(two)[0]
    two["boundaries"]["health"]["nodes"] += ["health-2"]
    assert told(two) == []
    line = {"a": "town", "b": "health-3", "a_interface": "x", "b_interface": "x", "bandwidth_mbps": 1}
    two["nodes"]["health-3"] = two["nodes"]["health-2"]
    two["links"]["beside"] = line
    assert len(told(two)) == 1 and "node/health-3 or node/town" in told(two)[0]


def test_a_merged_network_is_judged_by_the_rules_as_before() -> None:
    tables = town.changed(health={"classified_on": None, "type": "business"})
    del tables["boundaries"]["health"], tables["reviews"]["health-access"]
    said = {row.key: row.fields or {} for row in order.rows(world(), "health")}

    def broken(said: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
        found = judge(Case(catalogue(tables, said), TODAY), only=["N-02", "N-09", "N-10"])
        return {one.rule for one in found if one.subject == "private_network/health"}

    assert broken({}) == broken(said) == {"N-02", "N-09", "N-10"}
    # An order of before says that it is retired; links that are there tell otherwise.
    assert broken(said | {("private_network", "health"): {"status": "retired"}}) == broken({})
    assert broken({("private_network", "health"): {"status": "retired"}}) == set()


def recorded(verb: str, kind: str, name: str, *fields: str, **after: Any) -> EntryChange:
    """A change of an entry beside a merge."""
    said = tuple(FieldChange(field) for field in fields)
    return EntryChange(verb=verb, uid=name, kind=kind, name=name, fields=after, changes=said)  # type: ignore[arg-type]


def test_a_merge_is_judged_by_what_its_plan_ends_in() -> None:
    found = world()
    asked = order.asked(found, "health")
    own = [recorded("create", r.kind, r.name, **r.fields or {}) for r in asked.said if r.kind == "link"]
    vouching.judged(found, own, asked, ["health"])
    undecided = {k: v for k, v in town.TABLES["private_networks"]["health"].items() if k != "classified_on"}
    beside = [
        recorded("delete", "boundary", "health"),
        recorded("update", "private_network", "health", "classified_on", **undecided),
        recorded("update", "review", "health-access", "passed", **town.TABLES["reviews"]["health-access"]),
        recorded("delete", "flow", "town-records"),
    ]
    for change in beside:
        with pytest.raises(InputError) as refused:
            vouching.judged(found, [*own, change], asked, ["health"])
        assert f"{change.subject}: the plan would {change.verb}" in str(refused.value.problems[0])
    # What is another's is no matter, but for what gates read of it.
    vouching.judged(found, [*own, recorded("delete", "boundary", "water")], asked, ["health"])
    turned = recorded("update", "zone", "extranet", "role", role="intranet")
    with pytest.raises(DeniedError, match="N-05"):
        vouching.judged(found, [*own, turned], asked, ["health"])


# -- what overlaps -----------------------------------------------------------------------------------

PREFIXES = st.builds(
    lambda number, length: ipaddress.ip_network((number << 24, length), strict=False),
    st.integers(0, 63),
    st.integers(4, 32),
) | st.builds(
    lambda number, length: ipaddress.ip_network((number << 120, length), strict=False),
    st.integers(0, 15),
    st.integers(4, 128),
)


@given(st.lists(PREFIXES, max_size=12), st.lists(PREFIXES, max_size=12))
def test_overlaps_are_those_that_trying_every_pair_finds(ours: list[Any], theirs: list[Any]) -> None:
    one = [Held(p, f"a/{n}", "") for n, p in enumerate(ours)]
    other = [Held(p, f"b/{n}", "") for n, p in enumerate(theirs)]
    naive = {
        (a.holder, b.holder)
        for a, b in itertools.product(one, other)
        if a.prefix.version == b.prefix.version and a.prefix.overlaps(b.prefix)
    }
    found = overlapping(one, other)
    assert {(o.own.holder, o.other.holder) for o in found} == naive and len(found) == len(naive)
    assert all(o.shared.subnet_of(o.own.prefix) and o.shared.subnet_of(o.other.prefix) for o in found)


@given(st.lists(PREFIXES, max_size=12), st.integers(8, 20))
def test_a_free_block_meets_nothing_and_none_before_it_does_not(taken: list[Any], length: int) -> None:
    held = [Held(p, "a", "") for p in taken]
    found = free_block(held, "8.0.0.0/8", length)
    blocks = ipaddress.ip_network("8.0.0.0/8").subnets(new_prefix=length)
    free = (b for b in blocks if not any(p.version == 4 and p.overlaps(b) for p in taken))
    assert found == str(next(free, ""))


def test_overlaps_name_who_has_the_same() -> None:
    made = planning.plan(world(), "health", TODAY)
    met = {(str(o.own.prefix), o.other.holder) for o in made.overlaps}
    assert met == {
        ("10.0.0.0/16", "private_network/water"),
        ("10.0.0.0/16", "private_network/forest"),
        ("10.255.0.1/32", "node/city"),
    }


# -- what is chosen ----------------------------------------------------------------------------------


def test_undecided_one_choice_is_proposed_with_yaml_that_makes_it_ready() -> None:
    apart = {"overlap": None, "overlap_reason": None, "outside": None}
    made = planning.plan(world(health=apart), "health", TODAY)
    assert not made.ready and made.choice.decided == ""
    # Two machines are few; outside is the lowest block that nobody has.
    assert made.choice.proposed == "renumber"
    assert "outside: [10.1.0.0/16]" in made.choice.write
    assert all(option.pro and (option.contra or option.fits) for option in made.choice.options)
    tables = town.changed(health=apart)
    tables["profiles"]["merging"]["values"] |= {"renumber_hosts": 1}
    many = World(catalogue(tables), frozenset(), {})
    assert planning.plan(many, "health", TODAY).choice.proposed == "nat"


def test_renumbering_is_written_into_files_and_checked() -> None:
    new = {"overlap": "renumber", "outside": ["10.70.0.0/16"]}
    words = [str(problem) for problem in order.readiness(world(health=new), "health")]
    assert len(words) == 3
    assert any("server/health-desk: still has 10.0.1.10" in w and "ipv4: 10.70.1.10" in w for w in words)
    tables = town.changed(health=new)
    tables["networks"]["health-lan"]["ipv4"] = "10.70.1.0/24"
    tables["servers"]["health-desk"]["ipv4"] = "10.70.1.10"
    tables["instances"]["records-1"]["ipv4"] = "10.70.1.11"
    written = World(catalogue(tables), frozenset(), {})
    assert order.readiness(written, "health") == []
    assert {row.kind for row in order.rows(written, "health")} == {"link"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"overlap": None}, "`overlap` is undecided"),
        ({"overlap": "none"}, "`overlap: none`, but 10.0.0.0/16 is also"),
        ({"overlap_reason": None}, "does not say why"),
        ({"outside": ["10.60.0.0/17"]}, "not of the same length"),
        ({"outside": []}, "`outside` has 0 prefixes"),
        (
            {"outside": ["10.20.0.0/16"]},
            "seen from outside 10.20.0.0/16 is also 10.20.1.0/24 of network/hall-lan",
        ),
        ({"outside": ["10.61.0.0/16"]}, "is also 10.61.0.0/16 of private_network/water"),
        ({"transit": ["10.254.0.0/31"]}, "its transit 10.254.0.0/31 is also"),
        ({"transit": ["10.254.9.0/30"]}, "no prefix of two addresses"),
        ({"transit_mbps": 0}, "`transit_mbps`"),
        ({"connects_to": []}, "`connects_to` names no node"),
        ({"connects_to": ["water-border"]}, "is in zone water, not in extranet"),
        ({"prefixes": ["10.9.0.0/16"]}, "which is in none of its `prefixes`"),
        ({"transit": ["2001:db8:9::/127"]}, "2001:db8:9::/127 is IPv6, so no route leads to 10.60.0.0/16"),
        (
            {"prefixes": ["10.0.0.0/16", "2001:db8:7::/48"], "outside": ["10.60.0.0/16", "2001:db8:7::/48"]},
            "2001:db8:7::/48 overlaps with 2001:db8:7::/48, for which it is to stand",
        ),
        (
            {"overlap": "nat64", "ipv6": ["2001:db8:f0::/56"], "outside": ["10.60.0.0/31"]},
            "10.60.0.0/31 is too small by 2",
        ),
        ({"overlap": "vrf"}, "a routing table of its own needs a number"),
        ({"overlap": "nat64", "ipv6": ["2001:db8::/64"]}, "has room for 1 prefixes of /64, 2 are needed"),
    ],
)
def test_what_cannot_be_carried_out_is_told_at_once(fields: dict[str, Any], words: str) -> None:
    found = world(health=fields)
    told = [str(problem) for problem in order.readiness(found, "health")]
    assert any(words in one for one in told), told
    with pytest.raises(InputError):
        order.asked(found, "health")


# -- what the order says -----------------------------------------------------------------------------


def test_an_order_is_said_once_and_ends_as_a_whole() -> None:
    apart = world()
    first = order.asked(apart, *town.PRIVATE)
    assert {row.claimant for row in first.said} == {f"merge:{name}" for name in town.PRIVATE}
    after, rows = merged(*town.PRIVATE)
    assert tuple(rows) == first.said
    assert not order.asked(after, *town.PRIVATE)
    assert {key for name in town.PRIVATE for key in order.ended(after, name).ended} == {
        row.claim_key for row in rows
    }


def test_a_name_too_long_for_the_kernel_is_cut_and_stays_its_own() -> None:
    own = order.interface_name("to-a-very-long-name-1"), order.interface_name("to-a-very-long-name-2")
    assert own[0] != own[1] and all(
        len(name.encode()) <= 15 for name in (*own, order.interface_name("到" * 9))
    )


def addresses(found: World) -> dict[str, str]:
    return {row.name: row.fields["ipv6"] for row in order.rows(found, "forest") if "ipv6" in row.fields}  # type: ignore[operator, index]


def test_nat64_addresses_stay_where_they_are_and_are_nobody_elses() -> None:
    tables = town.changed()
    first = World(catalogue(tables), frozenset(), {})
    rows = order.rows(first, "forest")
    before = addresses(first)
    assert before == {"forest-lan": "2001:db8:f0::/64", "forest-desk": "2001:db8:f0::a"}
    # One that comes before it by name takes another.
    more = {"gateway": "forest-border", "interface": "clinic", "ipv4": "10.0.2.0/24"}
    tables["networks"]["clinic-lan"] = more
    said = {row.key: row.fields or {} for row in rows}
    after = World(catalogue(tables, said), frozenset(), {"forest": rows})
    assert addresses(after) == before | {"clinic-lan": "2001:db8:f0:1::/64"}
    assert not order.asked(after, "forest").ended
    # What a file says is not given to another, wherever it is.
    for used in ("2001:db8:f0::/64", "2001:db8:f0::/63"):
        tables["networks"]["clinic-lan"] = more | {"ipv6": used}
        fresh = World(catalogue(tables), frozenset(), {})
        wanted = "2001:db8:f0:1" if used.endswith("64") else "2001:db8:f0:2"
        assert addresses(fresh) == {"forest-lan": f"{wanted}::/64", "forest-desk": f"{wanted}::a"}
    assert order.readiness(fresh, "forest") == []
    # Nor is what stands for IPv4.
    tables["private_networks"]["forest"]["ipv6"] = ["2001:db8:f0::/62"]
    tables["networks"]["zoo-lan"] = {**more, "interface": "zoo", "ipv4": "10.0.3.0/24"}
    full = World(catalogue(tables), frozenset(), {})
    told = [str(one) for one in order.readiness(full, "forest")]
    assert len(told) == 1 and "has 1 prefixes of /64 that nobody uses, 2 are needed" in told[0]


# -- what routers get of it --------------------------------------------------------------------------


def routing(found: World, host: str, how: str = "ospf") -> dict[str, Any]:
    return dict(host_variables(found.catalogue, routing=how)[host].vars["govcloud_routing"])  # type: ignore[arg-type]


def test_merging_changes_no_routing_daemon_of_the_one_net() -> None:
    after, _ = merged(*town.PRIVATE)
    before = world()
    for node in ("city", "town"):
        speaks = [{k: v for k, v in routing(w, node).items() if k != "static"} for w in (before, after)]
        assert speaks[0] == speaks[1]
    assert routing(before, "city")["static"] == []
    assert {r["prefix"] for r in routing(after, "city")["static"]} == {
        "10.60.0.0/16",
        "10.61.0.0/16",
        "10.62.0.0/24",
    }
    assert routing(after, "town")["static"] == []


@pytest.mark.parametrize("how", ["ospf", "static"])
def test_no_router_of_the_one_net_hears_of_a_private_prefix(how: str) -> None:
    after, _ = merged(*town.PRIVATE)
    for node in ("city", "town"):
        own = routing(after, node, how)
        told = [r["prefix"] for r in own["static"]] + own.get("border", {}).get("exports", [])
        assert told or how == "ospf"
        assert not any(
            ipaddress.ip_network(p).overlaps(ipaddress.ip_network(town.INSIDE))
            for p in told
            if p != "0.0.0.0/0" and ":" not in p
        )
        assert not any(
            i["name"].startswith("to-") and i["name"] != "to-town"
            for i in own.get("interfaces", [])
            if node == "city"
        )


def test_a_table_has_what_its_flows_need() -> None:
    after, _ = merged(*town.PRIVATE)
    tables = host_variables(after.catalogue, routing="ospf")["city"].vars["govcloud_tables"]
    assert [(t["table"], t["interfaces"]) for t in tables] == [(1010, ["to-water"])]
    ways = {r["prefix"]: r["type"] for r in tables[0]["routes"]}
    assert ways == {
        "10.20.1.11/32": "throw",
        "10.20.1.53/32": "throw",
        "10.60.1.10/32": "throw",
        "10.60.1.11/32": "throw",
        "0.0.0.0/0": "unreachable",
        "::/0": "unreachable",
    }


def test_flows_across_are_due_from_the_merge_on_and_ask_outside_addresses() -> None:
    assert {p.subject for p in probes(world().catalogue)} == {"flow/town-hall"}
    after, _ = merged("health")
    # What leads on to water waits for water.
    assert {p.subject for p in probes(after.catalogue)} == {
        "flow/town-hall",
        "flow/health-hall",
        "flow/town-records",
    }
    found = next(p for p in probes(after.catalogue) if p.name == "town-records/http/4")
    assert found.args["address"] == "10.60.1.11" and found.args["expect"] == ["10.60.1.11"]
    assert found.path == ["town", "city", "health-border"]


def test_inside_one_sees_inside_addresses() -> None:
    borders = Borders(world().catalogue)
    assert borders.seen("instance/records-1", "10.0.1.11") == "10.60.1.11"
    assert borders.seen("instance/records-1", "10.0.1.11", "server/health-desk") == "10.0.1.11"
    assert borders.seen("instance/records-1", "10.0.1.11", "server/water-desk") == "10.60.1.11"


# -- what is tried ---------------------------------------------------------------------------------


def tried(found: World, *, service: bool) -> set[tuple[str, str, int, bool]]:
    return {
        (t.bad.source, t.bad.address, t.bad.port, t.port_alone)
        for t in proving.trials(found, "health", service=service)
    }


def test_undone_what_was_declared_is_tried_too_and_merged_the_ports_that_were_not() -> None:
    after, _ = merged("health")
    while_merged, undone = tried(after, service=True), tried(world(), service=False)
    for source, address in (("town-desk", "10.60.1.11"), ("health-desk", "10.20.1.11")):
        assert (source, address, 80, False) in undone
        assert (source, address, 9, True) in while_merged
        assert not {(source, address, 80, alone) for alone in (True, False)} & while_merged
    # However few machines are taken.
    tables = town.changed()
    tables["profiles"]["merging"]["values"] |= {"targets": 0}
    few = tried(World(catalogue(tables), frozenset(), {}), service=False)
    assert ("town-desk", "10.60.1.11", 80, False) in few
    # A port that it listens on for others is the one to try.
    tables["endpoints"]["admin"] = tables["endpoints"]["records"] | {"port": 8080, "host": "admin"}
    more = tried(World(catalogue(tables), frozenset(), {}), service=True)
    assert ("town-desk", "10.60.1.11", 8080, True) in more


# -- through the command line ------------------------------------------------------------------------


@pytest.fixture
def office(cli: Callable[..., Any], tmp_path: Path) -> Path:
    """A workspace whose files are in the ledger; nothing of it is built."""
    root = tmp_path / "w"
    cli("init", root, "--environment", "town")
    tables = town.changed(
        forest={"classified_on": None}, water={"overlap": None, "transit": ["10.254.0.0/31"]}
    )
    for entries in (tables["nodes"], tables["servers"]):
        for fields in entries.values():
            del fields["target"]
    for fields in tables["clouds"].values():
        del fields["target"]
    del tables["targets"], tables["links"]
    town.write(root, tables)
    done = cli("apply", "--yes", cwd=root)
    assert done.code == 0, done
    return root


def test_commands_say_what_stands_against_a_merge(cli: Callable[..., Any], office: Path) -> None:
    denied = cli("network", "merge", "plan", "forest", cwd=office)
    assert denied.code == 4 and "N-02 private_networks.yaml:4: private_network/forest" in denied.err, denied
    assert 'classified_on: "YYYY-MM-DD"' in denied.err
    refused = cli("network", "merge", "run", "health", "water", "--yes", cwd=office)
    assert refused.code == 2, refused
    assert "private_networks.yaml:3: private_network/water: `overlap` is undecided" in refused.err
    assert "node/water-border is built by no target" in refused.err
    shown = cli("network", "merge", "plan", "water", "--json", cwd=office)
    assert shown.code == 3 and shown.json["choice"]["proposed"] == "renumber", shown
    for key, within in keys_of("network merge plan").items():
        if within and shown.json[key]:
            assert set(shown.json[key][0]) == within, key
    assert set(shown.json) == set(keys_of("network merge plan"))
    paper = cli("network", "merge", "plan", "health", "--markdown", cwd=office)
    assert paper.code == 3 and "## 4. Steps 实施步骤" in paper.out, paper
    unknown = cli("network", "merge", "plan", "helth", cwd=office)
    assert unknown.code == 2 and "did you mean health?" in unknown.err
    status = cli("network", "merge", "status", "--json", cwd=office)
    assert {r["name"]: r["classification"] for r in status.json["networks"]} == {
        "health": "not classified",
        "water": "not classified",
        "forest": "undecided",
    }
    assert set(status.json) == {"networks"}
    assert set(status.json["networks"][0]) == keys_of("network merge status")["networks"]
    # Nothing is built, so nothing is tried: that proves nothing.
    unproved = cli("network", "merge", "verify", "health", "--json", cwd=office)
    assert unproved.code == 3 and unproved.json["rows"] == [], unproved
    # A proof of another order's state is none of this one's.
    subject, detail = "private_network/health", {"kind": "isolated", "reason": "", "order": 1}
    with open_ledger(open_workspace(str(office))).write() as connection:
        old = Evidence(subject, "health/isolated/x", True, None, "", detail, at=1.0)
        evidence.keep(connection, NO_RUN, subject, [old])
    held = cli("network", "merge", "status", "health", "--json", cwd=office)
    assert held.json["networks"][0]["proof"] | {"at": ""} == {
        "measured": 1,
        "good": 1,
        "at": "",
        "holds": False,
    }
    told = cli("network", "merge", "status", "health", cwd=office, env={"COLUMNS": "200"})
    assert "not proved since (1 of 1 good" in told.out, told
    idle = cli("network", "merge", "undo", "health", "--yes", cwd=office)
    assert idle.code == 2 and "is not merged" in idle.err


def test_who_may_not_see_all_is_shown_no_merge(cli: Callable[..., Any], office: Path) -> None:
    boss = '["administer", "read_classified", "apply", "plan"]'
    (office / "roles.yaml").write_text(f"roles: {{boss: {{persons: [li], permissions: {boss}}}}}\n")
    file = office / "persons.yaml"
    file.write_text(file.read_text().replace('"duty"', '"accounts": ["somebody-else"], "duty"'))
    file = office / "flows.yaml"
    file.write_text(file.read_text().replace("{", '{"classified": true, ', 1))
    assert cli("apply", "--yes", cwd=office).code == 0
    for words in (["plan", "health"], ["run", "health", "--yes"], ["verify", "health"], ["undo", "health"]):
        refused = cli("network", "merge", *words, cwd=office)
        assert refused.code == 4 and "is missing" in refused.err, refused
        assert "town-" not in refused.out + refused.err and "10.60" not in refused.out + refused.err
    subject, detail = "private_network/health", {"kind": "service", "reason": "no", "flow": "town-hall"}
    with open_ledger(open_workspace(str(office))).write() as connection:
        bad = Evidence(subject, "health/service/town-hall", False, None, "", detail, at=1.0)
        evidence.keep(connection, NO_RUN, subject, [bad])
    shown = cli("network", "merge", "status", "health", cwd=office)
    assert "town-hall" not in shown.out, shown


def test_a_document_keeps_its_tables_whatever_a_title_says() -> None:
    found = world(health={"title": "a | b\nc", "classified_reason": "<b>|</b>"})
    paper = document.markdown(planning.plan(found, "health", TODAY), found)
    rows = [line for line in paper.splitlines() if line.startswith("| N-02")]
    assert len(rows) == 1 and "\\|" in rows[0] and "<b>" not in rows[0]
