"""Verify against real servers: what is wrong with a service's IPv6 is found, and told by its own check."""

from __future__ import annotations

import copy
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chain import chain, changed
from dualstack import World, world

from govcloud.cli.ipv6_verify import document
from govcloud.ledger import Ledger, evidence, open_ledger
from govcloud.ledger.evidence import Evidence
from govcloud.model.datacentre import Server
from govcloud.model.network import DnsZone
from govcloud.rollout.history import standing
from govcloud.rollout.measuring import Verified
from govcloud.rollout.members import Member
from govcloud.rollout.progress import Progress
from govcloud.rollout.verifying import Interrupted, Unmeasured, verify
from govcloud.run.ipv6policy import Ipv6Policy
from govcloud.workspace import open_workspace

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("dualstack")]

CATALOGUE = changed(
    chain(),
    ("dns-2", Server(rack="k", network="service", ipv4="10.5.0.54", ipv6="2001:db8:5::54", target="lab")),
    ("gov", DnsZone(domain="gov.example", servers=["dns-1", "dns-2"])),
)
# The floor keeps a busy machine's own delays out of the tests.
NUMBERS = Ipv6Policy(tries=3, sources=1, delay_floor_ms=30)
APP4, APP6, DNS = "10.4.0.11", "2001:db8:4::11", ("dns-1", "dns-2")
DNS6 = ("2001:db8:5::53", "2001:db8:5::54")
GATEWAY, FAR, DESK, DR = "2001:db8:1::1", "2001:db8:fe:0::", "2001:db8:1::10", "2001:db8:3::11"
ADDRESSES = [
    APP4,
    APP6,
    *DNS6,
    "10.5.0.53",
    "10.5.0.54",
    GATEWAY,
    "2001:db8:fe::",
    "2001:db8:fe::1",
    DESK,
    DR,
]
SERVICE = ("aaaa", "tcp", "http", "success", "content", "links", "delay")
CHECKS: dict[str, tuple[str, ...]] = {
    "endpoint/portal": SERVICE,
    "dns_zone/gov": ("delegation",),
    "server/dns-1": ("reach", "aaaa", "answer"),
    "server/desk": ("reach",),
    "network/lan": ("reach",),
    "link/r1-r2": ("reach", "neighbour"),
}
MEMBERS = {
    subject: Member(
        kind=subject.partition("/")[0],
        name=subject.partition("/")[2],
        stages=("verified",),
        checks=checks,  # type: ignore[arg-type]
    )
    for subject, checks in CHECKS.items()
}
THERE = frozenset({"desk", "dns-1", "dns-2", "app-1", "app-dr", "r1", "r2", "r3", "r4"})
# One source is enough where nothing depends on the place.
DESK_ALONE = frozenset({"desk", "app-1"})

HOST = "www.gov.example"
PAGE = f'<a href="/news">news</a> <a href="http://{HOST}/law#1">law</a> <a href="mailto:a@b">mail</a>'
PAGES = {"/": PAGE, "/news": '<a href="/old">old</a>', "/law": "law", "/old": "old"}
RECORDS = [
    [HOST, "AAAA", APP6],
    ["gov.example", "SOA", "dns-1.gov.example. root.gov.example. 1 2 3 4 5"],
    *(["gov.example", "NS", f"{name}.gov.example."] for name in DNS),
    *([f"{name}.gov.example", "AAAA", at] for name, at in zip(DNS, DNS6, strict=True)),
]


def good() -> dict[str, Any]:
    """Everything as it should be."""
    pages = [{"address": at, "pages": PAGES} for at in (APP4, APP6)]
    names = [{"address": at, "records": RECORDS} for at in (*DNS6, "10.5.0.53", "10.5.0.54")]
    return {"http": copy.deepcopy(pages), "dns": copy.deepcopy(names)}


@pytest.fixture(scope="module")
def place() -> Iterator[World]:
    with world(ADDRESSES) as made:
        yield made


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    folder = tmp_path_factory.mktemp("verify")
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: t\n")
    workspace = open_workspace(str(folder))
    workspace.prepare()
    return open_ledger(workspace, create=True)


