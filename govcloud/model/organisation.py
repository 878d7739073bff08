"""Who and where: regions, units, the people who answer for them, and what they may do."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Answer, Count, Day, Doc, Entry, Level, Ref, kind


@kind("region", "regions", "行政区划")
class Region(Entry, kw_only=True):
    """A place in the administrative tree, from the province down to a village."""

    level: Annotated[
        Literal["province", "city", "county", "town", "village"],
        Doc(
            "层级",
            "Level in the tree; the extranet has four of them below the centre.",
            ("F-05", "N-11", "N-12", "N-13", "N-14", "N-22", "N-23"),
        ),
    ]
    parent: Annotated[str, Ref("region"), Doc("上级", "The region it lies in.")] = ""
    code: Annotated[str, Doc("区划代码", "Code of GB/T 2260, where there is one.")] = ""
    fibre_percent: Annotated[
        float, msgspec.Meta(ge=0, le=100), Doc("光纤覆盖率(%)", "Share of it with fibre broadband, percent.")
    ] = 0


@kind("unit", "units", "单位")
class Unit(Entry, kw_only=True):
    """A body of government, or one that works for it; it owns applications and asks for resources."""

    region: Annotated[
        str, Ref("region"), Doc("所在地", "The region it governs or sits in.", ("F-08", "N-14"))
    ]
    type: Annotated[
        Literal[
            "department",
            "government",
            "leading_group",
            "management",
            "expert_body",
            "institution",
            "enterprise",
            "group",
        ],
        Doc(
            "单位性质",
            "department or government of its level; management: runs the base; group: several at once.",
            (
                "C-03",
                "D-01",
                "D-02",
                "D-03",
                "D-09",
                "D-12",
                "F-05",
                "F-08",
                "F-10",
                "N-04",
                "N-14",
                "O-01",
                "O-02",
                "O-03",
                "O-04",
                "O-05",
                "O-06",
                "O-07",
                "S-10",
                "S-12",
                "S-13",
                "S-14",
            ),
        ),
    ] = "department"
    level: Annotated[
        Level,
        Doc(
            "层级",
            "Administrative level of the unit.",
            (
                "C-03",
                "D-01",
                "D-02",
                "E-04",
                "E-10",
                "F-01",
                "F-05",
                "F-08",
                "F-10",
                "N-04",
                "N-14",
                "O-01",
                "O-02",
                "O-03",
                "O-05",
                "O-06",
                "O-07",
                "R-02",
                "S-10",
                "S-12",
            ),
        ),
    ] = "province"
    parent: Annotated[str, Ref("unit"), Doc("上级单位", "The unit it belongs to.")] = ""
    members: Annotated[list[str], Ref("unit"), Doc("成员单位", "Units of a group or a leading group.")] = []
    member_count: Annotated[
        Count, Doc("成员数", "How many there are, where a document only counts them.")
    ] = 0
    leading_group: Annotated[
        str, Ref("unit"), Doc("领导小组", "The leading group that decides for it.", ("O-03",))
    ] = ""
    credit_code: Annotated[str, Doc("统一社会信用代码", "Code of GB 32100, where it has one.")] = ""
    staff: Annotated[Count, Doc("人员配置", "Posts that are set for e-government.")] = 0
    documents: Annotated[
        list[
            Literal[
                "business_architecture",
                "system_architecture",
                "demand_list",
                "scenario_list",
                "reform_list",
                "consolidation_list",
                "consolidation_plan",
                "migration_plan",
                "duty_list",
                "data_demand_list",
                "negative_list",
                "yearly_plan",
                "posts",
            ]
        ],
        Doc(
            "已有文件",
            "What it has in writing: 两图三表, 三清单, lists and plans; posts says its duties and posts.",
            ("N-04",),
        ),
    ] = []
    plan_year: Annotated[int, Doc("年度计划年份", "Year of its latest yearly plan.")] = 0
    terminals_controlled: Annotated[Answer, Doc("终端管控", "Whether its terminals are controlled.")] = (
        "unknown"
    )
    record: Annotated[str, Doc("管理档案", "Enterprise: the standing record of how it is managed.")] = ""


@kind("person", "persons", "人员")
class Person(Entry, kw_only=True):
    """Somebody who carries one of a unit's duties (主要领导, 信息化专员, 业务管理员), or uses the ledger."""

    unit: Annotated[
        str,
        Ref("unit"),
        Doc("单位", "The unit that the duty belongs to.", ("O-01", "O-02", "O-03", "O-06", "O-07", "S-05")),
    ]
    duty: Annotated[
        Literal[
            "principal",
            "information_officer",
            "business_manager",
            "chief_information_officer",
            "security_officer",
            "staff",
        ],
        Doc(
            "职责",
            "One of the three of 001:L268, chief officer (003:L257), security (001:L282), or none of them.",
            ("O-01", "O-02", "O-03", "O-06", "O-07"),
        ),
    ]
    email: Annotated[str, Doc("邮箱", "Where notices go.")] = ""
    phone: Annotated[str, Doc("电话", "Where the person is reached in an emergency.")] = ""
    accounts: Annotated[list[str], Doc("系统账号", "Names of the person's operating system users.")] = []
    ssh_keys: Annotated[list[str], Doc("SSH公钥", "The person's public keys, in the form of OpenSSH.")] = []
    token_digest: Annotated[
        str,
        msgspec.Meta(pattern=r"^([0-9a-f]{64})?$", description="64 hexadecimal digits"),
        Doc("令牌摘要", "SHA-256 of the person's token, in lower-case hexadecimal."),
    ] = ""
    key_dates: Annotated[
        dict[str, str],
        Doc(
            "密钥有效期",
            "First and last day of a key, by its fingerprint: `SHA256:…: 2026-01-01/2026-12-31`; either end "
            "may be left out.",
        ),
    ] = {}
    revoked_keys: Annotated[
        dict[str, str],
        Doc(
            "已吊销密钥",
            "Day from which a key is not its owner's alone, by its fingerprint; empty: it never was. What it "
            "signed from then on counts for nothing.",
        ),
    ] = {}


@kind("role", "roles", "角色")
class Role(Entry, kw_only=True):
    """What some people may do with the ledger; it binds from the revision that accepted it."""

    permissions: Annotated[
        list[Literal["read_classified", "plan", "apply", "approve", "emergency", "administer"]],
        Doc("权限", "What the people of the role may do; anybody who reaches the ledger may read the rest."),
    ]
    persons: Annotated[list[str], Ref("person"), Doc("人员", "Who has the role.")] = []


@kind("delegation", "delegations", "委托")
class Delegation(Entry, kw_only=True):
    """For a time, one person decides for another."""

    giver: Annotated[str, Ref("person"), Doc("委托人", "Whose duty it is.")]
    taker: Annotated[str, Ref("person"), Doc("受托人", "Who acts for that person.")]
    permissions: Annotated[
        list[Literal["plan", "apply", "approve"]], Doc("委托权限", "What is handed over; empty: approve.")
    ] = []
    starts_on: Annotated[Day, Doc("起始日期", "First day of the delegation.")] = ""
    ends_on: Annotated[Day, Doc("终止日期", "Last day of the delegation.")] = ""
    document: Annotated[str, Doc("依据文件", "The document that says so.")] = ""
