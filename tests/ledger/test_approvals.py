"""Approvals, clearances and emergencies as rows, on each of the stores."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govcloud.errors import InputError
from govcloud.ledger import Ledger, approvals, audit, clearances
from govcloud.ledger.approvals import Approval
from govcloud.signatures import BadSignature, OwnKey

KEY, OTHER = (OwnKey(Ed25519PrivateKey.generate()) for _ in range(2))
EFFECT = "e" * 32


def given(
    ledger: Ledger, *, key: OwnKey = KEY, purpose: str = approvals.EFFECT, subject: str = ""
) -> Approval:
    one = approvals.draft(
        purpose=purpose,
        subject=subject,
        effect=EFFECT,
        person="li-na",
        account="li@desk",
        public=KEY.public,
        note=" 同意 ",
    )
    with ledger.write() as connection:
        # The trail's first row gives the ledger its identity.
        audit.append(connection, "test", "begin", {})
        text = approvals.message(connection, one)
    one = approvals.sealed(one, text, key)
    with ledger.write() as connection:
        approvals.keep(connection, "li-na (li@desk)", one)
    return one


def test_what_is_kept_comes_back_and_verifies(ledger: Ledger) -> None:
    one = given(ledger)
    with ledger.read() as connection:
        assert approvals.of(connection, effect=EFFECT) == [one] == approvals.of(connection)
        assert approvals.get(connection, one.id[:5]) == one
        assert one.note == "同意"
        approvals.check(connection, one, [OTHER.public, KEY.public])
        with pytest.raises(BadSignature):
            approvals.check(connection, one, [OTHER.public])
        with pytest.raises(InputError, match="in the input"):
            approvals.get(connection, "zz")
        # Nobody of that name is accepted: that is told, and nothing else is wrong.
        (words,) = approvals.faults(connection)
        assert words == f"approval {one.id}: {one.key} was no accepted key of li-na when it was given"


def test_what_another_key_signed_is_not_kept(ledger: Ledger) -> None:
    with pytest.raises(BadSignature):
        given(ledger, key=OTHER)
    with ledger.read() as connection:
        assert approvals.of(connection) == []


def test_revoked_once_and_spent_by_one(ledger: Ledger) -> None:
    one, after = given(ledger), given(ledger, purpose=approvals.EMERGENCY, subject="run-1")
    with ledger.write() as connection:
        approvals.revoke(connection, "li-na", one.id, "too soon")
        approvals.revoke(connection, "somebody", one.id, "again")
        approvals.spend(connection, EFFECT, "run-2")
        approvals.spend(connection, EFFECT, "run-3")
    with ledger.read() as connection:
        found = approvals.get(connection, one.id)
        assert (found.revoked_by, found.revoked_note, found.spent) == ("li-na", "too soon", "run-2")
        # What was thought of an emergency stays.
        assert approvals.get(connection, after.id).spent == ""
        actions = [row.action for row in audit.rows(connection)]
        assert actions.count(approvals.REVOKED) == 1


def test_emergencies_and_clearances(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger.write() as connection:
        clearances.keep(connection, "run-1", "confirmed", "a", {"typed": "x"})
        clearances.keep(connection, "run-1", "emergency", "b", {"reason": "y"})
        made = clearances.declare(
            connection, run="run-1", effect=EFFECT, person="a", account="a@desk", reason="fire", hours=1
        )
    assert made.due == pytest.approx(made.at + 3600)
    with ledger.read() as connection:
        assert [(c.number, c.how, c.detail) for c in clearances.of(connection, "run-1")] == [
            (1, "confirmed", {"typed": "x"}),
            (2, "emergency", {"reason": "y"}),
        ]
        assert clearances.emergencies(connection, waiting=True) == [made]
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + 3700)
    with ledger.write() as connection:
        assert [e.state for e in clearances.emergencies(connection, run="run-1")] == ["overdue"]
        audit.append(connection, "test", "late", {})
    monkeypatch.setattr(time, "time", lambda: real - 3700)
    with ledger.read() as connection:
        # The clock is set back; the trail knows better.
        assert [e.state for e in clearances.emergencies(connection, run="run-1")] == ["overdue"]
    monkeypatch.undo()
    given(ledger, purpose=approvals.EMERGENCY, subject="run-1")
    with ledger.read() as connection:
        (one,) = clearances.emergencies(connection)
        assert (one.state, one.approved_by) == ("approved", "li-na")
        assert clearances.emergencies(connection, waiting=True) == []
