"""The life of a request: only listed steps, each written down, by whoever may, by a clock that runs on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.access import Identity
from govcloud.errors import ConflictError, DeniedError
from govcloud.ledger import Ledger, audit, entries, open_ledger, requests, runs
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims
from govcloud.ledger.requests import Row
from govcloud.request import states
from govcloud.request.states import CLOSED, TRANSITIONS, Event, State, move
from govcloud.workspace import Settings, Workspace

STATES, EVENTS = get_args(State), get_args(Event)
LI = Identity("li", "li@ops", "os")
ROW = Row("web", 1, "bureau", "li", "", "submitted", "d", "p", "e", "", "", 1.0, 1.0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(Workspace(tmp_path, Settings(environment="tiny")), create=True)
    yield made
    made.close()


def history(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.read() as connection:
        return [(one.event, one.state) for one in requests.events(connection, "web")]


def trail(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return [row.action for row in audit.rows(connection) if row.action.startswith("request ")]


def test_every_state_is_reached_and_none_is_a_trap() -> None:
    """From a draft every state can be reached, and from every state an end."""
    reached = {"draft"}
    while more := {to for (state, _), (to, _) in TRANSITIONS.items() if state in reached} - reached:
        reached |= more
    assert reached == set(STATES)
    ending = set(CLOSED)
    while more := {state for (state, _), (to, _) in TRANSITIONS.items() if to in ending} - ending:
        ending |= more
    assert ending == set(STATES)


@given(st.sampled_from(STATES), st.sampled_from(EVENTS))
def test_what_is_not_listed_is_refused_with_what_is_possible(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert states.after(state, event)[0] in STATES
        return
    with pytest.raises(ConflictError) as refused:
        states.after(state, event, "web")
    assert f"request web is {state}" in refused.value.message
    assert refused.value.hint
    for typed in states.possible(state, "web"):
        assert typed in refused.value.hint


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_any_walk_leaves_a_history_of_listed_steps(tmp_path_factory: pytest.TempPathFactory,
                                                   events: list[Event]) -> None:  # fmt: skip
    place = tmp_path_factory.mktemp("walk")
    ledger = open_ledger(Workspace(place, Settings(environment="tiny")), create=True)
    state: State = "draft"
    taken: list[tuple[str, str]] = []
    for event in ["submit", *events]:
        listed = TRANSITIONS.get((state, event))  # type: ignore[call-overload]
        try:
            with ledger.write() as connection:
                move(connection, LI, ROW, event)  # type: ignore[arg-type]
        except ConflictError:
            assert listed is None
            continue
        assert listed is not None
        state = listed[0]
        taken.append((event, state))
    assert history(ledger) == taken
    assert trail(ledger) == [f"request {event}" for event, _ in taken]
    ledger.close()


def test_a_step_and_its_trace_stand_or_fall_together(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        raise RuntimeError
    assert history(ledger) == []
    assert trail(ledger) == []


def test_who_when_and_why_are_written_down(ledger: Ledger) -> None:
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        move(connection, LI, ROW, "withdraw", note="no money")
    with ledger.read() as connection:
        last = requests.events(connection, "web")[-1]
        row = list(audit.rows(connection))[-1]
    assert (last.event, last.actor, last.person, last.note) == ("withdraw", "li (li@ops)", "li", "no money")
    assert row.actor == "li (li@ops)"
    assert '"note":"no money"' in row.data
    assert abs(last.at - time.time()) < 60


@pytest.mark.parametrize("event", ["withdraw", "approve", "reject"])
def test_a_clock_that_was_set_back_refuses(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, event: Event
) -> None:
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
    then = time.time() - 3600
    monkeypatch.setattr(states.time, "time", lambda: then)
    with (
        pytest.raises(ConflictError, match="s behind the ledger's newest event") as refused,
        ledger.write() as c,
    ):
        move(c, LI, ROW, event)
    assert "set the clock right" in refused.value.hint
    assert history(ledger) == [("submit", "submitted")]


def test_a_clock_that_is_off_a_little_goes_on(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
    then = time.time() - 60
    monkeypatch.setattr(states.time, "time", lambda: then)
    with ledger.write() as connection:
        move(connection, LI, ROW, "withdraw")
    assert history(ledger)[-1] == ("withdraw", "withdrawn")


def people(ledger: Ledger) -> None:
    """li and chen of the bureau, wang of another unit, an operator, somebody who approves, the boss."""
    said = [
        ("person", "li", {"unit": "bureau", "duty": "staff"}),
        ("person", "chen", {"unit": "bureau", "duty": "staff"}),
        ("person", "wang", {"unit": "other", "duty": "staff"}),
        ("role", "operators", {"persons": ["zhao"], "permissions": ["plan", "apply"]}),
        ("role", "approvers", {"persons": ["sun"], "permissions": ["approve"]}),
        ("role", "bosses", {"persons": ["boss"], "permissions": ["administer"]}),
    ]
    changes = [_Change(kind, name, fields) for kind, name, fields in said]
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="x", run="r", commit=None, message="", workspace="")
        entries.accept(connection, number, changes)


class _Change:
    verb, incarnation, stack, was = "create", 1, None, ""

    def __init__(self, kind: str, name: str, fields: dict[str, object]) -> None:
        self.uid, self.kind, self.name, self.fields = f"{kind}-{name}"[:16], kind, name, fields


def test_a_step_is_of_what_was_submitted_last(ledger: Ledger) -> None:
    """Who read it a moment ago neither writes the older one back nor decides on what they have not seen."""
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        anew = msgspec.structs.replace(ROW, version=2, effect="e2", until="2999-01-01")
        move(connection, LI, anew, "replace")
    for event in ("void", "withdraw", "approve"):
        with pytest.raises(ConflictError, match="submitted anew meanwhile"), ledger.write() as connection:
            move(connection, LI, ROW, event)  # type: ignore[arg-type]
    # What else became of it since is kept.
    with ledger.write() as connection:
        move(connection, LI, msgspec.structs.replace(anew, until=""), "withdraw")
    with ledger.read() as connection:
        now = requests.get(connection, "web")
    assert (now.state, now.version, now.effect, now.until) == ("withdrawn", 2, "e2", "2999-01-01")


def test_what_a_run_builds_is_not_taken_back(ledger: Ledger) -> None:
    """Where nobody signs, its run is there a moment before the request is said to be approved."""
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        plan = runs.put_blob(connection, b"p")
        runs.create(connection, id="r1", plan=plan, effect="e", title="", actor="", stages=[])
    for event in ("withdraw", "replace", "void", "reject", "expire"):
        with pytest.raises(ConflictError, match="run r1 carries request web out"), ledger.write() as c:
            move(c, LI, ROW, event)  # type: ignore[arg-type]


def test_what_failed_and_has_entries_is_given_back_first(ledger: Ledger) -> None:
    """To carry out what would do something else now would not help: what is typed says what does."""
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        for event in ("approve", "fail"):
            move(connection, LI, ROW, event, by_rule=True)  # type: ignore[arg-type]
        claim = ClaimRow("application", "web", "request:web", 0, {})
        number = entries.open_revision(connection, actor="x", run="r", commit=None, message="", workspace="")
        change_claims(connection, number, ClaimChanges(said=(claim,)))
    with pytest.raises(ConflictError, match="has 1 entries already") as refused, ledger.write() as connection:
        move(connection, LI, ROW, "void")
    assert refused.value.hint.startswith("`govcloud request release web`")


def test_nothing_is_held_for_what_is_over(ledger: Ledger) -> None:
    """Also where somebody put it there afterwards."""
    assert requests.CLOSED == CLOSED
    held = requests.Held("web", "instance", "web-1", "project/p:vcpus", 1.0)
    with ledger.write() as connection:
        move(connection, LI, ROW, "submit")
        requests.hold(connection, "web", [held], 1.0)
        assert requests.held(connection) == [held]
        move(connection, LI, ROW, "withdraw")
        requests.hold(connection, "web", [held], 1.0)
        assert requests.held(connection) == []


MAY = {
    "unit": {"li", "chen", "boss"},
    "approver": {"sun", "boss"},
    "operator": {"zhao", "boss"},
    "owner": {"li", "chen", "zhao", "boss"},
}


@pytest.mark.parametrize("person", ["li", "chen", "wang", "zhao", "sun", "boss", ""])
def test_who_may_take_a_step(ledger: Ledger, person: str) -> None:
    people(ledger)
    somebody = Identity(person, f"{person}@ops", "os")
    with ledger.read() as connection:
        for who, able in MAY.items():
            if person in able:
                states.refuse_others(connection, somebody, ROW, who, "do this to")  # type: ignore[arg-type]
                continue
            with pytest.raises(DeniedError):
                states.refuse_others(connection, somebody, ROW, who, "do this to")  # type: ignore[arg-type]


def test_the_applicant_may_what_is_theirs_and_asks_only_for_their_unit(ledger: Ledger) -> None:
    people(ledger)
    wang = Identity("wang", "wang@ops", "os")
    row = msgspec.structs.replace(ROW, applicant="wang")
    with ledger.read() as connection:
        states.refuse_others(connection, wang, row, "unit", "withdraw")
        for event in ("submit", "replace"):
            with pytest.raises(DeniedError, match="only people of unit/bureau may"):
                states.refuse_others(connection, wang, row, "unit", event)
