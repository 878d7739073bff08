"""A wired province for tests: a bundle of namespaces for each host of a catalogue, links up, no addresses.

Everything lives inside one outer pid namespace, so that ending its first process ends all of it. An
ordinary user gets an outer user namespace as well. Run as a program it is that first process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

HOST = """
mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -p /run/govcloud && : > /run/govcloud/resolv.conf &&
mount --bind /run/govcloud/resolv.conf /etc/resolv.conf && hostname "$0" && ip link set lo up || exit
echo up
# As the first process it reaps what daemons leave behind.
sleep infinity & wait
"""
OUTER_NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
HOST_NAMESPACES = ["--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]


class Province:
    """Namespaces of a catalogue's built hosts; a context manager."""

    def __init__(self, catalogue: Any) -> None:
        from govcloud.model.network import Network
        from govcloud.plan.wiring import built_instances, built_nodes, built_servers, wires

        networks = catalogue.all(Network)
        machines = {**built_servers(catalogue), **built_instances(catalogue)}
        self._spec = {
            "hosts": [*built_nodes(catalogue), *machines],
            "links": [[w.a.node, w.a.interface, w.b.node, w.b.interface] for w in wires(catalogue)],
            "networks": [[n.gateway, n.interface] for n in networks.values()],
            "machines": [
                [name, networks[m.network].gateway, networks[m.network].interface]
                for name, m in machines.items()
            ],
        }
        self._ends = {w.name: (w.a.node, w.a.interface) for w in wires(catalogue)}
        self.pids: dict[str, int] = {}

    def __enter__(self) -> Province:
        root = os.geteuid() == 0
        outer = [] if root else ["--user", "--map-root-user"]
        self._unshare = subprocess.Popen(
            ["unshare", *outer, *OUTER_NAMESPACES, "--", sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._unshare.stdin and self._unshare.stdout
        self._unshare.stdin.write(json.dumps(self._spec) + "\n")
        self._unshare.stdin.flush()
        answer = self._unshare.stdout.readline()
        if not answer:
            raise RuntimeError("the namespaces could not be made")
        self.pids = json.loads(answer)
        task = f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children"
        holder = Path(task).read_text().split()[0]
        self._enter = ["nsenter", f"--target={holder}", "--net", "--mount", "--pid"]
        self._enter += [] if root else ["--user", "--preserve-credentials"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unshare.kill()
        self._unshare.communicate()

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command beside the hosts, where their process ids are known."""
        options = {"text": True, "capture_output": True, "check": True} | options
        return subprocess.run([*self._enter, "--", *argv], **options)

    def on(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside a host."""
        enter = ["nsenter", f"--target={self.pids[host]}"]
        enter += ["--net", "--mount", "--uts", "--pid", "--ipc", "--"]
        return self.run([*enter, *argv], **options)

    def end_daemon(self, host: str, service: str, daemon: str) -> None:
        """Kill a daemon that the plays started, as an accident would."""
        record = self.on(host, ["cat", f"/run/govcloud/{service}/.daemons.json"]).stdout
        self.on(host, ["kill", "-KILL", str(json.loads(record)[daemon]["pid"])])

    def connections(self) -> dict[str, dict[str, Any]]:
        """How Ansible reaches each host."""
        return {
            host: {
                "ansible_connection": "community.docker.nsenter",
                "ansible_nsenter_pid": pid,
                "ansible_python_interpreter": sys.executable,
            }
            for host, pid in self.pids.items()
        }

    def set_link(self, link: str, state: str) -> None:
        """Cut a link (``down``) or mend it (``up``), at its a end."""
        host, interface = self._ends[link]
        self.on(host, ["ip", "link", "set", interface, state])


def _build(spec: Mapping[str, Any]) -> dict[str, int]:
    pids = {}
    started = [
        (
            host,
            subprocess.Popen(
                ["unshare", *HOST_NAMESPACES, "sh", "-c", HOST, host], stdout=subprocess.PIPE, text=True
            ),
        )
        for host in spec["hosts"]
    ]
    for host, process in started:
        assert process.stdout and process.stdout.readline() == "up\n", host
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        pids[host] = int(children[0])

    batches: dict[str, list[str]] = {host: [] for host in pids}
    outside = []
    for a, a_interface, b, b_interface in spec["links"]:
        outside.append(
            f"link add {a_interface} netns {pids[a]} type veth peer name {b_interface} netns {pids[b]}"
        )
        batches[a].append(f"link set {a_interface} up")
        batches[b].append(f"link set {b_interface} up")
    for gateway, interface in spec["networks"]:
        batches[gateway] += [f"link add {interface} type bridge", f"link set {interface} up"]
    for number, (host, gateway, interface) in enumerate(spec["machines"]):
        outside.append(
            f"link add eth0 netns {pids[host]} type veth peer name port{number} netns {pids[gateway]}"
        )
        batches[host].append("link set eth0 up")
        batches[gateway] += [f"link set port{number} master {interface}", f"link set port{number} up"]
    _ip(outside)
    for host, commands in batches.items():
        _ip(commands, pids[host])
    return pids


def _ip(commands: Sequence[str], pid: int = 0) -> None:
    prefix = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
    subprocess.run([*prefix, "ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


if __name__ == "__main__":
    print(json.dumps(_build(json.loads(sys.stdin.readline()))), flush=True)
    # Until the test ends, or its process does; orphans of the hosts are reaped meanwhile.
    sys.stdin.read()