def measured(
    place: World,
    ledger: Ledger,
    services: dict[str, Any],
    members: tuple[str, ...] = ("endpoint/portal", "dns_zone/gov"),
    numbers: Ipv6Policy = NUMBERS,
    there: frozenset[str] = THERE,
) -> dict[str, Evidence]:
    """Evidence by ``member check``."""
    place.serve(**services)
    rows = verify(ledger, CATALOGUE, MEMBERS, members, numbers, place, routing="static", there=there, run="r")
    assert [(r.subject, r.detail["check"]) for r in rows] == [(m, c) for m in members for c in CHECKS[m]]
    return {f"{row.subject} {row.detail['check']}": row for row in rows}


def bad(found: dict[str, Evidence]) -> dict[str, str]:
    return {name.partition(" ")[2]: row.detail["reason"] for name, row in found.items() if not row.ok}


def test_all_is_good_where_all_is_as_it_should_be(place: World, ledger: Ledger) -> None:
    found = measured(place, ledger, good(), tuple(CHECKS))
    assert bad(found) == {}
    units = {name.partition(" ")[2]: (row.value, row.unit) for name, row in found.items()}
    for check in ("tcp", "success", "links", "delegation", "answer"):
        assert units[check] == (100, "%"), check
    assert units["content"] == (0, "differences")
    assert units["neighbour"] == (None, "") and "static" in found["link/r1-r2 neighbour"].detail["remark"]
    links = found["endpoint/portal links"].detail["sources"][0]
    assert links["links"] == 3  # news, law, and from news: old
    at = {name: row.detail["addresses"] for name, row in found.items()}
    assert at["endpoint/portal tcp"] == [APP6] and at["dns_zone/gov delegation"] == list(DNS6)
    # From a machine of the scope, and from one outside it.
    assert [s["source"] for s in found["endpoint/portal tcp"].detail["sources"]] == ["app-dr", "desk"]
    with ledger.read() as connection:
        kept = {row.name for row in evidence.of(connection, "endpoint/portal", "r")}
    assert kept == {f"ipv6/{check}" for check in SERVICE}


def other_content(services: dict[str, Any]) -> None:
    services["http"][1]["pages"] = PAGES | {"/": "under construction"}


def other_headers(services: dict[str, Any]) -> None:
    services["http"][1]["headers"] = {"X-Frame-Options": "DENY", "Age": "7"}


def nobody_listens(services: dict[str, Any]) -> None:
    del services["http"][1]


def no_record(services: dict[str, Any]) -> None:
    for server in services["dns"]:
        server["records"] = [r for r in server["records"] if r[0] != HOST]


def one_server_has_no_record(services: dict[str, Any]) -> None:
    for server in services["dns"]:
        if server["address"] in (DNS6[1], "10.5.0.54"):
            server["records"] = [r for r in server["records"] if r[0] != HOST]


def record_of_a_dead_host(services: dict[str, Any]) -> None:
    for server in services["dns"]:
        server["records"] = [[HOST, "AAAA", "2001:db8:dead::1"] if r[0] == HOST else r for r in RECORDS]


def one_server_has_ipv4_alone(services: dict[str, Any]) -> None:
    services["dns"] = [server for server in services["dns"] if server["address"] != DNS6[1]]


def lame(services: dict[str, Any]) -> None:
    services["dns"][1]["lame"] = True


def not_named(services: dict[str, Any]) -> None:
    for server in services["dns"]:
        server["records"] = [r for r in RECORDS if r[1:] != ["NS", "dns-2.gov.example."]]
        server["records"] += [["gov.example", "NS", "ns.elsewhere.example."]]


def slow(services: dict[str, Any]) -> None:
    services["http"][0]["delay_ms"], services["http"][1]["delay_ms"] = 5, 100


def dead_link(services: dict[str, Any]) -> None:
    pages = services["http"][1]["pages"] = dict(PAGES)
    pages["/"] = services["http"][0]["pages"]["/"] = PAGE + '<img src="http://10.4.0.11/logo.png">'
    del pages["/old"]


