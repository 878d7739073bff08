"""What pruning takes out of the ledger, and what it never does, on each store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_province import records

from govcloud.errors import ConflictError, InputError
from govcloud.ledger import Ledger, audit, entries, evidence, leases, open_ledger, pruning, retention, runs
from govcloud.ledger.building import Intent, Observed, add_intents, all_observed, replace_observed
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims
from govcloud.ledger.evidence import Evidence
from govcloud.ledger.leases import Holder
from govcloud.ledger.retention import DAY, DEFAULTS, Policy
from govcloud.ledger.runs import Status
from govcloud.workspace import Workspace
from tests.stores import only_sqlite

NOW = 2_000_000_000.0
HISTORY = ("revision", "entry", "claim", "accepted", "audit", "setting", "intent", "applied")


def policy(**values: float) -> Policy:
    return Policy(DEFAULTS.values | values)


NOTHING_KEPT = policy(**{limit.name: 0 for limit in retention.LIMITS})


def prune(ledger: Ledger, workspace: Workspace, limits: Policy, **more: Any) -> dict[str, pruning.Tally]:
    octets = pruning.octets_of(workspace.ledger_url)
    with ledger.read() as connection:
        foreseen = pruning.survey(connection, limits, now=NOW, octets=octets)
    with leases.held(ledger, "run") as token:
        done = pruning.prune(ledger, limits, ("run", token), now=NOW, octets=octets, **more)
    assert done == foreseen, "a dry run tells what is done"
    return {tally.name: tally for tally in done}


def table(ledger: Ledger, name: str) -> list[Any]:
    with ledger.read() as connection:
        return sorted(connection.rows(f"SELECT * FROM {name}"), key=repr)


def run(
    ledger: Ledger, name: str, *, days: float, status: Status = Status.DONE, programs: tuple[str, ...] = ()
) -> dict[str, str]:
    """A run that began and ended so many days ago, with a plan that names programs; digests by content."""
    at = NOW - days * DAY
    stages = [{"stage": "stack", "id": p, "program": "", "playbook": ""} for p in programs]
    with ledger.write() as connection:
        digests = {p: runs.put_blob(connection, p.encode()) for p in programs}
        for n, program in enumerate(programs):
            stages[n]["program" if n % 2 == 0 else "playbook"] = digests[program]
        digests[name] = runs.put_blob(
            connection, msgspec.json.encode({"version": 2, "title": name, "stages": stages})
        )
        runs.create(
            connection,
            id=name,
            plan=digests[name],
            effect="e",
            title="t",
            actor="a",
            stages=[("record", "record", "words")],
        )
        runs.end_stage(connection, name, "record", Status.DONE, {"words": "1 of 1", "log": "x" * 100})
        connection.run(
            "UPDATE run SET status = :status, started = :at, ended = :at WHERE id = :id",
            status=str(status),
            at=at,
            id=name,
        )
    return digests


def figure(name: str, *, days: float, ok: bool = True, by: str = "", subject: str = "flow/x") -> Evidence:
    detail = {"spec": f"{name}-{days}", "词": "路径"}
    return Evidence(subject, name, ok, 1.0, "ms", detail, run=by, at=NOW - days * DAY)


def measure(ledger: Ledger, *figures: Evidence) -> None:
    with ledger.write() as connection:
        for number, one in enumerate(figures):
            evidence.keep(connection, one.run, f"s{number}", [one])


def history(ledger: Ledger) -> dict[str, list[Any]]:
    return {name: table(ledger, name) for name in HISTORY}


def test_the_newest_figure_of_a_probe_and_its_newest_good_one_stay(
    ledger: Ledger, workspace: Workspace
) -> None:
    measure(
        ledger,
        figure("a", days=900),
        figure("a", days=800),
        figure("a", days=700, ok=False),
        figure("a", days=600, ok=False),
        figure("b", days=900),
        figure("c", days=10, ok=False),
        figure("c", days=400),
        figure("c", days=500),
    )
    gone = prune(ledger, workspace, DEFAULTS)
    assert gone["evidence"].rows == 3
    with ledger.read() as connection:
        left = {(e.name, round((NOW - e.at) / DAY)) for e in evidence.of(connection)}
        assert evidence.newest_good(connection) == {"b": "b-900"}
    assert left == {("a", 800), ("a", 600), ("b", 900), ("c", 10), ("c", 400)}
    assert not any(prune(ledger, workspace, DEFAULTS).values())


def test_bytes_are_bytes(ledger: Ledger, workspace: Workspace) -> None:
    """A Chinese character counts as the three that it takes."""
    measure(ledger, figure("a", days=800), figure("a", days=1))
    found = prune(ledger, workspace, DEFAULTS)["evidence"]
    detail = '{"spec":"a-800","词":"路径"}'
    assert found.bytes == len(detail.encode()) + len("s0" + "flow/x" + "a" + "ms")


def test_a_run_that_is_not_over_keeps_all_that_is_its_own(ledger: Ledger, workspace: Workspace) -> None:
    kept = {}
    for status in Status:
        if status not in runs.OVER:
            name = f"run-{status}"
            kept |= run(ledger, name, days=5000, status=status, programs=(f"p-{name}", f"q-{name}"))
            measure(ledger, figure(name, days=5000, by=name), figure(name, days=1))
    over = run(ledger, "over", days=5000, programs=("p-run-failed", "p-over"))
    cancelled = run(ledger, "cancelled", days=5000, status=Status.CANCELLED, programs=("r",))
    before = table(ledger, "evidence")
    gone = prune(ledger, workspace, NOTHING_KEPT)
    assert table(ledger, "evidence") == before
    with ledger.read() as connection:
        left = {r.id for r in runs.recent(connection)}
        assert left == {f"run-{s}" for s in Status if s not in runs.OVER}
        for name in left:
            assert runs.stages(connection, name)[0].detail["log"]
        for content, digest in kept.items():
            runs.get_blob(connection, digest)
            assert content
        for digest in (over["over"], over["p-over"], cancelled["cancelled"], cancelled["r"]):
            with pytest.raises(KeyError):
                runs.get_blob(connection, digest)
    assert (gone["runs"].rows, gone["plans"].rows) == (4, 4)


def test_what_an_open_intent_came_from_stays(ledger: Ledger, workspace: Workspace) -> None:
    digests = run(ledger, "gave-up", days=5000, status=Status.CANCELLED, programs=("p",))
    measure(ledger, figure("a", days=5000, by="gave-up"), figure("a", days=1))
    intent = Intent("u1.1", "network-1", "Node", "shelf", {"name": "n"}, "gave-up")
    with ledger.write() as connection:
        add_intents(connection, [intent])
    assert not any(prune(ledger, workspace, NOTHING_KEPT).values())
    with ledger.write() as connection:
        connection.run("DELETE FROM intent")
    gone = prune(ledger, workspace, NOTHING_KEPT)
    assert {name for name, tally in gone.items() if tally} == {"evidence", "runs", "plans"}
    with ledger.read() as connection, pytest.raises(KeyError):
        runs.get_blob(connection, digests["p"])


def test_logs_go_before_runs_do_and_the_newest_runs_stay(ledger: Ledger, workspace: Workspace) -> None:
    for number in range(6):
        digests = run(ledger, f"r{number}", days=1000 - number * 190, programs=("same",))
    gone = prune(ledger, workspace, policy(keep_runs=4, runs_days=300))
    assert gone["runs"].rows == 4  # r0 and r1, each with its stage
    assert gone["logs"].rows == 3  # r2, r3, r4
    assert gone["plans"].rows == 5
    with ledger.read() as connection:
        assert [r.id for r in runs.recent(connection)] == ["r5", "r4", "r3", "r2"]
        logs = [bool(runs.stages(connection, f"r{n}")[0].detail) for n in range(2, 6)]
        assert logs == [False, False, False, True]
        runs.get_blob(connection, runs.get(connection, "r5").plan)
        runs.get_blob(connection, digests["same"])


def test_what_was_seen_amiss_stays_until_it_is_mended(ledger: Ledger, workspace: Workspace) -> None:
    rows = [
        Observed(f"u{n}.1", f"u{n}", "shelf", status, {"n": n})
        for n, status in enumerate(("present", "missing", "changed", "extra", "unmanaged"))
    ]
    with ledger.write() as connection:
        replace_observed(connection, ["shelf"], rows)
        connection.run("UPDATE observed SET at = :at", at=NOW - 91 * DAY)
    assert prune(ledger, workspace, DEFAULTS)["observations"].rows == 2
    with ledger.read() as connection:
        assert {o.status for o in all_observed(connection)} == {"missing", "changed", "extra"}


def test_a_plan_that_cannot_be_read_keeps_all_content(ledger: Ledger, workspace: Workspace) -> None:
    """Nobody can tell which programs it names."""
    run(ledger, "over", days=5000, programs=("p",))
    run(ledger, "strange", days=1, status=Status.FAILED)
    with ledger.write() as connection:
        connection.run("UPDATE blob SET content = :no WHERE digest IN (SELECT plan FROM run WHERE id = :id)",
                       no=b"\xff no plan", id="strange")  # fmt: skip
    gone = prune(ledger, workspace, NOTHING_KEPT)["plans"]
    assert not gone
    assert gone.note == "the plan of run strange cannot be read: all are kept"
    assert len(table(ledger, "blob")) == 3


@only_sqlite
def test_history_and_audit_are_never_touched(ledger: Ledger, workspace: Workspace) -> None:
    with ledger.write() as connection:
        for number in range(1, 4):
            at = entries.open_revision(connection, actor="a", run="over", commit=None, message="")
            said = ClaimRow("region", "r", "file:a.yaml", 1, {"level": "city", "n": number})
            change_claims(connection, at, ClaimChanges(said=(said,)))
            audit.append(connection, "a", "run started", {"run": "over"})
    run(ledger, "over", days=5000)
    before = history(ledger)
    assert any(prune(ledger, workspace, NOTHING_KEPT).values())
    after = history(ledger)
    assert {name for name in HISTORY if after[name] != before[name]} == set()


def test_pruning_is_refused_where_somebody_else_holds_the_lease(ledger: Ledger, workspace: Workspace) -> None:
    run(ledger, "over", days=5000)
    with leases.held(ledger, "run") as token:
        with ledger.write() as connection:  # another machine took it over
            connection.run("UPDATE lease SET token = token + 1, holder = :h", h=Holder("x", 1, 0.0).encode())
        with pytest.raises(ConflictError):
            pruning.prune(ledger, NOTHING_KEPT, ("run", token), now=NOW,
                          octets=pruning.octets_of(workspace.ledger_url))  # fmt: skip
    assert len(table(ledger, "run")) == 1


def test_a_killed_pruning_has_taken_classes_whole_or_not_at_all(
    ledger: Ledger, workspace: Workspace, store: str
) -> None:
    run(ledger, "open", days=5000, status=Status.FAILED, programs=("p",))
    run(ledger, "over", days=5000, programs=("p", "q"))
    measure(ledger, *(figure("a", days=d) for d in (1, 500, 600)))
    program = f"""
        import os, signal
        from pathlib import Path
        from govcloud.ledger import open_ledger, leases, pruning
        from govcloud.ledger.retention import DEFAULTS, LIMITS, Policy
        from govcloud.workspace import Settings, Workspace
        place = Workspace(Path({str(workspace.root)!r}), Settings(environment="tiny", ledger={store!r}))
        ledger = open_ledger(place)
        def told(tally):
            if tally.name == "runs":
                os.kill(os.getpid(), signal.SIGKILL)
        with leases.held(ledger, "run") as token:
            pruning.prune(ledger, Policy({{limit.name: 0 for limit in LIMITS}}), ("run", token), now={NOW},
                          octets=pruning.octets_of(place.ledger_url), told=told)
    """
    argv = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(argv, env=os.environ | {"PYTHONPATH": os.getcwd()}, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done
    again = open_ledger(workspace)
    assert len(table(again, "evidence")) == 1
    assert {row[0] for row in table(again, "run")} == {"open"}
    assert len(table(again, "blob")) == 4, "its transaction had not begun"
    # Who comes next goes on: the lease is a dead process's.
    gone = prune(again, workspace, NOTHING_KEPT)
    assert {name: tally.rows for name, tally in gone.items() if tally} == {"plans": 2}
    again.close()


FIGURES = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["flow/x", "flow/y"]), st.integers(0, 60), st.booleans(),
        st.sampled_from(["", "over", "open"]),
    ),
    max_size=25,
)  # fmt: skip


@given(figures=FIGURES, days=st.integers(0, 50))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_proven_stays_proven(
    ledger: Ledger, workspace: Workspace, figures: list[Any], days: int
) -> None:
    """Whatever was measured: a plan reads the same of it before and after, and nothing young goes."""
    with ledger.write() as connection:
        for name in ("evidence", "run", "stage"):
            connection.run(f"DELETE FROM {name}")
    run(ledger, "open", days=60, status=Status.STOPPED)
    run(ledger, "over", days=60)
    measure(ledger, *(figure(n, days=d, ok=ok, by=by, subject=s) for n, s, d, ok, by in figures))
    with ledger.read() as connection:
        proven, before = evidence.newest_good(connection), evidence.of(connection)
    tally = prune(ledger, workspace, policy(evidence_days=days))["evidence"]
    with ledger.read() as connection:
        assert evidence.newest_good(connection) == proven
        after = evidence.of(connection)
    assert len(before) - len(after) == tally.rows
    left = [msgspec.json.encode(one) for one in after]
    for one in before:
        young = one.at >= NOW - days * DAY
        if young or one.run == "open":
            assert msgspec.json.encode(one) in left
    good = {(e.subject, e.name) for e in before if e.ok}
    assert {(e.subject, e.name) for e in after if e.ok} == good


# -- the policy ---------------------------------------------------------------------------------------


class Profile(msgspec.Struct, frozen=True):
    """``profile/retention`` as the ledger accepts it."""

    fields: dict[str, Any]
    uid: str = "p" * 16
    kind: str = "profile"
    name: str = "retention"
    incarnation: int = 1
    stack: str | None = None


def accept(ledger: Ledger, values: dict[str, Any]) -> None:
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="a", run=None, commit=None, message="")
        entries.accept(connection, number, [Profile({"values": values})])
        said = ClaimRow("profile", "retention", "file:policy.yaml", 7, {"values": values})
        change_claims(connection, number, ClaimChanges(said=(said,)))


def test_the_accepted_profile_counts_and_defaults_fill_the_rest(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert retention.policy(connection) == DEFAULTS
    accept(ledger, {"evidence_days": 10, "keep_runs": 3})
    with ledger.read() as connection:
        found = retention.policy(connection)
    assert (found.values["evidence_days"], found.values["keep_runs"]) == (10, 3)
    assert found.values["logs_days"] == DEFAULTS.values["logs_days"]
    assert found.said == ("evidence_days", "keep_runs")


def test_every_default_says_where_it_is_from() -> None:
    assert all(limit.source and limit.keeps for limit in retention.LIMITS)
    assert {limit.name.rpartition("_")[2] for limit in retention.LIMITS} == {"days", "runs"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"evidence_day": 3}, "`evidence_day` is no limit that we know (did you mean `evidence_days`?)"),
        ({"logs_days": "six months"}, "`logs_days` should be a number, not 'six months'"),
        ({"logs_days": True}, "`logs_days` should be a number, not True"),
        ({"logs_days": -1}, "`logs_days` should be 0 to 36500 days, not -1"),
        ({"keep_runs": 1.5}, "`keep_runs` should be a whole number of runs, 0 or more, not 1.5"),
    ],
)
@only_sqlite
def test_a_policy_that_cannot_be_read_is_refused(ledger: Ledger, values: dict[str, Any], words: str) -> None:
    accept(ledger, values)
    with ledger.read() as connection, pytest.raises(InputError) as refused:
        retention.policy(connection)
    assert str(refused.value.problems[0]) == f"policy.yaml:7: profile/retention: {words}"


def test_by_the_command_line_on_each_store(cli: Callable[..., Any], tmp_path: Path, store: str) -> None:
    place = records(tmp_path, ledger=store)
    place.tables["profiles"] = {"retention": {"values": {"runs_days": 0, "keep_runs": 1, "plans_days": 0}}}
    for title in ("一", "二", "三"):
        place.tables["regions"]["here"]["title"] = title
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
    foreseen = cli("gc", "--dry-run", "--json").json
    done = cli("gc", "--yes", "--json")
    assert done.code == 0, done
    # Two runs, each with a stage, an attempt of it, and a leg.
    assert {c["name"]: c["rows"] for c in done.json["classes"] if c["rows"]} == {"runs": 8, "plans": 3}
    assert (done.json["classes"], done.json["bytes"]) == (foreseen["classes"], foreseen["bytes"])
    assert len(cli("runs", "list", "--json").json) == 1
    assert len(cli("history", "--json").json) == 3
    assert cli("audit", "verify").code == 0
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli("gc", "--yes").out == "Nothing is old enough to go.\n"


# -- room ---------------------------------------------------------------------------------------------


@only_sqlite
def test_free_pages_are_given_back_where_nobody_is_at_work(ledger: Ledger, workspace: Workspace) -> None:
    for number in range(40):
        run(ledger, f"r{number}", days=5000, programs=("x" * 20_000 + str(number),))
    prune(ledger, workspace, NOTHING_KEPT)
    path = workspace.private / "ledger.db"
    with ledger.write():
        busy = pruning.compact(path)
        assert (busy.before, "somebody else" in busy.note) == (busy.after, True)
    found = pruning.compact(path)
    assert found.after < found.before / 2 and found.after == path.stat().st_size
    assert not found.note
    assert pruning.compact(path).before == found.after
    assert table(ledger, "audit") == []
