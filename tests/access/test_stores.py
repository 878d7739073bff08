"""What people may do, and the trail of it, on each of the stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govcloud.access import Identity, check_changes, hidden_uids, read_roles, require, signers
from govcloud.access.identity import _by_account, account, persons
from govcloud.errors import DeniedError, InputError
from govcloud.ledger import Ledger, audit, entries, forks
from govcloud.ledger.verifying import verify
from govcloud.plan.stages import EntryChange
from govcloud.workspace import Workspace
from tests.access.office import ssh_key
from tests.ledger.conftest import database, ledger, second_database, server, store, workspace

__all__ = ["database", "ledger", "second_database", "server", "store", "workspace"]


def accept(ledger: Ledger, *changes: EntryChange) -> None:
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="me", run=None, commit=None, message="m")
        entries.accept(connection, number, changes)


def entry(kind: str, name: str, **fields: object) -> EntryChange:
    return EntryChange("create", f"{kind[:3]}-{name}", kind, name, fields=fields)


@pytest.fixture
def staffed(ledger: Ledger, tmp_path: Path) -> Ledger:
    accept(
        ledger,
        entry("person", "boss", unit="u", duty="principal", accounts=[account()]),
        entry("person", "clerk", unit="u", duty="staff", ssh_keys=[ssh_key(tmp_path, "clerk")]),
        entry("role", "bosses", permissions=["administer", "read_classified"], persons=["boss"]),
        entry("role", "clerks", permissions=["plan", "approve"], persons=["clerk"]),
        entry("application", "vault", unit="u", classified=True),
        entry("application", "portal", unit="u"),
        entry("component", "seal", type="seal", unit="u", application="vault"),
    )
    return ledger


CLERK, BOSS = Identity("clerk", "c@h", "os"), Identity("boss", "b@h", "os")


def test_people_roles_and_keys_are_read(staffed: Ledger) -> None:
    with staffed.read() as connection:
        assert _by_account(connection) == Identity("boss", account(), "os")
        assert [name for name, _ in persons(connection)] == ["boss", "clerk"]
        assert read_roles(connection).who_may("plan") == ["clerk"]
        assert [name for name, _ in signers(connection, "approve")] == ["clerk"]
        assert hidden_uids(connection, BOSS) == frozenset()
        assert hidden_uids(connection, CLERK) == {"app-vault", "com-seal"}


def test_the_past_is_hidden_with_what_belonged_to_it(staffed: Ledger) -> None:
    with staffed.write() as connection:
        number = entries.open_revision(connection, actor="me", run=None, commit=None, message="m")
        entries.withdraw(connection, number, ["app-vault", "com-seal"])
    with staffed.read() as connection:
        assert hidden_uids(connection, CLERK) == {"app-vault", "com-seal"}


def test_a_refusal_is_in_the_trail_with_a_head(staffed: Ledger) -> None:
    with pytest.raises(DeniedError, match="taken for clerk"):
        require(staffed, CLERK, "administer")
    require(staffed, BOSS, "administer")
    with staffed.read() as connection:
        (row,) = audit.log(connection, actor="clerk", action="denied", limit=5)
    report = verify(staffed)
    assert row.actor == "clerk (c@h)"
    assert (report.rows, report.wrong, report.unsigned) == (1, [], [])


def test_changes_of_who_may_do_what(staffed: Ledger) -> None:
    change = entry("role", "clerks", permissions=["plan", "apply"], persons=["clerk"])
    check_changes(staffed, BOSS, [change])
    with pytest.raises(DeniedError, match="this changes role/clerks"):
        check_changes(staffed, CLERK, [change])
    check_changes(staffed, CLERK, [entry("application", "other", unit="u")])
    gone = EntryChange("delete", "rol-bosses", "role", "bosses")
    with pytest.raises(InputError):
        check_changes(staffed, BOSS, [gone])


def test_epochs_forks_and_quarantine(ledger: Ledger, workspace: Workspace) -> None:
    """Compared with itself as it was: the first rows alike, then ours."""
    for number in range(4):
        with ledger.write() as connection:
            audit.append(connection, "me", "record", {"number": number})
    place = (
        workspace.ledger_url if "postgres" in workspace.ledger_url else str(workspace.private / "ledger.db")
    )
    with forks.other_ledger(place) as there, ledger.write() as here:
        here.run("DELETE FROM audit WHERE seq > 2")
        audit.begin_epoch(here, "me", "a test")
        found = forks.compare(here, there, "before", most=10)
        assert (found.common, found.ours, found.theirs, found.forked) == (2, 1, 2, True)
        assert forks.quarantine(here, there, found, "me") == 2
        assert forks.quarantine(here, there, found, "me") == 2
    with ledger.read() as connection:
        assert [k.event.seq for k in forks.quarantined(connection, limit=9)] == [3, 4]
    report = verify(ledger)
    assert (report.wrong, report.epoch, report.quarantined, report.lost) == ([], 2, 2, 2)


def test_no_test_here_has_used_the_users_own_configuration() -> None:
    assert os.environ["XDG_CONFIG_HOME"] != str(Path.home() / ".config")
