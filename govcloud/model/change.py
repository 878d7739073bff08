"""What people ask to be changed, and when it may happen."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .base import Count, Day, Doc, Entry, Moment, NotNegative, Percent, Ref, When, kind

# What a change can be about. Each is named as `kind/name`.
MOVABLE = (
    "application",
    "instance",
    "server",
    "dataset",
    "node",
    "network",
    "zone",
    "private_network",
    "circuit",
    "region",
    "site",
    "room",
    "cloud",
    "project",
    "website",
    "unit",
)
# What a rollout can go over: places and units stand for all that is in them.
ROLLABLE = (*MOVABLE, "link", "endpoint", "dns_zone")


@kind("request", "requests", "申请")
class Request(Entry, kw_only=True):
    """One form with all that a unit asks for (一揽子申请), and what became of it."""

    unit: Annotated[str, Ref("unit"), Doc("申请单位", "The unit that asks.", ("R-06", "X-03"))]
    applicant: Annotated[str, Ref("person"), Doc("申请人", "Who asks for it.")] = ""
    type: Annotated[
        Literal["resources", "access", "recovery", "data", "component", "change", "retire"],
        Doc("类型", "What is asked for.", ("N-09", "R-04", "R-06", "X-04")),
    ] = "resources"
    subject: Annotated[str, Ref(*MOVABLE), Doc("对象", "What it is for, as `kind/name`.", ("R-04",))] = ""
    reason: Annotated[str, Doc("理由", "Why it is needed.", ("C-10",))] = ""
    entries: Annotated[
        dict[str, dict[str, dict[str, Any]]],
        Doc(
            "申请内容", "The entries that are asked for, as in a file: plural kind, name, fields.", ("C-10",)
        ),
    ] = {}
    dataset: Annotated[
        str, Ref("dataset"), Doc("数据资源", "The data that are asked for.", ("X-03", "X-04"))
    ] = ""
    status: Annotated[
        Literal["draft", "asked", "granted", "refused", "done", "withdrawn"],
        Doc("状态", "What became of it.", ("R-04", "X-04")),
    ] = "draft"
    asked_on: Annotated[Day, Doc("申请日期", "Day it was asked.", ("X-04",))] = ""
    answered_on: Annotated[Day, Doc("答复日期", "Day it was answered.", ("X-04",))] = ""
    wanted_by: Annotated[When, Doc("需求期限", "When it is needed.")] = ""
    until: Annotated[When, Doc("使用期限", "When it is given back, where it is for a time.")] = ""
    programme: Annotated[str, Ref("programme"), Doc("建设项目", "The investment project behind it.")] = ""
    document: Annotated[str, Doc("申请文件", "The document that asks.")] = ""
    stopped_on: Annotated[
        Day, Doc("停机日期", "Day since which it is stopped: from then on it lies in the recycle bin.")
    ] = ""
    legal_hold: Annotated[
        str,
        Doc("法律保留", "The document by which nothing of it may be stopped or destroyed, whatever ends."),
    ] = ""
    legal_hold_until: Annotated[
        Day, Doc("保留期限", "Last day of that; empty: until somebody takes it back.")
    ] = ""
    starts_on: Annotated[Day, Doc("启用日期", "Day before which nothing of it is built.")] = ""


@kind("wave", "waves", "迁移批次")
class Wave(Entry, kw_only=True):
    """What moves together in a migration, when, how, and until when it can go back."""

    order: Annotated[int, msgspec.Meta(ge=1), Doc("次序", "Its place among the waves, from 1.")]
    moves: Annotated[
        list[str], Ref(*MOVABLE), Doc("迁移对象", "What moves, as `kind/name`.", ("C-01", "C-04", "C-05"))
    ]
    to_cloud: Annotated[str, Ref("cloud"), Doc("目标云", "The cloud they go to.", ("C-01",))] = ""
    to_site: Annotated[str, Ref("site"), Doc("目标站点", "The site they go to.", ("D-05",))] = ""
    to_zone: Annotated[str, Ref("zone"), Doc("目标网络", "The zone they go to.", ("N-03",))] = ""
    method: Annotated[
        Literal["rehost", "replatform", "rebuild", "logical", "physical", "replicate"],
        Doc("迁移方式", "How: as it is, adapted, anew, merged logically, carried there, copied."),
    ] = "rehost"
    status: Annotated[
        Literal["planned", "approved", "running", "verified", "done", "rolled_back"],
        Doc("状态", "Where it stands."),
    ] = "planned"
    after: Annotated[list[str], Ref("wave"), Doc("前置批次", "Waves that must be done before.")] = []
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.", ("N-04",))] = ""
    starts_at: Annotated[Moment, Doc("开始时间", "When its window opens.")] = ""
    ends_at: Annotated[Moment, Doc("结束时间", "When its window closes.")] = ""
    size_gb: Annotated[float, NotNegative, Doc("数据量(GB)", "Data to be copied, GB.")] = 0
    rollback_by: Annotated[Moment, Doc("回退期限", "Until when it can go back.")] = ""
    keep_days: Annotated[Count, Doc("源端保留天数", "How long the source is kept, days.")] = 0
    approvers: Annotated[list[str], Ref("person"), Doc("审批人", "Who says go or no-go.")] = []
    document: Annotated[str, Doc("实施方案", "The document that plans it.", ("N-04",))] = ""


@kind("rollout", "rollouts", "推广计划")
class Rollout(Entry, kw_only=True):
    """A change that goes over many places step by step, such as IPv6 or the second line."""

    type: Annotated[
        Literal["ipv6", "two_lines", "bandwidth", "configuration", "access"],
        Doc("类型", "What changes.", ("N-11", "N-15", "N-17")),
    ]
    subjects: Annotated[
        list[str],
        Ref(*ROLLABLE),
        Doc("对象", "What it goes over, as `kind/name`; places and units stand for all in them.", ("N-17",)),
    ]
    order: Annotated[
        Literal["as_written", "core_first", "edge_first", "smallest_first"],
        Doc("推进次序", "In which order it goes on."),
    ] = "as_written"
    batch: Annotated[int, msgspec.Meta(ge=1), Doc("每批数量", "How many at once.")] = 1
    soak_h: Annotated[float, NotNegative, Doc("观察时间(小时)", "Wait between two steps, hours.")] = 0
    stop_percent: Annotated[
        float,
        msgspec.Meta(ge=0, le=100),
        Doc("停止失败率(%)", "Share of failures at which it stops, percent."),
    ] = 0
    status: Annotated[
        Literal["planned", "approved", "running", "paused", "done"],
        Doc("状态", "Where it stands.", ("N-17",)),
    ] = "planned"
    address_plan: Annotated[str, Ref("address_plan"), Doc("地址规划", "Where its addresses come from.")] = ""
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.")] = ""
    starts_on: Annotated[Day, Doc("起始日期", "First day.")] = ""
    done_by: Annotated[When, Doc("完成期限", "When it is to be done.")] = ""
    goal: Annotated[
        Literal["dual_stack", "ipv6_only"],
        Doc("目标形态", "IPv6 beside IPv4, or IPv6 alone with NAT64 and DNS64.", ("N-17",)),
    ] = "dual_stack"
    waves: Annotated[
        list[dict[str, list[str]]],
        Doc(
            "批次",
            "Its waves in order, each as `name: [kind/name, …]`; empty: by what carries whom, and `batch`.",
        ),
    ] = []
    tries: Annotated[Count, Doc("测试次数", "How often each check is tried; 0: as profile `ipv6` says.")] = 0
    success_percent: Annotated[
        Percent, Doc("成功率(%)", "Share of tries that must succeed, percent; 0: as profile `ipv6` says.")
    ] = 0
    delay_ratio: Annotated[
        float,
        NotNegative,
        Doc("时延比", "Highest (v6 - v4) / v4 of the delays; 0: as profile `ipv6` says."),
    ] = 0
    evidence_days: Annotated[
        float,
        NotNegative,
        Doc("证据有效期(天)", "How old evidence may be, days; 0: as profile `ipv6` says."),
    ] = 0
    shares: Annotated[
        dict[str, float],
        Doc(
            "分期目标(%)",
            "Share of members to be verified by a date, percent, e.g. `2026-12: 50`.",
            ("N-17",),
        ),
    ] = {}
    explained: Annotated[
        dict[str, str],
        Doc(
            "退化说明", "Why a member went back, by `kind/name`: with it the next wave may go on.", ("N-17",)
        ),
    ] = {}


@kind("freeze", "freezes", "冻结期")
class Freeze(Entry, kw_only=True):
    """A time in which nothing changes, or not these things."""

    starts_at: Annotated[Moment, Doc("开始时间", "When it begins.")]
    ends_at: Annotated[Moment, Doc("结束时间", "When it ends.")]
    subjects: Annotated[
        list[str], Ref(*MOVABLE), Doc("对象", "What it is for, as `kind/name`; empty: everything.")
    ] = []
    reason: Annotated[str, Doc("理由", "Why.")] = ""
    allows_recovery: Annotated[
        bool, Doc("允许灾难恢复", "True where recovery from a disaster may go on.")
    ] = True
