"""Translations as entries and as rules, the command, and what is refused before anything is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud import system
from govcloud.errors import InputError
from govcloud.ledger import open_ledger
from govcloud.model import KINDS
from govcloud.model.base import PLURALS
from govcloud.model.catalogue import Catalogue
from govcloud.plan.gather import propose
from govcloud.plan.hosts import host_variables
from govcloud.source.translationchecks import CHECKS
from govcloud.workspace import open_workspace
from tests.boundaries import world

Cli = Callable[..., Any]


def catalogue(tables: world.Tables) -> Catalogue:
    typed = {}
    for table, entries in tables.items():
        kind = PLURALS[table]
        typed[kind] = {name: msgspec.convert(said, KINDS[kind]) for name, said in entries.items()}
    return Catalogue(typed)


def faults(**translations: dict[str, Any]) -> list[str]:
    tables = world.tables()
    tables["translations"] = {name.replace("_", "-"): said for name, said in translations.items()}
    found = catalogue(tables)
    return [f"{f.name}: {f.message}" for check in CHECKS for f in check(found)]


def test_the_world_is_without_fault() -> None:
    assert faults(**world.tables()["translations"]) == []


NAT = {"node": "inner", "inside": "10.2.0.0/16", "outside": "10.60.0.0/16", "private_network": "health"}
NAT64 = {"node": "core", "type": "nat64", "inside": "2001:db8:64::/96", "outside": "10.64.0.0/24"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (NAT | {"outside": "10.60.0.0/17"}, "10.60.0.0/17 and 10.2.0.0/16 inside are not of the same length"),
        (NAT | {"outside": "2001:db8:60::/48"}, "are not of the same length"),
        (NAT | {"outside": "10.2.0.0/16"}, "overlaps with 10.2.0.0/16 inside"),
        (NAT | {"inside": "ten"}, "expected a prefix like 10.1.0.0/16, got 'ten'"),
        (NAT | {"inside": "10.2.0.1/16"}, "expected a prefix"),
        (NAT | {"outside": "10.1.0.0/16"}, "overlaps with 10.1.0.0/24, which network/out has"),
        (NAT | {"outside": "10.254.0.0/16"}, "which link/core-gate has"),
        (NAT | {"outside": "10.255.0.0/16"}, "which node/core has, and with 1 more"),
        (NAT64 | {"inside": "2001:db8:64::/64"}, "NAT64 needs a /96 of IPv6, got 2001:db8:64::/64"),
        (NAT64 | {"inside": "64:ff9b::/96"}, "stands for public IPv4 alone"),
        (NAT64 | {"outside": "10.64.0.1/32"}, "NAT64 needs a pool of IPv4"),
        (NAT64 | {"inside": "2001:db8:1::/96"}, "overlaps with 2001:db8:1::/64, which network/out has"),
    ],
)
def test_a_translation_that_cannot_be_is_refused(said: dict[str, Any], words: str) -> None:
    (found,) = faults(one=said)
    assert words in found


def test_two_translations_do_not_show_the_same_and_a_node_tells_its_insides_apart() -> None:
    other = {**NAT, "node": "gate", "private_network": "", "inside": "10.9.0.0/16"}
    (found,) = faults(one=NAT, two=other)
    assert "overlaps with 10.60.0.0/16, the outside of translation/one" in found
    (found,) = faults(one=NAT, two={**NAT, "outside": "10.61.0.0/16"})
    assert "node/inner has 10.2.0.0/16 inside already, by translation/one" in found
    # Two routers may speak for one network with the same addresses.
    assert faults(one=NAT, two={**NAT, "node": "gate"}) == []


def test_a_node_that_nobody_builds_cannot_translate() -> None:
    tables = world.tables()
    tables["nodes"]["inner"]["target"] = ""
    (found,) = [f for check in CHECKS for f in check(catalogue(tables))]
    assert (found.field, "is built by no target" in found.message) == ("node", True)


def test_prefixes_of_translations_are_told_by_routing() -> None:
    tables = world.tables()
    nodes = host_variables(catalogue(tables), routing="static")
    static = {r["prefix"] for r in nodes["gate"].vars["govcloud_routing"]["static"]}
    assert {"10.60.0.0/16", "0.0.0.0/0"} <= static
    tables["targets"]["lab"]["routing"] = "ospf"
    core = host_variables(catalogue(tables), routing="ospf")["core"].vars["govcloud_routing"]
    assert core["border"]["exports"] == ["10.64.0.0/24", "2001:db8:64::/96"]
    # A prefix that stands for another one has no route of its own, and daemons tell only what has one.
    del tables["dns_zones"]["gov"]["dns64"]
    tables["translations"] = {"alone": {"node": "core", "inside": "10.1.0.0/24", "outside": "10.61.0.0/24"}}
    core = host_variables(catalogue(tables), routing="ospf")["core"].vars["govcloud_routing"]
    assert core["border"]["exports"] == ["10.61.0.0/24"]
    assert {"prefix": "10.61.0.0/24", "via": "blackhole"} in core["static"]


# -- through the command line -------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, cli: Cli) -> Path:
    root = tmp_path / "w"
    assert cli("init", root, "--environment", "boundaries").code == 0
    world.write(root, world.tables())
    return root


def test_the_command_tells_what_crosses_and_what_passes(place: Path, cli: Cli) -> None:
    told = cli("network", "boundary", "health", "--files", cwd=place)
    assert told.code == 0, told
    assert "in6-old      → out  server/desk6-in  endpoint/old      passes" in told.out
    assert "→ out  2001:db8:2::16  2001:db8:64::a01:c  echo      in6-old" in told.out
    listed = cli("network", "boundary", "--files", cwd=place)
    assert listed.out.splitlines()[1].split()[-3:] == ["of", "4", "16"]
    table = cli("network", "boundary", "health", "--files", "--nft", cwd=place)
    assert table.out.startswith("# gate\ntable inet govcloud {\n")
    wrong = cli("network", "boundary", "heath", "--files", cwd=place)
    assert (wrong.code, "did you mean health?" in wrong.err) == (2, True)
    # Nothing is accepted yet.
    assert "There are no boundaries." in cli("network", "boundary", cwd=place).out


def test_a_flow_that_nobody_declared_is_a_finding(place: Path, cli: Cli) -> None:
    tables = world.tables()
    tables["flows"]["stranger"] = {"start": "server/desk-out", "endpoint": "internal"}
    world.write(place, tables)
    told = cli("network", "boundary", "health", "--files", "--json", cwd=place)
    (found,) = json.loads(told.out)["boundaries"]
    (stranger,) = [flow for flow in found["flows"] if flow["flow"] == "stranger"]
    assert told.code == 3 and found["findings"]
    # The table of docs/boundaries.md.
    table = (Path(__file__).parents[2] / "docs" / "boundaries.md").read_text(encoding="utf-8")
    (row,) = [line for line in table.splitlines() if line.startswith("| `network boundary`")]
    assert set(found) == set(re.findall(r"`(\w+)`", row)) - {"boundaries"}
    assert (stranger["declared"], stranger["passes"], stranger["direction"]) == (False, False, "in")


def test_without_its_programs_nothing_is_begun(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = system.which
    monkeypatch.setattr(system, "which", lambda name: None if name in ("nft", "tayga") else which(name))
    workspace = open_workspace(str(place))
    with pytest.raises(InputError) as refused:
        propose(workspace, open_ledger(workspace))
    said = [(problem.message, problem.hint) for problem in refused.value.problems]
    assert [words for words, _ in said] == [
        "boundary/health needs `nft`, which is not on this machine",
        "translation/old needs `tayga`, which is not on this machine",
    ]
    assert all(hint for _, hint in said)
