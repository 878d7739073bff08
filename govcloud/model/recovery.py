"""Disaster recovery: what is protected and copied, how it comes back, and what drills proved."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Count, Day, Doc, Entry, NotNegative, Ref, kind


@kind("protection", "protections", "容灾保护")
class Protection(Entry, kw_only=True):
    """An application's second home, at a recovery site, and how far it may fall behind."""

    application: Annotated[
        str, Ref("application"), Doc("应用", "The application that is protected.", ("R-05",))
    ]
    primary: Annotated[str, Ref("instance"), Doc("主用", "The machine that serves it now.")]
    standby: Annotated[str, Ref("instance"), Doc("备用", "The machine that takes over.")]
    level: Annotated[
        int, msgspec.Meta(ge=1, le=6), Doc("灾难恢复等级", "Level of GB/T 20988 that is promised.")
    ]
    rpo_s: Annotated[
        float,
        msgspec.Meta(ge=0),
        Doc("恢复点目标(秒)", "Data that may be lost, seconds; the probe measures it."),
    ]
    rto_s: Annotated[
        float, NotNegative, Doc("恢复时间目标(秒)", "Time until it serves again, seconds; 0: not promised.")
    ] = 0
    elements: Annotated[
        dict[
            Literal["backup", "compute", "network", "facility", "staff", "operations", "plan"],
            Annotated[int, msgspec.Meta(ge=1, le=6)],
        ],
        Doc("要素等级", "Level reached in each of the seven elements; the lowest is the level reached."),
    ] = {}
    request: Annotated[
        str, Ref("request"), Doc("申请", "The request to use the recovery centre.", ("R-04",))
    ] = ""


@kind("backup", "backups", "备份")
class Backup(Entry, kw_only=True):
    """Copies that are kept of something: of what, where, how often, how long."""

    subject: Annotated[
        str,
        Ref("application", "dataset", "instance", "volume", "server", "node", "cloud", "zone"),
        Doc("备份对象", "What is copied, as `kind/name`.", ("R-03", "R-07")),
    ]
    site: Annotated[str, Ref("site"), Doc("备份站点", "Where the copies lie.", ("R-03",))] = ""
    storage: Annotated[str, Ref("storage"), Doc("存储设备", "What they lie on.")] = ""
    method: Annotated[
        Literal["full", "incremental", "batch", "real_time", "media"],
        Doc("备份方式", "How: full, what changed, batch transfer, remote copy in real time, media carried."),
    ] = "full"
    period_h: Annotated[
        float,
        NotNegative,
        Doc("备份周期(小时)", "Time between two copies, hours; 0: without pause.", ("R-07",)),
    ] = 24
    keep_days: Annotated[Count, Doc("保留天数", "How long a copy is kept, days; 0: not said.")] = 0
    circuit: Annotated[
        str, Ref("circuit"), Doc("传输线路", "The line it is transferred over.", ("N-16", "R-09"))
    ] = ""
    encrypted: Annotated[bool, Doc("加密", "True where copies are encrypted.")] = False
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.")] = ""
    last_on: Annotated[
        Day, Doc("最近备份日期", "Day of the last good copy, where no probe says it.", ("R-07",))
    ] = ""


@kind("recovery_plan", "recovery_plans", "恢复预案")
class RecoveryPlan(Entry, kw_only=True):
    """What is done when something is lost: in which order, by whom, by which document."""

    type: Annotated[
        Literal["recovery", "emergency"],
        Doc(
            "类型", "recovery: of a site or systems; emergency: of a security incident (应急预案).", ("S-06",)
        ),
    ] = "recovery"
    site: Annotated[str, Ref("site"), Doc("站点", "The site whose loss it is for.")] = ""
    standby_site: Annotated[
        str, Ref("site"), Doc("接管站点", "The site that takes over.", ("R-01", "R-10"))
    ] = ""
    protections: Annotated[
        list[str], Ref("protection"), Doc("恢复顺序", "What is brought back, in this order.", ("R-05",))
    ] = []
    subjects: Annotated[
        list[str],
        Ref("application", "dataset", "zone", "site", "cloud", "exchange", "unit"),
        Doc("保护对象", "What it is for, as `kind/name`.", ("R-05", "S-06")),
    ] = []
    unit: Annotated[str, Ref("unit"), Doc("责任单位", "The unit that answers for it.")] = ""
    persons: Annotated[list[str], Ref("person"), Doc("人员", "Who carries it out.")] = []
    document: Annotated[str, Doc("预案文件", "The document it stands in.", ("S-06",))] = ""
    approved_on: Annotated[Day, Doc("批准日期", "Day it was approved.", ("S-06",))] = ""
    rto_s: Annotated[
        float, NotNegative, Doc("恢复时间目标(秒)", "Time until all of it serves again, seconds.")
    ] = 0


@kind("drill", "drills", "演练")
class Drill(Entry, kw_only=True):
    """A rehearsal and its clocks, each measured by itself; its evidence expires."""

    date: Annotated[Day, Doc("演练日期", "Day it was held.")]
    type: Annotated[
        Literal["table", "component", "switch", "full", "restore", "emergency"],
        Doc("类型", "table: on paper; switch: one application; full: a site; restore: from copies."),
    ] = "switch"
    recovery_plan: Annotated[str, Ref("recovery_plan"), Doc("恢复预案", "The plan that was rehearsed.")] = ""
    protections: Annotated[list[str], Ref("protection"), Doc("容灾保护", "What was switched over.")] = []
    unit: Annotated[str, Ref("unit"), Doc("组织单位", "The unit that held it.")] = ""
    passed: Annotated[bool, Doc("通过", "True where everything came back as promised.")] = False
    detect_s: Annotated[float, NotNegative, Doc("发现用时(秒)", "Until the loss was seen, seconds.")] = 0
    decide_s: Annotated[float, NotNegative, Doc("决策用时(秒)", "From there to the decision, seconds.")] = 0
    switch_s: Annotated[float, NotNegative, Doc("切换用时(秒)", "From there to the standby, seconds.")] = 0
    verify_s: Annotated[float, NotNegative, Doc("验证用时(秒)", "From there to the proof, seconds.")] = 0
    lost_s: Annotated[float, NotNegative, Doc("数据丢失(秒)", "Data that were lost, as time, seconds.")] = 0
    reprotect_s: Annotated[
        float, NotNegative, Doc("重建保护用时(秒)", "Until it was protected again, seconds.")
    ] = 0
    document: Annotated[str, Doc("演练报告", "The report.")] = ""
    valid_until: Annotated[Day, Doc("证据有效期", "Last day it counts as proof.")] = ""
