"""The benchmarks run from the command line, and `bench.json` holds what docs/benchmarks.md promises.

No time is judged: a busy machine must not fail a test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import BENCHMARKS, GROUPS, HUGE
from benchmarks.applying import GOALS
from benchmarks.frame import Failure, Figure, TooLong, Work, take_turns

ROOT = Path(__file__).parents[1]
KEYS = {"name", "value", "unit", "peer", "peer_value", "ratio", "note", "target", "target_ratio"}
# The goals that are set, by the figures that they are set for.
TARGETS = {
    "plan-noop-5k": 0.25,
    "plan-noop-100k": 0.5,
    "plan-one-100k": 0.6,
    "plan-noop-1m": 3.0,
    "accept-10k": 1.0,
    "accept-10k-in-100k": 1.0,
    "cold-100k": 3.0,
    "cold-1m": 30.0,
    "cold-1m-memory": 2.0,
    "help": 0.15,
    "ls-100k": 0.3,
    "search-100k": 0.3,
    "portrait-100k": 0.4,
    "apply-one-5k": 4.0,
    "prefix-free-1m": 0.001,
    "prefix-usage-1m": 1.0,
    "check-net-100k": 10.0,
    "check-100k": 3.0,
    "check-one-100k": 0.5,
    "whatif-100k": 10.0,
    "whatif-each-100k": 10.0,
    "placement-20k": 10.0,
}
# The ratios that are to be reached, whoever the peer is. Those of applies depend on the peer.
RATIOS = {"drift-1k": {10.0}, "play-50": {1.0, 10.0}}


def bench(folder: Path, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def figures(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "bench.json").read_text())
    return found


def named(group: Any) -> Any:
    name = group.__name__.rpartition(".")[2]
    # Plays need hosts.
    return pytest.param(group, id=name, marks=[pytest.mark.lab] if name == "playing" else [])


@pytest.mark.parametrize("group", [named(group) for group in GROUPS])
def test_each_runs_at_a_tiny_size_and_gives_figures(tmp_path: Path, group: Any) -> None:
    done = bench(tmp_path, "--quick", "--tiny", *group.BENCHMARKS)
    assert done.returncode == 0, done.stderr
    assert "the names and targets do not hold" in done.stdout
    found = figures(tmp_path)
    # A benchmark may measure memory too.
    assert {f["name"].removesuffix("-memory") for f in found} == set(group.BENCHMARKS)
    for one in found:
        assert one.keys() == KEYS
        assert one["unit"] in ("s", "GB", "servers")
        assert 0 < one["value"] < 120
        assert one["target"] == TARGETS.get(one["name"])
        if one["name"].startswith("apply-") and one["peer"]:
            goals = {goal for peer, goal in GOALS.items() if one["peer"].startswith(peer)}
            small = one["name"] in ("apply-200", "apply-one-1k", "apply-one-5k")
            assert one["target_ratio"] in ({None} if small or not goals else goals)
        elif one["peer"]:
            assert one["target_ratio"] in RATIOS.get(one["name"], {None})
        if one["peer"] is None:
            assert one["peer_value"] is None
            assert one["ratio"] is None
        else:
            assert one["peer_value"] > 0
            assert one["ratio"] == pytest.approx(one["peer_value"] / one["value"], rel=0.01, abs=0.001)
        # As the table shows it; the file has more digits.
        shown = re.findall(rf"^ {one['name']} +([\d.e-]+) {one['unit']}", done.stdout, re.MULTILINE)
        assert any(float(text) == pytest.approx(one["value"], rel=0.01) for text in shown)


def test_every_goal_has_its_figure() -> None:
    assert {name.removesuffix("-memory") for name in TARGETS} <= set(BENCHMARKS)
    assert set(HUGE) <= set(BENCHMARKS)


def test_one_is_measured_and_written_down(tmp_path: Path) -> None:
    """Without its peer on PATH, which it says."""
    done = bench(tmp_path, "help", "--quick", path="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "terraform is not on PATH" in done.stderr
    (figure,) = figures(tmp_path)
    assert (figure["name"], figure["unit"], figure["peer"]) == ("help", "s", None)


def test_an_unknown_name_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    done = bench(tmp_path, "hlep", path="/nowhere")
    assert done.returncode == 2
    assert "no benchmark is called hlep; there are help, ls-1k" in done.stderr
    assert not (tmp_path / "bench.json").exists()


def test_a_process_that_did_not_do_its_work_gives_no_figure(tmp_path: Path) -> None:
    work = Work("sh", ["sh", "-c", "echo no luck >&2; exit 3"], tmp_path)
    with pytest.raises(Failure, match="sh ended with 3:\nno luck"):
        work.run()
    assert Work("sh", ["sh", "-c", "exit 3"], tmp_path, good=3).run() > 0


def test_what_is_slow_runs_once_and_the_others_in_turns(tmp_path: Path) -> None:
    def work(name: str, *, slow: bool = False) -> Work:
        return Work(name, ["sh", "-c", f"echo {name} >> log"], tmp_path, slow=slow)

    take_turns([work("ours"), work("quick"), work("slow", slow=True)], 2)
    # One uncounted run each of those that are not slow, then the turns.
    ran = (tmp_path / "log").read_text().split()
    assert ran == ["ours", "quick", "ours", "quick", "slow", "ours", "quick"]


def test_the_peak_of_memory_is_that_of_the_process() -> None:
    """Asked from a small process, as the benchmarks are: a large one's own peak would count."""
    code = """if True:
        import sys; from pathlib import Path; from benchmarks.frame import Work
        for size in (1, 300):
            code = f"b = bytearray({size} * 10**6); b[::4096] = b[::4096]"
            print(Work("python", [sys.executable, "-c", code], Path(".")).measure().peak_gb)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = map(float, done.stdout.split())
    assert large - small == pytest.approx(0.3, abs=0.05)


def test_a_target_is_met_below_it_and_only_where_it_is_set() -> None:
    assert Figure("a", 0.1, "s", target=0.2).met is True
    assert Figure("a", 0.2, "s", target=0.2).met is False
    assert Figure("a", 0.1, "s").met is None


def test_a_ratio_is_reached_where_there_is_a_peer() -> None:
    assert Figure("a", 0.1, "s", "b", 1.0, 10.0, target_ratio=10).met is True
    assert Figure("a", 0.1, "s", "b", 0.9, 9.0, target_ratio=10).met is False
    assert Figure("a", 0.3, "s", "b", 3.0, 10.0, target=0.2, target_ratio=10).met is False
    assert Figure("a", 0.1, "s", target_ratio=10).met is None


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TooLong, match="sleep was ended after 0 s"):
        Work("sleep", ["sleep", "600"], tmp_path, limit=0.3).run()
    assert Work("true", ["true"], tmp_path, limit=600).run() > 0
