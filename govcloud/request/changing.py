"""What a request changes of entries that are there, and which of them it retires.

An entry that another request made stays that one's: its claim is restated with the changed fields, and goes
with it. What a file says is outranked by a pin (``pin:request:NAME``), as long as the file says otherwise.
Either way it is declared data of the plan that is decided on, and only what ``profile/request-entries`` lists
may be changed so, of the asking unit's own entries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from ..addressing.wishes import ALLOCATOR
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import requests
from ..ledger.claims import ClaimKey, ClaimRow, claims_on
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.requests import CLAIMANT
from ..model import KINDS, PLURALS, fields
from ..plan.stages import Asked
from ..source.claims import Draft, Table, path_of
from ..source.convert import convert_draft
from ..source.layers import PINS
from ..source.words import Hints, one_of, shown
from .document import Document, Way, problem
from .expanding import dangling, of_others
from .ground import Ground

# Requests whose entries others may change: they are carried out, and not about to be destroyed.
_IN_USE = frozenset({"active", "expiring"})
# What becomes of a machine that is retired: it is off and out of every quota, and all that lies on it stays
# until whoever made it gives it back.
_RETIRED = {"status": "retired", "stopped": True}


class Changed(msgspec.Struct, frozen=True):
    """What becomes of one entry. ``before``, ``after``: the fields that change (None: not said), both empty
    for one that ``retires`` and is gone then (a machine is not: it is stopped); ``of``: the request that made
    it, empty where files say it."""

    kind: str
    name: str
    retires: bool = False
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    of: str = ""

    @property
    def key(self) -> Key:
        """(kind, name)."""
        return self.kind, self.name

    def words(self) -> str:
        """In a line: before and after."""
        if self.retires:
            return f"{self.kind}/{self.name} is retired"
        parts = []
        for name, value in self.after.items():
            was = self.before.get(name)
            was = fields(self.kind)[name].default if was is None else was
            parts.append(f"{name} {_told(was)} → {_told(value)}")
        return f"{self.kind}/{self.name}: {', '.join(parts)}"


class Changes(msgspec.Struct, frozen=True):
    """All of them: what they are, the claims that make them so, and the entries afterwards (None: gone)."""

    changed: list[Changed] = []
    asked: Asked = Asked()
    after: dict[Key, dict[str, Any] | None] = {}


def claimant_of(name: str) -> str:
    """Who a request's pins are of."""
    return PINS + CLAIMANT + name


def changes(connection: Connection, document: Document, ground: Ground) -> Changes:
    """What a form changes and retires, over the ledger of now.

    Raises ``InputError`` with every fault and its place.
    """
    if not document.changes and not document.retires:
        return Changes()
    work = _Work(connection, document, ground)
    found = work.run()
    if work.problems:
        raise InputError(sorted(work.problems, key=lambda p: (p.line, p.column)))
    return found


