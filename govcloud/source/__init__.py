"""Files of a workspace -> claims. Importing this package costs next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .changes import Changes, read_changes
    from .claims import FILES, Claim, Finding, Key, Place
    from .judging import examine
    from .loaded import Loaded
    from .loading import check, load
    from .merging import join, merge

__all__ = [
    "FILES",
    "Changes",
    "Claim",
    "Finding",
    "Key",
    "Loaded",
    "Place",
    "check",
    "examine",
    "join",
    "load",
    "merge",
    "read_changes",
]

_HOMES = {
    "FILES": "claims",
    "Changes": "changes",
    "Claim": "claims",
    "Finding": "claims",
    "Key": "claims",
    "Place": "claims",
    "Loaded": "loaded",
    "check": "loading",
    "load": "loading",
    "examine": "judging",
    "join": "merging",
    "merge": "merging",
    "read_changes": "changes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
