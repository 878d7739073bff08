"""Who somebody is, and what they may do: read what is classified, plan, apply, approve, administer.

``identity`` tells the person from the operating system, an SSH key or a token, ``keyring`` whose key is whose
and when; ``roles`` reads what the
accepted revision lets them do, never what a proposal says; ``enforcement`` refuses, and writes it down;
``sight`` knows which entries a reader may not see.
"""

from .enforcement import check_changes, enforce, require, require_sight_of_all
from .identity import Identity, actor, keys, who
from .keyring import Key, Ring, read_ring
from .roles import (
    PERMISSIONS,
    Delegation,
    Permission,
    Roles,
    delegations,
    locks_out,
    read_roles,
    signers,
)
from .sight import hidden_uids, is_hidden, sight

__all__ = [
    "PERMISSIONS",
    "Delegation",
    "Identity",
    "Key",
    "Permission",
    "Ring",
    "Roles",
    "actor",
    "check_changes",
    "delegations",
    "enforce",
    "hidden_uids",
    "is_hidden",
    "keys",
    "locks_out",
    "read_ring",
    "read_roles",
    "require",
    "require_sight_of_all",
    "sight",
    "signers",
    "who",
]
