"""However a wave is carried out it is judged under the lease, watched, and written down where a run began."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.cli import apply, attending
from govcloud.errors import ConflictError, DeniedError
from govcloud.ledger import Ledger, audit, evidence, open_ledger
from govcloud.ledger.runs import Status
from govcloud.plan.gather import propose
from govcloud.plan.stages import Base, Plan, Play
from govcloud.rollout.situation import begin, situation
from govcloud.run.runner import Outcome
from govcloud.run.watched import LOST
from govcloud.workspace import open_workspace
from tests.rollout.test_progress import TRUNK, good, record


def written(ledger: Ledger) -> list[dict[str, Any]]:
    """What the audit trail says of waves."""
    with ledger.read() as connection:
        rows = [row for row in audit.rows(connection) if row.action in ("ipv6 run", "ipv6 rollback")]
    return [json.loads(row.data) if isinstance(row.data, str) else row.data for row in rows]


def watched(ledger: Ledger) -> list[str]:
    """The runs that there is evidence of lost packets of."""
    with ledger.read() as connection:
        return [one.run for one in evidence.of(connection) if one.name == LOST]


def test_an_order_holds_only_where_it_is_carried_out_and_is_judged_once_more(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = record(cli, tmp_path)
    workspace = open_workspace(str(root))
    ledger = open_ledger(workspace)
    refused = cli("ipv6", "run", "city-ipv6", "trunk", cwd=root)
    assert refused.code == 4 and "nobody is there to confirm" in refused.err
    assert written(ledger) == [] and watched(ledger) == []
    assert cli("ipv6", "run", "city-ipv6", "trunk", "--out", "w.plan", cwd=root).code == 0
    assert cli("apply", "w.plan", "--yes", cwd=root).code == 0
    (row,) = written(ledger)
    assert (row["rollout"], row["wave"], bool(row["run"])) == ("city-ipv6", "trunk", True)
    with ledger.write() as connection:
        evidence.keep(connection, "", "test", good(TRUNK, time.time()))
    with ledger.read() as connection:
        _, asked = begin(situation(connection, "city-ipv6", now=time.time()), "city")
    proposal = propose(workspace, ledger, asked=asked)

    def meanwhile(_as_json: bool) -> None:
        assert cli("ipv6", "rollback", "city-ipv6", "trunk", "--yes", cwd=root).code == 0

    monkeypatch.setattr(apply, "ask", meanwhile)
    with pytest.raises((DeniedError, ConflictError), match="wave city of city-ipv6 must wait"):
        apply.carry(workspace, ledger, proposal, False, False)
    assert [row["wave"] for row in written(ledger)] == ["trunk", "trunk"], "run, and taken back"


def test_what_runs_is_watched_from_when_a_run_begins(
    tmp_path: Path, cli: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("init", "w", "--sample", "qionghai").code == 0
    workspace = open_workspace(str(tmp_path / "w"))
    ledger = open_ledger(workspace, create=True)
    play = Play(id="play", title="", phase="expand", playbook="", routing="ospf", inputs={})
    plan = Plan(environment="x", title="", stages=(play,), effect="e", base=Base({}, {}))
    order = attending.Order((("city", "towns"),), False, bool)

    def refused(_began: Callable[[str], None]) -> Outcome:
        raise DeniedError("no")

    with pytest.raises(DeniedError):
        attending.attended(workspace, ledger, plan, order, refused, as_json=True)
    assert watched(ledger) == [] and written(ledger) == [] and capsys.readouterr().out == ""

    def goes(began: Callable[[str], None]) -> Outcome:
        began("run-1")
        return Outcome("run-1", Status.DONE, 0.0)

    assert attending.attended(workspace, ledger, plan, order, goes, as_json=True) == 3, "nothing was watched"
    assert watched(ledger) == ["run-1"]
    (row,) = written(ledger)
    assert (row["wave"], row["run"], row["lost"]) == ("towns", "run-1", 0)
    told = json.loads(capsys.readouterr().out)
    assert told["event"] == "watched" and told["waves"] == [{"rollout": "city", "wave": "towns"}]
