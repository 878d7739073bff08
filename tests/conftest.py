"""What every test may use: the command line as users type it, and the gate of lab tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.warm import Warm

GOVCLOUD = Path(sys.executable).with_name("govcloud")


class Result:
    """How a command ended: its exit code, standard output and standard error."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """What runs commands without starting Python for each."""
    made = Warm()
    yield made
    made.close()


@pytest.fixture
def cli(tmp_path: Path, warm: Warm) -> Callable[..., Result]:
    """``cli("plan", "--json", cwd=…, env={…})`` runs ``govcloud`` in a process of its own.

    Without ``cwd`` it runs in the test's own folder; ``anew``: from an interpreter of its own, for what
    looks at how a process starts. No sentence may come with a traceback.
    """

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 240,
        anew: bool = False,
    ) -> Result:
        where, around = cwd or tmp_path, os.environ | (env or {})
        words = [*map(str, arguments)]
        if anew:
            done = subprocess.run(
                [str(GOVCLOUD), *words],
                cwd=where,
                env=around,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        else:
            done = warm.run(GOVCLOUD, words, where, around, timeout)
        result = Result(done)
        assert "Traceback (most recent call last)" not in done.stderr, result
        return result

    return run


@pytest.fixture(scope="session", autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration folder of the session's own: no test leaves a key of an audit trail in the user's."""
    folder = tmp_path_factory.mktemp("config")
    before = os.environ.get("XDG_CONFIG_HOME")
    os.environ["XDG_CONFIG_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["XDG_CONFIG_HOME"]
    else:
        os.environ["XDG_CONFIG_HOME"] = before


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of the test's own, also for the commands that it starts."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder / "govcloud"


@cache
def lab_obstacle() -> str:
    """Why no lab can be had on this machine, or nothing."""
    from govcloud.lab.preflight import preflight

    return "; ".join(f"{check.detail}: {check.cure}" for check in preflight() if not check.ok)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A lab test that cannot run is skipped on a developer's machine, and fails in CI."""
    if item.get_closest_marker("lab") and lab_obstacle():
        if os.environ.get("CI"):
            pytest.fail(f"no lab here: {lab_obstacle()}", pytrace=False)
        pytest.skip(f"no lab here: {lab_obstacle()}")
