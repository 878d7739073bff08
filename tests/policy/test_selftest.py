"""The examples beside the rules: each holds, every rule that is decided has both sorts, none lacks a word."""

from __future__ import annotations

import pytest

from govcloud.policy.selftest import Example, hold, shipped

EVERY = [example for examples in shipped().values() for example in examples]


@pytest.mark.parametrize("example", EVERY, ids=lambda e: f"{e.id} line {e.line}".replace(" ", "-"))
def test_an_example_holds(example: Example) -> None:
    assert hold(example) == "", f"{example.path}:{example.line}"
