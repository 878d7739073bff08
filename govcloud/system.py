"""What the program needs from the operating system, and the one command that installs all of it.

Only the standard library: set-up reads this file before anything is installed.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Ordinary users of Debian have no sbin on PATH, and FRR's daemons are never on it.
ELSEWHERE = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr", "/usr/libexec/frr")


@dataclass(frozen=True)
class Tool:
    """A command of the system: the package that brings it (Debian's name, Fedora's) and its use."""

    command: str
    debian: str
    fedora: str
    purpose: str
    required: bool = True


TOOLS = (
    Tool("ip", "iproute2", "iproute", "the lab's interfaces, addresses and routes"),
    Tool("tc", "iproute2", "iproute-tc", "bandwidth and delay of links"),
    Tool("bridge", "iproute2", "iproute", "the lab's switches"),
    Tool("unshare", "util-linux", "util-linux", "the lab's namespaces"),
    Tool("nsenter", "util-linux", "util-linux", "commands inside a node"),
    Tool("setpriv", "util-linux", "util-linux", "services without root's rights"),
    Tool("mount", "mount", "util-linux", "a node's own file systems"),
    Tool("hostname", "hostname", "hostname", "a node's own name"),
    Tool("ping", "iputils-ping", "iputils", "reachability"),
    Tool("ps", "procps", "procps-ng", "Ansible's facts and services"),
    Tool("dnsmasq", "dnsmasq-base", "dnsmasq", "DNS in the lab"),
    Tool("zebra", "frr", "frr", "dynamic routing (without it: static routes)", required=False),
    Tool("ospfd", "frr", "frr", "OSPF (without it: static routes)", required=False),
    Tool("ospf6d", "frr", "frr", "OSPFv3 (without it: static routes)", required=False),
    Tool("vtysh", "frr", "frr", "FRR's configuration", required=False),
    Tool("nft", "nftables", "nftables", "boundaries and NAT on the lab's border nodes", required=False),
    Tool("radvd", "radvd", "radvd", "IPv6 prefixes advertised to machines (SLAAC)", required=False),
    Tool("tayga", "tayga", "tayga", "NAT64: machines with IPv6 alone reach IPv4", required=False),
    Tool(
        "ssh-keygen",
        "openssh-client",
        "openssh-clients",
        "keys of people (without it: tokens)",
        required=False,
    ),
    Tool("git", "git", "git", "a workspace's commit (without it: no check for stale ones)", required=False),
)

MANAGERS: Mapping[str, tuple[str, ...]] = {
    "apt-get": ("apt-get", "install", "-y", "--no-install-recommends"),
    "dnf": ("dnf", "install", "-y"),
}


def which(command: str) -> str | None:
    """The path of a system command, also where PATH does not lead."""
    return shutil.which(command) or shutil.which(command, path=os.pathsep.join(ELSEWHERE))


def missing(tools: Iterable[Tool] = TOOLS) -> list[Tool]:
    """The tools that are not there, in the order of the table."""
    return [tool for tool in tools if which(tool.command) is None]


def manager() -> str | None:
    """The system's package manager, as far as it is one we know: ``apt-get``, ``dnf`` or None."""
    return next((name for name in MANAGERS if which(name)), None)


def packages(tools: Iterable[Tool], system: str) -> list[str]:
    """The packages that bring these tools, each once."""
    return list(dict.fromkeys(t.debian if system == "apt-get" else t.fedora for t in tools))


def install_command(wanted: Iterable[str], system: str | None = None) -> str:
    """The one command, to be typed as it stands, that installs these packages."""
    names = list(wanted)
    system = system or manager()
    if not names:
        return ""
    if system is None:
        return "install with your system's package manager: " + " ".join(names)
    prefix = "" if os.geteuid() == 0 else "sudo "
    line = prefix + shlex.join([*MANAGERS[system], *names])
    # A minimal image has no package lists yet.
    return f"{prefix}apt-get update; {line}" if system == "apt-get" else line


def cure(tools: Iterable[Tool]) -> str:
    """``install_command`` for tools instead of packages."""
    system = manager()
    return install_command(packages(tools, system or "apt-get"), system)


def memory() -> int:
    """Bytes of memory that programs may still take, 0 where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
