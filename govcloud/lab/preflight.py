"""What this machine must have for a lab, and what to type where it has not."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Ordinary users on Debian have no sbin folders on their path, yet may run what is in them.
SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
)

PACKAGES = {
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it is well, what was found, and what to type if not."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


def tool(name: str) -> str:
    """Full path of a program of this machine; the bare name where it is missing."""
    return shutil.which(name, path=SEARCH_PATH) or name


def preflight() -> list[Check]:
    """Look at everything a lab needs. Makes (and ends) one set of namespaces; takes about 20 ms."""
    checks = [_tool_check(name, package) for name, package in PACKAGES.items()]
    if all(check.ok for check in checks):
        checks.append(_namespace_check())
    return checks


def _tool_check(name: str, package: str) -> Check:
    found = shutil.which(name, path=SEARCH_PATH)
    if found:
        return Check(name, True, found)
    return Check(name, False, f"`{name}` is missing", f"apt-get install {package}")


def unshare_options() -> list[str]:
    """The options that give this user namespaces of its own (root needs no user namespace)."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def _namespace_check() -> Check:
    command = [tool("unshare"), *unshare_options(), "--net", "--mount", "--uts", "--pid", "--ipc"]
    command += ["--fork", "--mount-proc", tool("ip"), "link", "set", "lo", "up"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if result.returncode == 0:
        who = "as root" if os.geteuid() == 0 else "in a user namespace"
        return Check("namespaces", True, f"can be made {who}")
    words = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
    return Check("namespaces", False, *_reason(words))


def _setting(name: str) -> str:
    try:
        return (Path("/proc/sys") / name).read_text().strip()
    except OSError:
        return ""


def _reason(words: str) -> tuple[str, str]:
    """Why namespaces cannot be made, in a sentence, and the one command that allows them."""
    if os.geteuid() == 0:
        return (
            f"this root may make no namespaces ({words}): it has not the capability CAP_SYS_ADMIN",
            "run in a virtual machine, or start the container with `--privileged`",
        )
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps ordinary users from making user namespaces",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return (
            "this kernel keeps ordinary users from making user namespaces",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if _setting("user/max_user_namespaces") == "0":
        return (
            "user namespaces are switched off on this machine",
            "sudo sysctl -w user.max_user_namespaces=15000",
        )
    return (f"an ordinary user cannot make namespaces here ({words})", "sudo govcloud lab up")


def first_problem() -> Check | None:
    """The first thing that stands in the way, or None."""
    return next((check for check in preflight() if not check.ok), None)
