"""Play: hosts brought to their configuration by the plan's playbooks, through ansible-runner."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import canonical
from ...files import write_atomically
from ...ledger import building, entries
from ...ledger.building import Applied
from ...plan.stages import Play
from ..context import RunContext, StageFailed, Stopped
from ..events import StageProgress
from ..reach import Reach, ansible_playbook, static_inventory

PLAYBOOK = "site.yml"


def play(stage: Play, context: RunContext) -> dict[str, Any]:
    """Run the playbook on the stage's hosts; those that got through are recorded whatever others did."""
    reach = Reach(context.workspace)
    absent = reach.missing(stage.inputs)
    if absent:
        raise StageFailed(
            f"{len(absent)} host(s) are not there: {', '.join(absent[:6])}; "
            "`govcloud drift` takes note of it, and `govcloud apply` then builds them again",
            {"failed": absent, "not_done": sorted(stage.inputs)},
        )
    folder = context.workspace.private / "plays" / context.run
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    try:
        return _play(stage, context, reach, folder)
    finally:
        # The inventory and the copies of the playbooks are in the ledger; nothing here is needed.
        shutil.rmtree(folder, ignore_errors=True)


def _play(stage: Play, context: RunContext, reach: Reach, folder: Path) -> dict[str, Any]:
    import ansible_runner

    project = folder / "project"
    with tarfile.open(fileobj=io.BytesIO(context.blob(stage.playbook))) as archive:
        archive.extractall(project, filter="data")
    hosts = {h: context.plan.hosts[h] for h in stage.inputs}
    inventory = folder / "inventory.json"
    write_atomically(inventory, canonical.encode(static_inventory(hosts, reach)))
    progress = _Progress(stage, context)
    result = ansible_runner.run(
        private_data_dir=str(folder),
        playbook=PLAYBOOK,
        inventory=str(inventory),
        forks=context.workspace.settings.forks,
        envvars=_environment(folder, reach),
        suppress_env_files=True,
        quiet=True,
        event_handler=progress.event,
        cancel_callback=context.stop.is_set,
    )
    _record(stage, context, reach, progress.reached())
    if context.stop.is_set():
        raise Stopped(f"stopped; {len(progress.reached())} of {len(stage.inputs)} hosts are configured")
    failed = progress.failures()
    if result.status != "successful" or failed:
        words = "\n".join(f"{host}: {text}" for host, text in sorted(failed.items()))
        raise StageFailed(
            words or progress.last_words() or f"ansible-playbook ended as {result.status}",
            {"failed": sorted(failed), "not_done": sorted(set(stage.inputs) - set(progress.reached()))},
        )
    changed = progress.changed
    return {"words": f"{changed} of {len(stage.inputs)} hosts changed", "changed": changed}


def _programs(folder: Path, prefix: list[str]) -> Path:
    """The folder with ``ansible-playbook``; for an ordinary user a script that enters the lab first."""
    if not prefix:
        return Path(ansible_playbook()).parent
    programs = folder / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\nexec {shlex.join([*prefix, ansible_playbook()])} "$@"\n'
    write_atomically(programs / "ansible-playbook", script.encode(), 0o700)
    return programs


def _environment(folder: Path, reach: Reach) -> dict[str, str]:
    return {
        **reach.marker,
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        # Found beside this interpreter wherever the user's PATH leads.
        "PATH": f"{_programs(folder, reach.prefix)}{os.pathsep}{os.environ.get('PATH', '')}",
    }


class _Progress:
    """What ansible-playbook has told so far."""

    def __init__(self, stage: Play, context: RunContext) -> None:
        self._stage = stage
        self._context = context
        self._stats: dict[str, Any] = {}
        self._failures: dict[str, str] = {}
        self._words: list[str] = []
        self._steps = 0

    def event(self, event: Mapping[str, Any]) -> bool:
        """One event of the play; False: ansible-runner need not keep it in a file."""
        data = event.get("event_data", {})
        kind = event.get("event", "")
        if kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            result = data.get("res") or {}
            words = str(result.get("msg") or result.get("stderr") or "failed").strip().splitlines()
            self._failures[data["host"]] = f"{data.get('task', '')}: {' '.join(words[:3])}"
        elif kind == "playbook_on_stats":
            self._stats = dict(data)
        elif kind == "runner_on_ok":
            self._steps += 1
            text = f"{data.get('host', '')}: {data.get('task', '')}"
            self._context.bus(StageProgress(self._stage.id, self._steps, 0, text))
        elif kind in ("error", "verbose") and "rror" in event.get("stdout", ""):
            self._words.append(event["stdout"].strip())
        return False

    def failures(self) -> dict[str, str]:
        """Why each host failed, in Ansible's words."""
        return dict(self._failures)

    def last_words(self) -> str:
        """What ansible-playbook said when it did not even begin."""
        return "\n".join(self._words[-5:])

    def reached(self) -> list[str]:
        """Hosts that came through to the end."""
        bad = {*self._stats.get("failures", {}), *self._stats.get("dark", {})}
        return sorted(set(self._stats.get("processed", {})) - bad)

    @property
    def changed(self) -> int:
        """How many hosts were changed."""
        return len(self._stats.get("changed", {}))


def _record(stage: Play, context: RunContext, reach: Reach, hosts: list[str]) -> None:
    """Write down which hosts now have which configuration."""
    if not hosts:
        return
    with context.write() as connection:
        keys = {host: entries.key_of(context.plan.hosts[host]["entry"]) for host in hosts}
        known = entries.among(connection, keys.values())
        rows = []
        for host in hosts:
            uid = known[keys[host]].uid
            rows.append(Applied(f"host:{host}", uid, 1, stage.inputs[host], {"birth": reach.birth(host)}))
        building.set_applied(connection, context.run, rows)
        building.forget_observed(connection, [r.uid for r in rows])
