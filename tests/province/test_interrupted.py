"""Runs that are killed or stopped in the midst of it, in the real lab, and go on to the same end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.province import small
from tests.province.conftest import made
from tests.province.place import Place, place, until

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-interrupted"), pytest.mark.timeout(600)]

ENGINES = ("ansible-playbook", "pulumi")


@pytest.fixture
def workspace(routing: str) -> Iterator[Place]:
    with place() as where:
        made(where, routing)
        where.type("lab", "up")
        yield where


def going(where: Place) -> str:
    """The newest run, which is not over."""
    newest = where.ask("runs", "list")[0]
    assert newest["status"] in ("running", "stopped")
    return str(newest["id"])


def as_wanted(where: Place) -> None:
    """The end that every run comes to, however often it was interrupted on the way."""
    assert "Nothing to do" in where.type("plan", "--detailed-exitcode").out
    assert where.ask("drift")["findings"] == []
    assert where.hostnames() == sorted(small.HOSTS)
    assert where.processes(*ENGINES) == {}
    assert where.ask("probe")["bad"] == 0
    assert where.ask("runs", "list")[0]["status"] == "done"


def test_a_run_that_is_killed_or_stopped_goes_on_to_the_same_end(workspace: Place, routing: str) -> None:
    # While the engine builds: the lab's client is killed, then the engine, then the command itself.
    assert workspace.kill_in("stack:network-1", "pulumi-resource-govcloud", "apply", "--yes") == 1
    run = workspace.ask("runs", "list")[0]["id"]
    assert workspace.kill_in("stack:network-1", "pulumi", "runs", "resume", run) == 1
    code, _ = workspace.stop_in("stack:network-1", signal.SIGKILL, "runs", "resume", run)
    assert code == -signal.SIGKILL
    refused = workspace.type("apply", "--yes", expect=5)
    run = going(workspace)
    assert f"run {run} was interrupted" in refused.err and f"govcloud runs resume {run}" in refused.err
    # Going on, and killed again while Ansible configures.
    code, _ = workspace.stop_in("play", signal.SIGKILL, "runs", "resume", run)
    assert code == -signal.SIGKILL
    assert until(20, lambda: not workspace.processes(*ENGINES)), workspace.processes(*ENGINES)
    workspace.type("runs", "resume", run)
    as_wanted(workspace)

    # A change of configuration alone: stopped by Ctrl-C while Ansible is at it, within seconds.
    hosts_before = workspace.pids()
    small.write(workspace.root, routing=routing, title="新政务门户")
    code, seconds = workspace.stop_in("play", signal.SIGINT, "apply", "--yes")
    assert code == 1 and seconds < 10, (code, seconds)
    assert workspace.processes(*ENGINES) == {}
    run = going(workspace)
    shown = workspace.type("runs", "show", run).out
    assert "stopped" in shown and f"govcloud runs resume {run}" in shown
    workspace.type("runs", "resume", run)
    as_wanted(workspace)
    assert workspace.pids() == hosts_before
    assert workspace.ask("ls", "application", "name=portal")[0]["fields"]["title"] == "新政务门户"

    # Stopped once more, and meanwhile the lab is lost: going on would come to no end, a new plan does.
    small.write(workspace.root, routing=routing, title="政务门户")
    workspace.stop_in("play", signal.SIGINT, "apply", "--yes")
    run = going(workspace)
    os.kill(workspace.ask("lab", "status")["pid"], signal.SIGKILL)
    down = workspace.type("runs", "resume", run, expect=1)
    assert down.err == "error: the lab is not up; `govcloud lab up` starts it\n"
    workspace.type("lab", "up")
    refused = workspace.type("runs", "resume", run, expect=5)
    assert "20 objects that were built before are gone" in refused.err
    assert f"`govcloud runs cancel {run}`, then `govcloud apply`" in refused.err
    workspace.type("runs", "cancel", run)
    workspace.type("apply", "--yes")
    as_wanted(workspace)
