"""Small provinces, built once for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from govcloud.plan.gather import frr_installed
from tests.province import small
from tests.province.place import Place, place


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


@pytest.fixture
def province(built: Place) -> Place:
    """The small province in good order, whatever the test before did to it."""
    built.type("lab", "up")
    drifted = built.type("drift", expect=(0, 3)).code
    if drifted or built.ask("plan")["changes"]:
        built.type("apply", "--yes")
    return built
