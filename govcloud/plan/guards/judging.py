"""The verdict on a plan: what stands against it, what was signed for it; and letting it go on, or not."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from ... import canonical
from ...access import Identity, read_roles
from ...errors import DeniedError, InputError, Problem
from ...ledger import clearances
from ...ledger.approvals import Approval
from ...ledger.clearances import Clearance, Emergency, How
from ...ledger.connection import Connection
from ..stages import Plan, Record
from . import calendar, needed, needing
from .blast import Beyond, beyond, going, phrase
from .freezes import Frozen, standing_against
from .holds import Held, held_against
from .holds import held_words as _held_by
from .limits import Limits, check_proposed, limits
from .needed import Needed
from .signing import Signed, signed

# So many of the names that something is about are told.
NAMED = 5


class Leave(msgspec.Struct, frozen=True):
    """What somebody says who starts a run. ``confirmed``: the phrase that they typed; ``emergency``: why it
    must be at once, empty where it is none."""

    confirmed: str = ""
    emergency: str = ""


NO_LEAVE = Leave()


class Verdict(msgspec.Struct, frozen=True):
    """What stands against a plan. ``phrase``: what is typed to confirm it (empty: nothing has to be);
    ``needs``: confirmation (a signature does as well) or signature; ``faults``: of the policy itself;
    ``asked``: what the environment wants signed, None where it wants nothing; ``held``: what it ends that is
    under legal hold, which nothing lets pass."""

    beyond: tuple[Beyond, ...] = ()
    frozen: tuple[Frozen, ...] = ()
    phrase: str = ""
    needs: str = "confirmation"
    signed: tuple[Signed, ...] = ()
    emergencies: tuple[Emergency, ...] = ()
    faults: tuple[str, ...] = ()
    asked: Needed | None = None
    held: tuple[Held, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether a second person's signature counts."""
        if self.asked is not None:
            # What a request's chain decides nobody else's signature does.
            return not self.asked.lacks
        return any(not one.void for one in self.signed)

    @property
    def unsigned(self) -> bool:
        """Whether something has to be signed, and is not."""
        return self.asked is not None and bool(self.asked.lacks)

    @property
    def counting(self) -> list[Approval]:
        """The signatures that count."""
        chains = self.asked.requests if self.asked is not None and not self.asked.lacks else ()
        return [a for one in chains for a in one.signed] + [s.approval for s in self.signed if not s.void]


class Pass(msgspec.Struct, frozen=True):
    """Why a run may go on: ``how`` is empty where nothing stood against it."""

    how: How | None = None
    detail: dict[str, Any] = {}


def judge(connection: Connection, plan: Plan, actor: Identity, *, done: Collection[str] = ()) -> Verdict:
    """What stands against the stages of a plan that are not ``done``, by the accepted revision.

    Raises ``InputError`` where the plan itself would accept limits that are none.
    """
    waiting = tuple(clearances.emergencies(connection, waiting=True))
    if plan.empty:
        return Verdict(emergencies=waiting)
    changes = [c for s in plan.stages if isinstance(s, Record) for c in s.changes]
    check_proposed(changes)
    calendar.check_proposed(changes)
    needing.check_proposed(connection, changes)
    needed.check_proposed(connection, changes)
    policy: Limits = limits(connection)
    found = going(connection, plan, done)
    over = tuple(beyond(connection, found, policy))
    theirs = tuple(signed(connection, plan, actor))
    return Verdict(
        beyond=over,
        frozen=tuple(standing_against(connection, plan, done)),
        phrase=phrase(plan.environment, found) if over else "",
        needs=policy.needs,
        signed=theirs,
        emergencies=waiting,
        faults=policy.faults,
        asked=needed.needed(connection, plan, actor, theirs),
        held=tuple(held_against(connection, plan, done)),
    )


def admit(
    connection: Connection,
    plan: Plan,
    actor: Identity,
    leave: Leave,
    *,
    run: str = "",
    done: Collection[str] = (),
) -> Pass:
    """Why a plan may be carried out now; ``run``: the one that goes on with it, its ``done`` stages over.

    An emergency passes freezes and limits, for whoever may (the caller has asked that); no legal hold. Raises
    ``DeniedError`` with what to type, ``InputError``.
    """
    verdict = judge(connection, plan, actor, done=done)
    if verdict.held:
        raise refusal(verdict, plan, leave)
    against = _against(verdict)
    if leave.emergency:
        _refuse_vague(leave.emergency)
        return Pass("emergency", {"reason": leave.emergency, **against})
    former = clearances.of(connection, run) if run else []
    if against and any(one.how == "emergency" for one in former):
        return _goes_on(connection, run, actor, against)
    if verdict.frozen or not _means(leave, verdict, former):
        raise refusal(verdict, plan, leave)
    if verdict.unsigned:
        raise refusal(verdict, plan, leave)
    if verdict.approved and (verdict.beyond or verdict.asked is not None):
        good = verdict.counting
        detail = {**against, "approvals": [one.id for one in good], "by": _names(good)}
        return Pass("signed", detail)
    if not verdict.beyond:
        return Pass()
    if verdict.needs == "confirmation":
        if same(leave.confirmed, verdict.phrase):
            return Pass("confirmed", {**against, "typed": verdict.phrase, "of": _digests(verdict)})
        if any(_covers(one, verdict) for one in former):
            return Pass()
    raise refusal(verdict, plan, leave)


def _names(good: Collection[Approval]) -> str:
    return ", ".join(dict.fromkeys(one.person for one in good))


def same(typed: str, wanted: str) -> bool:
    """Whether somebody typed the phrase; blanks do not matter."""
    return bool(wanted) and " ".join(typed.split()) == wanted


