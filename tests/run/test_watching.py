"""Watching: what is lost is counted, with when; also of a run that fails, and of a watcher that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from dualstack import World, world

from govcloud.errors import GovcloudError
from govcloud.ledger import Ledger, evidence, legs, open_ledger, runs
from govcloud.run.ipv6policy import Ipv6Policy
from govcloud.run.watched import LOST, Gap, Pair, Result, Watched, placed
from govcloud.run.watching import FOLDER, collect_left, watching
from govcloud.workspace import Workspace, open_workspace

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("dualstack")]

SUBJECT = "rollout/north"
FAST = Ipv6Policy(watch_ms=10, watch_wait_ms=300, watch_http_ms=40)
V4, V6 = "192.0.2.1", "2001:db8::1"
PAGE = {"/": "hello"}
BOTH = [{"address": V4, "pages": PAGE}, {"address": V6, "pages": PAGE}]
ECHO4 = Pair(source="desk", target="hall", address=V4, version=4)
ECHO6 = Pair(source="desk", target="hall", address=V6, version=6)
PAGE4 = Pair(source="desk", target="hall", address=V4, version=4, port=80, host="hall")
NAME4 = Pair(source="desk", target="hall", address=V4, version=4, question="hall.example")
NAMES = [{"address": V4, "records": [["hall.example", "A", V4]]}]
DROP4 = f"""table ip t {{
  chain c {{ type filter hook input priority 0; ip daddr {V4} drop; }}
}}"""
NOBODY = Pair(source="desk", target="later", address="2001:db8::99", version=6)


@pytest.fixture(scope="module")
def place() -> Iterator[World]:
    with world([V4, V6]) as made:
        yield made


@pytest.fixture
def served(place: World) -> Iterator[World]:
    place.serve(http=BOTH, dns=NAMES)
    yield place
    place.nft("flush ruleset")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: t\n")
    return open_workspace(str(tmp_path))


@pytest.fixture
def ledger(workspace: Workspace) -> Ledger:
    workspace.prepare()
    return open_ledger(workspace, create=True)


def a_run(ledger: Ledger, name: str, *stages: str) -> None:
    """Begin a run in the ledger."""
    with ledger.write() as connection:
        rows = [(stage, "play", stage) for stage in stages]
        runs.create(connection, id=name, plan="", effect="", title="", actor="a", stages=rows)
        legs.begin(connection, name, "a")


@contextmanager
def at_work(ledger: Ledger, run: str, stage: str) -> Iterator[None]:
    """A stage of it is under way in the block."""
    with ledger.write() as connection:
        runs.begin_stage(connection, run, stage)
    yield
    with ledger.write() as connection:
        runs.end_stage(connection, run, stage, runs.Status.DONE, {})


def by_pair(result: Result) -> dict[str, int]:
    return {flow.pair.name: flow.lost for flow in result.flows}


def test_nothing_is_lost_where_nothing_happens_and_who_never_answered_counts_for_nothing(
    served: World, workspace: Workspace, ledger: Ledger
) -> None:
    pairs = [ECHO4, ECHO6, PAGE4, NAME4, NOBODY]
    with watching(workspace, ledger, pairs, subject=SUBJECT, numbers=FAST, hosts=served) as watch:
        with pytest.raises(RuntimeError):
            _ = watch.result
        time.sleep(0.3)
    result = watch.result
    assert result.ok and result.lost == 0 and result.sent > 60, result
    assert all(flow.sent for flow in result.flows)
    assert [flow.pair.name for flow in result.flows if flow.silent] == ["desk>later/echo/6"]
    with ledger.read() as connection:
        rows = {row.name: row for row in evidence.of(connection, SUBJECT)}
    assert rows[LOST].ok and rows[LOST].value == 0 and rows[LOST].unit == "requests"
    assert rows[f"{LOST}/desk>later/echo/6"].value is None
    assert not list((workspace.private / FOLDER).iterdir())


def test_what_is_lost_is_counted_with_the_stages_it_fell_into(
    served: World, workspace: Workspace, ledger: Ledger
) -> None:
    a_run(ledger, "r1", "stack", "play", "check")
    pairs = [ECHO4, ECHO6, PAGE4]
    with watching(workspace, ledger, pairs, subject=SUBJECT, numbers=FAST, hosts=served) as watch:
        with at_work(ledger, "r1", "stack"):
            time.sleep(0.1)
        with at_work(ledger, "r1", "play"):
            # IPv4 is dropped while this stage is at work, IPv6 is not.
            served.nft(DROP4)
            time.sleep(0.4)
            served.nft("flush ruleset")
            time.sleep(0.1)
        with at_work(ledger, "r1", "check"):
            time.sleep(0.3)
    result = watch.result
    assert not result.ok and result.run == "r1"
    lost = by_pair(result)
    assert lost["desk>hall/echo/4"] >= 20 and lost["desk>hall/echo/6"] == 0, lost
    assert lost["desk>hall/http:80/4"] >= 1, lost
    flow = next(f for f in result.flows if f.pair == ECHO4)
    assert all("play" in gap.stages and not gap.open for gap in flow.gaps), flow.gaps
    assert 300 < flow.longest_ms < 5000
    with ledger.read() as connection:
        row = next(r for r in evidence.of(connection, SUBJECT, "r1") if r.name.endswith("echo/4"))
    assert not row.ok and row.value == flow.lost and ", around " in row.detail["reason"]


def test_a_gap_is_placed_among_the_stages_of_the_run() -> None:
    attempts = [
        legs.Attempt("r", stage, 1, 1, "done", start, end, "")
        for stage, start, end in [("a", 10.0, 20.0), ("b", 30.0, 40.0), ("c", 35.0, None)]
    ]
    where = {(12, 13): ["a"], (21, 22): ["a", "b"], (18, 31): ["a", "b"], (36, 37): ["b", "c"], (1, 2): ["a"]}
    for (start, end), stages in where.items():
        flow = Watched(pair=ECHO4, gaps=[Gap(start=start, end=end, lost=1)], lost=1, sent=1)
        assert placed([flow], attempts, 50.0)[0].gaps[0].stages == stages


def test_what_was_seen_is_kept_where_the_run_fails(
    served: World, workspace: Workspace, ledger: Ledger
) -> None:
    a_run(ledger, "r2", "play")
    with (
        pytest.raises(GovcloudError, match="the play failed"),
        watching(workspace, ledger, [PAGE4, NAME4], subject=SUBJECT, numbers=FAST, hosts=served) as watch,
    ):
        # The service goes away and does not come back.
        served.serve(http=BOTH[1:], dns=[])
        # Longer than a question waits that was under way then.
        time.sleep(3 * FAST.watch_wait_ms / 1000)
        raise GovcloudError("the play failed")
    flow, name = watch.result.flows
    assert flow.lost >= 2 and flow.gaps[-1].open and "refused" in flow.refused.lower(), flow
    # Asking a name server that has gone is refused at once, too.
    assert name.lost >= 2 and name.gaps[-1].open, name
    with ledger.read() as connection:
        [row] = [r for r in evidence.of(connection, SUBJECT, "r2") if r.name == LOST]
    assert not row.ok and row.value == flow.lost + name.lost


def test_a_source_that_goes_away_is_told_with_what_it_had_seen(
    served: World, workspace: Workspace, ledger: Ledger
) -> None:
    gone = Pair(source="gone-desk", target="hall", address=V4, version=4)
    hosts = Dying(served)
    with watching(workspace, ledger, [ECHO4, gone], subject=SUBJECT, numbers=FAST, hosts=hosts) as watch:
        hosts.kill()
    ours, other = watch.result.flows
    assert not watch.result.ok and not ours.lost
    assert "its host has gone" in ours.broken and ours.sent > 10
    assert other.broken == "gone-desk is not there" and other.sent == 0


class Dying:
    """Hosts whose programs can be killed, as they are when a host is made anew."""

    def __init__(self, place: World) -> None:
        self._place = place
        self.marker: dict[str, str] = {}
        self._pids = Path(f"/tmp/dying-{os.getpid()}-{id(self)}")

    def missing(self, hosts: list[str]) -> list[str]:
        return self._place.missing(hosts)

    def command(self, host: str, argv: list[str]) -> list[str]:
        note = f'echo $$ >> {self._pids}; exec "$@"'
        return self._place.command(host, ["sh", "-c", note, "sh", *argv])

    def kill(self) -> None:
        for pid in self._pids.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        self._pids.unlink()


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
import msgspec
from govcloud.ledger import open_ledger
from govcloud.run.ipv6policy import Ipv6Policy
from govcloud.run.watched import Pair
from govcloud.run import watching
from govcloud.workspace import open_workspace
folder, enter, pair, numbers = msgspec.json.decode(sys.argv[1])
class Hosts:
    marker = {}
    def missing(self, hosts): return []
    def command(self, host, argv): return [*enter, *argv]
workspace = open_workspace(folder)
watching.LOOK = 0.2
with watching.watching(
    workspace, open_ledger(workspace), [msgspec.convert(pair, Pair)], subject="rollout/north",
    numbers=msgspec.convert(numbers, Ipv6Policy), hosts=Hosts(),
):
    print("watching", flush=True)
    time.sleep(60)
"""


def test_a_watcher_that_is_killed_leaves_what_it_had_seen(
    served: World, workspace: Workspace, ledger: Ledger
) -> None:
    a_run(ledger, "r3", "play")
    order = [str(workspace.root), served.command("desk", []), ECHO4, FAST]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, msgspec.json.encode(order).decode()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "watching\n"
    assert collect_left(workspace, ledger) == []  # it lives
    [path] = (workspace.private / FOLDER).iterdir()
    first = path.stat().st_mtime_ns
    limit = time.monotonic() + 20
    while path.stat().st_mtime_ns == first:
        assert time.monotonic() < limit
        time.sleep(0.05)
    child.kill()
    child.communicate()
    [result] = collect_left(workspace, ledger)
    assert result.cut_short and not result.ok and result.run == "r3" and result.sent > 10
    with ledger.read() as connection:
        row = next(r for r in evidence.of(connection, SUBJECT, "r3") if r.name == LOST)
    assert not row.ok and "killed" in row.detail["reason"]
    assert collect_left(workspace, ledger) == []
