"""`govcloud request`: one form for all that a unit asks for (一揽子申请), and its life."""

from __future__ import annotations

import click

from .lazy import LazyGroup


class Commands(LazyGroup):
    """What there is to do with a request, in the order of its life."""

    TABLE = {
        "templates": ("request_new", "What can be asked for, and with which parameters."),
        "new": ("request_new", "Write a request from a template, asking for what is missing."),
        "submit": ("request_submit", "Judge it, reserve what it needs, freeze what would happen."),
        "list": ("request_list", "Requests and where they stand."),
        "show": ("request_list", "One request: form, plan, decisions, what it owns."),
        "withdraw": ("request_submit", "Take back what was submitted."),
        "approve": ("request_decide", "Sign what would happen, for one stage of its chain."),
        "reject": ("request_decide", "Say no, with the reason."),
        "overdue": ("request_decide", "Decisions that are late, and to whom they went up."),
        "apply": ("request_apply", "Carry an approved request out."),
        "transfer": ("request_lease", "Hand what it owns to another unit."),
        "renew": ("request_lease", "Keep it longer."),
        "release": ("request_lease", "Give back what it owns: stop, recycle bin, destroy."),
    }


@click.command(cls=Commands)
def request() -> None:
    """Ask in one form (一揽子申请): rules judge it, people sign what will happen, it is built."""
