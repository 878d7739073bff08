"""Data centres: sites, rooms, racks, and the servers, storage and cables in them; contracts for them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import (
    Answer,
    Count,
    Day,
    Doc,
    Entry,
    Grade,
    Holds,
    Level,
    Life,
    NotNegative,
    Planned,
    Ref,
    When,
    kind,
)


@kind("site", "sites", "站点")
class Site(Planned, kw_only=True):
    """A place with rooms: a data centre, a recovery centre, an office."""

    region: Annotated[
        str,
        Ref("region"),
        Doc("所在地", "The region it lies in.", ("F-08", "R-01", "R-02", "R-10")),
    ]
    role: Annotated[
        Literal["datacentre", "recovery", "office"],
        Doc(
            "类型",
            "What it is for; what stands at a recovery site is built by the recovery stack.",
            ("D-02", "D-03", "F-08", "R-01", "R-02", "R-03", "R-08", "R-10", "S-05", "S-06"),
        ),
    ]
    unit: Annotated[
        str,
        Ref("unit"),
        Doc(
            "主管单位",
            "The unit that answers for it.",
            ("D-01", "D-02", "D-03", "D-05", "D-12", "F-08", "R-02"),
        ),
    ] = ""
    level: Annotated[
        Level, Doc("层级", "Administrative level that it serves.", ("C-03", "D-05", "D-11", "F-08"))
    ] = "province"
    scope: Annotated[
        Literal["government", "sector", "regional", "industry", "enterprise"],
        Doc("服务范围", "Whom it serves; sector: one field of government.", ("D-05", "D-12", "F-08")),
    ] = "government"
    status: Annotated[
        Life,
        Doc(
            "状态",
            "Where it stands in its life.",
            ("D-02", "D-03", "D-05", "F-08", "R-01", "R-08", "R-10", "S-05", "S-06"),
        ),
    ] = "running"
    opened_on: Annotated[When, Doc("启用日期", "When it came into operation.", ("R-08",))] = ""
    consolidation: Annotated[
        Literal["undecided", "logical", "physical", "stays"],
        Doc(
            "整合方式", "How it goes into the provincial centre: 逻辑整合并入 or 物理迁移.", ("D-05", "D-08")
        ),
    ] = "undecided"
    merges_into: Annotated[
        str, Ref("site"), Doc("并入站点", "The site that it goes into.", ("D-01", "D-05"))
    ] = ""
    merge_by: Annotated[When, Doc("整合期限", "When that is to be done.", ("D-05",))] = ""
    pilot: Annotated[bool, Doc("区域整合试点", "True for a regional pilot; a review proves it.")] = False
    protection: Annotated[
        list[Literal["physical", "network", "platform", "application", "data"]],
        Doc("防护层次", "The layers that are protected (001:L284)."),
    ] = []
    design_norm: Annotated[
        str, Doc("设计规范", "The norm its rooms were built by, e.g. `GB 50174-2017 B`.")
    ] = ""
    large_scale: Annotated[Answer, Doc("规模化", "Whether it counts as large.")] = "unknown"
    pue: Annotated[
        float,
        NotNegative,
        Doc("电能利用效率", "Power use effectiveness, yearly mean; 0: not said.", ("D-08",)),
    ] = 0
    mlps: Annotated[Grade, Doc("等保级别", "Its level of graded protection.", ("S-05",))] = 0
    catalogued_on: Annotated[
        Day, Doc("列入保障目录日期", "Day it was put in the protection catalogue.", ("S-05",))
    ] = ""
    duty_person: Annotated[
        str, Ref("person"), Doc("安全责任人", "Who answers for its security.", ("S-05",))
    ] = ""
    area_m2: Annotated[float, NotNegative, Doc("面积(平方米)", "Floor area, square metres.")] = 0
    room_count: Annotated[Count, Doc("机房数", "Rooms that a document counts.")] = 0
    server_count: Annotated[Count, Doc("服务器数", "Servers that a document counts.")] = 0
    unit_count: Annotated[Count, Doc("服务单位数", "Units that it serves, as a document counts them.")] = 0
    application_count: Annotated[Count, Doc("承载应用数", "Applications that a document counts.")] = 0
    storage_tb: Annotated[float, NotNegative, Doc("存储容量(TB)", "Storage that a document states, TB.")] = 0
    address: Annotated[str, Doc("地址", "Where it is.")] = ""


@kind("room", "rooms", "机房")
class Room(Entry, kw_only=True):
    """A machine room."""

    site: Annotated[str, Ref("site"), Doc("站点", "The site it is in.", ("D-01", "D-10"))]
    area_m2: Annotated[float, msgspec.Meta(ge=0), Doc("面积(平方米)", "Floor area, square metres.")] = 0
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.", ("D-01",))] = ""
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("D-01",))] = "running"
    grade: Annotated[Literal["unknown", "A", "B", "C"], Doc("机房等级", "Grade of GB 50174.")] = "unknown"
    power_kw: Annotated[float, NotNegative, Doc("供电容量(kW)", "Power for equipment, kW; 0: not said.")] = 0
    rack_count: Annotated[Count, Doc("机柜数", "Racks there is room for; 0: not said.")] = 0
    server_count: Annotated[Count, Doc("服务器数", "Servers that a document counts.")] = 0


@kind("rack", "racks", "机柜")
class Rack(Entry, kw_only=True):
    """A rack."""

    room: Annotated[str, Ref("room"), Doc("机房", "The room it stands in.")]
    units: Annotated[int, msgspec.Meta(gt=0), Doc("高度(U)", "Height, rack units.")] = 42
    power_kw: Annotated[float, NotNegative, Doc("供电容量(kW)", "Power it may draw, kW; 0: not said.")] = 0


@kind("server", "servers", "服务器")
class Server(Entry, kw_only=True):
    """A physical server."""

    rack: Annotated[str, Ref("rack"), Doc("机柜", "The rack it is mounted in.")]
    network: Annotated[str, Ref("network"), Doc("子网", "The network it is plugged into.")] = ""
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address in that network.")] = ""
    ipv6: Annotated[str, Holds("itself"), Doc("IPv6地址", "Its address in that network.")] = ""
    unit: Annotated[str, Ref("unit"), Doc("使用单位", "The unit that uses it.")] = ""
    target: Annotated[str, Ref("target"), Doc("目标", "What builds it; empty: recorded only.")] = ""
    application: Annotated[str, Ref("application"), Doc("应用", "The application it serves, if one.")] = ""
    hosted: Annotated[bool, Doc("集中托管", "True where it stands here for another unit (000:L4).")] = False
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("S-07",))] = "running"
    position: Annotated[Count, Doc("机位(U)", "Lowest rack unit it takes, from 1; 0: not said.")] = 0
    height: Annotated[int, msgspec.Meta(gt=0), Doc("高度(U)", "Rack units it takes.")] = 1
    cores: Annotated[Count, Doc("处理器核数", "Cores of its processors; 0: not said.")] = 0
    memory_gib: Annotated[float, NotNegative, Doc("内存(GiB)", "Memory, GiB; 0: not said.")] = 0
    disk_gib: Annotated[float, NotNegative, Doc("磁盘(GiB)", "Own disks, GiB; 0: not said.")] = 0
    vendor: Annotated[str, Doc("厂商", "Who made it.", ("S-07",))] = ""
    model: Annotated[str, Doc("型号", "Its model.", ("S-07",))] = ""
    serial: Annotated[str, Doc("序列号", "The maker's number of it.")] = ""
    bought_on: Annotated[When, Doc("购置日期", "When it was bought.")] = ""
    key_device: Annotated[bool, Doc("关键设备", "True for key equipment of a key unit.", ("S-07",))] = False
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is a secure and reliable product.")] = (
        "unknown"
    )
    controls: Annotated[
        list[Literal["control", "monitoring", "audit"]],
        Doc("监控措施", "How it is watched: access control, dynamic monitoring, security audit."),
    ] = []
    cloud: Annotated[
        str, Ref("cloud"), Doc("承载云", "The cloud whose instances it carries; empty: of none.")
    ] = ""
    pool: Annotated[
        Grade,
        Doc("资源池等保级别", "Level of the pool that it belongs to; none: the common one of its cloud."),
    ] = 0


@kind("storage", "storages", "存储设备")
class Storage(Entry, kw_only=True):
    """A storage system, or what a site has of it in all."""

    site: Annotated[str, Ref("site"), Doc("站点", "The site it stands at.")]
    rack: Annotated[str, Ref("rack"), Doc("机柜", "The rack it is mounted in, where that is known.")] = ""
    type: Annotated[
        Literal["block", "file", "object", "tape", "backup", "mixed"], Doc("类型", "What it offers.")
    ] = "block"
    capacity_tb: Annotated[float, NotNegative, Doc("容量(TB)", "What it holds, TB (10^12 bytes).")] = 0
    used_tb: Annotated[
        float, NotNegative, Doc("已用(TB)", "What is in use, TB, as a document states it.")
    ] = 0
    unit: Annotated[str, Ref("unit"), Doc("使用单位", "The unit that uses it.")] = ""
    cloud: Annotated[str, Ref("cloud"), Doc("云", "The cloud it is part of, if any.")] = ""
    vendor: Annotated[str, Doc("厂商", "Who made it.", ("S-07",))] = ""
    model: Annotated[str, Doc("型号", "Its model.", ("S-07",))] = ""
    key_device: Annotated[bool, Doc("关键设备", "True for key equipment of a key unit.", ("S-07",))] = False
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is a secure and reliable product.")] = (
        "unknown"
    )


@kind("cable", "cables", "线缆")
class Cable(Entry, kw_only=True):
    """A cable between two ports or machines of one site, or two sites."""

    a: Annotated[
        str,
        Ref("interface", "node", "server", "storage", "rack", "site"),
        Doc("A端", "What the first end is plugged into, as `kind/name`."),
    ]
    b: Annotated[
        str,
        Ref("interface", "node", "server", "storage", "rack", "site"),
        Doc("B端", "What the second end is plugged into, as `kind/name`."),
    ]
    type: Annotated[
        Literal["fibre", "copper", "direct_attach", "submarine", "power"], Doc("类型", "What it is made of.")
    ] = "fibre"
    length_m: Annotated[float, NotNegative, Doc("长度(米)", "Its length, metres; 0: not said.")] = 0
    label: Annotated[str, Doc("标签", "What is written on it.")] = ""
    link: Annotated[str, Ref("link"), Doc("链路", "The link it carries.")] = ""


@kind("contract", "contracts", "合同")
class Contract(Entry, kw_only=True):
    """What an enterprise is paid for: lines, maintenance, outsourced services, equipment."""

    provider: Annotated[str, Ref("unit"), Doc("服务单位", "The enterprise.", ("S-08", "S-13"))]
    unit: Annotated[str, Ref("unit"), Doc("委托单位", "The unit that pays.")] = ""
    type: Annotated[
        Literal["lease", "maintenance", "outsourcing", "cloud_service", "supply", "data", "construction"],
        Doc("类型", "What it is about.", ("N-18", "S-08", "X-05")),
    ] = "maintenance"
    subjects: Annotated[
        list[str],
        Ref(
            "application", "cloud", "site", "circuit", "private_network", "component", "dataset", "programme"
        ),
        Doc("标的", "What it covers, as `kind/name`.", ("N-18", "X-05")),
    ] = []
    number: Annotated[str, Doc("合同编号", "Its number.")] = ""
    starts_on: Annotated[Day, Doc("起始日期", "First day.", ("S-08",))] = ""
    ends_on: Annotated[Day, Doc("终止日期", "Last day.", ("S-08", "S-13"))] = ""
    amount_yuan: Annotated[float, NotNegative, Doc("金额(元)", "What is paid in all, yuan; 0: not said.")] = 0
    qualification_on: Annotated[
        Day, Doc("资质审查日期", "Day the provider's qualification was reviewed.")
    ] = ""
    own_work: Annotated[
        str, Doc("自主与外包边界", "What is done by the unit itself; a review proves it.")
    ] = ""
    record: Annotated[str, Doc("管理记录", "The record of how the provider is managed.")] = ""
    central: Annotated[
        bool, Doc("集中采购", "True where one contract serves the whole province.", ("N-18", "X-05"))
    ] = False
