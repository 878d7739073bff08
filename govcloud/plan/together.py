"""What files, orders, other workspaces and pins say together, for whoever judges it and plans nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..ledger.claims import claims
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source import load
from ..source.layers import PINS
from ..source.loaded import Loaded
from ..source.loading import Progress
from ..workspace import Workspace
from . import pins
from .stages import PinChanges


class Together(NamedTuple):
    """The files as they were read, and every entry's fields as all claimants together say them."""

    loaded: Loaded
    merged: Mapping[Key, Mapping[str, Any]]


def together(workspace: Workspace, connection: Connection, progress: Progress | None = None) -> Together:
    """Read the files, and lay what the ledger knows of others beside and over them.

    An `auto` that nobody has answered yet stays one. Raises ``InputError`` with every fault.
    """
    everybody = claims(connection, apart_from=workspace.claimants)
    standing = pins.standing(connection)
    others = [row for row in everybody if not row.claimant.startswith(PINS)]
    loaded = load(workspace, others=[*others, *standing], progress=progress)
    merged = pins.in_force([*loaded.claims, *others], standing, PinChanges(), loaded.layers).merged
    return Together(loaded, merged)
