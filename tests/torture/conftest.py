"""Commands that a test begins end with it, and so does what they have started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_province import Province

from .commands import Begin, Begun, program


@pytest.fixture
def begin(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """``begin("apply", "--yes")`` starts a command in the test's folder."""
    begun: list[Begun] = []
    folder = tmp_path_factory.mktemp("words")

    def run(*argv: str) -> Begun:
        begun.append(Begun(program(*argv), tmp_path, folder / f"{len(begun)}.txt"))
        return begun[-1]

    yield run
    for one in begun:
        one.kill()
    for left in Province(tmp_path).processes():
        left.kill()
