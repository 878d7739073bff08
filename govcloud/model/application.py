"""Applications that live on the base, and what they offer and need."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Doc, Entry, Ref, kind


@kind("application", "applications", "应用")
class Application(Entry, kw_only=True):
    """A system that a unit runs."""

    unit: Annotated[str, Ref("unit"), Doc("主管单位", "The unit that leads it.")]
    status: Annotated[
        Literal["planned", "building", "running", "retired"],
        Doc("状态", "Where it stands in its life (001:L242: 已建, 在建, 新建, 改建)."),
    ] = "planned"
    classified: Annotated[bool, Doc("涉密", "True where it handles classified data.")] = False
    mlps: Annotated[int, msgspec.Meta(ge=1, le=4), Doc("等保级别", "Its level of graded protection.")] = 2


@kind("endpoint", "endpoints", "访问端点")
class Endpoint(Entry, kw_only=True):
    """Where an application answers: a name, a port, and the machine behind it."""

    application: Annotated[str, Ref("application"), Doc("应用", "The application that answers here.")]
    instance: Annotated[str, Ref("instance"), Doc("云主机", "The machine that serves it.")]
    dns_zone: Annotated[str, Ref("dns_zone"), Doc("域名区", "The zone its name is in.")]
    host: Annotated[str, Doc("主机名", "The first part of its name, e.g. `hyb`.")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("端口", "TCP port.")] = 80


@kind("dependency", "dependencies", "依赖关系")
class Dependency(Entry, kw_only=True):
    """One application that cannot work without another."""

    application: Annotated[str, Ref("application"), Doc("应用", "The one that needs.")]
    needs: Annotated[str, Ref("application"), Doc("依赖", "The one that is needed.")]
