"""How a request stands in its chain: which stages are done, which is open, who may, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from ...access import Ring
from ...errors import ConflictError, GovcloudError
from ...ledger import approvals, requests
from ...ledger.approvals import Approval
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ...ledger.requests import Row
from ..stages import decode
from .calendar import Calendar, calendar
from .chains import Stage
from .needing import Policy, policy
from .people import Acting, People
from .questions import Question, Subject, question, subject_of, templates_of

# Times of signatures have milliseconds.
JOT = 0.01


class Given(msgspec.Struct, frozen=True):
    """A signature for a stage; ``void``: why it does not count, empty where it does."""

    approval: Approval
    stage: str
    giver: str = ""
    void: str = ""


class Step(msgspec.Struct, frozen=True):
    """A stage as it stands. ``may``: who could sign it now; ``opened``, ``due``: seconds since 1970.

    ``up``: to whom it went up, because nobody of its own can sign or because it is late; ``late``: working
    days since it was due; ``trouble``: in a sentence why nobody can.
    """

    stage: Stage
    state: Literal["done", "open", "overdue", "waiting"]
    signed: tuple[Given, ...] = ()
    may: tuple[Acting, ...] = ()
    opened: float | None = None
    due: float | None = None
    up: tuple[str, ...] = ()
    late: int = 0
    trouble: str = ""


class Standing(msgspec.Struct, frozen=True):
    """How a request stands. ``void``: signatures over this effect that do not count; ``faults``: of the
    calendar and the policy themselves."""

    request: str
    effect: str
    steps: tuple[Step, ...]
    void: tuple[Given, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether every stage is done."""
        return all(step.state == "done" for step in self.steps)

    @property
    def open(self) -> Step | None:
        """The stage that is to be decided now; None where all are."""
        return next((step for step in self.steps if step.state in ("open", "overdue")), None)

    @property
    def signed(self) -> list[Approval]:
        """The signatures that count, in the order of the stages."""
        return [given.approval for step in self.steps for given in step.signed]


def of_request(connection: Connection, row: Row, desk: Desk | None = None) -> tuple[Question, Standing]:
    """What is to be decided about a submitted request, and how that stands. Raises ``ConflictError``."""
    try:
        plan = decode(requests.paper(connection, row.plan))
        asked = question(connection, row, plan, templates_of(connection, row))
    except (KeyError, msgspec.MsgspecError) as error:
        raise ConflictError(f"what was submitted for request {row.name} cannot be read: {error}") from None
    return asked, (desk or Desk(connection)).standing(asked)


def stage_state(connection: Connection, one: Approval, subject: Subject) -> str:
    """Why an approval of a stage does not count (any more); empty where it does."""
    row = requests.find(connection, subject.request)
    if row is None:
        return f"there is no request {subject.request} any more"
    if row.effect != one.effect:
        return f"request {row.name} would do something else now, effect {row.effect[:12]}"
    _, found = of_request(connection, row)
    return next((given.void for given in found.void if given.approval.id == one.id), "")


