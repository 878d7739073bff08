"""Address space: how it is divided, and who has which part of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Count, Day, Doc, Entry, Ref, kind

Length = Annotated[int, msgspec.Meta(ge=0, le=128)]


@kind("address_plan", "address_plans", "地址规划")
class AddressPlan(Entry, kw_only=True):
    """How one block of addresses is divided, level by level; widths are data, never constants."""

    family: Annotated[Literal[4, 6], Doc("IP版本", "Version of IP.")]
    prefix: Annotated[str, Doc("地址块", "The block that is divided, e.g. `3fff:460::/28`.")]
    levels: Annotated[
        list[str], Doc("层级", "Names of the levels from the top, e.g. plane, city, county, unit, lan.")
    ] = []
    lengths: Annotated[
        list[int], Doc("前缀长度", "Length of a prefix of each of these levels, in the same order.")
    ] = []
    link_length: Annotated[
        Length, Doc("链路前缀长度", "Length for a link: 31 (RFC 3021) or 127 (RFC 6164).")
    ] = 0
    loopback_length: Annotated[Length, Doc("环回前缀长度", "Length for a loopback: 32 or 128.")] = 0
    growth: Annotated[
        Literal["sparse", "sequential"],
        Doc("分配方式", "sparse: from both ends to the middle (RFC 3531), with room to grow; or one by one."),
    ] = "sparse"
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone whose addresses they are.")] = ""
    vrf: Annotated[
        str, Ref("vrf"), Doc("虚拟路由转发", "The routing table they are in, if not the main one.")
    ] = ""
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that gives them out.")] = ""
    pools: Annotated[
        list[str], Doc("地址池", "Further blocks that are given out under it, as IPv4 has them in pieces.")
    ] = []
    plane: Annotated[
        Literal["both", "data", "video"],
        Doc("承载平面", "The line of 一网两线 whose links get its addresses.", ("N-15", "N-16")),
    ] = "both"
    room: Annotated[
        dict[str, Count],
        Doc(
            "容量要求", "Prefixes that one of the level above must have room for, by level, e.g. `lan: 256`."
        ),
    ] = {}


@kind("prefix", "prefixes", "地址前缀")
class Prefix(Entry, kw_only=True):
    """A part of the address space and whose it is."""

    prefix: Annotated[str, Doc("前缀", "The prefix, e.g. `10.4.0.0/16`; `auto`: the next of its plan.")]
    plan: Annotated[str, Ref("address_plan"), Doc("地址规划", "The plan it was given out under.")] = ""
    level: Annotated[str, Doc("层级", "The level of that plan it is a prefix of.")] = ""
    parent: Annotated[str, Ref("prefix"), Doc("上级前缀", "The prefix it was taken from.")] = ""
    status: Annotated[
        Literal["container", "active", "reserved", "deprecated"],
        Doc("状态", "container: divided further; active: in use; reserved: kept; deprecated: to be left."),
    ] = "active"
    holder: Annotated[
        str,
        Ref("region", "unit", "site", "zone", "cloud", "project", "network", "private_network", "node"),
        Doc("使用者", "Whose it is, as `kind/name`."),
    ] = ""
    role: Annotated[
        Literal["lan", "links", "loopbacks", "aggregate", "pool"], Doc("用途", "What it is for.")
    ] = "lan"
    vrf: Annotated[
        str, Ref("vrf"), Doc("虚拟路由转发", "The routing table it is in, if not the main one.")
    ] = ""
    assigned_on: Annotated[Day, Doc("分配日期", "Day it was given out.")] = ""
    request: Annotated[str, Ref("request"), Doc("申请", "The request that asked for it.")] = ""
    pairs_with: Annotated[
        str,
        Ref("prefix"),
        Doc(
            "对应前缀",
            "The prefix of the other version of IP for the same use; one of the two says it.",
            ("N-17",),
        ),
    ] = ""
