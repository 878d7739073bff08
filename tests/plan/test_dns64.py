"""DNS64: records are made up for names with IPv4 alone, where nobody else asks; nothing else changes."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.model import KINDS
from govcloud.model.base import PLURALS
from govcloud.model.catalogue import Catalogue
from govcloud.plan.dns64 import synthesised
from govcloud.plan.hosts import HostVars, host_variables
from govcloud.source.checks import CHECKS
from tests.boundaries import world

PREFIX = ipaddress.IPv6Network(world.NAT64)
ALONE = ("desk6-out", "desk6-in")

names = st.sampled_from(["a.gov.example", "b.gov.example", "c.gov.example"])
ipv6 = st.one_of(
    st.ip_addresses(v=6),
    # What is mapped is no IPv6 address of anything (RFC 6147, section 5.1.4).
    st.ip_addresses(v=4).map(lambda a: ipaddress.IPv6Address(f"::ffff:{a}")),
)
records = st.lists(
    st.one_of(
        st.tuples(names, st.just("A"), st.ip_addresses(v=4)),
        st.tuples(names, st.just("AAAA"), ipv6),
    ),
    max_size=8,
    unique=True,
)


@given(records)
def test_records_are_made_up_for_names_with_ipv4_alone(said: list[tuple[str, str, Any]]) -> None:
    out = synthesised([{"name": n, "type": t, "value": str(v)} for n, t, v in said], world.NAT64)
    answers = {(r["name"], r["type"], ipaddress.ip_address(r["value"])) for r in out}
    assert len(answers) == len(out)
    for name in {n for n, _, _ in said}:
        old = {v for n, t, v in said if (n, t) == (name, "A")}
        real = {v for n, t, v in said if (n, t) == (name, "AAAA") and v.ipv4_mapped is None}
        given6 = {v for n, t, v in answers if (n, t) == (name, "AAAA")}
        assert {v for n, t, v in answers if (n, t) == (name, "A")} == old
        if real:
            assert given6 == real
        else:
            assert all(v in PREFIX for v in given6)
            assert {int(v) & 0xFFFFFFFF for v in given6} == {int(v) for v in old}


def catalogue(tables: world.Tables) -> Catalogue:
    typed = {}
    for table, entries in tables.items():
        kind = PLURALS[table]
        typed[kind] = {name: msgspec.convert(said, KINDS[kind]) for name, said in entries.items()}
    return Catalogue(typed)


def hosts(change: dict[str, Any]) -> dict[str, HostVars]:
    tables = world.tables()
    tables["dns_zones"]["gov"] |= change
    return host_variables(catalogue(tables), routing="static")


def test_only_the_server_and_machines_with_ipv6_alone_have_anything_of_it() -> None:
    without, with_it = hosts({"dns64": []}), hosts({})
    changed = {name for name in without if with_it[name] != without[name]}
    # The border lets those inside ask there.
    assert changed == {"desk-out", *ALONE, "gate"}
    assert {
        n for n in without if with_it[n].vars["govcloud_resolver"] != without[n].vars["govcloud_resolver"]
    } == {*ALONE}
    for name in ALONE:
        assert with_it[name].vars["govcloud_resolver"] == {
            "servers": [world.DNS64],
            "search": ["gov.example"],
        }
    # What the ordinary daemon answers is what it was: the new address is nobody's name.
    before, after = without["desk-out"].vars, with_it["desk-out"].vars
    assert after["govcloud_dns"] == before["govcloud_dns"]
    (port,) = after["govcloud_interfaces"]
    assert port["answering"] == [f"{world.DNS64}/64"] and port["addresses"][-1:] == port["answering"]
    assert port["addresses"][:-1] == before["govcloud_interfaces"][0]["addresses"]


def test_the_ordinary_server_makes_nothing_up_and_the_other_only_where_there_is_no_ipv6() -> None:
    said = hosts({})["desk-out"].vars

    def six(zones: list[dict[str, Any]]) -> dict[str, str]:
        return {r["name"]: r["value"] for zone in zones for r in zone["records"] if r["type"] == "AAAA"}

    plain, made = six(said["govcloud_dns"]["zones"]), six(said["govcloud_dns64"]["zones"])
    assert not any(ipaddress.ip_address(value) in PREFIX for value in plain.values())
    assert plain.items() <= made.items()
    assert {name: made[name] for name in made.keys() - plain.keys()} == {
        "old.gov.example": "2001:db8:64::a01:c",
        "old-out.gov.example": "2001:db8:64::a01:c",
    }


def test_a_nat64_of_a_private_network_is_for_nobody_else() -> None:
    tables = world.tables()
    tables["translations"]["old"] |= {"private_network": "health", "node": "inner"}
    with pytest.raises(InputError) as refused:
        host_variables(catalogue(tables), routing="static")
    assert (
        "server/desk-out answers with DNS64, and no NAT64 is in force there"
        in refused.value.problems[0].message
    )
    assert faults(tables) == ["dns_zone/gov: `dns64`: no NAT64 is in force at server/desk-out"]


def faults(tables: world.Tables) -> list[str]:
    found = catalogue(tables)
    return [f"{f.kind}/{f.name}: {f.message}" for check in CHECKS for f in check(found)]


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        (["2001:db8:1::64", "2001:db8:1::65"], "`dns64`: 2 addresses for 1 server"),
        (["2001:db8:2::64"], "`dns64`: 2001:db8:2::64 is not in 2001:db8:1::/64, the prefix of network out"),
        (["2001:db8:1::"], "`dns64`: 2001:db8:1:: stands for all of 2001:db8:1::/64, no machine can have it"),
        (["10.1.0.64"], "`dns64`: expected an IPv6 address like fd00:1::2, got '10.1.0.64'"),
        (["2001:db8:1::10"], "`dns64`: 2001:db8:1::10 is already that of server/desk-out"),
        (["2001:db8:1::1"], "`dns64`: 2001:db8:1::1 is already that of network/out (its gateway)"),
    ],
)
def test_an_address_that_cannot_be_is_refused(addresses: list[str], words: str) -> None:
    tables = world.tables()
    tables["dns_zones"]["gov"]["dns64"] = addresses
    assert faults(tables) == [f"dns_zone/gov: {words}"]


def test_one_server_answers_at_one_address_for_two_zones() -> None:
    tables = world.tables()
    tables["dns_zones"]["town"] = {**tables["dns_zones"]["gov"], "domain": "town.gov.example"}
    assert faults(tables) == []
    said = host_variables(catalogue(tables), routing="static")["desk-out"].vars
    assert said["govcloud_dns64"]["listen"] == [world.DNS64]
    assert [zone["domain"] for zone in said["govcloud_dns64"]["zones"]] == ["gov.example", "town.gov.example"]


def test_without_its_nat64_it_is_refused_with_its_place(tmp_path: Path, cli: Any) -> None:
    tables, root = world.tables(), tmp_path / "w"
    cli("init", root, "--environment", "boundaries")
    world.write(root, tables)
    assert cli("validate", cwd=root).code == 0
    del tables["translations"]["old"], tables["flows"]["in6-old"]
    tables["boundaries"]["health"]["flows"].remove("in6-old")
    world.write(root, tables)
    told = cli("validate", cwd=root)
    assert told.code == 2 and "no NAT64 is in force at server/desk-out" in told.err, told
    assert "world.yaml:" in told.err and "declare a translation of type nat64" in told.err, told
