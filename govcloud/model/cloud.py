"""Clouds: projects of units, flavors, images, instances, volumes, what is let in (OpenStack's terms)."""

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
    Life,
    NotNegative,
    Percent,
    Planned,
    Ref,
    When,
    kind,
)


@kind("cloud", "clouds", "政务云")
class Cloud(Planned, kw_only=True):
    """A pool of compute, network and storage with one management."""

    site: Annotated[str, Ref("site"), Doc("站点", "The site that houses it.", ("C-03", "C-11"))]
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers for it.", ("C-13", "F-08"))] = ""
    mlps: Annotated[Grade, Doc("等保级别", "Its level of graded protection.", ("S-01", "S-05"))] = 0
    target: Annotated[str, Ref("target"), Doc("目标", "What builds its resources; empty: recorded only.")] = (
        ""
    )
    role: Annotated[
        Literal["provincial", "city", "department", "industry", "recovery", "public"],
        Doc(
            "类型",
            "provincial: the one cloud of the province; industry: of a trade, outside government.",
            ("C-01", "C-02", "C-03", "C-04", "C-05", "C-06", "C-13", "F-08", "S-01", "S-05", "S-06"),
        ),
    ] = "provincial"
    zone: Annotated[str, Ref("zone"), Doc("网络区域", "The zone it serves.", ("N-01",))] = ""
    status: Annotated[
        Life, Doc("状态", "Where it stands in its life.", ("C-13", "F-08", "S-01", "S-05", "S-06"))
    ] = "running"
    joined_to: Annotated[
        str, Ref("cloud"), Doc("并入云", "The cloud it is joined to (整合汇聚).", ("C-13",))
    ] = ""
    unified: Annotated[
        list[Literal["portal", "management", "monitoring", "operations"]],
        Doc("四统一", "Which of 统一门户, 统一云管, 统一监控, 统一运维 it is under."),
    ] = []
    temporary: Annotated[
        bool, Doc("过渡期部署", "True for equipment that stands elsewhere for a time.", ("C-11",))
    ] = False
    provider: Annotated[
        str, Ref("unit"), Doc("云服务商", "The enterprise that runs it, if one does.", ("C-12", "S-13"))
    ] = ""
    contract: Annotated[str, Ref("contract"), Doc("合同", "The contract it is run under.")] = ""
    catalogued_on: Annotated[
        Day, Doc("列入保障目录日期", "Day it was put in the protection catalogue.", ("S-05",))
    ] = ""
    duty_person: Annotated[
        str, Ref("person"), Doc("安全责任人", "Who answers for its security.", ("S-05",))
    ] = ""
    unit_count: Annotated[Count, Doc("服务单位数", "Units on it, as a document counts them.")] = 0
    services: Annotated[
        list[Literal["compute", "storage", "network", "platform", "application", "cryptography", "recovery"]],
        Doc("服务种类", "What it offers on demand (000:L41, 002:L19)."),
    ] = []
    vcpus: Annotated[Count, Doc("虚拟CPU", "Virtual CPUs it can give in all; 0: not said.")] = 0
    memory_gib: Annotated[float, NotNegative, Doc("内存(GiB)", "Memory it can give, GiB; 0: not said.")] = 0
    storage_tb: Annotated[float, NotNegative, Doc("存储(TB)", "Storage it can give, TB; 0: not said.")] = 0


@kind("project", "projects", "云项目")
class Project(Entry, kw_only=True):
    """A unit's share of a cloud."""

    cloud: Annotated[str, Ref("cloud"), Doc("云", "The cloud it is part of.")]
    unit: Annotated[str, Ref("unit"), Doc("单位", "The unit that owns what is in it.")]
    demand: Annotated[
        str, Doc("需求依据", "The document or request that says what it is needed for.", ("C-10",))
    ] = ""
    classified: Annotated[bool, Doc("涉密", "True where it holds classified data.", ("N-01",))] = False


