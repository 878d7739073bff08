"""What is signed of what the rules find, and how it is told where only that changed."""

from __future__ import annotations

import msgspec
import pytest

from govcloud.plan.guards.signing import true_effect
from govcloud.plan.ruling import _kept
from govcloud.plan.stages import Base, EntryChange, Plan, Record, Ruled, Ruling
from govcloud.request.comparing import differences

CHANGE = EntryChange("create", "a" * 16, "application", "x", fields={"unit": "u"})
DENIED = Ruled("C-02", "deny", "application/x", "runs elsewhere", "cloud", waiver="waiver/w")


def plan(*new: Ruled, rest: str = "") -> Plan:
    record = Record(id="accept", title="", phase="expand", changes=(CHANGE,))
    ruling = Ruling(new=new, rest=rest)
    made = Plan(environment="tiny", title="", stages=(record,), effect="", base=Base({}, {}), ruling=ruling)
    return msgspec.structs.replace(made, effect=true_effect(made))


@pytest.mark.parametrize("verdict", ["require", "target", "flag"])
def test_a_finding_that_nobody_decides_on_voids_no_signature(verdict: str) -> None:
    """A day passes, or a neighbour brings the same about first."""
    found = Ruled("S-01", verdict, "application/x", "was reviewed too long ago")  # type: ignore[arg-type]
    assert plan(found).effect == plan().effect
    assert plan(DENIED, found).effect == plan(DENIED).effect
    # Also of so many that a plan keeps only a digest of the rest.
    _, more, rest = _kept([msgspec.structs.replace(found, subject=f"application/{n}") for n in range(300)])
    assert more and not rest


def test_what_is_denied_and_let_pass_is_signed_and_told() -> None:
    before, after = plan(), plan(DENIED)
    assert before.effect != after.effect
    assert differences(before, after) == ["application/x: `C-02 of cloud` is new: denied, waived by waiver/w"]
    assert differences(after, before) == [
        "application/x: `C-02 of cloud` is not there any more (was denied, waived by waiver/w)"
    ]
    other = plan(msgspec.structs.replace(DENIED, waiver="waiver/v"))
    assert differences(after, other) == [
        "application/x: `C-02 of cloud`: denied, waived by waiver/w became denied, waived by waiver/v"
    ]
    # A figure in its words may be a neighbour's.
    assert plan(msgspec.structs.replace(DENIED, message="in 3 places")).effect == after.effect
    assert differences(before, plan(rest="f" * 32)) == ["further denials is new: ffffffff"]
