"""The `lab` commands as users type them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.lab

MAIN = "from govcloud.cli.main import main; main()"


def govcloud(lab: Lab, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in the lab's workspace."""
    command = [sys.executable, "-c", MAIN, "-C", str(lab.workspace.root), *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_up_status_down(down_lab: Lab) -> None:
    lab = down_lab
    assert json.loads(govcloud(lab, "lab", "status", "--json").stdout) == {"up": False}
    first = govcloud(lab, "lab", "up")
    assert first.returncode == 0
    assert "the lab is up: agent" in first.stdout
    assert "up already" in govcloud(lab, "lab", "up").stdout
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", bandwidth_mbps=4)
    lab.run("a", "ip", "address", "add", "10.0.0.1/31", "dev", "to-b")
    status = json.loads(govcloud(lab, "lab", "status", "--json").stdout)
    assert [(n["kind"], n["name"], n["addresses"]) for n in status["nodes"]] == [
        ("node", "a", {"to-b": ["10.0.0.1/31"]}),
        ("node", "b", {}),
    ]
    assert status["links"][0] | {"id": ""} == {
        "name": "l",
        "id": "",
        "a": "a",
        "b": "b",
        "a_interface": "to-b",
        "b_interface": "to-a",
        "bandwidth_mbps": 4,
        "delay_ms": 0,
        "up": True,
    }
    shown = govcloud(lab, "lab", "status").stdout
    assert "10.0.0.1/31" in shown
    down = json.loads(govcloud(lab, "lab", "down", "--json").stdout)
    assert down["ended"] is True
    assert down["left"] == []
    assert "nothing to do" in govcloud(lab, "lab", "down").stdout


def test_exec_passes_streams_and_exit_codes_on(lab: Lab) -> None:
    lab.node("web-1")
    done = govcloud(lab, "lab", "exec", "web-1", "--", "sh", "-c", "cat; hostname; exit 7", text="in\n")
    assert done.returncode == 7
    assert done.stdout == "in\nweb-1\n"
    assert govcloud(lab, "lab", "exec", "web-1", "--", "true").returncode == 0
    near = govcloud(lab, "lab", "exec", "web1", "--", "true")
    assert near.returncode == 2
    assert "web-1" in near.stderr


def test_exec_without_a_lab_says_what_to_type(down_lab: Lab) -> None:
    done = govcloud(down_lab, "lab", "exec", "a", "--", "true")
    assert done.returncode == 1
    assert "govcloud lab up" in done.stderr


def test_down_from_a_shell_of_the_lab_ends_others_but_not_itself(lab: Lab) -> None:
    lab.node("a")
    script = f"{sys.executable} -c '{MAIN}' -C {lab.workspace.root} lab down && echo still here"
    done = subprocess.run(
        [*lab.client.prefix(), "sh", "-c", script],
        env={**__import__("os").environ, **lab.client.marker},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "still here" in done.stdout, done.stderr
