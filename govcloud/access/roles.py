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
from .asof import rows_of
from .identity import keys, persons

Permission = Literal["read_classified", "plan", "apply", "approve", "emergency", "administer"]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
# A delegation that does not say what is handed over hands over this.
DELEGATED = ("approve",)


class Roles(msgspec.Struct, frozen=True):
    """Who may do what. ``inforce``: whether any role is accepted; ``by_person``: their roles' permissions,
    with those that are delegated to them today; ``names``: each person's roles; ``own``: their roles'
    permissions alone."""

    inforce: bool
    by_person: dict[str, frozenset[str]] = {}
    names: dict[str, tuple[str, ...]] = {}
    own: dict[str, frozenset[str]] = {}

    def may(self, person: str, permission: Permission) -> bool:
        """Whether a person (empty: nobody known) may."""
        return not self.inforce or permission in self.by_person.get(person, frozenset())

    def may_alone(self, person: str, permission: Permission) -> bool:
        """Whether a person may without anything that somebody delegated to them."""
        return not self.inforce or permission in self.own.get(person, frozenset())

    def who_may(self, permission: Permission) -> list[str]:
        """The persons who may, by name."""
        return sorted(name for name, held in self.by_person.items() if permission in held)


class Delegation(msgspec.Struct, frozen=True):
    """That one person decides for another; ``starts_on``, ``ends_on``: its first and its last day."""

    name: str
    giver: str
    taker: str
    permissions: tuple[str, ...]
    starts_on: str
    ends_on: str

    def fault(self, day: str) -> str:
        """Why it does not hold on a day, in a few words; empty where it does."""
        if not self.ends_on:
            # It would be a role that no administrator gave.
            return "has no end and counts for nothing"
        if day < self.starts_on:
            return f"begins on {self.starts_on}"
        return f"ended on {self.ends_on}" if day > self.ends_on else ""


def read_roles(connection: Connection, revision: int | None = None, at: float | None = None) -> Roles:
    """The roles of a revision (None: the newest), with the delegations of a time (None: today)."""
    roles = dict(rows_of(connection, "role", revision))
    if not roles:
        return Roles(False)
    held: dict[str, set[str]] = {}
    names: dict[str, list[str]] = {}
    for name, fields in roles.items():
        for person in fields.get("persons", ()):
            held.setdefault(person, set()).update(fields.get("permissions", ()))
            names.setdefault(person, []).append(name)
    day = time.strftime("%Y-%m-%d", time.localtime(at))
    own = {person: frozenset(found) for person, found in held.items()}
    for one in delegations(connection, revision):
        if one.fault(day):
            continue
        # Nobody hands over what they do not have; what was handed to them is not theirs to hand on.
        handed = set(one.permissions) & _own(roles, one.giver)
        if handed:
            held.setdefault(one.taker, set()).update(handed)
    return Roles(
        True,
        {person: frozenset(found) for person, found in held.items()},
        {person: tuple(found) for person, found in names.items()},
        own,
    )


def _own(roles: Mapping[str, Mapping[str, Any]], person: str) -> set[str]:
    return {
        permission
        for fields in roles.values()
        if person in fields.get("persons", ())
        for permission in fields.get("permissions", ())
    }


def delegations(connection: Connection, revision: int | None = None) -> list[Delegation]:
    """Those that are accepted at a revision (None: now), by name, whether they hold or not."""
    return [
        Delegation(
            name,
            fields["giver"],
            fields["taker"],
            tuple(fields.get("permissions") or DELEGATED),
            fields.get("starts_on") or "",
            fields.get("ends_on") or "",
        )
        for name, fields in rows_of(connection, "delegation", revision)
    ]


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
            # A renamed person is another one in the roles; whose duty it is decides who signs what.
            names = ["accounts", "ssh_keys", "token_digest", "key_dates", "revoked_keys"]
            if old.get("ssh_keys") and new:
                names += ["unit", "duty"]
            if getattr(change, "was", "") or any(old.get(f) != new.get(f) for f in names):
                found.append(f"person/{change.name}")
    return found
