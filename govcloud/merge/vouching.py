"""A merge's plan says what its order would say on the ledger as it is, or its end; nothing beside.

Gates are judged on what is accepted before, and on what is accepted once the plan is carried out: what the
files changed is in a plan, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ..errors import InputError, Problem
from ..ledger import Ledger
from ..ledger.entries import Key
from ..model.governance import Review
from ..model.lines import Boundary
from ..plan.stages import Asked, EntryChange, Plan, Record
from ..workspace import Workspace
from .gates import gates, require_open
from .order import asked as wanted
from .order import ended, readiness
from .reading import CLAIMANT, World, read_world


def vouch(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Raises ``InputError`` where claims of a merge are not those of `merge run` or `merge undo`.

    Raises ``DeniedError`` where a gate before the merge has been shut since.
    """
    claimants = {row.claimant for row in asked.said} | {key[2] for key in asked.ended}
    world = read_world(workspace, ledger)
    for claimant in sorted(one for one in claimants if one.startswith(CLAIMANT)):
        name = claimant.removeprefix(CLAIMANT)
        said = sorted((r for r in asked.said if r.claimant == claimant), key=lambda r: r.claim_key)
        over = sorted(key for key in asked.ended if key[2] == claimant)
        if not said and over and over == list(ended(world, name).ended):
            continue
        require_open(gates(world, name, date.today()))
        order = wanted(world, name)
        if said != list(order.said) or over != list(order.ended):
            raise InputError(
                [Problem(f"the plan file says of {claimant} what its order does not")],
                hint=f"make it again: `govcloud network merge run {name} --out FILE`",
            )


def judge(workspace: Workspace, ledger: Ledger, plan: Plan, names: Iterable[str] = ()) -> None:
    """Hold what a plan ends in against the gates of the merges in it, and of ``names``: see ``judged``."""
    begun = {row.claimant.removeprefix(CLAIMANT) for row in plan.asked.said if _merges(row.claimant)}
    names = sorted(begun | set(names))
    if names:
        changes = [c for stage in plan.stages if isinstance(stage, Record) for c in stage.changes]
        judged(read_world(workspace, ledger), changes, plan.asked, names)


def judged(world: World, changes: Sequence[EntryChange], asked: Asked, names: Iterable[str]) -> None:
    """Raises ``InputError`` where changes are of what a merge was judged by, or it could not be carried out
    after them; ``DeniedError`` where a gate would be shut.
    """
    after = world.after(changes)
    problems = [p for name in names for p in _beside(world, after, name, changes, asked)]
    if problems:
        raise InputError(problems, hint="`govcloud apply` that first, then merge")
    require_open([gate for name in names for gate in gates(after, name, date.today())])
    problems = [problem for name in names for problem in readiness(after, name)]
    if problems:
        raise InputError(problems, hint="`govcloud apply` what mends it first, then merge")


def _merges(claimant: str) -> bool:
    return claimant.startswith(CLAIMANT)


def _beside(
    world: World, after: World, name: str, changes: Iterable[EntryChange], asked: Asked
) -> Iterator[Problem]:
    """Changes of what a merge is judged by that are not its order's."""
    by_order: dict[Key, set[str]] = {}
    rows = [row for rows in world.standing.values() for row in rows if row.claim_key in asked.ended]
    for row in (*asked.said, *rows):
        by_order.setdefault(row.key, set()).update(row.fields or ())
    about = _judged_by(world, name) | _judged_by(after, name)
    for change in changes:
        if not {(change.kind, change.name), (change.kind, change.was or change.name)} & about:
            continue
        fields = {one.field.partition(".")[0] for one in change.changes}
        left = sorted(fields - by_order.get((change.kind, change.name), set()))
        if change.verb != "update" or left:
            what = f" `{'`, `'.join(left)}`" if change.verb == "update" else ""
            words = f"the plan would {change.verb}{what} as well, and private_network/{name} is merged by it"
            yield world.problem(change.kind, change.name, words)


def _judged_by(world: World, name: str) -> set[Key]:
    """A private network, its boundaries, its reviews, and the flows across it."""
    about = {("private_network", name)}
    about |= {("boundary", n) for n, b in world.catalogue.all(Boundary).items() if b.private_network == name}
    subject = f"private_network/{name}"
    about |= {("review", n) for n, r in world.catalogue.all(Review).items() if r.subject == subject}
    drawn = world.catalogue.all(Boundary).values()
    return about | {("flow", f) for b in drawn if b.private_network == name for f in b.flows}
