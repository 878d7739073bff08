"""Namespaces: the keeper, which all else hangs on, and the holders of the nodes.

The keeper is process 1 of a pid namespace and reads a pipe that only the agent can write to. When
the agent ends, however it ends, the pipe closes, the keeper ends, and the kernel ends everything
in its pid namespace; with the processes go their network namespaces, interfaces and mounts.

Every holder ignores SIGCHLD across its exec, so that the kernel reaps what daemons leave behind.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from . import process
from .preflight import SEARCH_PATH, tool, unshare_options
from .process import Process
from .protocol import LabError

# /proc is still the host's here, so the shell reads its host pid from it.
_KEEPER = """
trap "" CHLD
read -r pid rest < /proc/self/stat
ip link set lo up alias "$1"
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
echo "ready $pid"
exec cat > /dev/null 2>&1
"""

_HOLDER = """
set -e
trap "" CHLD
read -r pid rest < /proc/self/stat
label=$1 name=$2 identity=$3 router=$4 alias=$5
hostname "$name"
mount -t proc "$label" /proc
mount -t sysfs "$label" /sys 2> /dev/null || true
resolv=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=0755,nosuid,nodev "$label" /run
mount -t tmpfs -o mode=1777,nosuid,nodev "$label" /dev/shm 2> /dev/null || true
mkdir -p /run/govcloud/etc /run/lock
printf '%s\\n' "$identity" > /run/govcloud/identity
printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost\\n' > /run/govcloud/etc/hosts
: > /run/govcloud/etc/resolv.conf
if [ ! -e "$resolv" ]; then
  case "$resolv" in
    /run/*) mkdir -p "${resolv%/*}"; : > "$resolv" ;;
  esac
fi
# A file that is not there cannot be bound over, and the host's /etc is not ours to add to:
# then /etc becomes a folder of links to the host's entries, with files of its own among them.
if [ ! -e "$resolv" ] || [ ! -e /etc/hosts ]; then
  mkdir /run/govcloud/host-etc
  mount --rbind /etc /run/govcloud/host-etc
  mount -t tmpfs -o mode=0755,nosuid,nodev "$label" /etc
  for entry in /run/govcloud/host-etc/* /run/govcloud/host-etc/.[!.]*; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then ln -s "$entry" /etc/; fi
  done
  rm -f /etc/resolv.conf /etc/hosts
  : > /etc/resolv.conf
  : > /etc/hosts
  resolv=/etc/resolv.conf
fi
mount --bind /run/govcloud/etc/resolv.conf "$resolv"
mount --bind /run/govcloud/etc/hosts /etc/hosts
cd /proc/sys/net
tune() {
  if [ -e "$1" ] && ! echo "$2" 2> /dev/null > "$1"; then
    case "$3" in need) echo "cannot set $1 to $2" >&2; exit 1 ;; esac
  fi
}
for scope in all default; do
  tune ipv6/conf/$scope/disable_ipv6 0 need
  tune ipv6/conf/$scope/accept_dad 0
  tune ipv6/conf/$scope/keep_addr_on_down 1
  tune ipv6/conf/$scope/forwarding "$router" need
  tune ipv4/conf/$scope/rp_filter 0
done
tune ipv4/ip_forward "$router" need
# In a user namespace only its own group can be named.
{ echo "0 2147483647" > ipv4/ping_group_range; } 2> /dev/null || tune ipv4/ping_group_range "0 0"
cd /
ip link set lo up alias "$alias"
echo "ready $pid"
exec sleep infinity < /dev/null > /dev/null 2>&1
"""


@dataclass
class Holder:
    """The process that keeps a node's namespaces, and the child of the agent that waits for it."""

    process: Process
    waiter: subprocess.Popen[str]
    baseline: frozenset[str] = field(default_factory=frozenset)  # interfaces the kernel made by itself

    @property
    def pid(self) -> int:
        """Host pid."""
        return self.process.pid

    def alive(self) -> bool:
        """Whether the node still is."""
        return process.alive(self.process)

    def end(self) -> None:
        """Kill it (the kernel kills all else in the node), and wait until it is gone."""
        process.end(self.process)
        self.waiter.wait()


class Space:
    """The keeper's namespaces, and how to get into them."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.label = f"govcloud-{mark}"
        self.user_namespace = os.geteuid() != 0
        self.environment = {
            "PATH": SEARCH_PATH,
            "LANG": "C.UTF-8",
            "HOME": os.environ.get("HOME", "/"),
            "GOVCLOUD_LAB": mark,
        }
        self.keeper: Holder | None = None
        self._pipe = -1

    def start(self) -> Process:
        """Start the keeper; returns when its namespaces are ready. Raises ``LabError``."""
        command = [tool("unshare"), *unshare_options(), "--net", "--pid", "--fork", "--kill-child"]
        command += [tool("sh"), "-c", _KEEPER, "sh", self.alias("keeper")]
        reading, self._pipe = os.pipe()  # neither end passes to any child but as the keeper's stdin
        try:
            self.keeper = self._launch(command, "the keeper", stdin=reading)
        finally:
            os.close(reading)
        return self.keeper.process

    def alias(self, object_id: str) -> str:
        """What an interface that the lab made is marked with."""
        return f"govcloud:{self.mark}:{object_id}"

    @property
    def keeper_pid(self) -> int:
        """Host pid of the keeper."""
        assert self.keeper is not None
        return self.keeper.pid

    def hold(self, name: str, object_id: str, identity: str, *, router: bool) -> Holder:
        """Make a node's namespaces; returns when they are ready. Raises ``LabError``."""
        command = self.enter(self.keeper_pid, "--pid")
        command += [tool("unshare"), "--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child"]
        command += [tool("sh"), "-c", _HOLDER, "sh"]
        command += [self.label, name, identity, "1" if router else "0", self.alias(object_id)]
        holder = self._launch(command, name)
        holder.baseline = frozenset(process.interfaces(holder.pid))
        return holder

    def enter(self, pid: int, *kinds: str) -> list[str]:
        """The argv prefix that runs a command in namespaces (``--net`` …) of a process of the lab."""
        user = ["--user", "--preserve-credentials"] if self.user_namespace else []
        return [tool("nsenter"), "--target", str(pid), *user, *kinds, "--"]

    def helper_prefix(self) -> list[str]:
        """The argv prefix of a helper: it dies with the keeper, and may enter every node."""
        return self.enter(self.keeper_pid, "--net", "--pid")

    def run(self, pid: int, program: str, lines: list[str], what: str) -> None:
        """Run lines of `ip` or `tc` in the network namespace of a process. Raises ``LabError``."""
        result = subprocess.run(
            [*self.enter(pid, "--net"), tool(program), "-batch", "-"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=30,
            check=False,
        )
        if result.returncode != 0:
            words = [line for line in result.stderr.splitlines() if not line.startswith("Command failed")]
            raise LabError(f"{what}: {program}: {'; '.join(words) or result.returncode}")

    def rename(self, pid: int, name: str) -> None:
        """Give a node another hostname. Raises ``LabError``."""
        command = [*self.enter(pid, "--uts"), tool("hostname"), name]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=30, check=False
        )
        if done.returncode != 0:
            raise LabError(f"{name}: {done.stderr.strip()}")

    def close(self) -> None:
        """End the keeper, and with it everything; returns when the kernel has done so."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self.keeper is not None:
            if not process.wait_gone(self.keeper.process, 5):
                process.end(self.keeper.process)
            self.keeper.waiter.wait()

    def _launch(self, command: list[str], what: str, stdin: int = subprocess.DEVNULL) -> Holder:
        waiter = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd="/",
        )
        assert waiter.stdout is not None and waiter.stderr is not None
        with waiter.stdout, waiter.stderr:
            word, _, number = waiter.stdout.readline().strip().partition(" ")
            found = process.identify(int(number)) if word == "ready" and number.isdigit() else None
            if found is None:
                waiter.kill()
                reason = waiter.stderr.read().strip().splitlines()
                waiter.wait()
                raise LabError(f"{what}: its namespaces could not be made: {'; '.join(reason[-2:])}")
        return Holder(found, waiter)