class _Work:
    def __init__(self, connection: Connection, document: Document, ground: Ground) -> None:
        self._connection, self._document, self._ground = connection, document, ground
        self._hints = Hints()
        self.problems: list[Problem] = []
        self._pin = claimant_of(document.name)

    def _tell(self, way: Way, message: str, hint: str = "", *, on_key: bool = False) -> None:
        self.problems.append(problem(self._document, way, message, hint, on_key=on_key))

    def run(self) -> Changes:
        if self._document.until:
            words = "`until` is the end of what a request makes; this one changes what is there"
            self._tell(("until",), words, "ask for what is new in a request of its own")
        said: list[ClaimRow] = []
        out: list[Changed] = []
        after: dict[Key, dict[str, Any] | None] = {}
        for key, new, way in [*self._wanted(), *self._retired()]:
            rows = self._standing(key, way)
            if rows is None:
                continue
            if key in after:
                self._tell(way, f"{key[0]}/{key[1]} is changed and retired, or retired twice", "once will do")
                continue
            mine = rows[0] if rows[0].claimant.startswith(CLAIMANT) else None
            accepted = self._ground.get(*key) or {}
            of = mine.claimant.removeprefix(CLAIMANT) if mine else ""
            base = accepted if mine is None else mine.fields or {}
            after[key] = None if new is None else {**accepted, **new}
            if new is None:
                if mine:
                    words = f"{key[0]}/{key[1]} is of request {of}, and goes with it"
                    self._tell(way, words, f"`govcloud request release {of}` gives it back")
                    continue
                out.append(Changed(*key, retires=True))
                said.append(ClaimRow(*key, self._pin, 0, None))
                continue
            whole = {**base, **new}
            if self._same(key, base, new, way):
                continue
            out.append(Changed(*key, before={n: base.get(n) for n in new}, after=new, of=of))
            said.append(ClaimRow(*key, mine.claimant if mine else self._pin, 0, whole))
        return Changes(out, Asked(tuple(said)), after)

    def _no(self, way: Way, message: str, hint: str = "") -> list[ClaimRow] | None:
        self._tell(way, message, hint)
        return None

    # -- what is asked ------------------------------------------------------------------------------

    def _wanted(self) -> Iterator[tuple[Key, dict[str, Any] | None, Way]]:
        """Each change whose fields are right."""
        draft = Draft()
        for plural, table in self._document.changes.items():
            kind = PLURALS.get(plural)
            if kind is None:
                hint = self._hints.did_you_mean(plural, PLURALS.keys())
                self._tell(("changes", plural), f"no kind is called {shown(plural)}", hint, on_key=True)
                continue
            allowed = {one.partition(".")[2] for one in self._ground.policy["changeable"]
                       if one.partition(".")[0] == kind and kind in self._ground.kinds()}  # fmt: skip
            good: dict[str, dict[str, Any]] = {}
            for name, said in table.items():
                bad = sorted(said.keys() - allowed)
                for field in bad:
                    many = one_of(sorted(allowed)) if allowed else f"none of the kind {kind}"
                    words = f"{kind}/{name}: `{field}` is not changed by requests"
                    self._tell(("changes", plural, name, field), words, f"fields: {many}", on_key=True)
                if not bad and not said:
                    self._tell(("changes", plural, name), f"{kind}/{name}: nothing is changed of it")
                elif not bad:
                    good[name] = dict(said)
            draft.tables.append(Table(kind, plural, list(good), list(good.values()), [0] * len(good)))
        blocks = convert_draft(draft, self._hints)
        for fault in draft.faults:
            self._tell(("changes", *fault.path), fault.message, fault.hint, on_key=fault.on_key)
        for block in blocks:
            for name, said in zip(block.names, block.fields, strict=True):
                yield (block.kind, name), dict(said), ("changes", KINDS[block.kind].PLURAL, name)

    def _retired(self) -> Iterator[tuple[Key, dict[str, Any] | None, Way]]:
        from .leasing import DATA

        kinds = set(map(str, self._ground.policy["retirable"])) & self._ground.kinds()
        # Whatever a site lists: no request destroys data.
        kinds -= set(DATA) - {"instance"}
        for number, subject in enumerate(self._document.retires):
            kind, _, name = subject.partition("/")
            if kind in kinds and name:
                new = dict(_RETIRED) if kind == "instance" else None
                yield (kind, name), new, ("retires", number)
            else:
                words = f"{shown(subject)}: no request retires that"
                self._tell(("retires", number), words, f"write KIND/NAME, of {one_of(sorted(kinds))}")

    def _same(self, key: Key, base: dict[str, Any], new: dict[str, Any], way: Way) -> bool:
        """Whether nothing becomes other of it, or something is wrong with what would: that is told."""
        subject, wrong = f"{key[0]}/{key[1]}", False
        if all(base.get(n, fields(key[0])[n].default) == value for n, value in new.items()):
            words = ", ".join(f"{field} {_told(value)}" for field, value in new.items())
            self._tell(way, f"{subject} is so already: {words}")
            return True
        for field, message, hint in dangling(self._ground, self._hints, self._document.name, key, new):
            self._tell((*way, field), f"{subject}: `{field}`: {message}", hint)
            wrong = True
        for field, message in of_others(self._ground, self._document.unit, key, new):
            self._tell((*way, field), f"{subject} {message}", "a unit asks for its own")
            wrong = True
        return wrong

    # -- whose it is --------------------------------------------------------------------------------

    def _standing(self, key: Key, way: Way) -> list[ClaimRow] | None:
        """What is said of an entry, where this request may change that: its files, or its one request."""
        subject, unit = f"{key[0]}/{key[1]}", self._document.unit
        said = self._ground.get(*key)
        if said is None or key in self._ground.made:
            hint = self._hints.did_you_mean(key[1], self._ground.table(key[0]).keys())
            return self._no(way, f"no {key[0]} is called {shown(key[1])}", hint)
        owner = self._ground.owner(key[0], said)
        if owner != unit:
            whose = f"is of unit/{owner}" if owner else "is of nobody that is known"
            return self._no(way, f"{subject} {whose}, and unit/{unit} asks", "its own unit asks for that")
        rows = [row for row in claims_on(self._connection, [key]) if row.claimant != ALLOCATOR]
        if pin := next((row for row in rows if row.claimant.startswith(PINS)), None):
            return self._no(
                way,
                f"{subject} is held against its file already, by {pin.claimant}",
                f"write it into the file, or end the pin: `govcloud revert --release --only {subject}`",
            )
        if rows and all(path_of(row.claimant) for row in rows):
            return rows
        if len(rows) != 1 or not rows[0].claimant.startswith(CLAIMANT):
            names = ", ".join(sorted({row.claimant for row in rows})) or "nobody"
            return self._no(way, f"{subject} is said by {names}: a request does not change that")
        other = rows[0].claimant.removeprefix(CLAIMANT)
        row = requests.find(self._connection, other)
        if row is None or row.state not in _IN_USE:
            where = row.state if row else "unknown"
            return self._no(way, f"{subject} is of request {other}, which is {where}", "it must be in use")
        from .leasing import held_by

        if why := held_by(self._connection, other):
            return self._no(way, f"{subject}: {why}")
        return rows


