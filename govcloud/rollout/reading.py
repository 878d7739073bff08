"""What a rollout is planned from: entries of the kinds that matter to it, of the ledger or of the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ..errors import GovcloudError, InputError, Problem
from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..model import KINDS
from ..model.base import Entry
from ..model.catalogue import Catalogue
from ..model.change import Rollout
from ..source.loaded import Loaded
from ..source.merging import Saying, join
from .members import Ground
from .waves import Course, Planner

READ = (
    *("region", "unit", "zone", "private_network", "site", "room", "rack"),
    *("node", "link", "network", "server", "cloud", "project", "instance"),
    *("application", "endpoint", "dns_zone", "rollout", "translation"),
)


def typed(known: Mapping[Key, Mapping[str, Any]]) -> Catalogue:
    """Entries of these kinds as typed structs (they were checked before)."""
    tables: dict[str, dict[str, Entry]] = {}
    for (kind, name), fields in known.items():
        if kind in READ:
            tables.setdefault(kind, {})[name] = msgspec.convert(fields, KINDS[kind])
    return Catalogue(tables)


def of_ledger(connection: Connection, hidden: Collection[str] = frozenset()) -> Catalogue:
    """What is accepted. ``hidden``: uids of entries that are left out, for a reader who may not see them."""
    found: dict[Key, Mapping[str, Any]] = {}
    for kind in READ:
        current = entries.current(connection, kind=kind)
        found |= {key: entry.fields for key, entry in current.items() if entry.uid not in hidden}
    return typed(found)


def rollouts(catalogue: Catalogue) -> dict[str, Rollout]:
    """The rollouts of IPv6 by name, sorted; others are nothing of ours."""
    return {name: one for name, one in sorted(catalogue.all(Rollout).items()) if one.type == "ipv6"}


def check_files(loaded: Loaded, others: Iterable[Saying]) -> None:
    """Judge the rollouts that files declare. Raises ``InputError`` with every fault and its place."""
    if not loaded.counts.get("rollout"):
        return
    merged, _ = join(loaded.claims, others, layers=loaded.layers)
    planner = Planner(Ground(typed(merged)))
    problems = [
        loaded.problem(finding)
        for name, rollout in rollouts(planner.ground.catalogue).items()
        for finding in planner.faults(name, rollout)
    ]
    if problems:
        raise InputError(sorted(problems, key=lambda p: (p.path, p.line, p.column)))


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
