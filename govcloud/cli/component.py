"""`govcloud component`: what applications share instead of building it anew (智能组件共建共享)."""

from __future__ import annotations

import click

from .lazy import LazyGroup


class Commands(LazyGroup):
    """What there is to do with shared components."""

    TABLE = {
        "list": ("component_list", "The service list of the business middle platform (业务中台服务清单)."),
        "find": ("component_find", "Components that do what somebody is about to build."),
        "add": ("component_add", "Write a component into a file of the workspace."),
        "reuse": ("component_add", "Say in a file that an application uses a component."),
    }


@click.command(cls=Commands)
def component() -> None:
    """Shared components (智能组件): register, find, reuse."""
