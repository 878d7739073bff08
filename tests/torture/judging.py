"""Whether everything is as the files say, by looking at reality and at the files of the engines directly."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psutil
from store_province import ENVIRONMENT, Province, Row

from .killing import run
from .worlds import Wanted, World

REFERENCES = ("a", "b", "gateway", "network")


@dataclass(frozen=True)
class Settled:
    """What was found of one thing when all was settled."""

    signature: tuple[Any, ...]
    uid: str
    incarnation: int
    birth: str


def judge(
    world: World, former: dict[int, Settled], versions: list[dict[str, Wanted]]
) -> tuple[list[str], dict[int, Settled]]:
    """(faults in sentences, what is there by number). ``versions``: what was wanted since ``former``."""
    place = world.province
    rows = place.rows()
    faults = _twice(rows)
    if faults:
        return faults, {}
    there = {f"{r.type}/{r.properties['name']}": r for r in rows}
    wanted = world.objects()
    faults += [f"{key} is not there" for key in sorted(set(wanted) - set(there))]
    faults += [f"{key} is there and nobody wants it" for key in sorted(set(there) - set(wanted))]
    if faults:
        return faults, {}
    faults += _values(wanted, there)
    now = {w.number: _settled(w, there[key]) for key, w in wanted.items()}
    faults += _identities(world, former, now, versions)
    faults += _ledger(place, wanted, there)
    faults += _states(place)
    faults += _leftovers(place)
    faults += _told(place)
    return faults, now


def _twice(rows: list[Row]) -> list[str]:
    """Nothing is there twice: neither a name nor a thing in two incarnations."""
    names = Counter(f"{r.type}/{r.properties['name']}" for r in rows)
    uids = Counter(r.uid for r in rows)
    return [f"{one} is there twice" for one, count in sorted((names + uids).items()) if count > 1]


def nothing_twice(place: Province) -> list[str]:
    """In the middle of things: a name may stand for two incarnations of one thing, never for two things."""
    uids: dict[str, set[str]] = {}
    for row in place.rows():
        uids.setdefault(f"{row.type}/{row.properties['name']}", set()).add(row.uid)
    return [f"{name} stands for {sorted(many)}" for name, many in uids.items() if len(many) > 1]


def _settled(wanted: Wanted, row: Row) -> Settled:
    return Settled(wanted.signature, row.uid, row.incarnation, row.birth)


def _values(wanted: dict[str, Wanted], there: dict[str, Row]) -> list[str]:
    numbers = {there[key].object_id: one.number for key, one in wanted.items()}
    faults = []
    for key, one in wanted.items():
        has = there[key].properties
        found = {n: numbers.get(has[n]) if n in REFERENCES else has[n] for n in one.values}
        faults += [
            f"{key} has {n} = {has[n]}, and the files want {value}"
            for n, value in one.values.items()
            if found[n] != value
        ]
    return faults


def _identities(
    world: World, former: dict[int, Settled], now: dict[int, Settled], versions: list[dict[str, Wanted]]
) -> list[str]:
    """What nobody changed in what cannot be changed is the same object; what was changed is another one."""
    faults = []
    by_number = [{w.number: w.signature for w in version.values()} for version in versions]
    for number, was in former.items():
        found = now.get(number)
        if found is None:
            continue
        name = world.things[number].name
        if found.uid != was.uid and all(number in version for version in by_number):
            faults.append(f"{name} has lost its identity: {was} became {found}")
        elif all(version.get(number) == was.signature for version in by_number):
            if (found.incarnation, found.birth) != (was.incarnation, was.birth):
                faults.append(f"{name} was made anew, and nobody asked for it: {was} became {found}")
        elif found.signature != was.signature and found.uid == was.uid:
            if found.incarnation <= was.incarnation or found.birth == was.birth:
                faults.append(f"{name} should be another object than before: {was} became {found}")
    return faults


def _ledger(place: Province, wanted: dict[str, Wanted], there: dict[str, Row]) -> list[str]:
    """The ledger knows exactly what is there: accepted, applied, and nothing that is on its way."""
    real = {(r.uid, r.incarnation) for r in there.values()}
    applied = place.ledger("select uid, incarnation, scope from applied where scope like 'stack:%'")
    accepted = place.ledger(
        "select uid, incarnation from entry where until is null and kind in "
        "('node', 'link', 'network', 'server', 'instance')"
    )
    domains = {there[key].object_id: one.domain for key, one in wanted.items()}
    faults = [
        f"{uid}.{incarnation} stands in {scope}, and belongs in {domain}"
        for uid, incarnation, scope in applied
        if (domain := domains.get(f"{uid}.{incarnation}")) and f"stack:{domain}-" not in scope
    ]
    if sorted((u, i) for u, i, _ in applied) != sorted(real):
        faults.append(f"applied is not what is there: {sorted({(u, i) for u, i, _ in applied} ^ real)}")
    if sorted(accepted) != sorted(real):
        faults.append(f"accepted is not what is there: {sorted(set(accepted) ^ real)}")
    for query, what in (
        ("select object from intent", "an intent is left"),
        ("select id, status from run where status not in ('done', 'cancelled')", "a run is not over"),
        ("select id from stage where status = 'running'", "a stage runs"),
    ):
        faults += [f"{what}: {row}" for row in place.ledger(query)]
    # A dead holder's is nobody's: it was killed before it could give it back, and nobody waits for it.
    holders = [json.loads(row[0]) for row in place.ledger("select holder from lease where holder <> ''")]
    faults += [f"a lease is held by {one}" for one in holders if psutil.pid_exists(one[1])]
    return faults


def states(place: Province) -> dict[str, list[str]]:
    """The ids that the engine's own state has, by stack."""
    out = {}
    folder = place.private / "state" / ".pulumi" / "stacks" / "govcloud"
    for file in folder.glob("*.json"):
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}
        assert not latest.get("pending_operations"), f"{file.name} has operations on their way"
        ids = [r["id"] for r in latest.get("resources") or [] if r["type"].startswith("govcloud:")]
        out[file.stem.removeprefix(f"{ENVIRONMENT}.")] = sorted(ids)
    return out


def _states(place: Province) -> list[str]:
    """The engine's own state and the ledger's applied rows are of one mind, stack by stack."""
    known: dict[str, list[str]] = {}
    for scope, uid, incarnation in place.ledger("select scope, uid, incarnation from applied"):
        known.setdefault(scope.removeprefix("stack:"), []).append(f"{uid}.{incarnation}")
    found = states(place)
    return [
        f"stack {stack}: the engine's state has {found.get(stack)}, the ledger {sorted(known.get(stack, []))}"
        for stack in sorted({*known, *found})
        if found.get(stack, []) != sorted(known.get(stack, []))
    ]


def _leftovers(place: Province) -> list[str]:
    faults = [f"a lock of the engine is left: {path}" for path in place.locks()]
    plays = place.private / "plays"
    return faults + [f"a play's folder is left: {p}" for p in (plays.iterdir() if plays.exists() else ())]


def _told(place: Province) -> list[str]:
    """What the program itself says of it."""
    faults = []
    for argv in (("plan", "--detailed-exitcode"), ("drift",), ("audit", "verify")):
        ended = run(place, *argv)
        if ended.code:
            faults.append(f"{ended}:\n{ended.words}")
        elif argv[0] == "audit" and "no head" in ended.words:
            faults.append(f"rows of the trail are not signed:\n{ended.words}")
    return faults
