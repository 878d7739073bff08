"""Clouds: projects of units, flavors, images, instances (OpenStack's terms)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import Doc, Entry, Holds, Ref, kind


@kind("cloud", "clouds", "政务云")
class Cloud(Entry, kw_only=True):
    """A pool of compute, network and storage with one management."""

    site: Annotated[str, Ref("site"), Doc("站点", "The site that houses it.")]
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.")] = ""
    mlps: Annotated[int, msgspec.Meta(ge=1, le=4), Doc("等保级别", "Its level of graded protection.")] = 3
    target: Annotated[str, Ref("target"), Doc("目标", "What builds its resources; empty: recorded only.")] = (
        ""
    )


@kind("project", "projects", "云项目")
class Project(Entry, kw_only=True):
    """A unit's share of a cloud."""

    cloud: Annotated[str, Ref("cloud"), Doc("云", "The cloud it is part of.")]
    unit: Annotated[str, Ref("unit"), Doc("单位", "The unit that owns what is in it.")]


@kind("flavor", "flavors", "规格")
class Flavor(Entry, kw_only=True):
    """A size of instance."""

    vcpus: Annotated[int, msgspec.Meta(gt=0), Doc("虚拟CPU", "Number of virtual CPUs.")]
    memory_mib: Annotated[int, msgspec.Meta(gt=0), Doc("内存(MiB)", "Memory, MiB.")]
    disk_gib: Annotated[int, msgspec.Meta(ge=0), Doc("磁盘(GiB)", "Root disk, GiB.")] = 0


@kind("image", "images", "镜像")
class Image(Entry, kw_only=True):
    """What an instance starts from."""

    os: Annotated[str, Doc("操作系统", "The operating system.")]


@kind("instance", "instances", "云主机")
class Instance(Entry, kw_only=True):
    """A virtual machine."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it belongs to.")]
    flavor: Annotated[str, Ref("flavor"), Doc("规格", "Its size.")]
    image: Annotated[str, Ref("image"), Doc("镜像", "What it starts from; another image is another machine.")]
    network: Annotated[str, Ref("network"), Doc("子网", "The network it is in.")]
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address in that network.")] = ""
    ipv6: Annotated[str, Holds("itself"), Doc("IPv6地址", "Its address in that network.")] = ""