def _told(value: Any) -> str:
    return value or "none" if isinstance(value, str) else str(value)


# -- later -------------------------------------------------------------------------------------------


def asked_now(connection: Connection, document: Document, decided: list[Changed], frozen: Asked) -> Asked:
    """What a request says, with what it changes worked out anew: others may have changed those entries.

    ``decided``: what people were shown; ``frozen``: what was said then. Raises ``ConflictError`` where it is
    not as it was when they were.
    """
    if not document.changes and not document.retires:
        return frozen
    hint = "`govcloud request submit FILE --replace` with what is to be now; it is decided on anew"
    claimant = CLAIMANT + document.name
    own = tuple(row for row in frozen.said if row.claimant == claimant)
    ground = Ground(connection)
    ground.made = {row.key: row.fields or {} for row in own}
    try:
        found = changes(connection, document, ground)
    except InputError as error:
        raise ConflictError("; ".join(one.message for one in error.problems), hint=hint) from None
    if found.changed != decided:
        then = {one.key: one for one in decided}
        words = "; ".join(one.words() for one in found.changed if then.get(one.key) != one)
        raise ConflictError(f"what request {document.name} changes is not as it was: {words}", hint=hint)
    return Asked((*own, *found.asked.said), found.asked.ended)


def entries_of(asked: Asked, *, apart_from: Collection[str] = ()) -> dict[Key, dict[str, Any] | None]:
    """The entries as an order has them (None: gone), but for what these claimants say."""
    return {row.key: row.fields for row in asked.said if row.claimant not in apart_from}


def beside(asked: Asked, speaking: Collection[str]) -> tuple[dict[ClaimKey, Any], set[ClaimKey]]:
    """What an order says, and ends, of claims of other requests and of pins, by their keys. ``speaking``: the
    names of the requests that it speaks for."""
    own = {CLAIMANT + name for name in speaking}
    said = {row.claim_key: row.fields for row in asked.said if _another(row.claimant, own)}
    return said, {key for key in asked.ended if _another(key[2], own)}


def _another(claimant: str, own: Collection[str]) -> bool:
    return claimant not in own and claimant.startswith((CLAIMANT, PINS))


def taken_back(connection: Connection, name: str, decided: list[Changed]) -> Asked:
    """The order that takes back what a request changed: pins end, restated fields are as they were.

    Nothing is made anew: what was retired of another request is gone; while a file says what was retired, the
    request stays. What the files agree with by now, or is gone, is none of it any more. Raises
    ``DeniedError`` where something else was made of a field since, or a legal hold keeps what made the entry.
    """
    from .leasing import held_by

    pin = claimant_of(name)
    rows = {row.claim_key: row for row in claims_on(connection, {one.key for one in decided})}
    said: list[ClaimRow] = []
    ended: list[ClaimKey] = []
    problems: list[str] = []
    for one in decided:
        subject = f"{one.kind}/{one.name}"
        if not one.of:
            if (*one.key, pin) in rows and one.retires:
                problems.append(
                    f"{subject} is retired, and its file still says it: take it out there (or bring it back: "
                    f"`govcloud revert --release --only {subject}`)"
                )
            elif (*one.key, pin) in rows:
                ended.append((*one.key, pin))
            continue
        row = rows.get((*one.key, CLAIMANT + one.of))
        if row is None or one.retires:
            continue
        whole = dict(row.fields or {})
        if any(whole.get(field) != one.before.get(field) for field in one.after):
            for field, value in one.after.items():
                if whole.get(field) != value:
                    problems.append(
                        f"{subject}: `{field}` is {_told(whole.get(field))} since, not {_told(value)}"
                    )
                elif one.before.get(field) is None:
                    whole.pop(field)
                else:
                    whole[field] = one.before[field]
            said.append(msgspec.structs.replace(row, fields=whole))
            if why := held_by(connection, one.of):
                problems.append(f"{subject}: {why}")
    if problems:
        raise DeniedError(
            f"request {name} cannot take back what it changed: {'; '.join(problems)}",
            hint="what changed it later is given back first, what is held when its hold is over",
        )
    return Asked(tuple(said), tuple(ended))
