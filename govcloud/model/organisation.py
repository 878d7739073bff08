"""Who and where: regions, units and the people who answer for them."""

from __future__ import annotations

from typing import Annotated, Literal

from .base import Doc, Entry, Ref, kind


@kind("region", "regions", "行政区划")
class Region(Entry, kw_only=True):
    """A place in the administrative tree, from the province down to a village."""

    level: Annotated[
        Literal["province", "city", "county", "town", "village"],
        Doc("层级", "Level in the tree; the extranet has four of them below the centre."),
    ]
    parent: Annotated[str, Ref("region"), Doc("上级", "The region it lies in.")] = ""
    code: Annotated[str, Doc("区划代码", "Code of GB/T 2260, where there is one.")] = ""


@kind("unit", "units", "单位")
class Unit(Entry, kw_only=True):
    """A body of government that owns applications and asks for resources."""

    region: Annotated[str, Ref("region"), Doc("所在地", "The region it governs or sits in.")]


@kind("person", "persons", "人员")
class Person(Entry, kw_only=True):
    """Somebody who carries one of a unit's three duties (主要领导, 信息化专员, 业务管理员)."""

    unit: Annotated[str, Ref("unit"), Doc("单位", "The unit that the duty belongs to.")]
    duty: Annotated[
        Literal["principal", "information_officer", "business_manager"],
        Doc("职责", "Which of the three duties of 001:L268 the person carries."),
    ]
    email: Annotated[str, Doc("邮箱", "Where notices go.")] = ""
