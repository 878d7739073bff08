"""Applications that live on the base, and what they offer and need."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Answer, Count, Day, Doc, Entry, Grade, Life, NotNegative, Planned, Ref, When, kind

# The five layers of 001:L106 (基础设施, 可信服务, 数据资源, 应用支撑, 应用服务).
Layer = Literal["infrastructure", "trust", "data", "support", "service"]


@kind("application", "applications", "应用")
class Application(Planned, kw_only=True):
    """A system that a unit runs."""

    unit: Annotated[
        str,
        Ref("unit"),
        Doc(
            "主管单位",
            "The unit that leads it; empty where no document says.",
            ("C-03", "C-04", "D-09", "E-07", "E-10", "E-11", "S-14", "X-01", "X-06"),
        ),
    ] = ""
    status: Annotated[
        Life,
        Doc(
            "状态",
            "Where it stands in its life (001:L242: 已建, 在建, 新建, 改建).",
            (
                "C-01",
                "C-02",
                "C-03",
                "C-04",
                "C-05",
                "C-06",
                "E-01",
                "F-08",
                "R-07",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-06",
                "S-07",
                "S-10",
                "S-14",
                "S-16",
                "X-01",
                "X-10",
            ),
        ),
    ] = "planned"
    classified: Annotated[
        bool,
        Doc(
            "涉密",
            "True where it handles classified data.",
            ("C-01", "C-02", "N-01", "N-02", "N-03", "S-01", "S-02", "X-01"),
        ),
    ] = False
    classified_on: Annotated[
        Day,
        Doc("涉密核定日期", "Day it was decided whether it is classified; empty: not decided.", ("N-02",)),
    ] = ""
    mlps: Annotated[
        Grade,
        Doc("等保级别", "Its level of graded protection; none: not determined.", ("S-01", "S-05", "S-16")),
    ] = 0
    mlps_filing: Annotated[str, Doc("等保备案号", "Number of its filing with the police.", ("S-01",))] = ""
    mlps_tested_on: Annotated[Day, Doc("等保测评日期", "Day of its last graded-protection test.")] = ""
    assessed_on: Annotated[Day, Doc("安全评估日期", "Day of its last security assessment.")] = ""
    cryptography: Annotated[Answer, Doc("密码应用合规", "Whether it meets GB/T 39786 (密码应用规范).")] = (
        "unknown"
    )
    controls: Annotated[
        list[Literal["control", "monitoring", "audit"]],
        Doc("监控措施", "How it is watched: access control, dynamic monitoring, security audit."),
    ] = []
    key_system: Annotated[bool, Doc("关键系统", "True for a key system of a key unit.", ("S-07", "S-16"))] = (
        False
    )
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is made of secure and reliable products.")] = (
        "unknown"
    )
    important: Annotated[
        bool,
        Doc(
            "重要信息系统",
            "True for an important system, which must be recoverable.",
            ("R-05", "S-05", "S-06", "S-16"),
        ),
    ] = False
    catalogued_on: Annotated[
        Day, Doc("列入保障目录日期", "Day it was put in the protection catalogue.", ("S-05",))
    ] = ""
    duty_person: Annotated[
        str, Ref("person"), Doc("安全责任人", "Who answers for its security.", ("S-05",))
    ] = ""
    type: Annotated[
        Literal[
            "business",
            "office",
            "approval",
            "supervision",
            "service_platform",
            "portal",
            "identity",
            "exchange",
            "data_platform",
            "database",
            "city_management",
            "emergency",
            "video_conference",
            "tasking",
            "mail",
            "monitoring",
            "security",
            "industry",
            "other",
        ],
        Doc("类别", "What sort of system it is.", ("E-10", "E-11", "E-12", "F-08", "N-24", "S-14")),
    ] = "business"
    layer: Annotated[Layer, Doc("层次", "Layer of the base it belongs to (001:L106).")] = "service"
    field: Annotated[str, Doc("领域", "Field of government, e.g. 社会保障.")] = ""
    audience: Annotated[
        list[Literal["public", "enterprise", "official", "visitor"]],
        Doc("服务对象", "Whom it serves.", ("E-01", "E-02", "N-07")),
    ] = []
    scope: Annotated[
        Literal["unit", "cross_department", "cross_region", "province", "national"],
        Doc(
            "应用范围",
            "How far it reaches.",
            ("C-06", "E-07", "F-08", "S-01", "S-03", "S-10", "S-16", "X-06", "X-12"),
        ),
    ] = "unit"
    levels: Annotated[
        list[Literal["centre", "province", "city", "county", "town", "village"]],
        Doc("应用层级", "Administrative levels that use it.", ("E-11", "N-24")),
    ] = []
    province_built: Annotated[
        bool,
        Doc(
            "省建系统",
            "True where the province built it once for all.",
            ("F-08", "S-14", "X-12"),
        ),
    ] = False
    zones: Annotated[
        list[str], Ref("zone"), Doc("网络区域", "Zones it is reached on.", ("N-01", "N-03", "N-07", "N-19"))
    ] = []
    private_networks: Annotated[
        list[str],
        Ref("private_network"),
        Doc("专用网络", "Private networks it runs on.", ("N-01", "N-02", "N-03", "N-05")),
    ] = []
    cloud: Annotated[
        str,
        Ref("cloud"),
        Doc(
            "部署云",
            "The cloud it runs on, or will.",
            ("C-01", "C-02", "C-03", "C-04", "C-05", "C-06", "N-01", "S-10"),
        ),
    ] = ""
    site: Annotated[
        str, Ref("site"), Doc("部署站点", "The site it runs at, where it is on no cloud.", ("D-09",))
    ] = ""
    platforms: Annotated[
        list[str],
        Ref("application"),
        Doc(
            "接入平台",
            "Unified platforms it is integrated in, as HaiYiBan.",
            ("E-01", "E-03", "E-13", "F-08", "S-14"),
        ),
    ] = []
    exchanges: Annotated[
        list[str],
        Ref("exchange"),
        Doc("对接交换平台", "Exchange platforms it is docked with.", ("E-07", "X-01", "X-10", "X-12")),
    ] = []
    docked_with: Annotated[
        list[str],
        Ref("application"),
        Doc("对接系统", "Systems it exchanges with by standard.", ("E-11", "X-10")),
    ] = []
    merges_into: Annotated[
        str,
        Ref("application"),
        Doc("并入系统", "The big system it is merged into.", ("E-07", "F-08", "S-14")),
    ] = ""
    components: Annotated[
        list[str], Ref("component"), Doc("复用组件", "Shared components it uses.", ("E-06", "E-12", "S-14"))
    ] = []
    rebuilds: Annotated[
        list[str],
        Ref("component"),
        Doc("自建组件", "Components it has of its own, though offered.", ("E-06", "F-08")),
    ] = []
    trace: Annotated[
        Literal["unknown", "none", "log", "blockchain"],
        Doc("留痕方式", "How what is done in it is kept."),
    ] = "unknown"
    flagship: Annotated[
        bool, Doc("旗舰店", "True for a city's or unit's own feature on a unified platform.")
    ] = False
    contract: Annotated[
        str, Ref("contract"), Doc("合同", "The contract it is run under, where work is bought.")
    ] = ""
    user_count: Annotated[Count, Doc("用户数", "Users that a document counts.")] = 0
    unit_count: Annotated[Count, Doc("使用单位数", "Units that use it, as a document counts them.")] = 0
    yearly_yuan: Annotated[
        float, NotNegative, Doc("年费用(元)", "What it costs a year, yuan; 0: not said.")
    ] = 0
    opened_on: Annotated[When, Doc("上线日期", "When it came into service.")] = ""
    spread: Annotated[
        Literal["any", "server", "room", "site"],
        Doc("分散放置", "What no two of its instances share when they are placed."),
    ] = "any"


@kind("endpoint", "endpoints", "访问端点")
class Endpoint(Entry, kw_only=True):
    """Where an application answers: a name, a port, and the machine behind it."""

    application: Annotated[
        str, Ref("application"), Doc("应用", "The application that answers here.", ("S-16",))
    ]
    instance: Annotated[str, Ref("instance"), Doc("云主机", "The machine that serves it.")]
    dns_zone: Annotated[str, Ref("dns_zone"), Doc("域名区", "The zone its name is in.")]
    host: Annotated[str, Doc("主机名", "The first part of its name, e.g. `hyb`.")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("端口", "TCP port.")] = 80
    certificate: Annotated[
        str, Ref("certificate"), Doc("数字证书", "What it shows, over TLS; empty: plain HTTP.", ("S-16",))
    ] = ""


@kind("dependency", "dependencies", "依赖关系")
class Dependency(Entry, kw_only=True):
    """One application that cannot work without another."""

    application: Annotated[str, Ref("application"), Doc("应用", "The one that needs.")]
    needs: Annotated[str, Ref("application"), Doc("依赖", "The one that is needed.")]
    strength: Annotated[
        Literal["hard", "soft"], Doc("依赖强度", "hard: stops without it; soft: goes on with less.")
    ] = "hard"
    exchange: Annotated[
        str, Ref("exchange"), Doc("交换设施", "The exchange their data pass through.", ("N-19", "X-02"))
    ] = ""


@kind("component", "components", "通用组件")
class Component(Planned, kw_only=True):
    """Something shared that applications reuse instead of building it anew (业务中台, 智能组件)."""

    type: Annotated[
        Literal[
            "platform",
            "identity",
            "seal",
            "licence",
            "payment",
            "blockchain",
            "cryptography",
            "trusted_time",
            "intelligence",
            "data",
            "geography",
            "message",
            "security",
            "monitoring",
            "management",
            "access",
            "other",
        ],
        Doc("类别", "What it does for applications.", ("E-06", "F-08", "S-14")),
    ] = "other"
    layer: Annotated[Layer, Doc("层次", "Layer of the base it belongs to (001:L106).")] = "support"
    unit: Annotated[str, Ref("unit"), Doc("提供单位", "The unit that offers it.", ("E-06",))] = ""
    application: Annotated[
        str,
        Ref("application"),
        Doc("来源应用", "The application it was made out of, or is part of.", ("F-08", "S-14")),
    ] = ""
    cloud: Annotated[str, Ref("cloud"), Doc("部署云", "The cloud it runs on.")] = ""
    offered: Annotated[bool, Doc("可复用", "True where others may use it now.", ("E-06", "F-08"))] = True
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("E-06", "F-08"))] = "running"
    interface: Annotated[str, Doc("接口规范", "The document that says how it is called.")] = ""
    version: Annotated[str, Doc("版本", "Its version.")] = ""
    trusted: Annotated[Answer, Doc("安全可靠产品", "Whether it is a secure and reliable product.")] = (
        "unknown"
    )


@kind("certificate", "certificates", "数字证书")
class Certificate(Entry, kw_only=True):
    """A certificate for names; its key is in a store of secrets and never here."""

    names: Annotated[list[str], Doc("域名", "The names it is good for.")]
    application: Annotated[str, Ref("application"), Doc("应用", "The application it serves.")] = ""
    unit: Annotated[str, Ref("unit"), Doc("持有单位", "The unit that holds it.")] = ""
    issuer: Annotated[str, Doc("颁发机构", "Who issued it.")] = ""
    algorithm: Annotated[Literal["rsa", "ecdsa", "ed25519", "sm2"], Doc("算法", "Algorithm of its key.")] = (
        "ecdsa"
    )
    issued_on: Annotated[Day, Doc("颁发日期", "First day it is good.")] = ""
    expires_on: Annotated[Day, Doc("到期日期", "Last day it is good.", ("S-16",))] = ""
    secret: Annotated[str, Ref("secret"), Doc("密钥", "The secret that its key is, in PEM.")] = ""
    chain: Annotated[
        str, Doc("证书链", "The certificate itself and those that signed it, in PEM: they are public.")
    ] = ""
