"""The kinds in the ledger. Importing this package registers all of them in ``KINDS``."""

from . import (
    addresses,
    application,
    change,
    cloud,
    datacentre,
    governance,
    lines,
    network,
    organisation,
    policy,
    recovery,
    secret,
    services,
)
from .base import KINDS, NAME_PATTERN, PLURALS, Doc, Entry, FieldInfo, Holds, Ref, fields

__all__ = [
    "KINDS",
    "NAME_PATTERN",
    "PLURALS",
    "Doc",
    "Entry",
    "FieldInfo",
    "Holds",
    "Ref",
    "addresses",
    "application",
    "change",
    "cloud",
    "datacentre",
    "fields",
    "governance",
    "lines",
    "network",
    "organisation",
    "policy",
    "recovery",
    "secret",
    "services",
]
