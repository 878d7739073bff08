"""What a rollout is planned from: entries of the kinds that matter to it, of the ledger or of the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..errors import GovcloudError, InputError, Problem
from ..ledger import Ledger, entries
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..model.catalogue import Catalogue
from ..model.change import Rollout
from ..plan.stages import Plan, Record
from ..source.claims import Finding
from ..source.loaded import Loaded
from ..source.merging import Saying as Said
from ..source.merging import join
from . import said
from .members import Ground
from .said import parts
from .waves import Course, Planner

READ = (
    *("region", "unit", "zone", "private_network", "site", "room", "rack"),
    *("node", "link", "network", "server", "cloud", "project", "instance"),
    *("application", "endpoint", "dns_zone", "rollout", "translation"),
)


def typed(known: Mapping[Key, Mapping[str, Any]]) -> Catalogue:
    """Entries of these kinds as typed structs (they were checked before)."""
    return Catalogue.of(known, READ)


def of_ledger(connection: Connection, hidden: Collection[str] = frozenset()) -> Catalogue:
    """What is accepted. ``hidden``: uids of entries that are left out, for a reader who may not see them."""
    return typed(
        {key: entry.fields for key, entry in _current(connection).items() if entry.uid not in hidden}
    )


def _current(connection: Connection) -> dict[Key, entries.Accepted]:
    found: dict[Key, entries.Accepted] = {}
    for kind in READ:
        found |= entries.current(connection, kind=kind)
    return found


def rollouts(catalogue: Catalogue) -> dict[str, Rollout]:
    """The rollouts of IPv6 by name, sorted; others are nothing of ours."""
    return {name: one for name, one in sorted(catalogue.all(Rollout).items()) if one.type == "ipv6"}


def check_files(loaded: Loaded, others: Iterable[Said]) -> None:
    """Judge the rollouts that files declare, and whether waves that stand are still declared.

    ``others``: what orders say, among others. Raises ``InputError`` with every fault and its place.
    """
    others = list(others)
    standing = waves_of(row.claimant for row in others)
    if not loaded.counts.get("rollout") and not standing:
        return
    merged, _ = join(loaded.claims, others, layers=loaded.layers)
    found = faults(typed(merged), standing)
    problems = [loaded.problem(one) if isinstance(one, Finding) else one for one in found]
    if problems:
        raise InputError(sorted(problems, key=lambda p: (p.path, p.line, p.column)))


def check_plan(ledger: Ledger, plan: Plan) -> None:
    """Judge the rollouts as a plan would accept them, where it changes any. Raises ``InputError``."""
    changes = [c for stage in plan.stages if isinstance(stage, Record) for c in stage.changes]
    if plan.destroy or not any(change.kind == "rollout" for change in changes):
        return
    with ledger.read() as connection:
        known = {key: entry.fields for key, entry in _current(connection).items()}
        standing = {(saying.rollout, saying.wave, *saying.key) for saying in said.standing(connection)}
    for change in changes:
        known.pop((change.kind, change.was or change.name), None)
        if change.verb != "delete":
            known[change.kind, change.name] = change.fields
    over = {(*parts(claimant), kind, name) for kind, name, claimant in plan.asked.ended}
    waves = sorted({one[:2] for one in standing - over})
    problems = [
        Problem(f"rollout/{one.name}: `{one.field}`: {one.message}", hint=one.hint)
        if isinstance(one, Finding)
        else one
        for one in faults(typed(known), waves)
    ]
    if problems:
        raise InputError(problems, hint="`govcloud validate` tells where they are")


def waves_of(claimants: Iterable[str]) -> list[tuple[str, str]]:
    """(rollout, wave) of each wave among claimants, sorted."""
    return sorted({found for found in map(parts, claimants) if found[1]})


def faults(catalogue: Catalogue, standing: Iterable[tuple[str, str]]) -> Iterator[Finding | Problem]:
    """All that is wrong with the rollouts of a catalogue. ``standing``: (rollout, wave) that say something.

    A wave that stands and is called otherwise from now on could not be told from one that nobody began.
    """
    planner = Planner(Ground(catalogue))
    declared = rollouts(catalogue)
    for name, rollout in declared.items():
        yield from planner.faults(name, rollout)
    for name, wave in standing:
        hint = f"`govcloud ipv6 rollback {name} {wave}` first, or declare it as it was"
        if name not in declared:
            yield Problem(f"rollout/{name} is not declared, but its wave {wave} stands", hint=hint)
        elif planner.course(name, declared[name]).wave(wave) is None:
            field = "waves" if declared[name].waves else "batch"
            yield Finding("rollout", name, field, f"wave {wave} stands, but is not declared", hint)


def one(catalogue: Catalogue, name: str = "") -> tuple[str, Rollout]:
    """The rollout of this name, or the only one. Raises ``GovcloudError`` where there is none such."""
    known = rollouts(catalogue)
    if not name and len(known) == 1:
        return next(iter(known.items()))
    if not known:
        hint = "declare one (`govcloud schema rollout`), then `govcloud apply`"
        raise GovcloudError("the ledger has no rollout of IPv6", hint=hint)
    if name not in known:
        words = (
            f"the ledger has no rollout {name!r} of IPv6" if name else "several rollouts of IPv6 are there"
        )
        raise GovcloudError(words, hint=f"there are: {', '.join(known)}")
    return name, known[name]


def sound(planner: Planner, name: str, rollout: Rollout) -> Course:
    """The course of a rollout. Raises ``InputError`` with everything that is wrong with it as accepted."""
    found = list(planner.faults(name, rollout))
    if found:
        raise InputError(
            [Problem(f"rollout/{name}: `{f.field}`: {f.message}", hint=f.hint) for f in found],
            hint="put the file right (`govcloud validate` tells where), then `govcloud apply`",
        )
    return planner.course(name, rollout)
