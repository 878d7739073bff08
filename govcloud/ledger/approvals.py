"""What people signed: that an effect may happen, or afterwards that an emergency was one.

A row holds all that its signature is over, but for the ledger's identity and its environment, which stand
once for the ledger: a signature copied to another ledger, another effect, another purpose or another
person fits nothing there. Whether a person may sign is for whoever uses a row (``access``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .. import canonical, signatures
from ..errors import GovcloudError, InputError, Problem
from . import audit
from .connection import Connection, matching
from .store import settings

# Keeps a signature that was given for something else (a challenge, a head) from counting here.
NAMESPACE = "govcloud-approval"
# What a signature is for: an effect that is to happen; an emergency's run, afterwards.
EFFECT, EMERGENCY = "effect", "emergency"
# Names of the audit trail's rows.
GIVEN, REVOKED = "approved", "approval revoked"
_COLUMNS = (
    "id, purpose, subject, effect, person, account, public, signature, note, at, "
    "revoked, revoked_by, revoked_note, spent"
)


class Approval(msgspec.Struct, frozen=True):
    """Something that a person signed. ``at``, ``revoked``: seconds since 1970, UTC.

    ``account``: under which account; ``public``: the key; ``spent``: the run that did what was signed.
    """

    id: str
    purpose: str
    subject: str
    effect: str
    person: str
    account: str
    public: str
    signature: str
    note: str
    at: float
    revoked: float | None = None
    revoked_by: str = ""
    revoked_note: str = ""
    spent: str = ""

    @property
    def key(self) -> str:
        """The key's fingerprint."""
        return signatures.fingerprint(self.public)


def message(connection: Connection, one: Approval) -> bytes:
    """The bytes that are signed: canonical JSON of everything that must not be another."""
    return canonical.encode(
        {
            "approval": 1,
            "ledger": audit.ledger_id(connection),
            "environment": settings(connection).get("environment", ""),
            "purpose": one.purpose,
            "subject": one.subject,
            "effect": one.effect,
            "person": one.person,
            "note": one.note,
            "at": one.at,
        }
    )


def draft(
    *,
    purpose: str,
    subject: str,
    effect: str,
    person: str,
    account: str,
    public: str,
    note: str = "",
    at: float | None = None,
) -> Approval:
    """What somebody is about to sign with this key (empty: not known yet). ``at``: when; None: now."""
    # Milliseconds: a float that every database gives back as it was.
    at = round(time.time() if at is None else at, 3)
    public = signatures.bare(public) if public else ""
    return Approval("", purpose, subject, effect, person, account, public, "", note.strip(), at)


def sealed(one: Approval, text: bytes, signer: signatures.Signer) -> Approval:
    """The draft with its signature; ``text``: its message. Raises ``NoSigner``."""
    signature = signatures.armour(signer.sign(text, NAMESPACE))
    # What was drafted for another key is then no signature at all.
    public = one.public or signatures.bare(signer.public)
    return msgspec.structs.replace(one, id=id_of(signature), public=public, signature=signature)


def id_of(signature: str) -> str:
    """What an approval with this signature is called."""
    return canonical.digest([signature])[:12]


def keep(connection: Connection, actor: str, one: Approval, told: Mapping[str, Any] | None = None) -> None:
    """Keep what was signed, and write it down in the trail, with ``told`` beside it. Raises
    ``BadSignature``: what cannot be verified is no approval."""
    check(connection, one, [one.public])
    connection.insert("approval", [msgspec.structs.asdict(one)])
    data = {
        "approval": one.id,
        "purpose": one.purpose,
        "effect": one.effect,
        "person": one.person,
        "key": one.key,
        **({"subject": one.subject} if one.subject else {}),
        **({"note": one.note} if one.note else {}),
        **(told or {}),
    }
    audit.append(connection, actor, GIVEN, data)


def check(connection: Connection, one: Approval, allowed: list[str]) -> None:
    """Raises ``BadSignature`` where a row is not what one of these public keys signed."""
    text = message(connection, one)
    signatures.verify(text, NAMESPACE, signatures.unarmour(one.signature), allowed)


