"""A ledger filled by hand, for tests of what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from govcloud.ledger import Ledger, entries
from govcloud.model import KINDS

Tables = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class One:
    """What an entry will be."""

    uid: str
    kind: str
    name: str
    fields: dict[str, Any]
    incarnation: int = 1
    stack: str | None = None


def uid(kind: str, name: str) -> str:
    return entries.uid_for("tiny", kind, name, 0)


def record(ledger: Ledger, tables: Tables) -> int:
    """Accept entries by kind and name, each checked by its kind; returns the revision."""
    ones = [
        One(uid(kind, name), kind, name, msgspec.to_builtins(msgspec.convert(fields, KINDS[kind])))
        for kind, table in tables.items()
        for name, fields in table.items()
    ]
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="somebody", run=None, commit=None, message="by hand")
        entries.accept(connection, number, ones)
    return number


def withdraw(ledger: Ledger, kind: str, name: str) -> None:
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="somebody", run=None, commit=None, message="by hand")
        entries.withdraw(connection, number, [uid(kind, name)])


PROVINCE: Tables = {
    "region": {
        "hainan": {"level": "province", "title": "海南省"},
        "haikou": {"level": "city", "title": "海口市", "parent": "hainan"},
    },
    "unit": {
        "bigdata": {"region": "hainan", "title": "省大数据管理局"},
        "health": {"region": "haikou", "title": "市卫生健康委", "parent": "bigdata"},
    },
    "person": {
        "chen": {"unit": "bigdata", "duty": "principal", "title": "陈明远"},
        "wang": {"unit": "bigdata", "duty": "business_manager", "title": "王晓岚"},
    },
    "zone": {"extranet": {"role": "extranet", "title": "电子政务外网"}},
    "site": {"haikou-dc": {"region": "haikou", "role": "datacentre", "title": "省政府数据中心"}},
    "room": {"room-a": {"site": "haikou-dc", "title": "一号机房"}},
    "rack": {f"rack-{n}": {"room": "room-a"} for n in (1, 2, 10)},
    "server": {
        "web-1": {"rack": "rack-1", "title": "门户服务器", "unit": "bigdata", "ipv4": "10.1.0.11"},
        "web-2": {"rack": "rack-1", "title": "Backup 服务器", "unit": "health"},
        "web-10": {"rack": "rack-10", "unit": "bigdata"},
        "db_1": {"rack": "rack-2", "title": "100% 可用", "unit": "health"},
    },
    "node": {
        "core-1": {"region": "haikou", "zone": "extranet", "role": "core", "site": "haikou-dc"},
        "far": {"region": "haikou", "zone": "extranet", "role": "access"},
    },
    "link": {
        "core-far": {
            "a": "core-1",
            "b": "far",
            "a_interface": "e0",
            "b_interface": "e0",
            "bandwidth_mbps": 100,
        }
    },
    "cloud": {"government": {"site": "haikou-dc", "title": "省政务云"}},
    "project": {"bigdata": {"cloud": "government", "unit": "bigdata"}},
    "flavor": {"small": {"vcpus": 2, "memory_mib": 4096, "disk_gib": 40}},
    "image": {"linux": {"os": "Linux"}},
    "network": {
        "app": {"gateway": "core-1", "interface": "app", "ipv4": "10.9.0.0/24", "ipv6": "3fff:1::/64"},
    },
    "instance": {
        "portal-1": {
            "project": "bigdata",
            "flavor": "small",
            "image": "linux",
            "network": "app",
            "ipv4": "10.9.0.21",
            "ipv6": "3fff:1::21",
        },
        "portal-2": {"project": "bigdata", "flavor": "small", "image": "linux", "network": "app"},
    },
    "application": {
        "portal": {"unit": "bigdata", "title": "政务门户", "status": "running", "mlps": 3},
        "identity": {"unit": "bigdata", "title": "统一身份认证"},
        "records": {"unit": "health", "title": "健康档案", "classified": True},
    },
    "dns_zone": {"gov": {"domain": "gov.example", "servers": ["web-1", "web-2"]}},
    "endpoint": {
        "portal": {"application": "portal", "instance": "portal-1", "dns_zone": "gov", "host": "www"},
    },
    "dependency": {
        "portal-identity": {"application": "portal", "needs": "identity"},
        "records-portal": {"application": "records", "needs": "portal"},
    },
    "protection": {
        "portal": {
            "application": "portal",
            "primary": "portal-1",
            "standby": "portal-2",
            "level": 5,
            "rpo_s": 60,
        },
    },
    "flow": {"village-portal": {"start": "node/far", "endpoint": "portal", "path": ["core-1"]}},
    "certificate": {
        "www": {"names": ["www.gov.example"], "application": "portal", "expires_on": "2020-01-31"},
    },
    "profile": {"routing": {"values": {"status": "planned", "rack": "rack-1"}}},
}
