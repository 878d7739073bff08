"""Lines that are leased, ways out of the province, networks beside the one, and what joins them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Answer, Day, Doc, Entry, Life, NotNegative, Planned, Ref, When, kind


@kind("circuit", "circuits", "专线")
class Circuit(Planned, kw_only=True):
    """A line to a place of use, as a provider delivers it: the access of a town, a village, a unit."""

    zone: Annotated[
        str,
        Ref("zone"),
        Doc(
            "网络区域",
            "The zone it gives access to.",
            ("N-09", "N-11", "N-12", "N-13", "N-14", "N-15", "N-23"),
        ),
    ]
    line: Annotated[
        Literal["data", "video", "other"],
        Doc(
            "线路类别",
            "Which of the two lines of 一网两线 it is; the video line carries surveillance and backups too.",
            ("N-15", "N-16", "R-09"),
        ),
    ] = "data"
    region: Annotated[
        str,
        Ref("region"),
        Doc("接入地", "The place it connects.", ("N-11", "N-12", "N-13", "N-14", "N-15", "N-23")),
    ] = ""
    site: Annotated[str, Ref("site"), Doc("站点", "The site it connects, if one of ours.", ("N-15",))] = ""
    unit: Annotated[str, Ref("unit"), Doc("接入单位", "The unit it connects.", ("N-11", "N-14", "N-15"))] = ""
    node: Annotated[str, Ref("node"), Doc("网络节点", "The router it ends on.")] = ""
    user: Annotated[
        Literal["town", "village", "government", "trunk", "island", "other"],
        Doc("接入类别", "Whose access it is; the bandwidth that is due follows from it.", ("N-11", "N-12")),
    ] = "other"
    backs_up: Annotated[
        str, Ref("circuit"), Doc("互备线路", "The line it stands in for when that one fails.", ("N-15",))
    ] = ""
    medium: Annotated[
        Literal["fibre", "copper", "submarine", "microwave", "satellite", "mobile", "wireless"],
        Doc("介质", "What carries it."),
    ] = "fibre"
    bandwidth_mbps: Annotated[
        float,
        NotNegative,
        Doc("带宽(Mbit/s)", "Rate in each direction, Mbit/s; 0: not said.", ("N-11", "N-12")),
    ] = 0
    ipv6: Annotated[Answer, Doc("支持IPv6", "Whether it carries IPv6.", ("N-17",))] = "unknown"
    status: Annotated[
        Life,
        Doc("状态", "Where it stands in its life.", ("N-11", "N-12", "N-13", "N-14", "N-15")),
    ] = "running"
    provider: Annotated[str, Ref("unit"), Doc("运营商", "The enterprise that delivers it.", ("S-13",))] = ""
    number: Annotated[str, Doc("电路编号", "The provider's number of it.")] = ""
    contract: Annotated[str, Ref("contract"), Doc("合同", "The contract it is leased under.")] = ""
    monthly_yuan: Annotated[float, NotNegative, Doc("月租(元)", "What it costs a month, yuan.")] = 0
    in_service_on: Annotated[Day, Doc("开通日期", "Day it came into service.")] = ""


@kind("exit", "exits", "出口")
class Exit(Planned, kw_only=True):
    """A way out of the province's network: to other provinces, to the internet, abroad."""

    role: Annotated[
        Literal["province", "internet", "international"], Doc("类型", "Where it leads.", ("N-21",))
    ]
    direction: Annotated[
        str, Doc("方向", "Where the fibre goes; two exits of one direction fail together.", ("N-21",))
    ] = ""
    node: Annotated[str, Ref("node"), Doc("网络节点", "The router it leaves from.")] = ""
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone it serves.")] = ""
    circuits: Annotated[list[str], Ref("circuit"), Doc("专线", "The lines it is made of.")] = []
    bandwidth_mbps: Annotated[
        float, NotNegative, Doc("带宽(Mbit/s)", "Rate in each direction, Mbit/s; 0: not said.")
    ] = 0
    provider: Annotated[str, Ref("unit"), Doc("运营商", "The enterprise that delivers it.", ("S-13",))] = ""
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("N-21",))] = "running"


