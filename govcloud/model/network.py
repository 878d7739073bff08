"""The one network: nodes, links between them, networks at their edge, names, and flows that must work."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Doc, Entry, Holds, Ref, kind

Positive = msgspec.Meta(gt=0)
NotNegative = msgspec.Meta(ge=0)


@kind("zone", "zones", "网络区域")
class Zone(Entry, kw_only=True):
    """A part of the network with one rule for who may enter (intranet, extranet, internet, private)."""

    role: Annotated[
        Literal["intranet", "extranet", "internet", "private"],
        Doc("类型", "What the zone is; intranet and extranet are physically apart."),
    ]


@kind("node", "nodes", "网络节点")
class Node(Entry, kw_only=True):
    """A router of the network."""

    region: Annotated[str, Ref("region"), Doc("所在地", "The region it stands in.")]
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone it belongs to.")]
    role: Annotated[
        Literal["core", "aggregation", "access", "border"],
        Doc(
            "角色",
            "core: trunk; aggregation: county; access: town and village; border: cloud or data centre.",
        ),
    ]
    site: Annotated[str, Ref("site"), Doc("站点", "The site that houses it, if it is one of ours.")] = ""
    loopback4: Annotated[
        str, Holds("itself"), Doc("IPv4环回地址", "Address of the router itself, without length.")
    ] = ""
    loopback6: Annotated[
        str, Holds("itself"), Doc("IPv6环回地址", "Address of the router itself, without length.")
    ] = ""
    target: Annotated[str, Ref("target"), Doc("目标", "What builds it; empty: recorded only.")] = ""


@kind("link", "links", "链路")
class Link(Entry, kw_only=True):
    """A line between two nodes, with what it can carry."""

    a: Annotated[str, Ref("node"), Doc("A端", "Node at the first end; has the first address.")]
    b: Annotated[str, Ref("node"), Doc("B端", "Node at the second end; has the second address.")]
    a_interface: Annotated[str, Doc("A端接口", "Interface at the first end (at most 15 characters).")]
    b_interface: Annotated[str, Doc("B端接口", "Interface at the second end (at most 15 characters).")]
    medium: Annotated[
        Literal["fibre", "submarine", "microwave", "satellite"],
        Doc("介质", "What carries it."),
    ] = "fibre"
    bandwidth_mbps: Annotated[float, Positive, Doc("带宽(Mbit/s)", "Rate in each direction, Mbit/s.")]
    delay_ms: Annotated[float, NotNegative, Doc("时延(ms)", "One-way delay, ms.")] = 0
    ipv4: Annotated[str, Holds("both"), Doc("IPv4网段", "A /31 for the two ends (RFC 3021).")] = ""
    ipv6: Annotated[str, Holds("both"), Doc("IPv6网段", "A /127 for the two ends (RFC 6164).")] = ""
    cost: Annotated[int, Positive, Doc("开销", "OSPF cost; also used for static routes.")] = 10


@kind("network", "networks", "子网")
class Network(Entry, kw_only=True):
    """A broadcast domain at the edge, behind one node, for servers or instances."""

    gateway: Annotated[str, Ref("node"), Doc("网关", "The node that routes for it; has the first address.")]
    interface: Annotated[str, Doc("接口", "The gateway's interface to it (at most 15 characters).")]
    ipv4: Annotated[str, Holds("first"), Doc("IPv4网段", "Its IPv4 prefix.")] = ""
    ipv6: Annotated[str, Holds("first"), Doc("IPv6网段", "Its IPv6 prefix.")] = ""
    cloud: Annotated[str, Ref("cloud"), Doc("云", "The cloud it is part of, if any.")] = ""
    site: Annotated[str, Ref("site"), Doc("站点", "The site it is part of, where no cloud is named.")] = ""


@kind("dns_zone", "dns_zones", "域名区")
class DnsZone(Entry, kw_only=True):
    """A domain with the servers that answer for it; its records come from the endpoints and hosts."""

    domain: Annotated[str, Doc("域名", "The domain, e.g. `gov.example`.")]
    servers: Annotated[list[str], Ref("server"), Doc("域名服务器", "Servers that answer for it.")]


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
