"""Waves are taken back: not while another rollout stands on them, and also where no file declares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.errors import DeniedError
from govcloud.rollout.reading import typed
from govcloud.rollout.returning import take_back
from govcloud.rollout.said import Saying
from tests.rollout.city import Entries, entries
from tests.rollout.test_progress import NOW, TRUNK, record, with_ipv6


@pytest.fixture(scope="module")
def known() -> Entries:
    return entries()


def test_what_another_rollout_stands_on_is_not_taken_back(known: Entries) -> None:
    said = [Saying("node", "qionghai", "trunk", NOW - 90, rollout="city-ipv6")]
    theirs = Saying("network", "jiaji-lan", "wave-1", NOW - 50, rollout="second")
    has = with_ipv6(known, [*TRUNK, "network/jiaji-lan"])
    with pytest.raises(
        DeniedError, match="wave trunk of city-ipv6 carries wave wave-1 of second, which stands"
    ):
        take_back(typed(has), [*said, theirs], "city-ipv6", "trunk")
    assert take_back(typed(has), [*said, theirs], "second", "wave-1")[1], (
        "no rollout of this name is declared"
    )
    # What a member of it has by its files stands on the wave as well; what is open does not.
    has["rollout", "second"] = {"type": "ipv6", "subjects": ["region/jiaji"]}
    assert take_back(typed(has), said, "city-ipv6", "trunk")[1]
    with pytest.raises(
        DeniedError, match="carries link/town-jiaji of second, which has IPv6, by node/qionghai"
    ):
        take_back(typed(with_ipv6(has, ["link/town-jiaji"])), said, "city-ipv6", "trunk")


def test_a_wave_that_no_file_declares_any_more_is_told_and_can_be_taken_back(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    recorded = record(cli, tmp_path)
    assert cli("ipv6", "run", "city-ipv6", "trunk", "--out", "w.plan", cwd=recorded).code == 0
    assert cli("apply", "w.plan", "--yes", cwd=recorded).code == 0
    path = recorded / "rollouts.yaml"
    text = path.read_text()
    path.write_text(text.replace("- trunk:", "- first:"))
    for words in (("validate",), ("plan",), ("apply", "--yes")):
        told = cli(*words, cwd=recorded)
        assert told.code == 2 and "wave trunk stands, but is not declared" in told.err, words
    assert "rollouts.yaml:" in cli("validate", cwd=recorded).err
    path.unlink()
    told = cli("validate", cwd=recorded)
    assert told.code == 2 and "rollout/city-ipv6 is not declared, but its wave trunk stands" in told.err
    assert "rollback city-ipv6 trunk" in told.err
    done = cli("ipv6", "rollback", "city-ipv6", "trunk", "--out", "b.plan", cwd=recorded)
    assert done.code == 0, done
    assert cli("apply", "b.plan", "--yes", cwd=recorded).code == 0
    assert cli("validate", cwd=recorded).code == 0
    nothing = cli("ipv6", "rollback", "city-ipv6", "trunk", cwd=recorded)
    assert nothing.code == 1 and "no rollout" in nothing.err
