"""Figures that a province may change without a release, and what builds things."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .base import Count, Doc, Entry, Grade, Ref, kind


@kind("target", "targets", "目标")
class Target(Entry, kw_only=True):
    """Something that can build: a driver of the provider."""

    driver: Annotated[
        Literal["lab", "store", "ssh"],
        Doc(
            "驱动",
            "lab: network namespaces on this machine; store: objects in a SQLite file; ssh: devices that are "
            "there already and are only configured.",
        ),
    ]
    routing: Annotated[
        Literal["auto", "ospf", "static"],
        Doc("路由方式", "ospf needs FRR on the nodes; auto takes it where it is installed."),
    ] = "auto"
    path: Annotated[str, Doc("文件", "store: the SQLite file, relative to the workspace.")] = ""
    delay_ms: Annotated[float, Doc("时延(ms)", "store: what each call takes, for benchmarks, ms.")] = 0
    quota: Annotated[Count, Doc("配额", "store: the most objects that it holds; 0: no limit.")] = 0
    credentials: Annotated[
        str, Ref("secret"), Doc("访问凭据", "The secret that the driver logs in with, where it needs one.")
    ] = ""
    user: Annotated[str, Doc("登录用户", "ssh: whom it logs in as, with a key; empty: whoever runs it.")] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("端口", "ssh: the port it listens on.")] = 22


@kind("profile", "profiles", "策略参数")
class Profile(Entry, kw_only=True):
    """Numbers that rules, plays and the planner read, with where they come from."""

    values: Annotated[dict[str, Any], Doc("参数", "The numbers by name.")] = {}


@kind("approval_stage", "approval_stages", "审批环节")
class ApprovalStage(Entry, kw_only=True):
    """A step of deciding on a request: whose duty it is, in which unit, and how many of them sign."""

    of: Annotated[
        Literal["unit", "parent", "management", "named"],
        Doc(
            "所在单位",
            "Whose people decide: of the unit that asks, of its parent, of the nearest unit that manages the "
            "base where it is (001:L268), or of the unit that `unit` names.",
        ),
    ] = "unit"
    unit: Annotated[str, Ref("unit"), Doc("指定单位", "The unit, where `of` is named.")] = ""
    duty: Annotated[
        Literal[
            "any",
            "principal",
            "information_officer",
            "business_manager",
            "chief_information_officer",
            "security_officer",
            "staff",
        ],
        Doc("职责", "Whoever carries this duty there; any: anybody of the unit who may approve."),
    ] = "any"
    role: Annotated[str, Ref("role"), Doc("角色", "They need this role as well.")] = ""
    count: Annotated[
        int, msgspec.Meta(ge=1, le=9), Doc("会签人数", "So many different people sign it (countersigning).")
    ] = 1
    days: Annotated[Count, Doc("时限(工作日)", "Working days to decide; 0: as profile/approvals says.")] = 0
    late_to: Annotated[
        Literal["parent", "next"],
        Doc("超期上报", "To whom it goes up when it is late: the parent unit's people, or the next stage's."),
    ] = "parent"


@kind("approval_chain", "approval_chains", "审批流程")
class ApprovalChain(Entry, kw_only=True):
    """Who decides on which requests, stage by stage; of several that fit, the stages are joined."""

    order: Annotated[
        int, msgspec.Meta(ge=1), Doc("次序", "Its place among the chains: those before it come first.")
    ]
    stages: Annotated[
        list[str], Ref("approval_stage"), Doc("环节", "The stages, in the order in which they are decided.")
    ]
    types: Annotated[
        list[Literal["resources", "access", "recovery", "data", "component", "change", "retire"]],
        Doc("申请类型", "Types of request that it is for; empty: all."),
    ] = []
    templates: Annotated[list[str], Doc("模板", "Templates of the catalogue; empty: all.")] = []
    kinds: Annotated[
        list[str], Doc("资源种类", "Kinds of entry, of which the request changes at least one; empty: all.")
    ] = []
    environments: Annotated[list[str], Doc("环境", "Environments that it is for; empty: all.")] = []
    classified: Annotated[bool, Doc("涉密", "Only where something classified is concerned.")] = False
    mlps_from: Annotated[
        Grade, Doc("等保级别起", "Only where something of at least this MLPS level is concerned; 0: any.")
    ] = 0
    vcpus_from: Annotated[Count, Doc("vCPU起", "From so many virtual processors on; 0: no matter.")] = 0
    memory_gib_from: Annotated[Count, Doc("内存起(GiB)", "From so much memory on; 0: no matter.")] = 0
    instances_from: Annotated[Count, Doc("云主机起", "From so many machines on; 0: no matter.")] = 0
    yuan_from: Annotated[
        float, msgspec.Meta(ge=0), Doc("金额起(元)", "From so much money on, yuan; 0: no matter.")
    ] = 0
    disk_gib_from: Annotated[Count, Doc("磁盘起(GiB)", "From so much disk on; 0: no matter.")] = 0


@kind("rule", "rules", "本地规则")
class Rule(Entry, kw_only=True):
    """A rule of the site's own, judged like those of the documents; its name begins with `local-`."""

    each: Annotated[str, Doc("判定种类", "The kind whose entries it judges, one by one, e.g. `instance`.")]
    when: Annotated[
        str, Doc("适用条件", "An expression (CEL) that says of which of them; empty: of all of them.")
    ] = ""
    holds: Annotated[str, Doc("判定条件", "The expression (CEL) that is true where the rule is kept.")]
    verdict: Annotated[
        Literal["deny", "target", "require", "flag"], Doc("结论", "What it comes to where it is not kept.")
    ] = "flag"
    message: Annotated[
        str, Doc("提示", "What is wrong, in a sentence; `{entry.FIELD}` stands for what the entry says.")
    ]
    cure: Annotated[str, Doc("整改办法", "What cures it, in the same form.")]
    field: Annotated[str, Doc("字段", "The field to look at; empty: the entry as a whole.")] = ""
    waivable: Annotated[bool, Doc("可豁免", "True where a waiver may let a breach pass.")] = False
    examples: Annotated[
        dict[str, Any],
        Doc(
            "样例",
            "Cases that must pass and cases that must fail (`passes`, `fails`), as docs/check.md says.",
        ),
    ] = {}
