"""The benchmarks run from the command line, and `bench.json` holds what docs/benchmarks.md promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def bench(folder: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_is_measured_and_written_down(tmp_path: Path) -> None:
    """Without its peer on PATH, which it says."""
    done = bench(tmp_path, "help", "--quick", path="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "terraform is not on PATH" in done.stderr
    (figure,) = json.loads((tmp_path / "bench.json").read_text())
    assert figure.keys() == {"name", "value", "unit", "peer", "peer_value", "ratio", "note"}
    assert (figure["name"], figure["unit"], figure["peer"]) == ("help", "s", None)
    assert 0 < figure["value"] < 60
    assert f"{figure['value']:.3g} s" in done.stdout


def test_an_unknown_name_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    done = bench(tmp_path, "hlep", path="/nowhere")
    assert done.returncode == 2
    assert "no benchmark is called hlep; there are help, ls-1k" in done.stderr
    assert not (tmp_path / "bench.json").exists()
