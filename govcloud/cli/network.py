"""`govcloud network`: the one net, its addresses, devices and boundaries."""

from __future__ import annotations

import click

from .lazy import LazyGroup


class Commands(LazyGroup):
    """What there is to ask of the net, and to do to it."""

    TABLE = {
        "addresses": ("network_addresses", "Address space: the tree, what is free, how much is used."),
        "whatif": ("network_whatif", "Who loses what when a link or a node is cut; in the lab, cut it."),
        "render": ("network_render", "The configuration of a device, from the ledger."),
        "boundary": ("network_boundary", "What may cross a boundary, and what its devices let pass."),
        "merge": ("network_merge", "A private network becomes part of the one: plan, run, undo."),
    }


@click.command(cls=Commands)
def network() -> None:
    """The one net (一张网): addresses, both lines, devices, boundaries, private networks."""