def of(
    connection: Connection,
    *,
    effect: str | None = None,
    purpose: str | None = None,
    subject: str | None = None,
) -> list[Approval]:
    """Approvals, the newest first: all, or those that are like this."""
    where, values = matching(effect=effect, purpose=purpose, subject=subject)
    rows = connection.rows(f"SELECT {_COLUMNS} FROM approval{where} ORDER BY at DESC, id", **values)
    return [Approval(*row) for row in rows]


def get(connection: Connection, id: str) -> Approval:
    """An approval by the unique beginning of its id. Raises ``InputError``."""
    rows = connection.rows(
        f"SELECT {_COLUMNS} FROM approval WHERE substr(id, 1, :length) = :id", id=id, length=len(id)
    )
    if len(rows) != 1 or not id:
        what = "there is no approval" if not rows else "several approvals are called"
        raise InputError([Problem(f"{what} {id!r}")], hint="`govcloud approvals` lists them")
    return Approval(*rows[0])


def revoke(connection: Connection, actor: str, id: str, note: str) -> None:
    """From now on it counts no more. Safe to repeat."""
    if connection.scalar("SELECT revoked FROM approval WHERE id = :id", id=id) is not None:
        return
    connection.run(
        "UPDATE approval SET revoked = :now, revoked_by = :actor, revoked_note = :note WHERE id = :id",
        id=id,
        now=time.time(),
        actor=actor,
        note=note,
    )
    audit.append(connection, actor, REVOKED, {"approval": id, **({"note": note} if note else {})})


def spend(connection: Connection, effect: str, run: str) -> None:
    """A run has done what was signed: its approvals count for no other."""
    connection.run(
        "UPDATE approval SET spent = :run WHERE effect = :effect AND purpose = :purpose AND spent = ''",
        run=run,
        effect=effect,
        purpose=EFFECT,
    )


def faults(connection: Connection) -> Iterator[str]:
    """What is wrong with the approvals that are kept, in sentences: signatures, and the trail's word.

    Each must be what its key signed, by a key that was accepted for that person when it was given, and
    be in the audit trail as it stands here.
    """
    kept = {one.id: one for one in of(connection)}
    told = {data["approval"]: data for data in _trail(connection, GIVEN)}
    revoked = {data["approval"] for data in _trail(connection, REVOKED)}
    for id in sorted(told.keys() - kept.keys()):
        yield f"approval {id} is in the trail and was removed from the ledger"
    for one in kept.values():
        try:
            check(connection, one, [one.public])
        except GovcloudError as error:
            yield f"approval {one.id} of {one.person}: {error.message}"
            continue
        row = told.get(one.id)
        if row is None or (row["effect"], row["person"], row["key"]) != (one.effect, one.person, one.key):
            yield f"approval {one.id} of {one.person} is not in the trail as it stands in the ledger"
        elif one.public not in _keys_at(connection, one.person, one.at):
            yield f"approval {one.id}: {one.key} was no accepted key of {one.person} when it was given"
        if (one.id in revoked) != (one.revoked is not None):
            yield f"approval {one.id} of {one.person} is revoked by the trail or the ledger, not by both"


def _trail(connection: Connection, action: str) -> Iterator[dict[str, Any]]:
    for (data,) in connection.rows("SELECT data FROM audit WHERE action = :action", action=action):
        yield msgspec.json.decode(data)


def _keys_at(connection: Connection, person: str, at: float) -> set[str]:
    """The public keys of a person as accepted at a time, without comments."""
    rows = connection.rows(
        "SELECT fields FROM accepted LEFT JOIN revision AS ends ON ends.number = until "
        "JOIN revision AS begins ON begins.number = since "
        "WHERE kind = 'person' AND name = :name AND begins.at <= :at AND (until IS NULL OR ends.at >= :at)",
        name=person,
        at=at,
    )
    found = set()
    for (fields,) in rows:
        for public in msgspec.json.decode(fields).get("ssh_keys", ()):
            try:
                found.add(signatures.bare(public))
            except ValueError:
                continue
    return found
