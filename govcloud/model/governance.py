"""How the province decides and checks: investment, reviews, evaluations, funds, waivers, inspections."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Answer, Count, Day, Doc, Entry, NotNegative, Percent, Planned, Ref, When, kind

# What evidence can be about. Each is named as `kind/name`.
SUBJECTS = (
    "unit",
    "zone",
    "node",
    "network",
    "circuit",
    "private_network",
    "boundary",
    "exchange",
    "site",
    "room",
    "server",
    "storage",
    "contract",
    "cloud",
    "project",
    "instance",
    "application",
    "component",
    "dataset",
    "website",
    "protection",
    "backup",
    "programme",
    "regime",
    "request",
    "service_entry",
)

RULE_PATTERN = r"^([NCDRSFEXO]-\d{2}|[a-z][a-z0-9._-]{0,62})$"


@kind("programme", "programmes", "建设项目")
class Programme(Planned, kw_only=True):
    """An investment project (立项): what is built, on what, and which stages of its life are done."""

    unit: Annotated[
        str,
        Ref("unit"),
        Doc("建设单位", "The unit that builds.", ("D-01", "D-02", "D-03", "D-09", "F-01", "F-08")),
    ] = ""
    type: Annotated[
        Literal["project", "action"],
        Doc(
            "类型",
            "project: asks for approval and funds; action: several together (专项行动).",
            ("F-01", "F-03", "F-04", "F-06", "F-07", "F-08", "S-09", "S-15"),
        ),
    ] = "project"
    status: Annotated[
        Literal["planned", "approved", "denied", "building", "accepted", "exited"],
        Doc(
            "状态",
            "Where it stands; exited: given up after a failed evaluation.",
            ("F-01", "F-04", "F-06", "F-07", "F-08", "F-09", "F-11", "S-09", "S-15"),
        ),
    ] = "planned"
    builds: Annotated[
        list[
            Literal[
                "machine_room",
                "data_centre",
                "recovery_centre",
                "cloud",
                "network",
                "mobile_network",
                "platform",
                "system",
                "component",
                "city_management",
                "website",
                "facility",
            ]
        ],
        Doc(
            "建设内容",
            "What it makes.",
            (
                "C-03",
                "D-01",
                "D-02",
                "D-03",
                "D-06",
                "E-04",
                "E-10",
                "F-08",
                "N-18",
                "R-01",
                "R-02",
                "R-10",
            ),
        ),
    ] = []
    uses: Annotated[
        list[str],
        Ref("zone", "cloud", "site", "exchange", "component"),
        Doc(
            "依托资源",
            "The unified base that it relies on.",
            ("C-02", "C-03", "C-06", "D-06", "D-09", "F-08", "N-06"),
        ),
    ] = []
    applications: Annotated[
        list[str],
        Ref("application"),
        Doc("应用", "Applications that it builds or rebuilds.", ("C-02", "C-03", "F-02", "F-08")),
    ] = []
    duplicates: Annotated[
        list[str],
        Ref("site", "cloud", "zone", "exchange", "component", "application"),
        Doc("重复资源", "What there is already and it would build again.", ("F-08",)),
    ] = []
    key_project: Annotated[bool, Doc("重点项目", "True for a key project.", ("F-11",))] = False
    major: Annotated[bool, Doc("重大事项", "True where the leading group must approve it.", ("F-09",))] = (
        False
    )
    planned_on: Annotated[Day, Doc("规划日期", "Day its planning was done.")] = ""
    approved_on: Annotated[Day, Doc("立项日期", "Day it was approved.")] = ""
    tendered_on: Annotated[Day, Doc("招投标日期", "Day of its tender.")] = ""
    supervised_on: Annotated[Day, Doc("监理日期", "Day its supervision began.")] = ""
    accepted_on: Annotated[Day, Doc("验收日期", "Day it was accepted.")] = ""
    evaluated_on: Annotated[Day, Doc("评估日期", "Day it was evaluated.")] = ""
    sharing_checked: Annotated[
        list[Literal["approval", "acceptance", "supervision"]],
        Doc("共享审查环节", "Stages at which information sharing was checked; reviews prove it."),
    ] = []
    library: Annotated[
        str, Doc("财政项目库编号", "Its number in the finance project library.", ("F-06",))
    ] = ""
    finance: Annotated[
        Literal["unknown", "budget", "purchase", "outsourcing", "franchise", "partnership"],
        Doc("资金方式", "How it is paid (003:L269)."),
    ] = "unknown"
    security_item: Annotated[
        Answer,
        Doc("安全建设内容", "Whether security is built along with it; a budget or a review proves it."),
    ] = "unknown"
    amount_yuan: Annotated[
        float, NotNegative, Doc("总投资(元)", "What it costs, yuan; 0: not said.", ("F-09",))
    ] = 0


@kind("review", "reviews", "审查")
class Review(Entry, kw_only=True):
    """A decision that something is in order, on a day, in a document."""

    type: Annotated[
        Literal[
            "secrecy",
            "secrecy_test",
            "access",
            "graded_protection",
            "mlps_test",
            "security_assessment",
            "project_security",
            "information_security",
            "recovery_use",
            "cloud_security",
            "cryptography",
            "room_norm",
            "third_party_security",
            "provider_qualification",
            "trusted_product",
            "leading_group",
            "exception",
            # Stages of a project's life (000:L8), and whether they look at the sharing of data (003:L93).
            "planning",
            "approval",
            "tender",
            "supervision",
            "acceptance",
            "sharing_at_approval",
            "sharing_at_acceptance",
            "sharing_at_supervision",
            "performance_goals",
            # How something is watched (002:L33), and how an enterprise is managed (001:L282).
            "terminal_control",
            "monitoring",
            "audit",
            "provider_management",
            # What a unit has in writing: its plan of the year (000:L95), its posts and duties (000:L101).
            "yearly_plan",
            "posts",
            # The four unified of a cloud (001:L242): 统一门户, 统一云管, 统一监控, 统一运维.
            "unified_portal",
            "unified_management",
            "unified_monitoring",
            "unified_operations",
            # A centre that is green (000:L41), and one that is a pilot of regional integration (003:L81).
            "green_centre",
            "regional_pilot",
            # A service item that is handled with one form (001:L87).
            "single_form",
            # More papers of a unit: what it consolidates (001:L214), 两图三表 (001:L152).
            "consolidation_list",
            "consolidation_plan",
            "business_architecture",
            "system_architecture",
            "demand_list",
            "scenario_list",
            "reform_list",
            # How a department's network is given up (002:L18), and what of a contract's work stays its own.
            "migration_plan",
            "work_boundary",
        ],
        Doc(
            "类型",
            "What was examined.",
            (
                "C-09",
                "C-12",
                "D-02",
                "D-03",
                "D-04",
                "D-07",
                "D-08",
                "D-10",
                "E-03",
                "E-08",
                "E-09",
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "N-02",
                "N-08",
                "N-09",
                "O-06",
                "R-04",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ]
    subject: Annotated[
        str,
        Ref(*SUBJECTS),
        Doc(
            "对象",
            "What it is about, as `kind/name`.",
            (
                "C-12",
                "D-10",
                "E-03",
                "E-08",
                "E-09",
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "N-02",
                "N-08",
                "N-09",
                "O-06",
                "R-04",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ]
    date: Annotated[
        Day,
        Doc(
            "审查日期",
            "Day of the decision.",
            (
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "N-09",
                "O-06",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ]
    passed: Annotated[
        bool,
        Doc(
            "通过",
            "Whether it was found in order.",
            (
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "N-08",
                "N-09",
                "O-06",
                "R-04",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ]
    document: Annotated[
        str,
        Doc(
            "审查文件",
            "The document that says so.",
            (
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "N-08",
                "N-09",
                "O-06",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ] = ""
    reviewer: Annotated[str, Ref("unit"), Doc("审查单位", "The unit that examined.")] = ""
    valid_until: Annotated[
        Day,
        Doc(
            "有效期",
            "Last day it counts.",
            (
                "F-01",
                "F-03",
                "F-07",
                "F-09",
                "F-10",
                "O-06",
                "S-01",
                "S-02",
                "S-03",
                "S-05",
                "S-07",
                "S-08",
                "S-09",
                "S-10",
                "S-13",
                "S-15",
                "S-16",
            ),
        ),
    ] = ""
    level: Annotated[
        int, msgspec.Meta(ge=1, le=5), Doc("定级", "The level that was found, where one was.")
    ] = 0
    with_reviews: Annotated[
        list[str], Ref("review"), Doc("结合审查", "Reviews that it was done together with.", ("R-04",))
    ] = []


@kind("evaluation", "evaluations", "绩效评价")
class Evaluation(Entry, kw_only=True):
    """How well something or somebody did, in figures that funds follow."""

    subject: Annotated[
        str,
        Ref("unit", "programme", "application", "cloud", "component", "exchange", "region", "regime"),
        Doc(
            "对象",
            "What was evaluated, as `kind/name`.",
            ("F-01", "F-02", "F-03", "F-04", "F-05", "F-10", "F-11", "F-12", "O-05"),
        ),
    ]
    date: Annotated[
        Day,
        Doc(
            "评价日期",
            "Day of the result.",
            ("F-01", "F-02", "F-03", "F-04", "F-05", "F-10", "F-11", "F-12", "O-05"),
        ),
    ]
    mode: Annotated[
        Literal["self", "special", "third_party", "social", "inspection", "yearly"],
        Doc("评价方式", "Who evaluated and how (002:L35, 004:L69).", ("F-05", "F-10", "F-11", "O-05")),
    ]
    dimensions: Annotated[
        list[Literal["cost_benefit", "effect", "collaboration", "security", "innovation", "data_sharing"]],
        Doc(
            "评价维度",
            "What was looked at: 成本效益, 应用效果, 协同共享, 安全保密, 创新服务.",
            ("F-12", "O-05"),
        ),
    ] = []
    score: Annotated[Percent, Doc("得分", "Points of a hundred; 0: none given.")] = 0
    result: Annotated[
        Literal["none", "excellent", "good", "pass", "weak", "fail"],
        Doc("结果", "The verdict.", ("F-02", "F-03", "F-04")),
    ] = "none"
    bodies: Annotated[
        list[Literal["leading_group", "development", "finance", "audit", "third_party"]],
        Doc("参与部门", "Who took part.", ("F-11",)),
    ] = []
    unit: Annotated[str, Ref("unit"), Doc("评价单位", "The unit that evaluated.")] = ""
    indicator: Annotated[str, Doc("指标", "The figure that was measured, where it is one.", ("F-12",))] = ""
    value: Annotated[float, Doc("指标值", "What it was.")] = 0
    target_value: Annotated[float, Doc("目标值", "What it should be.")] = 0
    measure: Annotated[str, Doc("计量单位", "The unit of the figure, e.g. %.")] = ""
    document: Annotated[
        str, Doc("评价报告", "The report.", ("F-01", "F-02", "F-03", "F-04", "F-05", "F-10", "F-11", "O-05"))
    ] = ""


@kind("budget", "budgets", "预算")
class Budget(Entry, kw_only=True):
    """Money for a year: for what, how much, and what it hangs on."""

    programme: Annotated[
        str,
        Ref("programme"),
        Doc("建设项目", "The investment project it is for.", ("F-02", "F-03", "F-04", "F-06", "S-15")),
    ] = ""
    application: Annotated[
        str, Ref("application"), Doc("应用", "The application it keeps running.", ("F-02",))
    ] = ""
    unit: Annotated[str, Ref("unit"), Doc("单位", "The unit that gets it.")] = ""
    year: Annotated[
        int, msgspec.Meta(ge=2000, le=2100), Doc("年度", "The year.", ("F-02", "F-03", "F-04", "F-06"))
    ]
    item: Annotated[
        Literal["construction", "operation", "security", "data", "training"],
        Doc("用途", "What it is spent on; operation: 运行维护.", ("F-02", "F-06", "N-06", "S-15")),
    ]
    amount_yuan: Annotated[float, NotNegative, Doc("金额(元)", "How much, yuan.", ("F-06", "S-15"))] = 0
    status: Annotated[
        Literal["asked", "granted", "reduced", "held", "refused", "paid"],
        Doc("状态", "What became of it.", ("F-02", "F-03", "F-04", "F-06", "N-06", "S-15")),
    ] = "asked"
    performance_linked: Annotated[
        Answer, Doc("与绩效挂钩", "Whether it follows the evaluation; the evaluation itself proves it.")
    ] = "unknown"
    use_plan: Annotated[str, Doc("资金使用计划", "The document that plans its use.", ("F-06",))] = ""


@kind("waiver", "waivers", "豁免")
class Waiver(Entry, kw_only=True):
    """Leave to depart from a rule that allows it, with the reason, for a time."""

    rule: Annotated[
        str,
        msgspec.Meta(pattern=RULE_PATTERN, description="the id of a rule, as N-05 or local-flavours"),
        Doc(
            "规则",
            "The rule that is waived.",
            ("D-01", "D-06", "E-02", "E-03", "N-05", "N-06", "X-03"),
        ),
    ]
    subjects: Annotated[
        list[str],
        # At the gate waivers count as accepted, so one for something new is accepted before that.
        Ref(*SUBJECTS, "hotline", early=True),
        Doc("对象", "What it is for, as `kind/name`; it may come later.", ("N-05",)),
    ]
    reason: Annotated[str, Doc("理由", "Why.", ("N-05",))]
    granted_by: Annotated[str, Ref("person"), Doc("批准人", "Who granted it.")] = ""
    document: Annotated[str, Doc("批准文件", "The document that grants it.")] = ""
    starts_on: Annotated[Day, Doc("起始日期", "First day.")] = ""
    ends_on: Annotated[Day, Doc("终止日期", "Last day.", ("N-05",))] = ""


@kind("inspection", "inspections", "检查")
class Inspection(Entry, kw_only=True):
    """A look at something, what it found, and whether that was put right."""

    type: Annotated[
        Literal[
            "utilisation",
            "network_security",
            "hidden_danger",
            "yearly",
            "periodic",
            "joint",
            "data_quality",
            "third_party",
        ],
        Doc("类型", "What was looked for.", ("C-07", "F-10", "O-04", "S-09", "S-12")),
    ]
    subject: Annotated[
        str,
        Ref(*SUBJECTS),
        Doc(
            "对象",
            "What was looked at, as `kind/name`.",
            ("C-07", "C-08", "F-10", "S-04", "S-09", "S-12"),
        ),
    ]
    date: Annotated[
        Day, Doc("检查日期", "Day it was done.", ("C-07", "F-10", "O-04", "S-04", "S-09", "S-12"))
    ]
    unit: Annotated[str, Ref("unit"), Doc("检查单位", "The unit that looked.", ("O-04",))] = ""
    finding: Annotated[str, Doc("发现问题", "What was wrong; empty: nothing.", ("S-04",))] = ""
    severity: Annotated[
        Literal["none", "low", "medium", "high", "critical"], Doc("严重程度", "How bad it is.", ("S-04",))
    ] = "none"
    rectify_by: Annotated[Day, Doc("整改期限", "Day by which it is to be put right.", ("S-04",))] = ""
    rectified_on: Annotated[Day, Doc("整改完成日期", "Day it was put right.", ("S-04",))] = ""
    responsible: Annotated[str, Ref("person"), Doc("整改责任人", "Who puts it right.", ("S-04",))] = ""
    cpu_percent: Annotated[Percent, Doc("CPU使用率(%)", "Mean use in the period, percent.", ("C-08",))] = 0
    memory_percent: Annotated[
        Percent, Doc("内存使用率(%)", "Mean use in the period, percent.", ("C-08",))
    ] = 0
    storage_percent: Annotated[Percent, Doc("存储使用率(%)", "Share in use, percent.", ("C-08",))] = 0
    document: Annotated[str, Doc("检查记录", "The record.", ("F-10", "O-04", "S-04", "S-09", "S-12"))] = ""


@kind("regime", "regimes", "制度机制")
class Regime(Planned, kw_only=True):
    """A rule, a mechanism, a norm or a register that the province set up; the base is more than machines."""

    type: Annotated[
        Literal["principle", "framework", "mechanism", "standard", "register", "evaluation", "security"],
        Doc("类型", "What sort it is."),
    ] = "mechanism"
    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that keeps it.")] = ""
    document: Annotated[str, Doc("文件", "The document that sets it up.")] = ""
    in_force_on: Annotated[When, Doc("施行日期", "When it came into force.")] = ""
    period_months: Annotated[Count, Doc("周期(月)", "How often it is done, months; 0: not said.")] = 0
    status: Annotated[
        Literal["planned", "drafting", "in_force", "ended"], Doc("状态", "Where it stands.")
    ] = "planned"


@kind("source_row", "source_rows", "来源条目")
class SourceRow(Entry, kw_only=True):
    """A row of a source document that the ledger should cover; its name is the row's id in lower case."""

    document: Annotated[str, Doc("文件", "Key of the document, e.g. `001`.")]
    line: Annotated[str, Doc("行号", "Line or lines of it, e.g. `27,28`.")]
    tag: Annotated[
        Literal["base", "base_app", "app"],
        Doc("标签", "base: the base itself; app: lives on it; base_app: a shared platform that is both."),
    ]
    text: Annotated[str, Doc("原文", "What the row names.")]