@kind("private_network", "private_networks", "专用网络")
class PrivateNetwork(Planned, kw_only=True):
    """A network beside intranet and extranet: of a department, a ministry, mobile, of sensors, of islands."""

    type: Annotated[
        Literal[
            "business",
            "intranet",
            "vertical",
            "mobile",
            "video",
            "sensing",
            "wireless",
            "satellite",
            "maritime",
            "public",
        ],
        Doc(
            "类型",
            "business: of a department; vertical: of a ministry; sensing: things; public: for everybody.",
            ("N-03", "N-04", "N-05", "N-08", "N-18", "N-20", "N-24"),
        ),
    ] = "business"
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit it belongs to.", ("N-04", "N-08"))] = ""
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone it is part of.", ("N-03", "N-08"))] = ""
    regions: Annotated[list[str], Ref("region"), Doc("覆盖地区", "The places it covers.")] = []
    classified: Annotated[
        bool, Doc("涉密", "True where it carries classified data.", ("N-01", "N-05", "S-02"))
    ] = False
    classified_on: Annotated[
        Day, Doc("涉密核定日期", "Day it was decided whether it is classified.", ("N-02",))
    ] = ""
    classified_by: Annotated[
        str, Ref("person"), Doc("核定人", "Who decided whether it is classified.", ("N-02",))
    ] = ""
    classified_reason: Annotated[str, Doc("核定依据", "Why it is classified, or is not.", ("N-02",))] = ""
    scopes: Annotated[
        list[Literal["main", "internal", "downward"]],
        Doc(
            "网络范围", "Its parts: itself, the unit's internal network, what it extends downward.", ("N-04",)
        ),
    ] = []
    migration_plan: Annotated[
        str, Doc("迁移实施方案", "The document that plans its migration; a review proves it.")
    ] = ""
    plan_on: Annotated[Day, Doc("方案日期", "Day of that plan.")] = ""
    extranet_suffices: Annotated[
        Answer,
        Doc("外网满足需求", "Whether the extranet meets what its applications need.", ("N-05",)),
    ] = "unknown"
    merges_into: Annotated[
        str, Ref("zone"), Doc("并入区域", "The zone it is to be merged into.", ("N-03", "N-05"))
    ] = ""
    merge_by: Annotated[When, Doc("并入期限", "When that is to be done.")] = ""
    acquisition: Annotated[
        Literal["unknown", "central_lease", "lease", "own"],
        Doc("取得方式", "How it is had: leased centrally, leased by the unit, built by itself.", ("N-18",)),
    ] = "unknown"
    connects_to: Annotated[
        list[str],
        Ref("node"),
        Doc("接入节点", "Nodes of the province's network it connects to.", ("N-08", "N-09")),
    ] = []
    exchange: Annotated[
        str, Ref("exchange"), Doc("交换设施", "The exchange between it and the extranet.", ("N-20",))
    ] = ""
    domains: Annotated[list[str], Ref("zone"), Doc("安全域", "The security domains it is divided into.")] = []
    prefixes: Annotated[list[str], Doc("地址段", "The prefixes it uses; they may overlap with ours.")] = []
    nodes: Annotated[list[str], Ref("node"), Doc("自有设备", "Its own routers.")] = []
    overlap: Annotated[
        Literal["undecided", "none", "vrf", "nat", "renumber", "nat64"],
        Doc(
            "地址重叠处理",
            "What is done where its addresses are others' too: a routing table of its own, translation, "
            "other addresses, or IPv6 alone with NAT64; none: nothing, for nothing overlaps.",
        ),
    ] = "undecided"
    overlap_reason: Annotated[str, Doc("处理理由", "Why that was chosen.")] = ""
    outside: Annotated[
        list[str], Doc("转换后地址段", "What the rest sees in place of each of its prefixes, in their order.")
    ] = []
    vrf: Annotated[str, Ref("vrf"), Doc("虚拟路由转发", "The routing table that it gets of its own.")] = ""
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("N-03", "N-05", "S-02"))] = "running"
    transit: Annotated[
        list[str],
        Doc("互联地址段", "A /31 or /127 for its link to each of the nodes it connects to, in their order."),
    ] = []
    transit_mbps: Annotated[
        float, NotNegative, Doc("互联带宽(Mbit/s)", "Rate of each of these links, Mbit/s; 0: not said.")
    ] = 0
    ipv6: Annotated[
        list[str],
        Doc("IPv6地址段", "Prefixes for its networks, a /64 each, where it goes on with IPv6 alone."),
    ] = []


