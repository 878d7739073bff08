"""`govcloud explain`: every kind and field can be asked for, and a wrong name gets the nearest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from govcloud.model import KINDS, fields
from govcloud.model.domains import DOMAINS


def test_all_kinds_by_domain(cli: Callable[..., Any]) -> None:
    told = cli("explain")
    assert told.code == 0
    words = [line.split()[0] for line in told.out.splitlines()]
    assert words == [word for domain, (_, kinds) in DOMAINS.items() for word in (domain, *kinds)]
    assert "  circuit          专线  " in told.out


def test_all_kinds_as_json(cli: Callable[..., Any]) -> None:
    told = cli("explain", "--json").json
    assert {one["kind"] for one in told} == set(KINDS)
    assert set(told[0]) == {"kind", "plural", "title", "domain", "description"}


def test_a_kind(cli: Callable[..., Any]) -> None:
    told = cli("explain", "circuit")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "circuit  专线, in files `circuits`"
    own, shared = (next(n for n, x in enumerate(lines) if x.startswith(w)) for w in ("zone*", "title "))
    assert own < shared
    for name in fields("circuit"):
        assert any(line.split()[0].rstrip("*") == name for line in lines if line and line[0] != " ")
    assert "name of a zone" in told.out and "[N-11 N-12]" in told.out


@pytest.mark.parametrize("word", ["circuit", "circuits", "专线"])
def test_a_kind_has_three_names(word: str, cli: Callable[..., Any]) -> None:
    told = cli("explain", word, "--json").json
    assert (told["kind"], told["domain"], told["plural"]) == ("circuit", "network", "circuits")
    by_name = {one["field"]: one for one in told["fields"]}
    assert list(by_name) == list(fields("circuit"))
    assert by_name["zone"]["required"] and by_name["zone"]["references"] == ["zone"]
    assert by_name["needs"]["many"] and "cloud" in by_name["needs"]["references"]
    assert by_name["line"]["type"] == "data | video | other" and by_name["line"]["default"] == "data"


@pytest.mark.parametrize("word", ["circuit.bandwidth_mbps", "专线.带宽", "circuits.带宽(Mbit/s)"])
def test_a_field(word: str, cli: Callable[..., Any]) -> None:
    told = cli("explain", word)
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "circuit.bandwidth_mbps  带宽(Mbit/s)"
    assert lines[2].split() == ["type", "number", ">=", "0"]
    assert [line.split()[0] for line in lines[4:]] == ["N-11", "N-12"]
    assert "bandwidth < 100M" in lines[4]


def test_a_field_as_json(cli: Callable[..., Any]) -> None:
    told = cli("explain", "network.ipv6", "--json").json
    assert (told["kind"], told["field"], told["holds"], told["required"]) == (
        "network",
        "ipv6",
        "first",
        False,
    )
    assert [rule["id"] for rule in told["rules"]] == ["N-17"]
    assert "no IPv6" in told["rules"][0]["sentence"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("serverz", "did you mean server"),
        ("server.rak", "did you mean server.rack?"),
        ("servr.rack", "did you mean server?"),
        ("server.zzzzz", "fields: title, "),
        ("server.", "fields: title, "),
    ],
)
def test_a_wrong_name_gets_the_nearest(word: str, hint: str, cli: Callable[..., Any]) -> None:
    told = cli("explain", word)
    assert told.code == 2 and told.out == ""
    assert f"hint: {hint}" in told.err
    assert hint in cli("explain", word, "--json").json["hint"]
