"""The kinds in the ledger. Importing this package registers all of them in ``KINDS``."""

from . import application, cloud, datacentre, network, organisation, policy, recovery
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
    "application",
    "cloud",
    "datacentre",
    "fields",
    "network",
    "organisation",
    "policy",
    "recovery",
]
