"""The lab as an ordinary user: a user namespace, and no rights on the machine."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import govcloud

pytestmark = pytest.mark.lab

UID = 54_321

SCRIPT = """
import os, subprocess, sys
from govcloud.lab import control
from govcloud.lab.client import LabClient
from govcloud.lab.leftovers import leftovers_of
from govcloud.model.resources import Identity

assert os.geteuid() != 0
root = sys.argv[1]
control.up(root, "lab")
client = LabClient(root, "lab")
try:
    for name in ("a", "b"):
        client.create("Node", Identity("lab", name, 1), {"name": name, "role": "core"}, 1)
    client.create("Link", Identity("lab", "l", 1), {
        "name": "l", "a": "a.1", "b": "b.1", "a_interface": "to-b", "b_interface": "to-a",
        "bandwidth_mbps": 4, "delay_ms": 20}, 1)
    client.create("Network", Identity("lab", "n", 1), {"name": "n", "gateway": "a.1", "interface": "lan"}, 1)
    client.create("Server", Identity("lab", "s", 1), {"name": "s", "network": "n.1"}, 1)
    pids = {n.properties["name"]: n.facts["pid"] for n in client.nodes()}

    def run(name, *command):
        done = subprocess.run([*client.exec_argv(pids[name]), *command], capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    for n, (name, other) in enumerate((("a", "b"), ("b", "a"))):
        run(name, "ip", "address", "add", f"10.0.0.{n}/31", "dev", f"to-{other}")
    out = run("a", "ping", "-q", "-n", "-c", "3", "-i", "0.2", "10.0.0.1")
    assert "3 received" in out, out
    assert 40 <= float(out.rsplit("=", 1)[1].split("/")[0]) < 70, out
    assert run("s", "cat", "/proc/sys/net/ipv4/ip_forward") == "0\\n"
    run("s", "sh", "-c", "echo 10.0.0.1 x > /etc/hosts && echo nameserver ::1 > /etc/resolv.conf")
    # From the user namespace alone the nodes are reached by their host pids, as Ansible does it.
    argv = ["nsenter", "--ipc", "--mount", "--net", "--pid", "--uts", "--preserve-credentials"]
    argv = [*client.prefix(), *argv, f"--target={pids['s']}", "--", "hostname"]
    assert subprocess.check_output(argv, text=True) == "s\\n"
    assert leftovers_of(client.where)
    # What `lab exec` and Ansible leave running must end with the lab, too.
    subprocess.run([*client.exec_argv(pids["s"]), "setsid", "-f", "sleep", "1000"], check=True)
    assert client.read("Server", Identity("lab", "s", 1)).facts["processes"] == 1
finally:
    client.close()
    control.down(root, "lab")
assert leftovers_of(client.where) == []
print("well")
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the ordinary user's own; those of pytest are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="gc-"))
    if os.geteuid() == 0:
        os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)


def ordinary_python() -> str:
    """A Python of the same minor version that the ordinary user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        # Asked through a second program: setpriv itself still has root's rights when it looks.
        probe = [*becoming(), "sh", "-c", '"$0" -c "import encodings"', candidate]
        if Path(candidate).exists() and subprocess.run(probe, capture_output=True).returncode == 0:
            return candidate
    pytest.skip("the ordinary user may run no Python of this version on this machine")


def becoming() -> list[str]:
    """The argv prefix that gives up root's rights, where there are any."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--"]


def test_an_ordinary_user_has_a_lab(folder: Path) -> None:
    packages = [str(Path(govcloud.__file__).parents[1]), *site.getsitepackages()]
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(packages)}
    environment.pop("XDG_RUNTIME_DIR", None)
    done = subprocess.run(
        [*becoming(), ordinary_python(), "-c", SCRIPT, str(folder)],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.endswith("well\n"), done.stdout + done.stderr
