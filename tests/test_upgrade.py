"""A workspace of the release before this one goes on with this one: ledger, plan file, what is built."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RELEASES = sorted(Path(__file__).parent.glob("releases/*.tar.gz"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace as a former release left it: two runs, a rename, one server not yet recorded."""
    place = tmp_path / "old"
    with tarfile.open(request.param) as archive:
        archive.extractall(place, filter="data")
    return place


def test_there_is_a_former_release() -> None:
    assert RELEASES


def test_what_was_recorded_is_read(cli: Callable[..., Any], old: Path) -> None:
    assert cli("ls", "--json", cwd=old).json["server"] == 2
    shown = cli("show", "instance/www-1", "--json", cwd=old).json
    assert (shown["uid"], shown["incarnation"]) == ("411fd54151e6dc89", 1)
    assert cli("show", "rack/r1", "--json", cwd=old).json["referred_by"] == ["server/srv-1", "server/srv-2"]
    assert cli("audit", "verify", cwd=old).code == 0
    assert len(cli("runs", "list", "--json", cwd=old).json) == 2


def test_its_plan_is_carried_out_and_nothing_is_built_twice(cli: Callable[..., Any], old: Path) -> None:
    done = cli("apply", "pending.json", "--yes", cwd=old)
    assert done.code == 0, done
    assert cli("ls", "server", "--json", cwd=old).json[-1]["name"] == "srv-3"
    after = cli("plan", "--detailed-exitcode", cwd=old)
    assert after.code == 0, after
    assert cli("audit", "verify", cwd=old).code == 0