@kind("quota", "quotas", "配额")
class Quota(Entry, kw_only=True):
    """The most that a project may take of its cloud; 0 sets no bound."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it bounds.")]
    instances: Annotated[Count, Doc("云主机数", "Number of instances.")] = 0
    vcpus: Annotated[Count, Doc("虚拟CPU", "Number of virtual CPUs.")] = 0
    memory_mib: Annotated[Count, Doc("内存(MiB)", "Memory, MiB.")] = 0
    disk_gib: Annotated[Count, Doc("磁盘(GiB)", "Volumes and root disks together, GiB.")] = 0
    volumes: Annotated[Count, Doc("云硬盘数", "Number of volumes.")] = 0
    addresses: Annotated[Count, Doc("地址数", "Number of addresses.")] = 0
    request: Annotated[str, Ref("request"), Doc("申请", "The request that asked for it.", ("C-10",))] = ""
    until: Annotated[When, Doc("有效期", "When it ends, where it is for a time.")] = ""


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
    version: Annotated[str, Doc("版本", "Its version.")] = ""
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is a secure and reliable product.")] = (
        "unknown"
    )


@kind("instance", "instances", "云主机")
class Instance(Entry, kw_only=True):
    """A virtual machine."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it belongs to.")]
    flavor: Annotated[str, Ref("flavor"), Doc("规格", "Its size.")]
    image: Annotated[str, Ref("image"), Doc("镜像", "What it starts from; another image is another machine.")]
    network: Annotated[str, Ref("network"), Doc("子网", "The network it is in.")]
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address in that network.")] = ""
    ipv6: Annotated[str, Holds("itself"), Doc("IPv6地址", "Its address in that network.", ("N-17",))] = ""
    application: Annotated[
        str, Ref("application"), Doc("应用", "The application it serves.", ("C-01", "C-04", "C-05"))
    ] = ""
    security_groups: Annotated[
        list[str], Ref("security_group"), Doc("安全组", "What decides who may reach it.")
    ] = []
    server: Annotated[str, Ref("server"), Doc("宿主机", "The server it runs on, where one is set.")] = ""
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("C-07",))] = "running"
    cpu_percent: Annotated[
        Percent, Doc("CPU使用率(%)", "Mean use of its CPUs, as last checked, percent.", ("C-08",))
    ] = 0
    memory_percent: Annotated[
        Percent, Doc("内存使用率(%)", "Mean use of its memory, as last checked, percent.", ("C-08",))
    ] = 0
    checked_on: Annotated[Day, Doc("使用率核查日期", "Day its use was last checked.", ("C-07", "C-08"))] = ""
    apart_from: Annotated[
        list[str], Ref("instance"), Doc("互斥主机", "Instances that never share a server with it.")
    ] = []
    together_with: Annotated[
        list[str], Ref("instance"), Doc("同机主机", "Instances that stand on the same server as it.")
    ] = []
    stopped: Annotated[
        bool,
        Doc("停机", "True while it is stopped: nothing of it runs; address, quota and volumes are kept."),
    ] = False


@kind("volume", "volumes", "云硬盘")
class Volume(Entry, kw_only=True):
    """A disk of a project."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it belongs to.")]
    size_gib: Annotated[int, msgspec.Meta(gt=0), Doc("容量(GiB)", "Its size, GiB.")]
    instance: Annotated[str, Ref("instance"), Doc("云主机", "The machine it is attached to.")] = ""
    storage: Annotated[str, Ref("storage"), Doc("存储设备", "Where it lies.")] = ""
    encrypted: Annotated[bool, Doc("加密", "True where its data are encrypted.")] = False
    used_percent: Annotated[
        Percent, Doc("使用率(%)", "Share in use, as last checked, percent.", ("C-08",))
    ] = 0


@kind("security_group", "security_groups", "安全组")
class SecurityGroup(Entry, kw_only=True):
    """Who may reach the machines of a project; what is not allowed is refused."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it belongs to.")]
    allows: Annotated[
        list[str],
        Doc("允许规则", "Rules as `ingress tcp 443 10.0.0.0/8`; the last word is a prefix or `group:NAME`."),
    ] = []
    domain: Annotated[str, Ref("zone"), Doc("安全域", "The security domain that it keeps.", ("S-11",))] = ""


@kind("load_balancer", "load_balancers", "负载均衡")
class LoadBalancer(Entry, kw_only=True):
    """One address in front of several machines."""

    project: Annotated[str, Ref("project"), Doc("云项目", "The project it belongs to.")]
    network: Annotated[str, Ref("network"), Doc("子网", "The network its address is in.")]
    ipv4: Annotated[str, Holds("itself"), Doc("IPv4地址", "Its address in that network.")] = ""
    ipv6: Annotated[str, Holds("itself"), Doc("IPv6地址", "Its address in that network.", ("N-17",))] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("端口", "The port it answers on.")] = 443
    protocol: Annotated[Literal["tcp", "udp", "http", "https"], Doc("协议", "What it passes on.")] = "tcp"
    members: Annotated[list[str], Ref("instance"), Doc("成员", "The machines behind it.")] = []
    member_port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("成员端口", "The port they answer on.")] = (
        80
    )
    method: Annotated[
        Literal["round_robin", "least_connections", "source_ip"],
        Doc("调度算法", "How it chooses among them."),
    ] = "round_robin"
    application: Annotated[str, Ref("application"), Doc("应用", "The application it serves.")] = ""
