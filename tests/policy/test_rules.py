"""Each rule with a case that breaks it and one that does not, made of entries of the samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pytest

from govcloud.errors import InputError
from govcloud.model import fields
from govcloud.model.rules import rules as rows
from govcloud.policy import Finding, decided, judge
from tests.policy.samples import AS_OF, Changes, case

NODE = {"region": "haikou", "role": "border", "loopback6": "3fff:460::99"}


def link(a: str, b: str, **said: object) -> dict[str, object]:
    """Fields of a link between two nodes."""
    return {"a": a, "b": b, "a_interface": f"x-{b}"[:15], "b_interface": f"x-{a}"[:15]} | {
        "bandwidth_mbps": 1000,
        **said,
    }


@dataclass(frozen=True)
class Example:
    """Entries of a sample that break a rule at ``wrong`` (``entry field``), and what cures it.

    ``spoil``: how they are changed first, where the sample keeps the rule.
    """

    rule: str
    sample: str
    keys: tuple[str, ...]
    wrong: tuple[str, ...]
    cure: Changes
    spoil: Changes = field(default_factory=dict)
    verdicts: tuple[str, ...] = ()
    witness: tuple[str, ...] = ()
    as_of: date = AS_OF


INTRANET = {"node/gate": NODE | {"zone": "intranet"}}
CORES = ("node/core-1", "node/core-2", "link/core-1-2", "node/haikou", "link/core-haikou-*")
REVIEW = {"date": "2026-01-10", "passed": True, "document": "琼数安审〔2026〕1号"}
EXAMPLES = [
    Example(
        "N-01",
        "hainan",
        ("application/haizhengtong", "cloud/government"),
        ("application/haizhengtong zones", "application/haizhengtong cloud"),
        {"application/haizhengtong": {"zones": ["intranet"], "cloud": ""}},
        {"application/haizhengtong": {"classified": True, "zones": ["extranet"], "cloud": "government"}},
        verdicts=("deny", "deny"),
    ),
    Example(
        "N-01",
        "hainan",
        CORES,
        ("link/leak ",),
        {"link/leak": None},
        {**INTRANET, "link/leak": link("core-1", "gate")},
        witness=("node/gate", "link/leak", "node/core-1"),
    ),
    Example(
        "N-02",
        "liaoning",
        ("private_network/departments", "boundary/departments"),
        ("private_network/departments classified_on", "private_network/departments "),
        {
            "private_network/departments": {
                "classified_on": "2016-05-01",
                "classified_by": "li-wei",
                "classified_reason": "不涉密",
            },
            "boundary/departments": {"drawn_on": "2016-06-01"},
        },
        verdicts=("require", "require"),
    ),
    Example(
        "N-02",
        "qionghai",
        ("private_network/health", "application/hall"),
        ("application/hall classified_on",),
        {"review/hall": {"type": "secrecy", "subject": "application/hall", **REVIEW}},
        {
            "application/hall": {"private_networks": ["health"]},
            "private_network/health": {
                "classified_on": "2026-05-01",
                "classified_by": "wu-jing",
                "classified_reason": "不涉密",
            },
            "boundary/health": {"private_network": "health", "drawn_on": "2026-06-01"},
        },
    ),
    Example(
        "N-03",
        "hubei",
        ("private_network/business",),
        ("private_network/business merges_into",),
        {"private_network/business": {"merges_into": "extranet"}},
    ),
    Example(
        "N-03",
        "qionghai",
        ("private_network/health", "application/hall"),
        ("application/hall private_networks",),
        {"wave/first": {"order": 1, "moves": ["application/hall"], "to_zone": "extranet"}},
        {"application/hall": {"private_networks": ["health"]}},
    ),
    Example(
        "N-04",
        "hubei",
        ("private_network/business", "unit/everybody"),
        ("private_network/business migration_plan",),
        {"private_network/business": {"migration_plan": "业务专网迁移实施方案", "plan_on": "2016-03-01"}},
    ),
    Example(
        "N-04",
        "hubei",
        ("private_network/business", "unit/everybody"),
        ("private_network/business scopes",),
        {"private_network/business": {"scopes": ["main", "internal", "downward"]}},
        {
            "private_network/business": {
                "migration_plan": "业务专网迁移实施方案",
                "plan_on": "2016-03-01",
                "scopes": ["main", "internal"],
            }
        },
    ),
    Example(
        "N-05",
        "hainan",
        ("private_network/department-networks",),
        ("private_network/department-networks extranet_suffices",),
        {"private_network/department-networks": {"extranet_suffices": "confirmed"}},
        verdicts=("require",),
    ),
    Example(
        "N-05",
        "qionghai",
        ("private_network/health",),
        ("private_network/health merges_into",),
        {"private_network/health": {"merges_into": "extranet"}},
        {"private_network/health": {"extranet_suffices": "confirmed", "merges_into": "water"}},
    ),
    Example(
        "N-06",
        "hainan",
        ("programme/social-security-card-project",),
        ("programme/social-security-card-project uses", "budget/card programme"),
        {"programme/social-security-card-project": {"uses": ["zone/extranet"]}},
        {
            "programme/social-security-card-project": {"status": "approved"},
            "budget/card": {
                "programme": "social-security-card-project",
                "year": 2026,
                "item": "operation",
                "status": "granted",
            },
        },
        verdicts=("deny", "deny"),
    ),
    Example(
        "N-07",
        "hainan",
        ("application/website-cluster",),
        ("application/website-cluster zones",),
        {"application/website-cluster": {"zones": ["internet", "extranet"]}},
        {"application/website-cluster": {"zones": ["internet"]}},
    ),
    Example(
        "N-08",
        "hubei",
        ("private_network/department-intranets", "node/office-node"),
        ("private_network/department-intranets connects_to",),
        {
            "review/test": {
                "type": "secrecy_test",
                "subject": "private_network/department-intranets",
                **REVIEW,
            }
        },
        {"private_network/department-intranets": {"status": "running", "connects_to": ["office-node"]}},
    ),
    Example(
        "N-09",
        "hainan",
        (
            "circuit/extranet-town-access",
            "exchange/cross-network-trusted",
            "private_network/ministry-networks",
        ),
        (
            "circuit/extranet-town-access zone",
            "private_network/ministry-networks connects_to",
            "exchange/cross-network-trusted reviewed_on",
        ),
        {
            "review/town": {"type": "access", "subject": "circuit/extranet-town-access", **REVIEW},
            "review/net": {"type": "access", "subject": "private_network/ministry-networks", **REVIEW},
            "exchange/cross-network-trusted": {"reviewed_on": "2026-02-01"},
        },
        {
            "circuit/extranet-town-access": {"status": "running"},
            "private_network/ministry-networks": {"connects_to": ["core-1"]},
            "exchange/cross-network-trusted": {"status": "running"},
        },
    ),
    Example(
        "N-09",
        "hainan",
        ("site/haikou-dc",),
        ("request/access status",),
        {"review/dc": {"type": "access", "subject": "site/haikou-dc", **REVIEW}},
        {
            "request/access": {
                "unit": "bigdata",
                "type": "access",
                "subject": "site/haikou-dc",
                "status": "granted",
            }
        },
    ),
    Example(
        "N-10",
        "liaoning",
        ("private_network/departments", "boundary/departments"),
        ("boundary/departments cleaned_on",),
        {"boundary/departments": {"cleaned_on": "2017-01-01"}},
    ),
    Example(
        "N-11",
        "hainan",
        ("circuit/extranet-*-access",),
        (
            "circuit/extranet-town-access status",
            "circuit/extranet-village-access bandwidth_mbps",
            "circuit/extranet-user-access bandwidth_mbps",
        ),
        {
            "circuit/extranet-town-access": {"status": "running"},
            "circuit/extranet-village-access": {"bandwidth_mbps": 50},
            "circuit/extranet-user-access": {"bandwidth_mbps": 1000},
        },
        {
            "circuit/extranet-village-access": {"status": "running", "bandwidth_mbps": 20},
            "circuit/extranet-user-access": {"status": "running", "bandwidth_mbps": 0},
        },
        verdicts=("target", "target", "require"),
    ),
    Example(
        "N-11",
        "hainan",
        ("node/sansha", "node/nansha", "link/sat-sansha-nansha"),
        ("link/sat-sansha-nansha bandwidth_mbps",),
        {"link/sat-sansha-nansha": {"bandwidth_mbps": 100}},
        witness=("region/nansha",),
    ),
    Example(
        "N-12",
        "hainan",
        ("circuit/broadband-village-access",),
        ("circuit/broadband-village-access bandwidth_mbps",),
        {"circuit/broadband-village-access": {"bandwidth_mbps": 10}},
        {"circuit/broadband-village-access": {"status": "running", "bandwidth_mbps": 4}},
    ),
    Example(
        "N-13",
        "hainan",
        (*CORES, "node/qionghai", "node/haiyun", "link/town-qionghai-haiyun"),
        ("region/haiyun ", "region/wanghai ", "region/yongxing ", "region/beiyu ", "region/nansha "),
        {
            "link/repaired": link("haikou", "qionghai"),
            "circuit/village": {"zone": "extranet", "region": "wanghai"},
            "region/yongxing": None,
            "region/beiyu": None,
            "region/nansha": None,
        },
        verdicts=("target",) * 5,
    ),
    Example(
        "N-14",
        "hainan",
        ("unit/finance-authority",),
        ("unit/finance-authority ",),
        {"circuit/finance": {"zone": "intranet", "unit": "finance-authority"}},
        {"profile/intranet-coverage": {"values": {"levels": []}}},
        verdicts=("target",),
    ),
    Example(
        "N-14",
        "qionghai",
        ("node/qionghai",),
        ("region/qionghai ",),
        {"node/inner": {"region": "qionghai", "zone": "intranet", "role": "aggregation"}},
        {"zone/intranet": {"role": "intranet"}},
    ),
    Example(
        "N-15",
        "hainan",
        (*CORES, "node/danzhou", "node/yangpu", "link/zone-danzhou-yangpu", "link/trunk-v3-1-*"),
        ("region/yangpu ",),
        {"link/second": link("haikou", "yangpu", path=["sea"])},
        {
            "link/trunk": link("haikou", "danzhou"),
            "link/other": link("core-2", "danzhou"),
            "node/chengmai": {"region": "chengmai", "zone": "extranet", "role": "aggregation"},
            "link/ring": link("chengmai", "core-2"),
            "region/danzhou": {"level": "province"},
            "region/haikou": {"level": "province"},
        },
        verdicts=("deny",),
        witness=(
            *("node/core-2", "link/other", "node/danzhou"),
            *("link/zone-danzhou-yangpu", "node/yangpu", "region/yangpu"),
        ),
    ),
    Example(
        "N-15",
        "qionghai",
        ("node/core-*", "node/qionghai", "link/core-1-2", "link/trunk-*", "region/qionghai"),
        ("region/qionghai ",),
        {"link/trunk-video": {"path": ["east-motorway"]}},
        {"link/trunk-video": {"path": ["east-railway"]}},
        # A way there, and what else runs in the duct.
        witness=("node/core-2", "link/trunk-video", "node/qionghai", "region/qionghai", "link/trunk-data"),
    ),
    Example(
        "N-15",
        "hainan",
        ("site/haikou-dc", "circuit/extranet-data-line", "circuit/video-conference-line"),
        ("circuit/extranet-data-line backs_up",),
        {"circuit/extranet-data-line": {"backs_up": "video-conference-line"}},
        {
            "circuit/extranet-data-line": {"site": "haikou-dc", "backs_up": ""},
            "circuit/video-conference-line": {"site": "haikou-dc", "backs_up": ""},
        },
    ),
    Example(
        "N-15",
        "hainan",
        ("site/haikou-dc", "circuit/extranet-data-line"),
        ("site/haikou-dc ",),
        {
            "circuit/video": {
                "zone": "video",
                "line": "video",
                "site": "haikou-dc",
                "backs_up": "extranet-data-line",
            }
        },
        {"circuit/extranet-data-line": {"site": "haikou-dc"}},
    ),
    Example(
        "N-16",
        "hainan",
        ("flow/village-haiyiban", "circuit/extranet-data-line", "circuit/video-conference-line"),
        ("flow/village-haiyiban circuits",),
        {"flow/village-haiyiban": {"circuits": ["video-conference-line"]}},
        {"flow/village-haiyiban": {"content": "video_conference", "circuits": ["extranet-data-line"]}},
    ),
    Example(
        "N-16",
        "hainan",
        ("flow/reef-haiyiban", "node/nansha", "node/sansha", "link/sat-sansha-nansha"),
        ("flow/reef-haiyiban path",),
        {"link/sat-sansha-nansha": {"plane": "video"}},
        {
            "flow/reef-haiyiban": {"content": "video_surveillance", "path": ["sansha"]},
            "link/sat-sansha-nansha": {"plane": "data"},
        },
        witness=("node/nansha", "node/sansha"),
    ),
    Example(
        "R-09",
        "hainan",
        ("circuit/extranet-data-line", "circuit/video-conference-line"),
        ("backup/haiyiban circuit",),
        {"backup/haiyiban": {"circuit": "video-conference-line"}},
        {"backup/haiyiban": {"subject": "application/haiyiban", "circuit": "extranet-data-line"}},
    ),
    Example(
        "R-09",
        "hainan",
        ("flow/village-standby", "circuit/extranet-data-line", "circuit/video-conference-line"),
        ("flow/village-standby circuits",),
        {"flow/village-standby": {"circuits": ["video-conference-line"]}},
        {"flow/village-standby": {"content": "backup", "circuits": ["extranet-data-line"]}},
    ),
    Example(
        "N-17",
        "qionghai",
        ("node/core-1", "node/qionghai", "link/trunk-data", "network/city-app"),
        ("node/qionghai loopback6", "link/trunk-data ipv6", "network/city-app ipv6"),
        {
            "node/qionghai": {"loopback6": "3fff:460:9002::1"},
            "link/trunk-data": {"ipv6": "3fff:460:ff01:1::/127"},
            "network/city-app": {"ipv6": "3fff:461:9002:10::/64"},
        },
    ),
    Example(
        "N-17",
        "hainan",
        ("circuit/trunk",),
        ("circuit/trunk ipv6", "zone/extranet ipv6"),
        {"circuit/trunk": {"ipv6": "confirmed"}, "zone/extranet": {"ipv6": "confirmed"}},
        {"zone/extranet": {"ipv6": "denied"}},
    ),
    Example(
        "N-17",
        "hainan",
        ("node/wanghai", "network/wanghai-lan", "server/wanghai-desk"),
        ("server/wanghai-desk ipv6",),
        {"server/wanghai-desk": {"ipv6": "3fff:461:9002:101::10"}},
        {"server/wanghai-desk": {"ipv6": ""}},
    ),
    Example(
        "N-18",
        "hainan",
        ("private_network/mobile-government", "private_network/high-speed-mobile"),
        (
            "private_network/mobile-government acquisition",
            "private_network/high-speed-mobile acquisition",
        ),
        {
            "private_network/mobile-government": {"acquisition": "central_lease"},
            "private_network/high-speed-mobile": {"acquisition": "central_lease"},
        },
        {"private_network/mobile-government": {"acquisition": "own"}},
        verdicts=("deny", "require"),
    ),
    Example(
        "N-18",
        "hainan",
        ("private_network/high-speed-mobile", "programme/social-security-card-project"),
        ("private_network/high-speed-mobile acquisition", "programme/social-security-card-project builds"),
        {
            "contract/mobile": {
                "provider": "telecom",
                "type": "lease",
                "central": True,
                "subjects": ["private_network/high-speed-mobile"],
            },
            "programme/social-security-card-project": {"builds": ["system"]},
        },
        {
            "private_network/high-speed-mobile": {"acquisition": "lease"},
            "programme/social-security-card-project": {"status": "approved", "builds": ["mobile_network"]},
        },
        verdicts=("flag", "deny"),
    ),
    Example(
        "N-19",
        "hubei",
        ("node/office-node", "exchange/between-networks"),
        ("link/across ",),
        {
            "exchange/between-networks": {"status": "running", "site": "exchange-room"},
            "node/edge": {"site": "exchange-room"},
            "node/office-node": {"site": "exchange-room"},
        },
        {
            "node/edge": {"region": "hubei", "zone": "extranet", "role": "border"},
            "link/across": link("office-node", "edge"),
        },
        verdicts=("deny",),
        witness=("node/office-node", "link/across", "node/edge"),
    ),
    Example(
        "N-19",
        "hubei",
        ("node/office-node", "exchange/between-networks"),
        ("dependency/crossing exchange",),
        {
            "dependency/crossing": {"exchange": "between-networks"},
            "exchange/between-networks": {"status": "running"},
        },
        {
            "application/inside": {"zones": ["intranet"]},
            "application/outside": {"zones": ["extranet"]},
            "dependency/crossing": {"application": "outside", "needs": "inside"},
        },
    ),
    Example(
        "N-20",
        "hainan",
        ("private_network/ministry-networks", "exchange/cross-network-trusted"),
        ("private_network/ministry-networks exchange",),
        {"exchange/cross-network-trusted": {"status": "running"}},
        verdicts=("flag",),
    ),
    Example(
        "N-21",
        "hainan",
        (*CORES, "exit/out-of-province"),
        ("exit/out-of-province status",),
        {
            "exit/out-of-province": {"status": "running", "direction": "湛江", "node": "core-1"},
            "exit/west": {"role": "province", "direction": "北海", "zone": "internet", "node": "core-2"},
            "exit/east": {"role": "province", "direction": "珠海", "zone": "internet", "circuits": ["sea"]},
            "circuit/sea": {"zone": "internet", "line": "data"},
        },
        verdicts=("target",),
    ),
    Example(
        "N-21",
        "hainan",
        (*CORES, "exit/out-of-province"),
        ("exit/out-of-province node",),
        {"link/repaired": link("haikou", "dingan")},
        {
            "profile/province-exits": {"values": {"directions": 1, "from": "2020"}},
            "exit/out-of-province": {"status": "running", "direction": "湛江", "node": "dingan"},
            "node/dingan": {"region": "dingan", "zone": "extranet", "role": "border"},
        },
    ),
    Example(
        "N-22",
        "liaoning",
        ("region/shenyang",),
        ("region/shenyang ",),
        {"circuit/city": {"zone": "extranet", "region": "shenyang", "line": "data"}},
        {
            f"region/{name}": None
            for name in (
                *("dalian", "anshan", "fushun", "benxi", "dandong", "jinzhou", "yingkou", "fuxin"),
                *("liaoyang", "panjin", "tieling", "chaoyang", "huludao"),
            )
        },
    ),
    Example(
        "N-23",
        "qionghai",
        (),
        ("region/jiaji ", "region/boao ", "region/tanmen ", "region/zhongyuan "),
        {f"circuit/{t}": {"zone": "extranet", "region": t} for t in ("jiaji", "boao", "tanmen", "zhongyuan")},
    ),
    Example(
        "N-24",
        "liaoning",
        ("application/video-conference",),
        ("application/video-conference levels",),
        {"application/video-conference": {"levels": ["province", "city", "county"]}},
        {"application/video-conference": {"levels": ["province"]}},
    ),
    Example(
        "N-24",
        "hainan",
        ("application/haizhengtong", "application/haiyiban"),
        ("application/haizhengtong type",),
        {"application/haizhengtong": {"type": "office"}},
        {
            "application/haizhengtong": {"type": "video_conference"},
            "application/haiyiban": {"type": "video_conference"},
        },
    ),
    Example(
        "net-ends",
        "hainan",
        ("node/haikou", "node/core-1", "link/core-haikou-1"),
        ("link/core-haikou-1 bandwidth_mbps", "interface/b mtu", "interface/b vrf", "interface/b speed_mbps"),
        {"interface/b": {"mtu": 9000, "vrf": "", "speed_mbps": 10000}},
        {
            "interface/a": {"device": "node/haikou", "port": "to-core-1", "mtu": 9000, "speed_mbps": 10000},
            "interface/b": {
                "device": "node/core-1",
                "port": "to-haikou",
                "mtu": 1500,
                "vrf": "video",
                "speed_mbps": 1000,
            },
        },
        verdicts=("flag", "deny", "deny", "flag"),
    ),
    Example(
        "net-backing",
        "hainan",
        ("circuit/extranet-data-line", "circuit/video-conference-line"),
        ("circuit/extranet-data-line backs_up",),
        {"circuit/video-conference-line": {"backs_up": "extranet-data-line"}},
        {"circuit/video-conference-line": {"backs_up": ""}},
    ),
    Example(
        "net-zones",
        "qionghai",
        ("node/qionghai", "node/health-border", "private_network/health"),
        ("link/join a",),
        {
            "boundary/health": {
                "private_network": "health",
                "zone": "extranet",
                "nodes": ["health-border"],
            }
        },
        {"link/join": link("qionghai", "health-border"), "boundary/health": {"private_network": "health"}},
        witness=("node/qionghai", "link/join", "node/health-border"),
    ),
    Example(
        "net-platform",
        "hainan",
        ("node/core-1", "node/core-2"),
        ("node/core-1 vendor", "node/core-2 platform"),
        {"node/core-1": {"vendor": "华为", "platform": "huawei_vrp"}, "node/core-2": {"vendor": ""}},
        {"node/core-1": {"vendor": "Huawai"}, "node/core-2": {"vendor": "H3C"}},
        verdicts=("flag", "deny"),
    ),
    Example(
        "net-management",
        "qionghai",
        ("node/core-1", "node/boao"),
        ("node/boao management6",),
        {"node/boao": {"management6": "3fff:460:9002::2"}},
    ),
    Example(
        "net-pairs",
        "qionghai",
        ("node/boao",),
        ("prefix/new4 pairs_with",),
        {"prefix/new6": {"prefix": "3fff:460:aa::/64", "holder": "region/boao", "pairs_with": "new4"}},
        {"prefix/new4": {"prefix": "10.99.0.0/24", "holder": "region/boao"}},
    ),
]


def found(findings: list[Finding]) -> list[str]:
    return sorted(f"{f.subject} {f.field}" for f in findings)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}-{e.sample}-{e.wrong[0].split()[0]}")
def test_what_breaks_a_rule_and_what_cures_it(example: Example) -> None:
    broken = case(example.sample, example.keys, example.spoil, as_of=example.as_of)
    findings = judge(broken, [example.rule])
    assert found(findings) == sorted(example.wrong)
    if example.verdicts:
        assert sorted(f.verdict for f in findings) == sorted(example.verdicts)
    if example.witness:
        assert example.witness in [f.witness for f in findings]
    assert all(f.message and f.cure and f.source and f.strength for f in findings)
    cured = case(example.sample, example.keys, example.spoil, example.cure, as_of=example.as_of)
    assert found(judge(cured, [example.rule])) == []


def test_every_rule_has_its_cases() -> None:
    assert {e.rule for e in EXAMPLES} == set(decided())


def test_rules_read_fields_that_there_are() -> None:
    for check in decided().values():
        for name in check.reads:
            kind, _, field_name = name.partition(".")
            assert field_name in fields(kind), f"{check.id}: {name}"


def test_rules_are_those_of_the_documents() -> None:
    own = {"net-backing", "net-ends", "net-management", "net-pairs", "net-platform", "net-zones"}
    network = {f"N-{n:02}" for n in range(1, 25)} | {"R-09"}
    assert set(decided()) == network | own
    for id in network:
        assert decided()[id].source == rows()[id].source
        assert decided()[id].documents <= {"000", "001", "002", "003", "004"}


@pytest.mark.parametrize(
    ("name", "binds", "not_there"),
    [("hainan", "N-21", "N-22"), ("liaoning", "N-22", "N-21"), ("hubei", "N-23", "N-13")],
)
def test_documents_bind_their_own_province(name: str, binds: str, not_there: str) -> None:
    here = case(name, ())
    assert decided()[binds].binds(here) and not decided()[not_there].binds(here)
    assert not [f for f in judge(here) if f.rule == not_there]
    # Who asks for a rule gets it, wherever it is from.
    judge(here, [not_there])


def test_a_profile_says_which_documents_bind() -> None:
    here = case("hainan", (), {"profile/rules": {"values": {"documents": ["004"]}}})
    assert here.binding == {"004"}


def test_a_profile_that_nobody_can_read_is_told() -> None:
    wrong = {
        "profile/two-lines": {"values": {"site_role": ["office"], "units": "yes", "together": "duct"}},
    }
    with pytest.raises(InputError) as told:
        judge(case("hainan", (), wrong), ["N-15"])
    first, second, third = (p.message for p in told.value.problems)
    assert first.startswith("profile/two-lines: no rule reads `values.site_role`; there are ")
    assert second == "profile/two-lines: `values.units` is 'yes', expected true or false, as True"
    assert third.startswith("profile/two-lines: `values.together` is 'duct', expected a list of texts")
    # A year may stand without quotes.
    later = case("hainan", ("exit/*",), {"profile/province-exits": {"values": {"from": 2030}}})
    assert not judge(later, ["N-21"])


def test_no_document_is_left_out_where_the_province_is_unknown() -> None:
    here = case("hainan", (), {"region/hainan": {"code": ""}})
    assert here.binding == {"000", "001", "002", "003", "004"}


def test_a_target_counts_from_its_day() -> None:
    keys = ("exit/out-of-province",)
    assert not judge(case("hainan", keys, as_of=date(2019, 12, 31)), ["N-21"])
    assert judge(case("hainan", keys, as_of=date(2020, 1, 1)), ["N-21"])
    later = {"profile/province-exits": {"values": {"directions": 2, "from": "2027-03"}}}
    assert not judge(case("hainan", keys, later, as_of=date(2027, 2, 28)), ["N-21"])
    (finding,) = judge(case("hainan", keys, later, as_of=date(2027, 3, 1)), ["N-21"])
    assert finding.message.startswith("2 directions")


def test_a_waiver_lets_pass_what_may_be_waived_while_it_holds() -> None:
    network = {"private_network/health": {"extranet_suffices": "denied"}}
    waiver = {
        "rule": "N-05",
        "subjects": ["private_network/health"],
        "reason": "实时影像会诊",
        "granted_by": "wu-jing",
        "ends_on": "2026-12-31",
    }
    keys = ("private_network/health",)
    (stands,) = judge(case("qionghai", keys, network), ["N-05"])
    assert not stands.waiver
    (waived,) = judge(case("qionghai", keys, network, {"waiver/health": waiver}), ["N-05"])
    assert waived.waiver == "waiver/health" and not waived.stops
    late = case("qionghai", keys, network, {"waiver/health": waiver}, as_of=date(2027, 1, 1))
    assert not judge(late, ["N-05"])[0].waiver
    # What the documents say flatly nobody waives.
    flat = {"waiver/lines": waiver | {"rule": "N-18", "subjects": ["private_network/mobile-government"]}}
    own = {"private_network/mobile-government": {"acquisition": "own"}}
    (finding,) = judge(case("hainan", ("private_network/mobile-government",), own, flat), ["N-18"])
    assert finding.stops


def test_a_review_counts_with_its_document_until_it_ends() -> None:
    keys = ("circuit/extranet-town-access",)
    running = {"circuit/extranet-town-access": {"status": "running"}}
    review = {"type": "access", "subject": "circuit/extranet-town-access", **REVIEW}
    for wrong in ({"document": ""}, {"passed": False}, {"date": "2027-01-01"}, {"valid_until": "2026-10-31"}):
        assert judge(case("hainan", keys, running, {"review/r": review | wrong}), ["N-09"])
    assert not judge(case("hainan", keys, running, {"review/r": review}), ["N-09"])
    # A newer one that failed ends it; one of before does not.
    for day, broken in (("2026-10-30", True), ("2020-01-01", False), ("2027-01-01", False)):
        failed = {"review/f": review | {"passed": False, "date": day}}
        found = judge(case("hainan", keys, running, {"review/r": review}, failed), ["N-09"])
        assert bool(found) is broken, day


def test_a_rule_that_is_not_decided_is_told() -> None:
    with pytest.raises(InputError) as told:
        judge(case("hainan", ()), ["C-01", "N-99"])
    assert [p.message for p in told.value.problems] == [
        "C-01 is not decided by the program yet",
        "N-99 is no rule",
    ]


def exits(*said: tuple[str, dict[str, object]]) -> list[tuple[str, str, str]]:
    """What N-21 says of these exits of a net of two cores: entry, verdict, sentence."""
    table = {f"exit/x{n}": {"role": "province", "direction": d, **more} for n, (d, more) in enumerate(said)}
    found = judge(case("hainan", CORES, table), ["N-21"])
    return [(f.subject, f.verdict, f.message) for f in found]


def test_exits_are_counted_by_what_they_are_and_not_by_how_they_are_written() -> None:
    one, two, three = {"node": "core-1"}, {"node": "core-2"}, {"node": "haikou"}
    assert exits(("east", one), ("west", two), ("north", three)) == []
    ((_, verdict, words),) = exits(("east", one), (" East", two), ("north", three))
    assert verdict == "target" and "there are 2" in words
    # Where nothing says of what an exit consists, it may stand nowhere.
    ((subject, verdict, words),) = exits(("east", one), ("west", two), ("north", {}))
    assert (subject, verdict) == ("exit/x2", "target") and "nothing says what it consists of" in words
    # Three directions over one node fail together.
    ((subject, verdict, words),) = exits(("east", one), ("west", one), ("north", one))
    assert (subject, verdict) == ("exit/x0", "flag") and words.endswith("all of them need node/core-1")


def test_a_city_is_joined_by_its_node_and_to_the_core_as_a_whole() -> None:
    office: Changes = {"circuit/office": {"zone": "extranet", "region": "sanya", "line": "data"}}
    cut: Changes = {f"link/core-haikou-{n}": None for n in (1, 2)}
    moved: Changes = {"node/haikou": {"region": "sanya"}}
    rules = {"profile/city-interconnection": {"values": {"from": "2017", "levels": ["city"]}}}

    def told(*changes: Changes) -> list[str]:
        found = judge(case("hainan", CORES, rules, moved, office, *changes), ["N-22"])
        return [f.message for f in found if f.subject == "region/sanya"]

    assert told() == []
    # A line to an office joins no router; nor does a core node alone.
    assert [m.partition(";")[0] for m in told(cut)] == ["no core node reaches node/haikou"]
    lonely: Changes = {**cut, "node/haikou": {"role": "core"}}
    assert [m.partition(";")[0] for m in told(lonely)] == ["the core as a whole does not reach node/haikou"]
    level = {"profile/two-lines": {"values": {"region_levels": ["city"]}}}
    found = judge(case("hainan", CORES, level, moved, lonely), ["N-15"])
    words = [f.message for f in found if f.subject == "region/sanya"]
    assert words == ["is cut off from the other core nodes: no way leads from node/haikou to them"]
