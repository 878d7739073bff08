"""Figures that a province may change without a release, and what builds things."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .base import Count, Doc, Entry, Ref, kind


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
