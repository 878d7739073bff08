"""What a ledger needs of the machine that is not there is told before anything is done."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from govcloud import system
from govcloud.errors import InputError
from govcloud.model import KINDS
from govcloud.model.catalogue import Catalogue
from govcloud.plan import advertising
from govcloud.plan.hosts import host_variables

TABLES = {
    "region": {"here": {"level": "province"}},
    "zone": {"extranet": {"role": "extranet"}},
    "target": {"lab": {"driver": "lab"}},
    "node": {
        "town": {
            "region": "here",
            "zone": "extranet",
            "role": "access",
            "target": "lab",
            "loopback4": "10.0.0.1",
        }
    },
    "network": {
        "lan": {"gateway": "town", "interface": "lan", "ipv4": "10.1.0.0/24", "ipv6": "3fff:1::/64"},
    },
    "server": {
        "desk": {"rack": "r", "network": "lan", "ipv4": "10.1.0.10", "target": "lab"},
        "printer": {"rack": "r", "network": "lan", "ipv6": "3fff:1::11", "target": "lab"},
    },
}


def catalogue(**network: object) -> Catalogue:
    tables = {kind: {n: dict(f) for n, f in table.items()} for kind, table in TABLES.items()}
    tables["network"]["lan"] |= network
    return Catalogue(
        {k: {n: msgspec.convert(f, KINDS[k]) for n, f in table.items()} for k, table in tables.items()}
    )


def test_radvd_is_asked_for_where_a_prefix_is_advertised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "which", lambda command: None)
    assert advertising.tools_missing(catalogue()) == []
    (problem,) = advertising.tools_missing(catalogue(advertise=True))
    assert problem.message == "network/lan needs `radvd`, which is not on this machine"
    assert "radvd" in problem.hint


def test_without_the_field_no_host_is_otherwise_than_it_was() -> None:
    plain = host_variables(catalogue(), routing="static")
    assert advertising.put(catalogue(), plain) == plain


def test_who_advertises_and_who_accepts() -> None:
    wanted = catalogue(advertise=True)
    plain = host_variables(wanted, routing="static")
    hosts = advertising.put(wanted, plain)
    (said,) = hosts["town"].vars["govcloud_advertise"]
    assert said["prefix"] == "3fff:1::/64" and said["valid_s"] == 2_592_000
    assert "advertisers" in hosts["town"].groups
    (port,) = hosts["desk"].vars["govcloud_interfaces"]
    assert port["accept"] == ["3fff:1::/64"]
    # One with an address of its own takes none, and has the interfaces that it had.
    assert hosts["printer"].vars["govcloud_interfaces"] == plain["printer"].vars["govcloud_interfaces"]
    assert hosts["printer"].vars["govcloud_own_sysctls"] == {"net.ipv6.conf.eth0.accept_ra": 0}


@pytest.mark.parametrize("command", ["nft", "radvd", "tayga"])
def test_set_up_and_doctor_know_them(command: str) -> None:
    (tool,) = [tool for tool in system.TOOLS if tool.command == command]
    assert not tool.required and tool.purpose


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_interval_s": "soon"}, "Expected `int`, got `str` - at `$.max_interval_s`"),
        ({"max_interval_s": 0}, "Expected `int` >= 4"),
        ({"max_interval": 60}, "unknown field `max_interval`"),
        ({"valid_s": 60}, "`preferred_s` 604800 is more than `valid_s` 60"),
    ],
)
def test_figures_that_cannot_be_advertised_are_told(values: dict[str, Any], words: str) -> None:
    said = catalogue(advertise=True)
    profile = msgspec.convert({"values": values}, KINDS["profile"])
    tables = {kind: dict(said.table(kind)) for kind in KINDS} | {"profile": {"advertising": profile}}
    wanted = Catalogue(tables)
    with pytest.raises(InputError) as told:
        advertising.put(wanted, host_variables(wanted, routing="static"))
    (problem,) = told.value.problems
    assert problem.message.startswith("profile/advertising: ") and words in problem.message
