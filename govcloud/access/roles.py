"""What people may do, by the roles of the accepted revision.

Where no role is accepted everybody may do everything: somebody has to write the first one. From the
revision that accepts it on, only those may who have a role that says so, or stand in for one who has.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

from ..ledger.connection import Connection
from .identity import keys, persons

Permission = Literal["read_classified", "plan", "apply", "approve", "emergency", "administer"]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
# A delegation that does not say what is handed over hands over this.
DELEGATED = ("approve",)


class Roles(msgspec.Struct, frozen=True):
    """Who may do what. ``inforce``: whether any role is accepted; ``by_person``: their roles' permissions,
    with those that are delegated to them today; ``names``: each person's roles."""

    inforce: bool
    by_person: dict[str, frozenset[str]] = {}
    names: dict[str, tuple[str, ...]] = {}

    def may(self, person: str, permission: Permission) -> bool:
        """Whether a person (empty: nobody known) may."""
        return not self.inforce or permission in self.by_person.get(person, frozenset())

    def who_may(self, permission: Permission) -> list[str]:
        """The persons who may, by name."""
        return sorted(name for name, held in self.by_person.items() if permission in held)


def read_roles(connection: Connection) -> Roles:
    """The roles of the accepted revision, with the delegations of today."""
    rows = connection.rows(
        "SELECT kind, name, fields FROM accepted WHERE until IS NULL AND kind = 'role' ORDER BY name"
    )
    if not rows:
        return Roles(False)
    roles = {name: msgspec.json.decode(fields) for _, name, fields in rows}
    held: dict[str, set[str]] = {}
    names: dict[str, list[str]] = {}
    for name, fields in roles.items():
        for person in fields.get("persons", ()):
            held.setdefault(person, set()).update(fields.get("permissions", ()))
            names.setdefault(person, []).append(name)
    for giver, taker, permissions in _delegations(connection):
        # Nobody hands over what they do not have; what was handed to them is not theirs to hand on.
        handed = set(permissions) & _own(roles, giver)
        if handed:
            held.setdefault(taker, set()).update(handed)
    return Roles(
        True,
        {person: frozenset(found) for person, found in held.items()},
        {person: tuple(found) for person, found in names.items()},
    )


def _own(roles: Mapping[str, Mapping[str, Any]], person: str) -> set[str]:
    return {
        permission
        for fields in roles.values()
        if person in fields.get("persons", ())
        for permission in fields.get("permissions", ())
    }


def _delegations(connection: Connection) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """(giver, taker, permissions) of those that hold today, by this machine's calendar."""
    today = time.strftime("%Y-%m-%d")
    rows = connection.rows("SELECT fields FROM accepted WHERE until IS NULL AND kind = 'delegation'")
    for (text,) in rows:
        fields = msgspec.json.decode(text)
        begins, ends = fields.get("starts_on") or "", fields.get("ends_on") or ""
        # One without an end is no delegation: it would be a role that no administrator gave.
        if begins <= today <= ends:
            yield fields["giver"], fields["taker"], tuple(fields.get("permissions") or DELEGATED)


def signers(connection: Connection, permission: Permission = "approve") -> list[tuple[str, str]]:
    """(person, public key) of everybody who may, for ``signatures.verify`` or OpenSSH."""
    roles = read_roles(connection)
    return [(person, public) for person, public in keys(connection) if roles.may(person, permission)]


# -- what a proposal would do to them ---------------------------------------------------------------


def locks_out(proposed: Iterable[tuple[str, str, Mapping[str, Any]]], *, inforce: bool = False) -> str:
    """Why nobody could administer the ledger after a proposal; empty where somebody could.

    ``proposed``: (kind, name, fields) of every role and person as they would be, other kinds as well;
    ``inforce``: whether roles are accepted now. A person counts who can be told: by account, key or token.
    """
    roles: dict[str, Mapping[str, Any]] = {}
    people: dict[str, Mapping[str, Any]] = {}
    for kind, name, fields in proposed:
        if kind == "role":
            roles[name] = fields
        elif kind == "person":
            people[name] = fields
    if not roles:
        return "it takes the last role away: everybody could do everything" if inforce else ""
    administrators = [p for p in people if "administer" in _own(roles, p)]
    if not administrators:
        return "it leaves nobody with `administer`: no role could ever be changed again"
    if not any(people[p].get(f) for p in administrators for f in ("accounts", "ssh_keys", "token_digest")):
        return (
            f"nobody could tell that they are {' or '.join(sorted(administrators))}, who may administer: "
            "an account, an SSH key or a token is missing"
        )
    return ""


def after(connection: Connection, changes: Iterable[Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Roles and persons as they would be after changes of entries (``verb, uid, kind, name, fields``)."""
    rows = connection.rows(
        "SELECT uid, name, fields FROM accepted WHERE until IS NULL AND kind = 'role' ORDER BY name"
    )
    known: dict[str, tuple[str, str, Mapping[str, Any]]] = {
        uid: ("role", name, msgspec.json.decode(fields)) for uid, name, fields in rows
    }
    rows = connection.rows(
        "SELECT uid, name, fields FROM accepted WHERE until IS NULL AND kind = 'person' ORDER BY name"
    )
    known |= {uid: ("person", name, msgspec.json.decode(fields)) for uid, name, fields in rows}
    for change in changes:
        if change.kind not in ("role", "person"):
            continue
        if change.verb == "delete":
            known.pop(change.uid, None)
        else:
            known[change.uid] = (change.kind, change.name, change.fields)
    return list(known.values())


def identities_changed(connection: Connection, changes: Iterable[Any]) -> list[str]:
    """The entries (``kind/name``) by whose change somebody could do more, or be taken for somebody else."""
    found = []
    before = dict(persons(connection))
    for change in changes:
        if change.kind in ("role", "delegation"):
            found.append(f"{change.kind}/{change.name}")
        elif change.kind == "person":
            new = {} if change.verb == "delete" else change.fields
            old = before.get(getattr(change, "was", "") or change.name, {})
            # A renamed person is another one in the roles.
            names = ("accounts", "ssh_keys", "token_digest")
            if getattr(change, "was", "") or any(old.get(f) != new.get(f) for f in names):
                found.append(f"person/{change.name}")
    return found