def _means(leave: Leave, verdict: Verdict, former: Collection[Clearance]) -> bool:
    """Whether what was typed, if anything, is about this plan, or about the run that goes on."""
    phrases = {verdict.phrase, *(str(one.detail.get("typed", "")) for one in former)}
    return not leave.confirmed or any(same(leave.confirmed, phrase) for phrase in phrases)


def _digests(verdict: Verdict) -> dict[str, list[str]]:
    """What is confirmed: of each limit its subjects, without their names, which not every reader may see."""
    return {_limit(one): sorted(map(canonical.digest, one.subjects)) for one in verdict.beyond}


def _limit(one: Beyond) -> str:
    # A phrase tells the number that goes: less of it is within, as a number and as a share.
    return one.limit.removesuffix("_percent")


def _covers(former: Clearance, verdict: Verdict) -> bool:
    """Whether all that stands against the rest of a run was confirmed when it began."""
    if former.how != "confirmed":
        return False
    known: dict[str, list[str]] = former.detail.get("of", {})
    now = _digests(verdict)
    return all(limit in known and set(found) <= set(known[limit]) for limit, found in now.items())


def _refuse_vague(reason: str) -> None:
    if len(reason.strip()) < 3 or len(reason) > 2000:
        raise InputError([Problem("--reason should be a sentence, of at most 2000 characters")])


def _against(verdict: Verdict) -> dict[str, Any]:
    """What stands against a plan, as it is written down."""
    out: dict[str, Any] = {}
    if verdict.beyond:
        out["beyond"] = [one.limit for one in verdict.beyond]
    if verdict.frozen:
        out["frozen"] = [one.freeze for one in verdict.frozen]
    if verdict.unsigned:
        out["unsigned"] = True
    return out


def _goes_on(connection: Connection, run: str, actor: Identity, against: dict[str, Any]) -> Pass:
    """An emergency that was begun goes on at the hands of those who may begin one, or once it is approved."""
    approved = any(one.state == "approved" for one in clearances.emergencies(connection, run=run))
    if not approved and not read_roles(connection).may(actor.person, "emergency"):
        raise DeniedError(
            f"run {run} goes past its guards as an emergency that nobody has approved; "
            "`emergency` is missing to go on with it",
            hint=f"`govcloud approve {run}` by somebody else, then resume",
        )
    return Pass("emergency", {"reason": "goes on with what was begun", **against})


def refusal(verdict: Verdict, plan: Plan, leave: Leave) -> DeniedError:
    """What somebody is told whom a guard refuses, and what to type next."""
    if verdict.held:
        one = verdict.held[0]
        return DeniedError(
            held_words(one),
            hint=f"leave that out of the plan; `govcloud show request/{one.request}` tells who says so; it "
            "ends with `legal_hold_until`, or when the field is taken back in a plan of its own",
        )
    if verdict.frozen:
        return DeniedError(
            frozen_words(verdict.frozen[0]),
            hint="wait for its end, leave that out of the plan, or `--emergency --reason TEXT` "
            "for whom may; `govcloud freeze` lists them",
        )
    if verdict.unsigned:
        return _unsigned(verdict, plan)
    if not verdict.beyond:
        return DeniedError(
            f"this plan is within its limits and wants no phrase ({leave.confirmed!r} was typed): "
            "it is not the one that was meant",
            hint="look at it with `govcloud plan`; `--yes` confirms it",
        )
    words = "; ".join(map(beyond_words, verdict.beyond))
    approve = f"`govcloud approve {plan.effect[:12]}` by somebody else"
    voids = "; ".join(f"the signature of {one.approval.person} does not count: {one.void}"
                      for one in verdict.signed)  # fmt: skip
    if voids:
        words = f"{words}; {voids}"
    if verdict.needs == "signature" and not verdict.approved:
        return DeniedError(f"this plan is beyond its limits: {words}", hint=f"{approve} lets it go on")
    typed = f" ({leave.confirmed!r} was typed)" if leave.confirmed else ""
    return DeniedError(
        f"this plan is beyond its limits{typed}: {words}",
        hint=f'`--confirm "{verdict.phrase}"` says that it is meant; so does {approve}',
    )


def _unsigned(verdict: Verdict, plan: Plan) -> DeniedError:
    """What is not signed, and who signs it."""
    assert verdict.asked is not None
    words = [verdict.asked.lacks]
    void = [(s.approval.person, s.void) for s in verdict.signed if s.void]
    void += [(given.approval.person, given.void) for one in verdict.asked.requests for given in one.void]
    words += [f"the signature of {person} does not count: {why}" for person, why in void]
    names = [one.request for one in verdict.asked.requests]
    if names:
        hint = f"`govcloud request approve {names[0]}` by whom `govcloud request show {names[0]}` names"
    else:
        hint = f"`govcloud approve {plan.effect[:12]}` by somebody else lets it go on"
    return DeniedError(f"not signed: {'; '.join(words)}", hint=hint)


def beyond_words(one: Beyond) -> str:
    """A limit that a plan is beyond, in a sentence."""
    return one.words + (f": {_few(one.subjects)}" if one.subjects else "")


def frozen_words(one: Frozen) -> str:
    """A freeze that forbids a plan, in a sentence."""
    until = f" until {one.until}" if one.until else ""
    why = f" ({one.reason})" if one.reason else ""
    return f"frozen by freeze/{one.freeze}{until}{why}: {_few(one.subjects)}"


def held_words(one: Held) -> str:
    """A legal hold that forbids a plan, in a sentence."""
    return f"{_held_by(one)} ({_few(one.subjects)})"


def _few(subjects: Collection[str]) -> str:
    listed = list(subjects)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
