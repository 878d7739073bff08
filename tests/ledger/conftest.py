"""A ledger of the test's own, on each of the stores: every test here is run on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from govcloud.ledger import Ledger, open_ledger
from govcloud.workspace import Settings, Workspace
from tests import postgres
from tests.stores import STORES


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> postgres.Server:
    """The PostgreSQL server of this test session. CI must have one; elsewhere its tests are skipped."""
    if postgres.obstacle():
        if os.environ.get("CI"):
            pytest.fail(postgres.obstacle(), pytrace=False)
        pytest.skip(postgres.obstacle())
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist have a folder each, in one that is the session's.
    return postgres.shared(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def database(server: postgres.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"t_{secrets.token_hex(6)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def second_database(server: postgres.Server) -> Iterator[str]:
    """The URL of another one."""
    name = f"t_{secrets.token_hex(6)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """The URL of a ledger that is not there yet, as ``govcloud.yaml`` has it."""
    if request.param == "sqlite":
        return Settings(environment="tiny").ledger
    url: str = request.getfixturevalue("database")
    return url


@pytest.fixture
def workspace(tmp_path: Path, store: str) -> Workspace:
    return Workspace(tmp_path, Settings(environment="tiny", ledger=store))


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    made = open_ledger(workspace, create=True)
    yield made
    made.close()
