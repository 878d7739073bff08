"""Numbers that are none are refused where they are written, before anything goes by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WRONG = """
profiles:
  ipv6: {values: {tries: 0, trys: 3}, invented: true}
  whatif: {values: {hold_s: -1, pairs: many}, invented: true}
  addressing: {values: {rest_days: -1}, invented: true}
"""
FAULTS = [
    "base.yaml:3:18: profile/ipv6: `tries` should be a whole number, 1 to 10000, not 0",
    "base.yaml:3:18: profile/ipv6: `trys` is nothing that is measured by",
    "base.yaml:4:20: profile/whatif: `hold_s` should be above 0, not -1",
    "base.yaml:4:20: profile/whatif: `pairs` should be a number, not 'many'",
    "base.yaml:5:24: profile/addressing: `rest_days` should be a number of days, 0 or more",
]


@pytest.mark.parametrize("words", [("validate",), ("plan",)], ids=lambda w: w[0])
def test_numbers_that_are_none_are_refused_where_they_are_written(
    cli: Callable[..., Any], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: t\n")
    (tmp_path / "base.yaml").write_text(WRONG)
    done = cli(*words)
    assert done.code == 2 and [fault for fault in FAULTS if fault not in done.err] == [], done.err
    (tmp_path / "base.yaml").write_text(WRONG.replace("tries: 0, trys: 3", "tries: 3").split("  whatif")[0])
    assert cli(*words).code in (0, 3)
