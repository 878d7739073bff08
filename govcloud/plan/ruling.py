"""The gate: which findings of the rules a plan newly brings about, which it cures, and whether it may.

What is accepted is judged beside what would be accepted, so nobody is refused for what was there before. A
breach that must not be (``deny``), that the plan brings about and nobody waived, refuses it where the policy
of the accepted revision says so: ``profile/rules``, values ``gate``:

- ``all`` (where nothing is said): every plan, whoever makes it;
- ``requests``: requests alone; other plans are told of it;
- ``none``: nobody is refused; requests neither.

Nobody brings along what he is judged by. Profiles, the codes of regions and waivers count as they are
accepted; of an empty ledger, as they are proposed. So a change of these alone brings nothing about, and lets
nothing else pass. What an entry says it is (a role, a level, a scope: ``LABELS``) counts as proposed and, of
what is there already, as accepted too: who is denied by either is denied.

An emergency does not pass it, other than limits and freezes, unless ``emergency_passes`` is true there. Of
rules that a document states only those count of which it is certain that the document binds: where neither a
region's code nor ``documents`` of the policy says which province it is, ``check`` judges by all documents and
the gate by none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from .. import canonical
from ..errors import DeniedError, InputError, Problem
from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Key
from .stages import EntryChange, Plan, Record, Ruled, Ruling

Gate = Literal["all", "requests", "none"]
# Fields of entries by key; None: it goes.
Changed = Mapping[Key, Mapping[str, Any] | None]

if TYPE_CHECKING:
    from ..model.catalogue import Catalogue
    from ..policy import Case, Check, Finding
    from ..policy.comparing import Compared, Referring


class Referrers(Protocol):
    """Entries that can tell who refers to one of them."""

    def referring(self, keys: Collection[Key]) -> Iterable[tuple[Key, str, Key]]:
        """Who refers, by which field, to which of these."""
        ...


POLICY: Key = ("profile", "rules")
REQUESTS = "request:"
GATES: tuple[Gate, ...] = ("all", "requests", "none")
# What entries say they are, by which other entries are judged.
LABELS: Mapping[str, frozenset[str]] = {
    "region": frozenset({"level"}),
    "unit": frozenset({"type", "level"}),
    "site": frozenset({"role", "level", "scope"}),
    "zone": frozenset({"role"}),
    "exchange": frozenset({"role"}),
    "exit": frozenset({"role"}),
    "cloud": frozenset({"role"}),
    "application": frozenset({"type", "scope"}),
}
# What says by whose documents a province is judged.
CODES: Mapping[str, frozenset[str]] = {"region": frozenset({"code"})}
# Of each verdict so many findings are kept with a plan.
KEPT = 200
# So many breaches are told in the sentence of a refusal.
TOLD = 3


def changes_of(plan: Plan, done: Collection[str] = ()) -> list[EntryChange]:
    """What a plan changes in the ledger, without the stages that are ``done``."""
    left = (s for s in plan.stages if isinstance(s, Record) and s.id not in done)
    return [change for stage in left for change in stage.changes]


def ruling(connection: Connection, changes: Iterable[EntryChange], day: date | None = None) -> Ruling:
    """What these changes of the accepted entries of now bring about and cure, on a day (None: today)."""
    changed: dict[Key, Mapping[str, Any] | None] = {}
    renamed: dict[str, str] = {}
    for one in changes:
        changed[one.kind, one.name] = None if one.verb == "delete" else one.fields
        if one.was and one.verb != "delete":
            renamed[f"{one.kind}/{one.was}"] = one.subject
    for former in renamed:
        changed.setdefault(entries.key_of(former), None)
    if not changed:
        return Ruling()
    return _ruled(connection, changed, renamed, day or date.today())


def _ruled(
    connection: Connection,
    changed: Changed,
    renamed: Mapping[str, str],
    day: date,
) -> Ruling:
    # Late: whoever changes nothing needs no rule.
    from ..policy import Case
    from ..policy.comparing import Change, compare
    from .lookup import ChangedCatalogue, LedgerCatalogue

    below = LedgerCatalogue(connection)
    accepted = {key: entry.fields for key, entry in entries.among(connection, changed).items()}
    # An empty ledger misses nothing that a document asks for: it was nobody's yet. Nor has it a policy.
    first = not entries.last_revision(connection)
    former = {new: old for old, new in renamed.items()}
    before = Case(below, day, frozenset() if first else None, lenient=True)
    gate, emergency = policy(connection, changed)
    # What somebody changes has to be right; what was accepted before may be of another release.
    ways = ChangedCatalogue(below, {key: changed[key] for key in changed if key[0] in ("profile", "rule")})
    _profiles_hold(Case(ways, day), changed)
    checks = _checks(below, ways)
    waivable = frozenset(check.id for check in checks if check.waivable)

    def judged(proposed: Changed) -> tuple[Case, Compared]:
        above = ChangedCatalogue(below, proposed)
        if first:
            after = Case(above, day, lenient=True)
        else:
            after = Case(above, day, lenient=True, accepted=below, renamed=former)
        changes = {key: Change(accepted.get(key), fields) for key, fields in proposed.items()}
        asked = [c for c in checks if not c.documents or after.certain]
        return after, compare(before, after, changes, _referring(below, above), asked, renamed=renamed)

    def as_accepted(what: Mapping[str, frozenset[str]], of: Changed) -> Changed:
        return of if first else _restored(of, accepted, former, what)

    proposed = as_accepted(CODES, changed)
    after, found = judged(proposed)
    new = [_ruled_of(one, after, waivable) for one in found.new]
    if (relabelled := as_accepted(LABELS, proposed)) != proposed:
        told = {(one.rule, one.subject) for one in new if one.verdict == "deny" and not one.waiver}
        after, others = judged(relabelled)
        new += [
            _ruled_of(one, after, waivable)
            for one in others.new
            if one.verdict == "deny" and not one.waiver and (one.rule, one.subject) not in told
        ]
    kept, more, rest = _kept(new)
    cured = dict(sorted(Counter(one.rule for one in found.cured).items()))
    return Ruling(kept, cured, more, rest, gate, emergency)


def _restored(
    changed: Changed,
    accepted: Mapping[Key, Mapping[str, Any]],
    former: Mapping[str, str],
    what: Mapping[str, frozenset[str]],
) -> Changed:
    """A change in which these fields of what is there already are as they were accepted."""
    out = dict(changed)
    for key, said in changed.items():
        names = what.get(key[0])
        subject = f"{key[0]}/{key[1]}"
        was = accepted.get(entries.key_of(former.get(subject, subject)))
        if names and said is not None and was is not None:
            rest = {field: value for field, value in said.items() if field not in names}
            out[key] = rest | {field: was[field] for field in names if field in was}
    return out


def _profiles_hold(case: Case, changed: Iterable[Key]) -> None:
    """Raises ``InputError`` with every fault of the figures that are proposed."""
    from ..policy.base import tables

    problems: list[Problem] = []
    hint = ""
    for kind, name in sorted(changed):
        if kind == "profile" and name in tables():
            try:
                case.values(name)
            except InputError as error:
                problems += error.problems
                hint = error.hint
    if problems:
        raise InputError(problems, hint=hint)


def _kept(found: Iterable[Ruled]) -> tuple[tuple[Ruled, ...], dict[str, int], str]:
    """The first of each verdict, what nobody waived before the rest; how many others; a digest of those."""
    by_verdict: dict[str, list[Ruled]] = {}
    for one in found:
        by_verdict.setdefault(one.verdict, []).append(one)
    kept: list[Ruled] = []
    over: list[Ruled] = []
    for those in by_verdict.values():
        those.sort(key=lambda one: bool(one.waiver))
        kept += those[:KEPT]
        over += those[KEPT:]
    counted = [one.counted for one in over if one.decided]
    more: Counter[str] = Counter(one.verdict for one in over)
    return tuple(kept), dict(sorted(more.items())), canonical.digest(counted) if counted else ""


def _checks(below: Catalogue, above: Catalogue) -> list[Check]:
    """Every rule that ships, and the site's own.

    These count as they were accepted: who changes one does not pass by that. Those that come now are asked as
    well, of both sides, so that they refuse nothing that was there before.
    """
    from ..policy import decided, expressions

    return [*decided().values(), *{**expressions.own(above), **expressions.own(below)}.values()]


def _referring(below: Referrers, above: Referrers) -> Referring:
    def referring(keys: Collection[Key]) -> Iterable[tuple[Key, str, Key]]:
        yield from below.referring(keys)
        yield from above.referring(keys)

    return referring


def _ruled_of(one: Finding, case: Case, waivable: Collection[str]) -> Ruled:
    cure = one.cure
    if one.rule in waivable and (waiver := case.waiver_to_come(one.rule, one.subject)):
        cure = f"{waiver} counts once it is accepted: apply it first{'; else ' if cure else ''}{cure}"
    return Ruled(one.rule, one.verdict, one.subject, one.message, one.field, cure, one.source, one.waiver)


def policy(connection: Connection, proposed: Changed | None = None) -> tuple[Gate, bool]:
    """Whom the gate refuses, and whether an emergency passes it, as the accepted revision says.

    Of an empty ledger as ``proposed`` says. What is none of the words counts as not said.
    """
    if entries.last_revision(connection):
        accepted = entries.among(connection, [POLICY]).get(POLICY)
        said: Mapping[str, Any] = accepted.fields if accepted is not None else {}
    else:
        said = (proposed or {}).get(POLICY) or {}
    values = said.get("values", {})
    gate = values.get("gate")
    return (gate if gate in GATES else GATES[0]), values.get("emergency_passes") is True


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, hint) of the values of ``profile/rules``."""
    out = []
    documents = values.get("documents", [])
    if not isinstance(documents, list) or not all(isinstance(one, str) for one in documents):
        out.append(("`documents` should be a list of documents", 'as `documents: ["001"]`'))
    if values.get("gate", GATES[0]) not in GATES:
        words = f"`gate` should be {', '.join(GATES[:-1])} or {GATES[-1]}, not {values['gate']!r}"
        out.append((words, "docs/check.md tells what each does"))
    if not isinstance(values.get("emergency_passes", False), bool):
        out.append(("`emergency_passes` should be true or false", "docs/check.md tells what it does"))
    unknown = sorted(values.keys() - {"documents", "gate", "emergency_passes"})
    out += [(f"`{name}` is nothing that the rules go by", "docs/check.md has its keys") for name in unknown]
    return [(f"profile/rules: {words}", hint) for words, hint in out]


