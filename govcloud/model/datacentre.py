"""Data centres: sites, rooms, racks and the servers in them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Doc, Entry, Holds, Ref, kind


@kind("site", "sites", "站点")
class Site(Entry, kw_only=True):
    """A place with rooms: a data centre, a recovery centre, an office."""

    region: Annotated[str, Ref("region"), Doc("所在地", "The region it lies in.")]
    role: Annotated[
        Literal["datacentre", "recovery", "office"],
        Doc("类型", "What it is for; what stands at a recovery site is built by the recovery stack."),
    ]
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.")] = ""


@kind("room", "rooms", "机房")
class Room(Entry, kw_only=True):
    """A machine room."""

    site: Annotated[str, Ref("site"), Doc("站点", "The site it is in.")]
    area_m2: Annotated[float, msgspec.Meta(ge=0), Doc("面积(平方米)", "Floor area, square metres.")] = 0


@kind("rack", "racks", "机柜")
class Rack(Entry, kw_only=True):
    """A rack."""

    room: Annotated[str, Ref("room"), Doc("机房", "The room it stands in.")]
    units: Annotated[int, msgspec.Meta(gt=0), Doc("高度(U)", "Height, rack units.")] = 42


@kind("server", "servers", "服务器")
class Server(Entry, kw_only=True):
    """A physical server."""

    rack: Annotated[str, Ref("rack"), Doc("机柜", "The rack it is mounted in.")]
    network: Annotated[str, Ref("network"), Doc("子网", "The network it is plugged into.")] = ""
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address in that network.")] = ""
    ipv6: Annotated[str, Holds("itself"), Doc("IPv6地址", "Its address in that network.")] = ""
    unit: Annotated[str, Ref("unit"), Doc("使用单位", "The unit that uses it.")] = ""
    target: Annotated[str, Ref("target"), Doc("目标", "What builds it; empty: recorded only.")] = ""
