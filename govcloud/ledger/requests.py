"""Requests in the ledger: where each stands, each step of its life, and what is held for it.

Only rows: which step may follow which is for ``request.states``, how much there is of something for
``capacity.accounts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from .. import canonical
from ..errors import InputError, Problem
from . import audit
from .among import rows_among
from .claims import ClaimKey
from .connection import Connection, matching
from .runs import get_blob, put_blob

# What the claimants of requests begin with.
CLAIMANT = "request:"
# States that are ends: nothing is held for what stands there.
CLOSED = frozenset({"expired", "rejected", "released", "withdrawn"})
_COLUMNS = (
    "name, version, unit, applicant, title, state, document, plan, effect, starts_on, until, "
    "submitted, changed, run"
)
_EVENT = "request, number, event, state, version, actor, person, note, data, at"


class Row(msgspec.Struct, frozen=True):
    """A request as it was last submitted. ``submitted``, ``changed``: seconds since 1970, UTC.

    ``version``: how often it was submitted; ``document``, ``plan``: digests of blobs; ``run``: the one that
    carried it out, as far as it came.
    """

    name: str
    version: int
    unit: str
    applicant: str
    title: str
    state: str
    document: str
    plan: str
    effect: str
    starts_on: str
    until: str
    submitted: float
    changed: float
    run: str = ""

    @property
    def claimant(self) -> str:
        """Who its claims are of."""
        return CLAIMANT + self.name


class Event(msgspec.Struct, frozen=True):
    """A step of a request's life. ``state``: where it stood afterwards; ``at``: seconds since 1970, UTC."""

    request: str
    number: int
    event: str
    state: str
    version: int
    actor: str
    person: str
    note: str
    data: dict[str, Any]
    at: float


class Held(msgspec.Struct, frozen=True):
    """So much of a pool that is held for one entry of a request."""

    request: str
    kind: str
    name: str
    pool: str
    amount: float


# -- requests ---------------------------------------------------------------------------------------


def find(connection: Connection, name: str) -> Row | None:
    """A request by its name, or None."""
    row = connection.row(f"SELECT {_COLUMNS} FROM request WHERE name = :name", name=name)
    return Row(*row) if row else None


def get(connection: Connection, name: str) -> Row:
    """A request by its name. Raises ``InputError``."""
    row = find(connection, name)
    if row is None:
        raise InputError(
            [Problem(f"there is no request {name!r}")],
            hint="`govcloud request list` shows those that were submitted",
        )
    return row


def every(connection: Connection, *, states: Iterable[str] = ()) -> list[Row]:
    """Requests by name: all, or those that stand in one of these states."""
    wanted = list(states)
    if not wanted:
        return [Row(*row) for row in connection.rows(f"SELECT {_COLUMNS} FROM request ORDER BY name")]
    rows = rows_among(connection, f"SELECT {_COLUMNS} FROM request WHERE state IN :among", wanted)
    return sorted((Row(*row) for row in rows), key=lambda row: row.name)


def beside(connection: Connection, row: Row) -> list[Row]:
    """Requests of the same unit that were submitted before this one and not carried out by then, by name;
    without those that are over and never were. What comes later changes nothing of them."""
    rows = connection.rows(
        f"SELECT {_COLUMNS} FROM request WHERE unit = :unit AND name <> :name AND submitted < :at AND "
        "(state IN ('submitted', 'approved', 'scheduled') OR EXISTS (SELECT 1 FROM request_event AS step "
        "WHERE step.request = request.name AND step.event = 'apply' AND step.at > :at)) ORDER BY name",
        unit=row.unit,
        name=row.name,
        at=row.submitted,
    )
    return [Row(*one) for one in rows]


def keep(connection: Connection, row: Row) -> None:
    """Write a request's row, in the caller's transaction."""
    connection.replace("request", ["name"], [msgspec.structs.asdict(row)])


def note_run(connection: Connection, name: str, run: str) -> None:
    """The run that carries it out."""
    connection.run("UPDATE request SET run = :run WHERE name = :name", run=run, name=name)


# -- steps ------------------------------------------------------------------------------------------