class Desk:
    """What it takes to tell how requests stand, read once: people, policy, calendar, the time."""

    def __init__(self, connection: Connection, people: People | None = None) -> None:
        """``people``: of a former revision, to look back; None: of now."""
        self.connection = connection
        self.people = people or People(connection)
        self.policy: Policy = policy(connection)
        self.calendar: Calendar = calendar(connection)
        self.now = now(connection)

    def standing(self, asked: Question) -> Standing:
        """As the function of this name."""
        given = self._given(asked)
        steps: list[Step] = []
        filled: set[str] = set()
        opened: float | None = asked.at
        faults = [*self.policy.faults, *self.calendar.faults]
        for index, stage in enumerate(asked.stages):
            if opened is None:
                steps.append(Step(stage, "waiting", may=tuple(self._fit(asked, stage, index, self.now)[0])))
                continue
            step, opened = self._step(asked, index, opened, given, filled, faults)
            steps.append(step)
        counted = {one.approval.id for step in steps for one in step.signed}
        void = tuple(
            one if one.void else msgspec.structs.replace(one, void="its stage was not open then, or is done")
            for one in given
            if one.approval.id not in counted
        )
        return Standing(asked.request, asked.effect, tuple(steps), void, tuple(dict.fromkeys(faults)))

    def _step(
        self,
        asked: Question,
        index: int,
        opened: float,
        given: list[Given],
        filled: set[str],
        faults: list[str],
    ) -> tuple[Step, float | None]:
        """A stage that is open or done; and when it was done, None where it is not."""
        stage = asked.stages[index]
        days = stage.days or self.policy.days
        due = self.calendar.due(opened, days)
        for year in self.calendar.unknown(opened, days):
            faults.append(f"nobody says the days off of {year}: only its weekends count as such")
        signed: list[Given] = []
        for place, one in enumerate(given):
            if one.void or one.stage != stage.name or len(signed) == stage.count:
                continue
            why = self.unfit(
                asked, index, Acting(one.approval.person, one.giver), one.approval.at, due, filled
            )
            if not why and one.approval.at < opened - JOT:
                why = "it was signed before its stage was open"
            if why:
                given[place] = msgspec.structs.replace(one, void=why)
                continue
            signed.append(one)
            filled |= {one.approval.person, one.giver} - {""}
        if len(signed) == stage.count:
            done = max(opened, *(one.approval.at for one in signed))
            return Step(stage, "done", tuple(signed), opened=opened, due=due), done
        late = self.now > due
        own, up, trouble = self._fit(asked, stage, index, self.now)
        free = [one for one in own if not {one.person, one.giver} & filled]
        above = [one for one in up if not {one.person, one.giver} & filled]
        went_up = late or not free
        return Step(
            stage,
            "overdue" if late else "open",
            tuple(signed),
            tuple([*free, *above] if went_up else free),
            opened,
            due,
            tuple(dict.fromkeys(one.person for one in above)) if went_up else (),
            self.calendar.late(due, self.now) if late else 0,
            trouble if not free and not above else "",
        ), None

    def _fit(
        self, asked: Question, stage: Stage, index: int, at: float
    ) -> tuple[list[Acting], list[Acting], str]:
        """Who fills a stage at a time by their own duty; to whom it goes up; why nobody can, if so."""
        units = self.people.units_of(stage, asked.unit)
        own = self._free(asked, self.people.holders(stage, units), at)
        up: list[Acting] = []
        if stage.late_to == "next":
            if index + 1 < len(asked.stages):
                after = asked.stages[index + 1]
                up = self._free(
                    asked, self.people.holders(after, self.people.units_of(after, asked.unit)), at
                )
        else:
            seen, above = set(units), self.people.parents(units)
            while above - seen and not up:
                up = self._free(asked, self.people.holders(stage, above), at)
                seen |= above
                above = self.people.parents(above)
        duty = "" if stage.duty == "any" else f" as {stage.duty}"
        where = ", ".join(f"unit/{u}" for u in sorted(units)) if stage.of != "anybody" else "the ledger"
        words = f"nobody in {where} may sign{duty}" if where else f"unit/{asked.unit} has no {stage.of} unit"
        return own, up, f"{words}, nor anybody that it goes up to"

    def _free(self, asked: Question, holders: list[str], at: float) -> list[Acting]:
        """Of those who may, who have no part in it: nobody approves their own, nor for whom it is."""
        return [
            one for one in self.people.acting(holders, at) if not {one.person, one.giver} & asked.asked_by
        ]

    def deciders(self, asked: Question) -> set[str]:
        """Who could sign any stage of a request now, or when it is late."""
        found = set()
        for index, stage in enumerate(asked.stages):
            own, up, _ = self._fit(asked, stage, index, self.now)
            found |= {one.person for one in (*own, *up)}
        return found

    def unfit(
        self, asked: Question, index: int, who: Acting, at: float, due: float, filled: Iterable[str] = ()
    ) -> str:
        """Why somebody does not fill a stage of a request at a time; empty where they do."""
        stage = asked.stages[index]
        for person in sorted({who.person, who.giver} - {""}):
            if person in asked.asked_by:
                return f"{person} asked for it: nobody approves their own"
            if person in filled:
                return f"{person} has signed already: nobody fills two stages, or one of them twice"
        own, up, _ = self._fit(asked, stage, index, at)
        if who in own or (who in up and (at > due or not own)):
            return ""
        if who.giver and (why := self.people.delegation_fault(who.person, who.giver, at)):
            return why
        if who in up:
            return f"{who.giver or who.person} comes in when it is late, after {_day(due)}"
        return f"{who.giver or who.person} {self._lacks(asked, stage, who.giver or who.person)}"

    def _lacks(self, asked: Question, stage: Stage, person: str) -> str:
        """What somebody lacks for a stage, as a predicate."""
        fields = self.people.persons.get(person)
        if fields is None:
            return "is no accepted person (any more)"
        if not self.people.roles.may_alone(person, "approve"):
            return "has not `approve` (any more)"
        units = self.people.units_of(stage, asked.unit)
        if fields.get("unit") not in units:
            return (
                f"is not of {' or '.join(f'unit/{u}' for u in sorted(units)) or 'a unit that decides here'}"
            )
        if stage.duty not in ("any", fields.get("duty")):
            return f"is {fields.get('duty')} there, and the stage {stage.name} is for the {stage.duty}"
        return f"has not the role/{stage.role}"

    def _accounts(self, person: str) -> set[str]:
        found = self.people.persons.get(person, {}).get("accounts", ())
        return set(found)

    def _given(self, asked: Question) -> list[Given]:
        """The signatures for stages of this request over this effect, the oldest first."""
        out = []
        for one in reversed(approvals.of(self.connection, effect=asked.effect, purpose=approvals.EFFECT)):
            subject = subject_of(one)
            if subject is None or one.revoked is not None or subject.request != asked.request:
                continue
            out.append(Given(one, subject.stage, subject.giver, self.void(asked, one)))
        return out

    def void(self, asked: Question, one: Approval) -> str:
        """Why a signature counts for no stage of this request; empty where it does."""
        if one.at < asked.at - JOT:
            return f"it was signed on {_day(one.at)}, before this was submitted"
        if one.at > self.now + self.policy.clock_s:
            return f"it says that it was signed on {_day(one.at)}, which is to come"
        if one.account in asked.accounts or asked.accounts & self._accounts(one.person):
            return f"{one.person} signed in the account that asked for it: nobody approves their own"
        if why := key_fault(self.connection, self.people.ring, one):
            return why
        try:
            approvals.check(self.connection, one, [one.public])
        except GovcloudError as error:
            return error.message
        return ""


def key_fault(connection: Connection, ring: Ring, one: Approval) -> str:
    """Why the key of a signature signed nothing then; empty where it did."""
    revoked = any(key.public == one.public and key.revoked is not None for key in ring)
    return ring.fault(one.person, one.public, one.at, kept_at(connection, one) if revoked else None)


def kept_at(connection: Connection, one: Approval) -> float | None:
    """When the ledger kept a signature, which is not the signer's to say; None where the trail has no word.

    Asked only of keys that are revoked: it reads all approvals of the trail.
    """
    statement = "SELECT at, data FROM audit WHERE action = :action ORDER BY seq"
    for at, data in connection.rows(statement, action=approvals.GIVEN):
        if msgspec.json.decode(data).get("approval") == one.id:
            return float(at)
    return None


def _day(at: float) -> str:
    from .telling import when

    return when(at)
