"""A step that was written although its answer was lost is not done twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from store_province import records

from govcloud.errors import Exit, GovcloudError
from govcloud.ledger import Ledger, entries, open_ledger
from govcloud.plan.gather import propose
from govcloud.run.actuators import record
from govcloud.run.runner import start
from govcloud.workspace import open_workspace


def test_a_record_whose_commit_was_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = records(tmp_path / "w").write()
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace, create=True)
    original = record.change_claims
    lost: list[bool] = []

    def noting(*arguments: Any) -> None:
        original(*arguments)
        lost.append(True)

    monkeypatch.setattr(record, "change_claims", noting)
    write = Ledger.write

    @contextmanager
    def losing(self: Ledger, fence: Any = None) -> Iterator[Any]:
        with write(self, fence) as connection:
            yield connection
        if lost and lost.pop():
            raise GovcloudError("whether this step was written is not known")

    monkeypatch.setattr(Ledger, "write", losing)
    proposal = propose(workspace, ledger)
    outcome = start(workspace, ledger, proposal.plan, proposal.blobs, [])
    assert outcome.exit_code is Exit.OK
    with ledger.read() as connection:
        assert entries.last_revision(connection) == 1
    assert propose(workspace, ledger).plan.empty
    ledger.close()
