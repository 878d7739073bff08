"""The provider as a process: started by nobody, and left by its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from govcloud.provider.settings import VARIABLE, ProviderSettings

PLUGIN = Path(sys.executable).with_name("pulumi-resource-govcloud")
# Starts the plugin as the engine does, tells its id, and lives until it is killed.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.argv[1], "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
print(child.pid, flush=True)
if sys.argv[2] == "ready":
    print(child.stdout.readline().strip(), flush=True)
time.sleep(600)
"""


def environment(tmp_path: Path) -> dict[str, str]:
    settings = ProviderSettings("tiny", str(tmp_path), {"shelf": {"driver": "store"}}, 1)
    return os.environ | {VARIABLE: settings.encode()}


def gone(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("moment", ["ready", "starting"])
def test_it_ends_with_its_parent(tmp_path: Path, moment: str) -> None:
    """An orphan must not go on building; nor may one that lost its parent before it was ready."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(PLUGIN), moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        if moment == "ready":
            assert int(parent.stdout.readline()) > 0  # its port
            assert not gone(child, 0.5)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert gone(child, 15)
    finally:
        parent.kill()
        parent.communicate()
        if not gone(child, 0.1):
            os.kill(child, signal.SIGKILL)


def test_started_by_hand_it_says_who_starts_it(tmp_path: Path) -> None:
    bare = {k: v for k, v in os.environ.items() if k != VARIABLE}
    done = subprocess.run([str(PLUGIN), "x"], env=bare, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "is started by govcloud" in done.stderr
    assert "Traceback" not in done.stderr
