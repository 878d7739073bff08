"""Small provinces, built once for the tests of a module."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from govcloud.plan.gather import frr_installed
from tests.province import small
from tests.province.place import Place, place

DISORDER = pytest.StashKey[bool]()


def made(where: Place, routing: str) -> Place:
    """A workspace with the small province's files, made as users make theirs."""
    where.type("init", str(where.root), "--environment", "small")
    small.write(where.root, routing=routing)
    return where


@pytest.fixture(scope="module")
def routing() -> str:
    """How routers learn their routes where the test does not care: the better way that there is."""
    return "ospf" if frr_installed() else "static"


@pytest.fixture(scope="module")
def built(routing: str) -> Iterator[Place]:
    """The small province, built."""
    with place() as where:
        made(where, routing)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed: it may have left its province in disorder."""
    report = yield
    if report.failed and item.parent is not None:
        item.parent.stash[DISORDER] = True
    return report


@pytest.fixture
def province(built: Place, request: pytest.FixtureRequest) -> Place:
    """The small province in good order: a test leaves it so, unless it fails."""
    if request.node.parent.stash.get(DISORDER, False):
        built.type("lab", "up")
        built.type("drift", expect=(0, 3))
        built.type("apply", "--yes")
        request.node.parent.stash[DISORDER] = False
    return built
