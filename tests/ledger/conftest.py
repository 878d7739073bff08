"""A ledger of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govcloud.ledger import Ledger, open_ledger
from govcloud.workspace import Settings, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, Settings(environment="tiny"))


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    made = open_ledger(workspace, create=True)
    yield made
    made.close()
