"""Who may do what: by the accepted revision, refused in a sentence, and written down."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.access import locks_out
from govcloud.ledger import open_ledger
from govcloud.workspace import open_workspace
from tests.access.office import Office


def test_before_the_first_role_everybody_may_do_everything(office: Office) -> None:
    assert office.apply().code == 0
    told = office.run("whoami", "--json").json
    assert told["person"] is None
    assert told["roles_in_force"] is False
    everything = ["read_classified", "plan", "apply", "approve", "emergency", "administer"]
    assert told["permissions"] == everything
    assert "no role is accepted yet" in office.run("whoami").out


@pytest.mark.parametrize(
    ("command", "permission"),
    [
        ("plan", "plan"),
        ("apply --yes", "apply"),
        ("destroy --yes", "apply"),
        ("drift", "apply"),
        ("probe", "apply"),
        ("runs resume x", "apply"),
        ("runs cancel x", "apply"),
        ("audit epoch --reason x", "administer"),
        ("audit rotate-key", "administer"),
        ("audit compare x --quarantine", "administer"),
    ],
)
def test_every_door_asks(locked: Office, command: str, permission: str) -> None:
    for by in ("reader", ""):
        result = locked.run(*command.split(), by=by)
        assert result.code == 4, result
        assert f"`{permission}` is missing" in result.err
        assert "admin" in result.err  # who could
    last = locked.log()[-1]
    assert (last["action"], last["data"]["permission"]) == ("denied", permission)
    assert locked.run("audit", "verify", "--json").json["warnings"] == []


def test_a_refusal_says_for_whom_one_is_taken_what_is_missing_and_who_could(locked: Office) -> None:
    result = locked.run("apply", "--yes", by="planner")
    assert "you are taken for planner (by your token, " in result.err
    assert "`apply` is missing" in result.err
    assert "hint: admin, builder could" in result.err
    assert "whom no accepted person names as an account" in locked.run("apply", "--yes").err


def test_who_may_does(locked: Office) -> None:
    assert locked.run("plan", by="planner").code == 0
    locked.tables["applications"]["portal"] = {"unit": "bureau"}
    assert locked.apply(by="builder").code == 0
    rows = locked.log()
    assert [r["action"] for r in rows[-3:]] == ["run started", "record", "run done"]
    # The person, and the account that the process ran under.
    assert all(r["actor"].startswith("builder (") and "@" in r["actor"] for r in rows[-3:])
    assert locked.run("whoami", "--json", by="builder").json["roles"] == ["of-builder"]
    assert locked.run("runs", "list", "--json", by="reader").json[0]["actor"].startswith("builder (")


def test_roles_bind_from_the_accepted_revision_and_never_from_the_proposal(locked: Office) -> None:
    """Who gives themselves a role in a file has given themselves nothing."""
    locked.tables["roles"]["of-planner"]["permissions"] = ["plan", "apply", "administer"]
    assert locked.apply(by="planner").code == 4
    assert locked.run("whoami", "--json", by="planner").json["permissions"] == ["plan"]


@pytest.mark.parametrize("change", ["role", "key", "account", "token", "new person", "delegation"])
def test_who_may_do_what_is_changed_by_administrators_alone(locked: Office, change: str) -> None:
    match change:
        case "role":
            locked.tables["roles"]["of-builder"]["permissions"] = ["plan"]
        case "key":
            locked.tables["persons"]["reader"]["ssh_keys"] = ["ssh-ed25519 AAAA"]
        case "account":
            locked.tables["persons"]["admin"]["accounts"] = ["builder"]
        case "token":
            locked.tables["persons"]["admin"]["token_digest"] = "0" * 64
        case "new person":
            locked.person("somebody", accounts=["x"])
        case "delegation":
            locked.tables["delegations"]["d"] = {"giver": "admin", "taker": "builder"}
    result = locked.apply(by="builder")
    assert result.code == 4, result
    assert "`administer` is missing" in result.err
    if change != "key":  # which is no key, and tells nobody
        assert locked.apply(by="admin").code == 0


def test_other_fields_of_people_are_anybodys_who_applies(locked: Office) -> None:
    locked.tables["persons"]["reader"]["email"] = "reader@office.example"
    assert locked.apply(by="builder").code == 0


def test_nobody_locks_everybody_out(locked: Office) -> None:
    roles = dict(locked.tables["roles"])
    for roles_then, words in (
        ({"of-builder": roles["of-builder"]}, "leaves nobody with `administer`"),
        ({}, "takes the last role away"),
    ):
        locked.tables["roles"] = dict(roles_then)
        result = locked.apply(by="admin")
        assert result.code == 2, result
        assert words in result.err
    locked.tables["roles"] = roles
    del locked.tables["persons"]["admin"]["token_digest"]
    assert "an account, an SSH key or a token is missing" in locked.apply(by="admin").err


def test_the_first_roles_must_leave_an_administrator(office: Office) -> None:
    office.person("planner", "plan")
    result = office.apply()
    assert result.code == 2, result
    assert "leaves nobody with `administer`" in result.err
    assert office.run("whoami", "--json").json["roles_in_force"] is False


def test_a_delegation_counts_in_its_days_and_no_further_than_its_giver(locked: Office) -> None:
    today = time.strftime("%Y-%m-%d")
    locked.tables["delegations"] = {
        # builder has no `approve`, so nothing of that comes along
        "now": {"giver": "builder", "taker": "reader", "permissions": ["apply", "approve"], "ends_on": today},
        "over": {"giver": "builder", "taker": "planner", "permissions": ["apply"], "ends_on": "2020-01-01"},
    }
    assert locked.apply(by="admin").code == 0
    assert locked.run("whoami", "--json", by="reader").json["permissions"] == ["apply"]
    assert locked.run("whoami", "--json", by="planner").json["permissions"] == ["plan"]
    # What was handed to somebody is not theirs to hand on.
    locked.tables["delegations"]["on"] = {
        "giver": "reader",
        "taker": "planner",
        "permissions": ["apply"],
        "ends_on": today,
    }
    assert locked.apply(by="admin").code == 0
    assert locked.run("whoami", "--json", by="planner").json["permissions"] == ["plan"]


def test_what_is_denied_is_denied_where_nothing_can_be_written(locked: Office) -> None:
    with open_ledger(open_workspace(str(locked.root))).write() as connection:
        connection.run("ALTER TABLE audit RENAME TO gone")
    result = locked.run("apply", "--yes", by="reader")
    assert result.code == 4, result
    assert "could not be written down" in result.err


PERMISSIONS = st.lists(st.sampled_from(["plan", "apply", "administer"]), max_size=3)
NAMES = st.sampled_from(["a", "b", "c"])


@given(
    roles=st.dictionaries(NAMES, st.tuples(PERMISSIONS, st.lists(NAMES, max_size=3)), max_size=3),
    people=st.dictionaries(NAMES, st.booleans(), max_size=3),
)
def test_a_proposal_passes_exactly_where_somebody_can_still_administer(
    roles: dict[str, Any], people: dict[str, bool]
) -> None:
    proposed = [("role", n, {"permissions": p, "persons": who}) for n, (p, who) in roles.items()]
    proposed += [("person", n, {"accounts": ["x"] if known else []}) for n, known in people.items()]
    somebody = any(
        "administer" in permissions and any(people.get(person) for person in who)
        for permissions, who in roles.values()
    )
    assert (locks_out(proposed) == "") is (somebody or not roles)
    assert (locks_out(proposed, inforce=True) == "") is somebody
