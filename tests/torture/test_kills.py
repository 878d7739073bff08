"""Kill -9 at random moments, from generation to generation. TORTURE_SEED=N repeats a failure's luck."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .torture import Torture

SEED = os.environ.get("TORTURE_SEED")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [int(SEED)] if SEED else [1, 2])
def test_some_kills(tmp_path: Path, seed: int) -> None:
    """Twelve in all, in two worlds; `make soak` has two hundred."""
    torture = Torture(tmp_path, seed)
    torture.go(6)
    assert torture.killed.total() >= 6


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_many_kills(tmp_path: Path, part: int) -> None:
    """Two hundred in all, of larger worlds, with a seed that nobody has seen."""
    seed = int(SEED or random.SystemRandom().randrange(1 << 30)) + part
    torture = Torture(tmp_path, seed, least=25, most=60)
    torture.go(50)
    assert torture.killed.total() >= 50