def errors(services: dict[str, Any]) -> None:
    services["http"][1]["status"] = 503


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        (other_content, {"content": "the body: ", "links": None}),
        (other_headers, {"content": "the header x-frame-options: none and DENY"}),
        (
            nobody_listens,
            dict.fromkeys(("tcp", "http", "success", "content", "links", "delay"), "refused"),
        ),
        (no_record, {"aaaa": "dns-1 gives no AAAA record, not 2001:db8:4::11", "http": "no AAAA of www"}),
        (one_server_has_no_record, {"aaaa": "dns-2 gives no AAAA record"}),
        (
            record_of_a_dead_host,
            {"aaaa": "dns-1 gives 2001:db8:dead::1, not 2001:db8:4::11", "http": "is 2001:db8:dead::1, not"},
        ),
        (one_server_has_ipv4_alone, {"delegation": "dns-2: over IPv6: 2001:db8:5::54 "}),
        (lame, {"delegation": "dns-2: answers for gov.example without authority"}),
        (not_named, {"delegation": "dns-2: is not among the NS records"}),
        (slow, {"delay": "a ratio of "}),
        (dead_link, {"links": "2 of 4 links are not reached over IPv6"}),
        (
            errors,
            {"http": "HTTP 503", "success": "HTTP 503", "content": "HTTP 200 over IPv4, 503", "links": None},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_is_told_by_its_check(
    place: World, ledger: Ledger, what: Any, wanted: dict[str, str | None]
) -> None:
    services = good()
    what(services)
    found = bad(measured(place, ledger, services, there=DESK_ALONE))
    # What a broken page links to may be found amiss, too.
    assert found.keys() | {c for c, w in wanted.items() if w is None} == wanted.keys(), found
    for check, words in wanted.items():
        assert words is None or words in found[check], (check, found[check])


def test_a_firewall_that_drops_ipv6_is_seen_from_outside_and_evidence_says_from_where(
    place: World, ledger: Ledger
) -> None:
    place.nft(
        "table ip6 t {\n chain c { type filter hook input priority 0; tcp dport 80 drop;\n"
        " icmpv6 type echo-request ip6 daddr 2001:db8:1::1 drop; }\n}"
    )
    try:
        found = measured(place, ledger, good(), ("network/lan",), msgspec.structs.replace(NUMBERS, tries=20))
        assert bad(found)["reach"] == (
            "from desk: 0 of 20 tries succeeded, gave up after 3: 2001:db8:1::1 does not answer "
            "(at least 100 % must)"
        )
        assert found["network/lan reach"].value == 0
    finally:
        place.nft("flush ruleset")


def test_what_was_good_and_is_not_went_back(place: World, ledger: Ledger) -> None:
    measured(place, ledger, good(), ("dns_zone/gov",), there=DESK_ALONE)
    services = good()
    one_server_has_ipv4_alone(services)
    measured(place, ledger, services, ("dns_zone/gov",), there=DESK_ALONE)
    with ledger.read() as connection:
        rows = evidence.of(connection, "dns_zone/gov")
    now = standing("dns_zone/gov", ["delegation"], rows, now=time.time(), days=1)
    assert not now.verified and [p.check for p in now.regressed] == ["delegation"]
    assert "dns-2" in now.regressed[0].why
    measured(place, ledger, good(), ("dns_zone/gov",), there=DESK_ALONE)
    with ledger.read() as connection:
        rows = evidence.of(connection, "dns_zone/gov")
    assert standing("dns_zone/gov", ["delegation"], rows, now=time.time(), days=1).verified
    later = standing("dns_zone/gov", ["delegation"], rows, now=time.time() + 2 * 86400, days=1)
    assert not later.verified and not later.regressed and [p.check for p in later.old] == ["delegation"]


def test_what_was_measured_before_an_interruption_is_kept(place: World, ledger: Ledger) -> None:
    services = good()
    services["http"][1]["delay_ms"] = 400
    place.serve(**services)
    threading.Timer(1.5, signal.raise_signal, [signal.SIGINT]).start()
    numbers = msgspec.structs.replace(NUMBERS, tries=40)
    before = time.time()
    with pytest.raises(Interrupted, match=r"^interrupted: \d of 8 checks were measured, and are kept$"):
        verify(
            ledger,
            CATALOGUE,
            MEMBERS,
            ["dns_zone/gov", "endpoint/portal"],
            numbers,
            place,
            routing="static",
            there=THERE,
        )
    with ledger.read() as connection:
        rows = [r for r in evidence.of(connection, run="") if r.at >= before]
    kept = {row.detail["check"] for row in rows}
    assert "delegation" in kept and "success" not in kept, kept


class Broken:
    """Hosts of which some end before they have measured."""

    marker: dict[str, str] = {}

    def __init__(self, place: World, *broken: str) -> None:
        self._place, self._broken = place, broken

    def missing(self, hosts: list[str]) -> list[str]:
        return []

    def command(self, host: str, argv: list[str]) -> list[str]:
        if host in self._broken:
            return ["sh", "-c", "read -r order; echo the host is full >&2; exit 3"]
        return self._place.command(host, argv)


def test_a_source_that_breaks_down_says_nothing_of_the_member(place: World, ledger: Ledger) -> None:
    place.serve(**good())

    def by(*broken: str) -> list[Evidence]:
        hosts = Broken(place, *broken)
        return verify(
            ledger, CATALOGUE, MEMBERS, ["dns_zone/gov"], NUMBERS, hosts, routing="static", there=THERE
        )

    with ledger.read() as connection:
        before = len(evidence.of(connection))
    with pytest.raises(Unmeasured, match=r"^1 of 1 checks could not be measured: .*: the host is full; the"):
        by("desk", "app-dr")
    with ledger.read() as connection:
        assert len(evidence.of(connection)) == before
    # From each of them it has to be good: one that is missing leaves it open, and no row says that it is.
    with pytest.raises(Unmeasured, match=r"^1 of 1 checks could not be measured: app-dr: the host is full"):
        by("app-dr")
    with ledger.read() as connection:
        assert len(evidence.of(connection)) == before
    # What is bad from one is bad.
    services = good()
    one_server_has_ipv4_alone(services)
    place.serve(**services)
    [row] = by("app-dr")
    assert not row.ok and "app-dr did not measure: app-dr: the host is full" in row.detail["remark"]
    assert [source["source"] for source in row.detail["sources"]] == ["desk"]


def test_the_keys_for_programs_are_those_that_the_docs_tell(place: World, ledger: Ledger) -> None:
    from test_json_keys import keys_of

    rows = list(measured(place, ledger, good(), ("dns_zone/gov",), there=DESK_ALONE).values())
    member = MEMBERS["dns_zone/gov"]
    how_far = Progress(member=member, wave="w", state="done", stage="verified", proofs=())
    found = Verified(rollout="v6", wave="w", rows=rows, progress={"dns_zone/gov": how_far}, open=())
    written = document(found) | {"seconds": 0.1}
    told = keys_of("ipv6 verify")
    assert written.keys() == told.keys()
    assert set(written["checks"][0]) == told["checks"] and set(written["members"][0]) == told["members"]


def test_what_is_no_wave_or_member_and_a_lab_that_is_down_is_told_in_a_sentence(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: t\n")
    (tmp_path / "base.yaml").write_text(
        "regions: {here: {title: 本县, level: county}}\n"
        "zones: {extranet: {title: 外网, role: extranet}}\n"
        "nodes: {r1: {title: 路由器, region: here, zone: extranet, role: core, loopback6: '2001:db8::1'}}\n"
        "rollouts: {v6: {title: 改造, type: ipv6, subjects: [region/here]}}\n"
    )
    assert cli("apply", "--yes").code == 0
    wrong = cli("ipv6", "verify", "v6", "--wave", "wave-7")
    assert wrong.code == 2 and "did you mean wave-1?" in wrong.err
    wrong = cli("ipv6", "verify", "node/r2")
    assert wrong.code == 2 and "did you mean node/r1?" in wrong.err
    down = cli("ipv6", "verify", "--json")
    assert down.code == 1 and "the lab is not up" in down.json["error"]
