"""What applications hold and show: data, websites, hotlines, entries where people come in."""

from __future__ import annotations

from typing import Annotated, Literal

from .base import Answer, Count, Day, Doc, Level, Life, NotNegative, Planned, Ref, When, kind


@kind("dataset", "datasets", "数据资源")
class Dataset(Planned, kw_only=True):
    """Data that a unit answers for: a base database, a subject database, a catalogue."""

    unit: Annotated[
        str, Ref("unit"), Doc("数据提供单位", "The unit that answers for it.", ("R-03", "X-06", "X-11"))
    ] = ""
    application: Annotated[
        str, Ref("application"), Doc("应用", "The application that keeps it.", ("S-05",))
    ] = ""
    type: Annotated[
        Literal["base", "subject", "business", "catalogue", "credit", "social"],
        Doc("类别", "base: 基础库; subject: 主题库; catalogue: says what data there are.", ("X-05", "X-09")),
    ] = "business"
    origin: Annotated[
        Literal["own", "ministry", "collected", "bought"],
        Doc(
            "数据来源",
            "ministry: flows back from the centre; bought: from society.",
            ("X-02", "X-05", "X-06"),
        ),
    ] = "own"
    classified: Annotated[bool, Doc("涉密", "True where it is classified.", ("N-01", "X-07", "X-08"))] = False
    important: Annotated[
        bool, Doc("重要数据", "True for important or key data.", ("R-03", "S-05", "S-06"))
    ] = False
    catalogued_on: Annotated[
        Day, Doc("列入保障目录日期", "Day it was put in the protection catalogue.", ("S-05",))
    ] = ""
    duty_person: Annotated[
        str, Ref("person"), Doc("安全责任人", "Who answers for its security.", ("S-05",))
    ] = ""
    quality_person: Annotated[
        str, Ref("person"), Doc("数据质量责任人", "Who answers for its quality; an inspection proves it.")
    ] = ""
    zones: Annotated[
        list[str], Ref("zone"), Doc("部署网络", "Zones it is deployed on.", ("N-01", "X-09"))
    ] = []
    cloud: Annotated[str, Ref("cloud"), Doc("部署云", "The cloud it lies on.", ("C-05",))] = ""
    sharing: Annotated[
        Literal["undecided", "unconditional", "conditional", "none"],
        Doc("共享类型", "On what terms other units get it.", ("X-03", "X-04", "X-12")),
    ] = "undecided"
    legal_exception: Annotated[
        str, Doc("法定例外", "The law that keeps it from being shared freely.", ("X-03",))
    ] = ""
    applicants: Annotated[
        list[str], Ref("unit"), Doc("申请单位", "Units that applied for it.", ("X-03",))
    ] = []
    exchange: Annotated[
        str, Ref("exchange"), Doc("交换平台", "The exchange it is shared through.", ("X-01", "X-02", "X-12"))
    ] = ""
    open: Annotated[bool, Doc("已开放", "True where it is open to the public.", ("X-07", "X-08"))] = False
    opened_through: Annotated[
        str, Ref("exchange"), Doc("开放平台", "The open platform it is published on.", ("X-08",))
    ] = ""
    negative_list: Annotated[
        bool, Doc("负面清单", "True where it is on the list of data that stay closed.", ("X-07",))
    ] = False
    same_as: Annotated[
        list[str], Ref("dataset"), Doc("重复数据", "Data that say the same, collected again.", ("X-06",))
    ] = []
    buyers: Annotated[
        list[str], Ref("unit"), Doc("采购单位", "Units that bought it from society.", ("X-05",))
    ] = []
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("S-05", "S-06", "X-09"))] = "running"
    records: Annotated[Count, Doc("记录数", "Records that a document counts.")] = 0
    size_gb: Annotated[float, NotNegative, Doc("数据量(GB)", "Its size, GB; 0: not said.")] = 0


@kind("website", "websites", "网站")
class Website(Planned, kw_only=True):
    """A website of a unit, or a group of them on one platform."""

    unit: Annotated[str, Ref("unit"), Doc("主办单位", "The unit whose site it is.", ("E-04",))] = ""
    level: Annotated[Level, Doc("层级", "Administrative level of the unit.", ("E-04",))] = "province"
    domains: Annotated[list[str], Doc("域名", "The names it is reached by.")] = []
    platform: Annotated[
        str,
        Ref("application"),
        Doc("所在平台", "The platform it is a part of; none: separately built.", ("E-04",)),
    ] = ""
    parent: Annotated[
        str, Ref("website"), Doc("主站", "The site it is a sub-site or column of.", ("E-04",))
    ] = ""
    application: Annotated[str, Ref("application"), Doc("应用", "The application that serves it.")] = ""
    ipv6: Annotated[Answer, Doc("支持IPv6", "Whether it is reached over IPv6.", ("N-17",))] = "unknown"
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("E-04",))] = "running"
    site_count: Annotated[Count, Doc("站点数", "Sites of the group, as a document counts them.")] = 0
    filing: Annotated[str, Doc("备案号", "Number it is filed under.")] = ""


@kind("hotline", "hotlines", "热线")
class Hotline(Planned, kw_only=True):
    """A telephone number that people call with questions and complaints."""

    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that answers.", ("E-05",))] = ""
    number: Annotated[str, Doc("号码", "The number that is dialled.", ("E-05",))] = ""
    complaints: Annotated[bool, Doc("受理投诉举报", "True where it takes complaints.", ("E-05",))] = True
    merged_into: Annotated[
        str, Ref("hotline"), Doc("并入热线", "The hotline it was merged into, as 12345.", ("E-05",))
    ] = ""
    application: Annotated[str, Ref("application"), Doc("应用", "The system it is run with.")] = ""
    closed_on: Annotated[Day, Doc("停用日期", "Day it was closed.", ("E-05",))] = ""
    subsystem_count: Annotated[Count, Doc("子系统数", "Sub-systems that a document counts.")] = 0
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("E-05",))] = "running"


@kind("service_entry", "service_entries", "服务入口")
class ServiceEntry(Planned, kw_only=True):
    """A way in to services: an app, a mini program, a hall, a zone on a platform, or one item of service."""

    unit: Annotated[str, Ref("unit"), Doc("主办单位", "The unit that runs it.", ("E-02",))] = ""
    channel: Annotated[
        Literal["app", "web", "mini_program", "social", "hall", "terminal", "television", "zone", "item"],
        Doc(
            "渠道",
            "What people use; zone: a part of a platform; item: one service item.",
            ("E-02", "E-03", "E-13"),
        ),
    ]
    application: Annotated[
        str, Ref("application"), Doc("应用", "The application behind it.", ("E-02", "E-03", "E-13"))
    ] = ""
    platform: Annotated[
        str, Ref("application"), Doc("统一平台", "The unified entry it is part of.", ("E-02", "E-03", "E-13"))
    ] = ""
    audience: Annotated[
        list[Literal["public", "enterprise", "official", "visitor"]],
        Doc("服务对象", "Whom it serves.", ("E-02",)),
    ] = []
    single_form: Annotated[Answer, Doc("一表受理", "Whether its items are handled with one form.")] = (
        "unknown"
    )
    flagship: Annotated[bool, Doc("旗舰店", "True for a city's or unit's own store.")] = False
    closed_on: Annotated[Day, Doc("关闭日期", "Day it was closed.", ("E-02",))] = ""
    status: Annotated[Life, Doc("状态", "Where it stands in its life.", ("E-02",))] = "running"
    user_count: Annotated[Count, Doc("用户数", "Users that a document counts.")] = 0
    opened_on: Annotated[When, Doc("上线日期", "When it opened.")] = ""
