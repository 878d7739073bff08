"""A legal hold is in the way of every plan that ends what it keeps, by whatever words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from govcloud.access import who
from govcloud.errors import DeniedError
from govcloud.ledger import open_ledger
from govcloud.plan.gather import Proposal, propose
from govcloud.plan.guards import Leave, admit
from govcloud.plan.guards.holds import held_against
from govcloud.plan.stages import Plan, ResourceChange, Stack
from govcloud.workspace import open_workspace
from tests.conftest import Result
from tests.request.conftest import lease_template, leased
from tests.store_province import Province

__all__ = ["lease_template", "leased"]
Cli = Callable[..., Result]


@pytest.fixture
def held(leased: Province, cli: Cli) -> Province:
    """What `web` made is under a hold, which a file says."""
    leased.tables["requests"] = {"web": {"legal_hold": "court 3"}}
    leased.write()
    assert cli("apply", "--yes").code == 0
    return leased


def refused(place: Province, *subjects: str) -> None:
    """No leave lets the plan of now pass."""
    refuses(place, proposal(place).plan, *subjects)


def refuses(place: Province, plan: Plan, *subjects: str) -> None:
    """The words name the request, its document and what the plan ends of it."""
    workspace = open_workspace(place.root)
    ledger = open_ledger(workspace)
    identity = who(workspace, ledger)
    with ledger.read() as connection:
        found = held_against(connection, plan)
        assert [(one.request, one.document, one.subjects) for one in found] == [("web", "court 3", subjects)]
        for leave in (Leave(), Leave(emergency="it burns"), Leave("destroy everything in tiny")):
            with pytest.raises(DeniedError, match="request/web is under legal hold: court 3") as told:
                admit(connection, plan, identity, leave)
            assert subjects[0] in str(told.value)


def proposal(place: Province) -> Proposal:
    place.write()
    workspace = open_workspace(place.root)
    return propose(workspace, open_ledger(workspace))


@pytest.mark.parametrize("verb", ["delete", "retire", "replace", "release"])
def test_objects_that_go(held: Province, verb: Any) -> None:
    """As `plan --destroy` has them: no entry changes, and what it made goes all the same."""
    made = proposal(held)
    change = ResourceChange(verb, "Instance", "uid", "instance/web-1", incarnation=1)
    stage = Stack(
        id="s",
        title="",
        phase="contract",
        stack="s",
        domain="d",
        program="p",
        resources=(),
        changes=(change,),
    )
    plan = msgspec.structs.replace(made.plan, stages=(stage,), destroy=True)
    refuses(held, plan, "instance/web-1")
    with open_ledger(open_workspace(held.root)).read() as connection:
        assert held_against(connection, plan, done=["s"]) == []
        kept = msgspec.structs.replace(change, verb="update")
        plan = msgspec.structs.replace(plan, stages=(msgspec.structs.replace(stage, changes=(kept,)),))
        assert held_against(connection, plan) == []


@pytest.mark.parametrize("said", [{"stopped": True}, {"status": "retired"}])
def test_a_file_that_stops(held: Province, said: dict[str, Any]) -> None:
    held.tables["instances"]["web-1"] = said
    refused(held, "instance/web-1")


def test_a_file_that_stops_and_takes_the_hold_away(held: Province, cli: Cli) -> None:
    """The hold that is accepted binds; taken back by itself it is gone, and others of the entry go on."""
    held.tables["requests"] = {}
    held.tables["instances"]["web-1"] = {"stopped": True}
    refused(held, "instance/web-1")
    held.tables["instances"]["web-1"] = {"title": "x"}
    held.write()
    assert cli("apply", "--yes").code == 0
    held.tables["instances"]["web-1"] = {"stopped": True}
    assert not proposal(held).plan.empty
    assert cli("apply", "--yes").code == 0


def test_a_file_that_brings_the_hold_and_stops(leased: Province) -> None:
    leased.tables["requests"] = {"web": {"legal_hold": "court 3"}}
    leased.tables["instances"]["web-1"] = {"stopped": True}
    refused(leased, "instance/web-1")


def test_a_hold_that_is_over_keeps_nothing(held: Province, cli: Cli) -> None:
    held.tables["requests"]["web"]["legal_hold_until"] = "2020-01-01"
    held.write()
    assert cli("apply", "--yes").code == 0
    held.tables["instances"]["web-1"] = {"stopped": True}
    held.write()
    assert cli("apply", "--yes").code == 0


def test_revert_and_its_words(held: Province, cli: Cli) -> None:
    """By the command: what a plan would end is told, and `revert` is refused."""
    only = ("--only", "instance/web-1", "--only", "volume/web-data", "--only", "request/web")
    for way in (["--yes"], ["--yes", "--emergency", "--reason", "it burns"]):
        told = cli("revert", "1", *way, *only)
        assert told.code == 4, told
        assert "request/web is under legal hold: court 3; nothing of it is stopped" in told.err
    assert cli("show", "volume/web-data").code == 0
    held.tables["instances"]["web-1"] = {"stopped": True}
    held.write()
    (one,) = cli("plan", "--json").json["guards"]["held"]
    assert one == {"request": "web", "document": "court 3", "until": "", "subjects": ["instance/web-1"]}