@kind("boundary", "boundaries", "网络边界")
class Boundary(Entry, kw_only=True):
    """The line between a private network and the rest: what crosses it, and who drew it."""

    private_network: Annotated[
        str,
        Ref("private_network"),
        Doc("专用网络", "The network on the one side.", ("N-02", "N-10")),
    ]
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone on the other side.")] = ""
    nodes: Annotated[list[str], Ref("node"), Doc("边界设备", "The machines that stand on it.")] = []
    flows: Annotated[list[str], Ref("flow"), Doc("业务流", "Flows that cross it.", ("N-02", "N-10"))] = []
    drawn_on: Annotated[Day, Doc("划定日期", "Day it was drawn (理清边界).", ("N-02", "N-10"))] = ""
    cleaned_on: Annotated[Day, Doc("清理日期", "Day it was cleaned up (边界清理).", ("N-10",))] = ""
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.")] = ""
    document: Annotated[str, Doc("依据文件", "The document that draws it.")] = ""


@kind("translation", "translations", "地址转换")
class Translation(Entry, kw_only=True):
    """Addresses that a node changes in what passes: prefix for prefix (NAT), or IPv6 to IPv4 (NAT64)."""

    node: Annotated[str, Ref("node"), Doc("转换设备", "The node that does it.")]
    type: Annotated[
        Literal["nat", "nat64"],
        Doc("类型", "nat: one prefix for another of the same length; nat64: RFC 7915, with a pool."),
    ] = "nat"
    inside: Annotated[
        str,
        Doc("内部地址段", "nat: the prefix inside; nat64: the /96 that stands for IPv4 (RFC 6052)."),
    ]
    outside: Annotated[
        str, Doc("外部地址段", "nat: the prefix that the rest sees; nat64: the IPv4 pool it speaks with.")
    ]
    private_network: Annotated[
        str, Ref("private_network"), Doc("专用网络", "The network that it is for.")
    ] = ""
    reason: Annotated[str, Doc("理由", "Why it is needed.")] = ""


@kind("exchange", "exchanges", "交换设施")
class Exchange(Planned, kw_only=True):
    """What data passes through from one network or unit to another, or out to the public."""

    role: Annotated[
        Literal["cross_network", "sharing", "opening"],
        Doc(
            "类型",
            "cross_network: between two networks; sharing: between units; opening: to the public.",
            ("N-19", "N-20", "X-01", "X-02", "X-08", "X-10"),
        ),
    ]
    zones: Annotated[
        list[str], Ref("zone"), Doc("连接区域", "The zones it joins or serves.", ("N-19", "N-20", "X-09"))
    ] = []
    private_networks: Annotated[
        list[str], Ref("private_network"), Doc("连接专网", "Private networks it joins.", ("N-20",))
    ] = []
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.")] = ""
    application: Annotated[
        str, Ref("application"), Doc("承载应用", "The application that does the work, where it is one.")
    ] = ""
    site: Annotated[str, Ref("site"), Doc("站点", "Where it stands.")] = ""
    method: Annotated[
        Literal["unknown", "gateway", "one_way", "ferry", "platform", "interface"],
        Doc("交换方式", "How: a gateway, a one-way device, a ferry of media, a platform, programs."),
    ] = "unknown"
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("N-19", "X-01"))] = "running"
    reviewed_on: Annotated[Day, Doc("安全审查日期", "Day of its last security review.", ("N-09", "N-19"))] = (
        ""
    )
    throughput_mbps: Annotated[
        float, msgspec.Meta(ge=0), Doc("吞吐量(Mbit/s)", "What it can pass, Mbit/s; 0: not said.")
    ] = 0