def asks(plan: Plan) -> bool:
    """Whether a plan is a request's."""
    claimants = [row.claimant for row in plan.asked.said] + [key[2] for key in plan.asked.ended]
    return any(claimant.startswith(REQUESTS) for claimant in claimants)


def refused(plan: Plan, *, request: bool = False) -> bool:
    """Whether the gate stands against a plan, unless it is an emergency. ``request``: it becomes one."""
    found = plan.ruling
    if found is None or not found.denied or found.gate == "none":
        return False
    return found.gate == "all" or request or asks(plan)


def refuse(plan: Plan, *, emergency: bool = False, request: bool = False) -> None:
    """Raises ``DeniedError`` where the gate does not let a plan through."""
    if refused(plan, request=request):
        assert plan.ruling is not None
        if not (emergency and plan.ruling.emergency_passes):
            raise refusal(plan.ruling, request=request or asks(plan))


def judged(connection: Connection, plan: Plan, done: Collection[str] = ()) -> Plan:
    """The plan with what the rules say now of what is left of it, its ``done`` stages over."""
    return msgspec.structs.replace(plan, ruling=ruling(connection, changes_of(plan, done)))


def refusal(ruling: Ruling, *, request: bool = False) -> DeniedError:
    """What somebody is told whose plan is refused: rule, entry, cure, and what to type next."""
    denied = ruling.denied
    told = [f"{one.rule} denies {one.subject}: {one.message}" for one in denied[:TOLD]]
    count = len(denied) + ruling.more.get("deny", 0)
    more = f"; and {count - TOLD} more" if count > TOLD else ""
    cures = list(dict.fromkeys(one.cure for one in denied[:TOLD] if one.cure))
    cure = f"cure: {'; '.join(cures)}; " if cures else ""
    rules = " ".join(f"--rule {rule}" for rule in dict.fromkeys(one.rule for one in denied[:TOLD]))
    what = "this request" if request else "this plan"
    return DeniedError(
        f"{what} would bring about what the rules deny: {'; '.join(told)}{more}",
        hint=f"{cure}`govcloud check {rules}` shows the place; a waiver lets pass what may be departed from",
    )


def gate_request(connection: Connection, plan: Plan) -> Ruling:
    """What a request's plan brings about: called where a request is submitted, whatever its claims.

    Raises ``DeniedError`` where the rules deny it and the gate is ``all`` or ``requests``.
    """
    if plan.ruling is None:
        plan = judged(connection, plan)
    refuse(plan, request=True)
    assert plan.ruling is not None
    return plan.ruling
