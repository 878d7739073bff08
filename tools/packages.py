"""System packages: what is missing, the one command that installs it, and, for root, doing so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import postgresql

from govcloud import system

POLICY = Path("/usr/sbin/policy-rc.d")
PATIENCE = 600
# What only the tests need, so that `govcloud doctor` does not miss it.
SERVER = system.Tool(
    "initdb",
    "postgresql",
    "postgresql-server",
    "the ledger's tests on PostgreSQL (without it: on SQLite alone)",
    required=False,
)


class Stop(Exception):
    """Set-up cannot go on; the text says why and what to type."""


def check(say: Callable[[str], None], extra: list[str]) -> bool:
    """See that the packages are there. Root installs what is missing, others are told how.

    ``extra`` names packages that are needed besides those of ``system.TOOLS``. Returns whether
    anything was installed. Raises ``Stop`` where something required stays missing.
    """
    tools = _missing()
    if not tools and not extra:
        return False
    required = [tool for tool in tools if tool.required]
    name = system.manager()
    wanted = [*system.packages(tools, name or "apt-get"), *extra]
    needed = [*system.packages(required, name or "apt-get"), *extra]
    command = system.install_command(wanted, name)
    if os.geteuid() == 0 and name:
        say(f"installing system packages: {' '.join(wanted)}")
        failure = install(name, wanted)
        # A package that only adds comfort must not keep the needed ones away.
        if failure and needed and needed != wanted:
            failure = install(name, needed)
        tools = _missing()
        required = [tool for tool in tools if tool.required]
        if required or (extra and failure):
            raise Stop(f"{_lacking(required, extra)}, and installing failed:\n{failure}\nBy hand: {command}")
        if tools:
            say(f"goes on without {_purposes(tools)}; later: {system.cure(tools)}")
        return True
    if required or extra:
        raise Stop(f"{_lacking(required, extra)}. One command installs all of it:\n\n    {command}\n")
    say(f"goes on without {_purposes(tools)}. To have it: {command}")
    return False


def _missing() -> list[system.Tool]:
    return [*system.missing(), *([] if postgresql.folder() else [SERVER])]


def _purposes(tools: list[system.Tool]) -> str:
    """The commands, each group of one package with what it is for."""
    groups = groupby(tools, key=lambda tool: tool.debian)
    lists = (list(group) for _, group in groups)
    return "; ".join(f"{', '.join(t.command for t in g)} ({g[0].purpose})" for g in lists)


def _lacking(required: list[system.Tool], extra: list[str]) -> str:
    names = [tool.command for tool in required] + [f"the package {name}" for name in extra]
    return f"needed and missing: {', '.join(names)}"


def install(manager: str, names: list[str]) -> str:
    """Install as root, with no service started by it. Returns the failure's last words, or nothing."""
    command = [*system.MANAGERS[manager], *names]
    if manager != "apt-get":
        return _run(command)
    command[1:1] = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2"]
    with _no_services():
        if not _run(command):
            return ""
        # No package lists yet, or too old ones. A source of the machine that does not answer is
        # no reason to give up: what counts is whether the packages can be had.
        _run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2", "update"])
        return _run(command)


@contextmanager
def _no_services() -> Iterator[None]:
    """Debian starts a service when its package is installed; the lab runs its own instead.

    A policy that the machine already has is left as it is.
    """
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took more than {PATIENCE // 60} minutes"
    if done.returncode == 0:
        return ""
    words = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:", "Err"))]
    return "\n".join((words or done.stdout.splitlines())[-6:]) or f"{command[0]} ended with {done.returncode}"
