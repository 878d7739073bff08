"""The one network: nodes, links between them, networks at their edge, names, and flows that must work."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import (
    Answer,
    Day,
    Doc,
    Entry,
    Grade,
    Holds,
    Life,
    NotNegative,
    Planned,
    Positive,
    Ref,
    kind,
)


@kind("zone", "zones", "网络区域")
class Zone(Planned, kw_only=True):
    """A part of the network with one rule for who may enter (intranet, extranet, internet, private)."""

    role: Annotated[
        Literal["intranet", "extranet", "internet", "private"],
        Doc(
            "类型",
            "What the zone is; intranet and extranet are physically apart.",
            (
                "N-01",
                "N-03",
                "N-07",
                "N-13",
                "N-14",
                "N-17",
                "N-19",
                "N-23",
                "S-02",
                "S-05",
                "S-06",
                "S-07",
                "S-10",
                "S-11",
                "X-09",
            ),
        ),
    ]
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.")] = ""
    status: Annotated[
        Life, Doc("状态", "Where it stands in its life.", ("N-06", "S-02", "S-05", "S-06", "S-10", "S-11"))
    ] = "running"
    within: Annotated[
        str,
        Ref("zone"),
        Doc(
            "上级区域",
            "The zone that it is a security domain of.",
            ("S-02", "S-05", "S-06", "S-07", "S-10", "S-11"),
        ),
    ] = ""
    mlps: Annotated[Grade, Doc("等保级别", "Its level of graded protection.", ("S-05",))] = 0
    ipv6: Annotated[Answer, Doc("支持IPv6", "Whether the zone as a whole carries IPv6.", ("N-17",))] = (
        "unknown"
    )
    catalogued_on: Annotated[
        Day, Doc("列入保障目录日期", "Day it was put in the protection catalogue.", ("S-05",))
    ] = ""
    duty_person: Annotated[
        str, Ref("person"), Doc("安全责任人", "Who answers for its security.", ("S-05",))
    ] = ""


# A number of an autonomous system or an address, and a number. `$` alone would let a line end behind it.
_TARGET = r"\d+(\.\d+\.\d+\.\d+)?:\d+"
_RouteTarget = Annotated[
    str, msgspec.Meta(pattern=rf"^{_TARGET}$(?!\n)", description="a route target as 65001:10")
]


@kind("vrf", "vrfs", "虚拟路由转发")
class Vrf(Entry, kw_only=True):
    """A routing table of its own on shared routers; addresses may repeat between two of them."""

    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone whose traffic it carries.")]
    rd: Annotated[
        str,
        msgspec.Meta(pattern=rf"^({_TARGET})?$(?!\n)", description="a distinguisher as 65001:10"),
        Doc("路由标识", "Route distinguisher (RFC 4364)."),
    ] = ""
    imports: Annotated[list[_RouteTarget], Doc("导入目标", "Route targets that it takes routes from.")] = []
    exports: Annotated[list[_RouteTarget], Doc("导出目标", "Route targets that its routes carry.")] = []
    unit: Annotated[str, Ref("unit"), Doc("使用单位", "The unit that it was made for, if one.")] = ""


@kind("node", "nodes", "网络节点")
class Node(Entry, kw_only=True):
    """A router of the network."""

    region: Annotated[str, Ref("region"), Doc("所在地", "The region it stands in.", ("N-13", "N-22", "N-23"))]
    zone: Annotated[
        str, Ref("zone"), Doc("网络区域", "The zone it belongs to.", ("N-13", "N-14", "N-22", "N-23", "S-07"))
    ]
    role: Annotated[
        Literal["core", "aggregation", "access", "border"],
        Doc(
            "角色",
            "core: trunk; aggregation: county; access: town and village; border: cloud or data centre.",
            ("S-07",),
        ),
    ]
    site: Annotated[str, Ref("site"), Doc("站点", "The site that houses it, if it is one of ours.")] = ""
    loopback4: Annotated[
        str, Holds("itself"), Doc("IPv4环回地址", "Address of the router itself, without length.")
    ] = ""
    loopback6: Annotated[
        str, Holds("itself"), Doc("IPv6环回地址", "Address of the router itself, without length.", ("N-17",))
    ] = ""
    target: Annotated[str, Ref("target"), Doc("目标", "What builds it; empty: recorded only.")] = ""
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.")] = ""
    platform: Annotated[
        Literal["linux", "huawei_vrp", "h3c_comware"],
        Doc("系统平台", "What runs it; linux with FRR is what the lab has. Its configuration follows."),
    ] = "linux"
    connection: Annotated[
        Literal["target", "network_cli"],
        Doc("配置方式", "By way of its target, or over SSH by its command line."),
    ] = "target"
    management4: Annotated[
        str, Holds("itself"), Doc("IPv4管理地址", "Where it is managed; empty: its loopback.")
    ] = ""
    management6: Annotated[
        str, Holds("itself"), Doc("IPv6管理地址", "Where it is managed; empty: its loopback.", ("N-17",))
    ] = ""
    vendor: Annotated[str, Doc("厂商", "Who made it.", ("S-07",))] = ""
    model: Annotated[str, Doc("型号", "Its model.", ("S-07",))] = ""
    key_device: Annotated[bool, Doc("关键设备", "True for key equipment of a key unit.", ("S-07",))] = False
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is a secure and reliable product.")] = (
        "unknown"
    )
    controls: Annotated[
        list[Literal["control", "monitoring", "audit"]],
        Doc("监控措施", "How it is watched: access control, dynamic monitoring, security audit."),
    ] = []


@kind("interface", "interfaces", "接口")
class Interface(Entry, kw_only=True):
    """A port of a machine, where neither a link nor a network says all of it."""

    device: Annotated[
        str,
        Ref("node", "server", "instance", "storage"),
        Doc("设备", "The machine it is a port of, as `kind/name`."),
    ]
    port: Annotated[str, Doc("端口名", "What the machine calls it (at most 15 characters).")]
    type: Annotated[
        Literal["ethernet", "fibre", "wireless", "virtual", "loopback", "aggregate"],
        Doc("类型", "What sort of port it is."),
    ] = "ethernet"
    speed_mbps: Annotated[float, NotNegative, Doc("速率(Mbit/s)", "Its rate, Mbit/s; 0: not said.")] = 0
    mtu: Annotated[int, msgspec.Meta(ge=576, le=65535), Doc("最大传输单元", "Largest packet, bytes.")] = 1500
    mac: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([0-9a-f]{2}(:[0-9a-f]{2}){5})?$", description="an address as 02:00:00:00:00:01"
        ),
        Doc("MAC地址", "Its hardware address, lower case."),
    ] = ""
    vrf: Annotated[str, Ref("vrf"), Doc("虚拟路由转发", "The routing table it is in.")] = ""
    network: Annotated[str, Ref("network"), Doc("子网", "The network it is plugged into.")] = ""
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address, with the length of its prefix.")] = ""
    ipv6: Annotated[
        str, Holds("itself"), Doc("IPv6地址", "Its address, with the length of its prefix.", ("N-17",))
    ] = ""
    enabled: Annotated[bool, Doc("启用", "False where it is shut down.")] = True


@kind("link", "links", "链路")
class Link(Entry, kw_only=True):
    """A line between two nodes, with what it can carry."""

    a: Annotated[str, Ref("node"), Doc("A端", "Node at the first end; has the first address.")]
    b: Annotated[str, Ref("node"), Doc("B端", "Node at the second end; has the second address.")]
    a_interface: Annotated[str, Doc("A端接口", "Interface at the first end (Linux: at most 15 characters).")]
    b_interface: Annotated[str, Doc("B端接口", "Interface at the second end (Linux: at most 15 characters).")]
    medium: Annotated[
        Literal["fibre", "submarine", "microwave", "satellite"],
        Doc("介质", "What carries it."),
    ] = "fibre"
    bandwidth_mbps: Annotated[
        float, Positive, Doc("带宽(Mbit/s)", "Rate in each direction, Mbit/s.", ("N-11", "N-12"))
    ]
    delay_ms: Annotated[float, NotNegative, Doc("时延(ms)", "One-way delay, ms.")] = 0
    ipv4: Annotated[str, Holds("both"), Doc("IPv4网段", "A /31 for the two ends (RFC 3021).")] = ""
    ipv6: Annotated[str, Holds("both"), Doc("IPv6网段", "A /127 for the two ends (RFC 6164).")] = ""
    cost: Annotated[int, Positive, Doc("开销", "OSPF cost; also used for static routes.")] = 10
    circuit: Annotated[str, Ref("circuit"), Doc("专线", "The provider's line that carries it.")] = ""
    length_km: Annotated[float, NotNegative, Doc("长度(km)", "Length of the way, km.")] = 0
    plane: Annotated[
        Literal["both", "data", "video"],
        Doc("承载平面", "Which of the two lines of 一网两线 it is part of.", ("N-15", "N-16")),
    ] = "both"
    carrier: Annotated[str, Ref("unit"), Doc("运营商", "The enterprise that carries it.", ("S-13",))] = ""
    path: Annotated[
        list[str],
        Doc("路由走向", "Ducts and cables that it runs in; links that share one fail together."),
    ] = []


@kind("network", "networks", "子网")
class Network(Entry, kw_only=True):
    """A broadcast domain at the edge, behind one node, for servers or instances."""

    gateway: Annotated[str, Ref("node"), Doc("网关", "The node that routes for it; has the first address.")]
    interface: Annotated[str, Doc("接口", "The gateway's interface to it (at most 15 characters).")]
    ipv4: Annotated[str, Holds("first"), Doc("IPv4网段", "Its IPv4 prefix.")] = ""
    ipv6: Annotated[str, Holds("first"), Doc("IPv6网段", "Its IPv6 prefix.", ("N-17",))] = ""
    cloud: Annotated[str, Ref("cloud"), Doc("云", "The cloud it is part of, if any.")] = ""
    site: Annotated[str, Ref("site"), Doc("站点", "The site it is part of, where no cloud is named.")] = ""
    vrf: Annotated[
        str, Ref("vrf"), Doc("虚拟路由转发", "The routing table it is in, if not the main one.")
    ] = ""
    vlan: Annotated[int, msgspec.Meta(ge=1, le=4094), Doc("VLAN编号", "Its VLAN, where it has one.")] = 0
    domain: Annotated[str, Ref("zone"), Doc("安全域", "The security domain it belongs to.", ("S-11",))] = ""
    purpose: Annotated[
        Literal["business", "management", "storage", "backup", "security"],
        Doc("用途", "What it carries; management and business traffic are apart (GB/T 22239)."),
    ] = "business"
    advertise: Annotated[
        bool,
        Doc(
            "通告前缀",
            "True: the gateway advertises the IPv6 prefix, and machines without an IPv6 address of their own "
            "make themselves one (SLAAC, RFC 4862).",
        ),
    ] = False


@kind("dns_zone", "dns_zones", "域名区")
class DnsZone(Entry, kw_only=True):
    """A domain with the servers that answer for it; its records come from the endpoints and hosts."""

    domain: Annotated[str, Doc("域名", "The domain, e.g. `gov.example`.")]
    servers: Annotated[list[str], Ref("server"), Doc("域名服务器", "Servers that answer for it.")]
    dns64: Annotated[
        list[str],
        Holds("itself"),
        Doc(
            "DNS64地址",
            "IPv6 addresses at which its servers, in their order, answer machines with IPv6 alone: names "
            "with IPv4 alone get addresses of the NAT64 in force (RFC 6147).",
            ("N-17",),
        ),
    ] = []


@kind("flow", "flows", "业务流")
class Flow(Entry, kw_only=True):
    """Traffic that must work, with the way it takes: what is declared here is measured."""

    start: Annotated[str, Ref("node", "server", "instance"), Doc("起点", "Where it begins, as `kind/name`.")]
    endpoint: Annotated[str, Ref("endpoint"), Doc("访问端点", "The endpoint of an application it goes to.")]
    path: Annotated[
        list[str], Ref("node"), Doc("路径", "The nodes it crosses, in order; another way is a failure.")
    ] = []
    measures: Annotated[
        list[Literal["reach", "dns", "http"]], Doc("测量项", "What is measured: reachability, names, HTTP.")
    ] = msgspec.field(default_factory=lambda: ["reach", "dns", "http"])
    ip_versions: Annotated[list[Literal[4, 6]], Doc("IP版本", "The versions of IP it is measured over.")] = (
        msgspec.field(default_factory=lambda: [4, 6])
    )
    content: Annotated[
        Literal["data", "video_conference", "video_surveillance", "backup", "management"],
        Doc("业务内容", "What it carries.", ("N-16", "N-19", "R-09")),
    ] = "data"
    circuits: Annotated[
        list[str], Ref("circuit"), Doc("专线", "The lines it runs over.", ("N-16", "R-09"))
    ] = []
    exchange: Annotated[
        str, Ref("exchange"), Doc("交换设施", "The exchange it passes between two networks.", ("N-19",))
    ] = ""
    classified: Annotated[bool, Doc("涉密", "True where it carries classified data.", ("N-01",))] = False
    bandwidth_mbps: Annotated[
        float, NotNegative, Doc("带宽需求(Mbit/s)", "What it needs in each direction, Mbit/s; 0: not said.")
    ] = 0
