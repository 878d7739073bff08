"""`govcloud ipv6`: the rollout of IPv6, wave by wave, with evidence."""

from __future__ import annotations

import click

from .lazy import LazyGroup


class Commands(LazyGroup):
    """The steps of a rollout."""

    TABLE = {
        "plan": ("ipv6_plan", "The waves of a rollout, nobody before what carries it."),
        "run": ("ipv6_run", "Carry out a wave while a probe watches what runs already."),
        "status": ("ipv6_status", "How far it is: by level, city, unit, against dated targets."),
        "verify": ("ipv6_verify", "Measure the members, and keep the evidence."),
        "rollback": ("ipv6_rollback", "Take a wave back, every file as it was."),
    }


@click.command(cls=Commands)
def ipv6() -> None:
    """The rollout of IPv6 (电子政务外网IPv6改造): plan, waves, status, evidence."""
