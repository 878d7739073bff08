"""Of which type a request is: chains and rules go by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ledger.entries import Key

Fields = Mapping[str, Any]
Find = Callable[[str, str], Fields | None]
# Kinds by which a form is told to be of a type; the first that it has.
_TYPES: tuple[tuple[str, str], ...] = (
    ("circuit", "access"),
    ("exchange", "data"),
    ("dependency", "component"),
)


def type_of(made: Mapping[Key, Fields], after: Mapping[Key, Fields | None], find: Find) -> str:
    """The type of a request that makes ``made``; ``after``: all that it makes and changes, as it is then.

    Whatever stands by or is copied somewhere: of type recovery it is where that is a recovery site or cloud.
    """
    if any(fields is not None and _recovers(kind, fields, find) for (kind, _), fields in after.items()):
        return "recovery"
    kinds = {kind for kind, _ in made}
    return next((type_ for kind, type_ in _TYPES if kind in kinds), "resources")


def _recovers(kind: str, fields: Fields, find: Find) -> bool:
    """Whether a standby or a copy is at a recovery site or in a recovery cloud."""
    if kind == "protection":
        machine = find("instance", str(fields.get("standby", ""))) or {}
        project = find("project", str(machine.get("project", ""))) or {}
        cloud = find("cloud", str(project.get("cloud", ""))) or {}
        return _is_for_recovery(cloud.get("site"), cloud, find)
    if kind == "backup":
        storage = find("storage", str(fields.get("storage", ""))) or {}
        cloud = find("cloud", str(storage.get("cloud", ""))) or {}
        return any(_is_for_recovery(site, cloud, find) for site in (fields.get("site"), storage.get("site")))
    return False


def _is_for_recovery(site: Any, cloud: Fields, find: Find) -> bool:
    place = find("site", str(site or "")) or {}
    return "recovery" in (place.get("role"), cloud.get("role"))
