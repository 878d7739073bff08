"""What was built (applied), what was seen (observed), and what an engine was sent to make (intents)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec

from .. import canonical
from .connection import Connection, matching


class Applied(msgspec.Struct, frozen=True):
    """What was last built of one entry in one scope (``stack:NAME`` or ``host:NAME``)."""

    scope: str
    uid: str
    incarnation: int
    digest: str
    inputs: dict[str, Any]

    @property
    def object_id(self) -> str:
        """``uid.incarnation``."""
        return f"{self.uid}.{self.incarnation}"

    @property
    def stack(self) -> str:
        """The stack it stands in; empty for what a host is configured with."""
        kind, _, name = self.scope.partition(":")
        return name if kind == "stack" else ""


class Observed(msgspec.Struct, frozen=True):
    """What was last seen of one object. ``at``: seconds since the epoch."""

    object: str
    uid: str | None
    target: str
    status: str
    detail: dict[str, Any]
    at: float = 0.0


class Intent(msgspec.Struct, frozen=True):
    """An object that an engine was sent to make, by id, with where it would be."""

    object: str
    stack: str
    type: str
    target: str
    inputs: dict[str, Any]
    run: str


# (scope, uid, incarnation): while an object is made anew both of its incarnations may stand in one stack.
AppliedKey = tuple[str, str, int]


def all_applied(
    connection: Connection, *, uid: str | None = None, scope: str | None = None
) -> dict[AppliedKey, Applied]:
    """Everything built, or what is built of one entry or in one scope, by (scope, uid, incarnation)."""
    where, values = matching(uid=uid, scope=scope)
    rows = connection.rows(f"SELECT scope, uid, incarnation, digest, inputs FROM applied{where}", **values)
    decode = msgspec.json.decode
    return {
        (scope, uid, incarnation): Applied(scope, uid, incarnation, digest, decode(inputs))
        for scope, uid, incarnation, digest, inputs in rows
    }


def set_applied(connection: Connection, run: str, rows: Iterable[Applied]) -> None:
    """Record what was built, replacing what was known of the same incarnations."""
    now = time.time()
    values = (
        {
            "scope": row.scope,
            "uid": row.uid,
            "incarnation": row.incarnation,
            "digest": row.digest,
            "inputs": canonical.encode(row.inputs).decode(),
            "run": run,
            "at": now,
        }
        for row in rows
    )
    connection.replace("applied", ("scope", "uid", "incarnation"), values)


def forget_applied(connection: Connection, scope: str, uids: Iterable[str] | None = None) -> None:
    """Nothing is built there any more: of these uids, whatever incarnation, or (None) of the whole scope."""
    if uids is None:
        connection.run("DELETE FROM applied WHERE scope = :scope", scope=scope)
    else:
        gone = [{"scope": scope, "uid": uid} for uid in uids]
        connection.run_many("DELETE FROM applied WHERE scope = :scope AND uid = :uid", gone)


def forget_objects(connection: Connection, scope: str, objects: Iterable[str]) -> None:
    """These objects (``uid.incarnation``) do not stand there any more."""
    ids = (object_id.rpartition(".") for object_id in objects)
    gone = [{"scope": scope, "uid": uid, "incarnation": int(number)} for uid, _, number in ids]
    connection.run_many(
        "DELETE FROM applied WHERE scope = :scope AND uid = :uid AND incarnation = :incarnation", gone
    )


def all_observed(
    connection: Connection, *, uid: str | None = None, deviating: bool = False
) -> list[Observed]:
    """What was last seen: of one entry, or (``deviating``) only what is not as it should be."""
    where, values = matching(*(["status <> 'present'"] if deviating else []), uid=uid)
    rows = connection.rows(
        f"SELECT object, uid, target, status, detail, at FROM observed{where} ORDER BY object", **values
    )
    return [
        Observed(object, of_entry, target, status, msgspec.json.decode(detail), at)
        for object, of_entry, target, status, detail, at in rows
    ]


def replace_observed(connection: Connection, targets: Iterable[str], rows: Iterable[Observed]) -> None:
    """Make ``rows`` all that was seen at these targets (one sight of the whole, not of a part)."""
    for target in targets:
        connection.run("DELETE FROM observed WHERE target = :target", target=target)
    connection.insert("observed", _observed_rows(rows))


def put_observed(connection: Connection, rows: Iterable[Observed]) -> None:
    """What was seen of these objects alone; what is known of others stays."""
    connection.replace("observed", ("object",), _observed_rows(rows))


def _observed_rows(rows: Iterable[Observed]) -> list[dict[str, Any]]:
    """Rows of the table, seen now."""
    now = time.time()
    return [
        {
            "object": row.object,
            "uid": row.uid,
            "target": row.target,
            "status": row.status,
            "detail": canonical.encode(row.detail).decode(),
            "at": now,
        }
        for row in rows
    ]


def settle_observed(connection: Connection, uids: Iterable[str]) -> None:
    """An engine has brought these entries' objects in line; what is amiss inside a host is left to a play."""
    wanted = set(uids)
    for one in all_observed(connection, deviating=True):
        if one.uid not in wanted:
            continue
        configuration = one.detail.get("configuration")
        if configuration:
            connection.run(
                "UPDATE observed SET detail = :detail WHERE object = :object",
                object=one.object,
                detail=canonical.encode({"configuration": configuration}).decode(),
            )
        else:
            connection.run("DELETE FROM observed WHERE object = :object", object=one.object)


def forget_observed(connection: Connection, uids: Iterable[str]) -> None:
    """What was seen of these entries is out of date: an engine has just changed them."""
    connection.run_many("DELETE FROM observed WHERE uid = :uid", [{"uid": uid} for uid in uids])


def intents(connection: Connection, stack: str | None = None) -> list[Intent]:
    """What engines were sent to make (in one stack) and nobody has confirmed yet."""
    where, values = matching(stack=stack)
    rows = connection.rows(
        f"SELECT object, stack, type, target, inputs, run FROM intent{where} ORDER BY object", **values
    )
    return [
        Intent(object, home, type, target, msgspec.json.decode(inputs), run)
        for object, home, type, target, inputs, run in rows
    ]


def add_intents(connection: Connection, rows: Iterable[Intent]) -> None:
    """Write down what an engine will make, before it starts. Safe to repeat."""
    now = time.time()
    values = (
        msgspec.structs.asdict(row) | {"inputs": canonical.encode(row.inputs).decode(), "at": now}
        for row in rows
    )
    connection.replace("intent", ("object",), values)


def settle_intents(connection: Connection, stack: str, objects: Iterable[str]) -> None:
    """The engine has finished: its stack's state knows what is there of these objects."""
    sent = {intent.object for intent in intents(connection, stack)}
    gone = [{"object": one} for one in sorted(sent & set(objects))]
    connection.run_many("DELETE FROM intent WHERE object = :object", gone)