def add_event(
    connection: Connection,
    row: Row,
    event: str,
    *,
    actor: str,
    person: str,
    at: float,
    note: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Write down a step, here and in the audit trail. ``row``: the request as it stands afterwards."""
    last = connection.scalar("SELECT max(number) FROM request_event WHERE request = :name", name=row.name)
    told = data or {}
    connection.insert(
        "request_event",
        [
            {
                "request": row.name,
                "number": int(last or 0) + 1,
                "event": event,
                "state": row.state,
                "version": row.version,
                "actor": actor,
                "person": person,
                "note": note,
                "data": canonical.encode(told).decode(),
                "at": at,
            }
        ],
    )
    words = {"request": row.name, "state": row.state, "version": row.version, "effect": row.effect, **told}
    audit.append(connection, actor, f"request {event}", words | ({"note": note} if note else {}))


def events(connection: Connection, name: str) -> list[Event]:
    """The steps of a request, the oldest first."""
    rows = connection.rows(f"SELECT {_EVENT} FROM request_event WHERE request = :name ORDER BY number",
                           name=name)  # fmt: skip
    found = [dict(zip(Event.__struct_fields__, row, strict=True)) for row in rows]
    return [Event(**one | {"data": msgspec.json.decode(one["data"])}) for one in found]


def newest(connection: Connection) -> float:
    """The newest time that anybody wrote down in the ledger, seconds since 1970; 0 in an empty one."""
    return float(connection.scalar("SELECT max(at) FROM audit") or 0.0)


# -- what is held -----------------------------------------------------------------------------------

# An entry that is accepted in the request's name takes what was held for it, from the same transaction on;
# and whatever was left there, for a request that is over nothing is held.
_OPEN = (
    "NOT EXISTS (SELECT 1 FROM claim WHERE claim.until IS NULL AND claim.kind = reservation.kind "
    f"AND claim.name = reservation.name AND claim.claimant = '{CLAIMANT}' || reservation.request) "
    "AND NOT EXISTS (SELECT 1 FROM request WHERE request.name = reservation.request AND request.state IN "
    f"({', '.join(repr(state) for state in sorted(CLOSED))}))"
)


# What a promised address or prefix has in the place of a pool: this, the field, and the block.
_PROMISE = "given:"
_PROMISED = f"substr(reservation.pool, 1, {len(_PROMISE)}) = '{_PROMISE}'"


class Promise(msgspec.Struct, frozen=True):
    """An address or a prefix that the plan of a request gave to one of its entries."""

    request: str
    kind: str
    name: str
    field: str
    block: str


def hold(
    connection: Connection,
    request: str,
    held: Iterable[Held],
    at: float,
    promised: Iterable[Promise] = (),
) -> None:
    """Hold this for a request instead of what is held for it."""
    let_go(connection, request)
    rows = [msgspec.structs.asdict(one) | {"at": at} for one in held]
    rows += [
        {
            "request": request,
            "kind": one.kind,
            "name": one.name,
            "pool": f"{_PROMISE}{one.field}={one.block}",
            "amount": 1.0,
            "at": at,
        }
        for one in promised
    ]
    connection.insert("reservation", rows)


def let_go(connection: Connection, request: str) -> None:
    """Nothing is held for a request any more. Safe to repeat."""
    connection.run("DELETE FROM reservation WHERE request = :request", request=request)


def held(connection: Connection, *, request: str | None = None, pool: str | None = None) -> list[Held]:
    """What is held of pools and not taken yet: all, for a request, or of a pool."""
    where, values = matching(_OPEN, f"NOT {_PROMISED}", request=request, pool=pool)
    rows = connection.rows(
        f"SELECT request, kind, name, pool, amount FROM reservation{where} "
        "ORDER BY request, pool, kind, name",
        **values,
    )
    return [Held(*row) for row in rows]


def promises(connection: Connection, *, request: str | None = None) -> list[Promise]:
    """The addresses and prefixes that are promised and not accepted yet: all, or those of a request."""
    where, values = matching(_OPEN, _PROMISED, request=request)
    rows = connection.rows(
        f"SELECT request, kind, name, pool FROM reservation{where} ORDER BY request, kind, name, pool",
        **values,
    )
    out = []
    for of, kind, name, pool in rows:
        field, _, block = pool.removeprefix(_PROMISE).partition("=")
        out.append(Promise(of, kind, name, field, block))
    return out


# -- what it owns, and its papers -------------------------------------------------------------------


def owned(connection: Connection, name: str) -> list[ClaimKey]:
    """The claims of now that a request makes."""
    rows = connection.rows(
        "SELECT kind, name, claimant FROM claim WHERE claimant = :claimant AND until IS NULL "
        "ORDER BY kind, name",
        claimant=CLAIMANT + name,
    )
    return [(kind, entry, claimant) for kind, entry, claimant in rows]


def owner(connection: Connection, kind: str, name: str) -> str:
    """The request that an entry is of; empty where it is none's."""
    rows = connection.rows(
        "SELECT claimant FROM claim WHERE until IS NULL AND kind = :kind AND name = :name "
        "AND substr(claimant, 1, :length) = :prefix ORDER BY id",
        kind=kind,
        name=name,
        prefix=CLAIMANT,
        length=len(CLAIMANT),
    )
    return str(rows[0][0]).removeprefix(CLAIMANT) if rows else ""


def speakers(keys: Iterable[ClaimKey]) -> list[str]:
    """The requests that an order of these claims speaks for, by name: those that say their own entries. What
    such an order says of others' is what they change."""
    there = set(keys)
    of = {claimant.removeprefix(CLAIMANT) for *_, claimant in there if claimant.startswith(CLAIMANT)}
    return sorted({name for name in of if ("request", name, CLAIMANT + name) in there} or of)


def put_paper(connection: Connection, content: bytes) -> str:
    """Keep a form or a plan under its digest, and return that."""
    return put_blob(connection, content)


def paper(connection: Connection, digest: str) -> bytes:
    """A form or a plan. Raises ``KeyError`` where the ledger has none."""
    return get_blob(connection, digest)


def papers(connection: Connection) -> Iterator[str]:
    """Digests of all forms and plans that requests stand by."""
    for document, plan in connection.rows("SELECT document, plan FROM request"):
        yield document
        yield plan
