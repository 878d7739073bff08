"""Disaster recovery: what is protected, where the second one stands."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import Doc, Entry, Ref, kind


@kind("protection", "protections", "容灾保护")
class Protection(Entry, kw_only=True):
    """An application's second home, at a recovery site, and how far it may fall behind."""

    application: Annotated[str, Ref("application"), Doc("应用", "The application that is protected.")]
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
