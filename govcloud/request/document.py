"""The form that a person fills in: a YAML file with items, each made from a template of the catalogue."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ..model.base import NAME_PATTERN, Day


class Item(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that is asked for: a template of the catalogue with its parameters."""

    template: str
    parameters: dict[str, Any] = {}


class Document(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A request as its file says it. ``entries``: what no template makes, as in a file of the ledger
    (plural kind, name, fields). ``until``: the last day of the lease, empty where it is for good."""

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    unit: str
    applicant: str
    title: str = ""
    reason: str = ""
    items: list[Item] = []
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    starts_on: Day = ""
    until: Day = ""
    programme: str = ""
