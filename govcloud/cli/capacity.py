"""`govcloud capacity`: schedule on one platform (一平台调度)."""

from __future__ import annotations

import click

from .lazy import LazyGroup


class Commands(LazyGroup):
    """What there is to ask of capacity."""

    TABLE = {
        "usage": ("capacity_usage", "Quota, reserved, used and measured, by unit, cloud, site."),
        "review": ("capacity_review", "What is idle, oversized, overloaded, and what it would save."),
        "tune": ("capacity_review", "Make requests out of a review, for the owners to confirm."),
        "place": ("capacity_place", "Where instances would stand, and why they cannot."),
    }


@click.command(cls=Commands)
def capacity() -> None:
    """Schedule on one platform (一平台调度): who holds what, who uses it, where something new would stand."""
