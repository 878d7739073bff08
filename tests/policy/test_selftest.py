"""The examples beside the rules: each holds, every rule that is decided has both sorts, none lacks a word."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from govcloud.errors import InputError
from govcloud.policy.selftest import Example, examples_of, hold, shipped
from govcloud.source.claims import Spot

EVERY = [example for examples in shipped().values() for example in examples]


@pytest.mark.parametrize("example", EVERY, ids=lambda e: f"{e.id} line {e.line}".replace(" ", "-"))
def test_an_example_holds(example: Example) -> None:
    assert hold(example) == "", f"{example.path}:{example.line}"


def loosened(example: Example, **said: object) -> Example:
    """The same case, laid otherwise."""
    return replace(example, laid=msgspec.structs.replace(example.laid, **said))


def failing(rule: str) -> Example:
    """The first case of a rule that must fail."""
    return next(example for example in shipped()[rule] if not example.passes)


def test_a_case_fails_by_what_it_says_and_by_nothing_else() -> None:
    mobile = failing("N-18")
    assert hold(mobile) == ""
    assert "found beside private_network/mobile-government" in hold(loosened(mobile, also=[]))
    said, wrong = examples_of(
        "N-18", {"sample": "hainan", "fails": [{"about": "node/x"}]}, "x.yaml", lambda *_: Spot(3, 1), ()
    )
    assert said and [p.message for p in wrong] == [
        "N-18: a case that must fail names a field, or has `says` or `witness`"
    ]


def test_what_a_case_names_is_there() -> None:
    nowhere = loosened(failing("N-18"), set={"private_network/mobile-government": {"merges_into": "no-zone"}})
    with pytest.raises(InputError) as told:
        hold(nowhere)
    assert "`merges_into` names zone/no-zone, which is nowhere" in told.value.problems[0].message
