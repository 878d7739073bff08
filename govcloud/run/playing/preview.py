"""What a play would change, asked of the hosts: `ansible-playbook --check --diff`, and nothing kept.

It looks at hosts as they are now. What a plan builds first is not there yet, and neither are its
interfaces: such hosts are named with the reason.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ...ledger import Ledger
from ...plan.delivering import wanted_on
from ...plan.gather import Proposal
from ...plan.stages import Play
from ...workspace import Workspace
from ..keeping import fetch
from ..reach import Reach
from .ansible import Event, Playbooks


class FileChange(msgspec.Struct, frozen=True):
    """A file that would change: ``lines`` of a unified difference, without its head."""

    path: str
    lines: tuple[str, ...]


class TaskChange(msgspec.Struct, frozen=True):
    """A task that would change something: ``differences`` as the modules tell them, and files."""

    task: str
    differences: tuple[dict[str, Any], ...] = ()
    files: tuple[FileChange, ...] = ()


class HostPreview(msgspec.Struct, frozen=True):
    """One host. ``status``: changes, same, not_there, unknown; ``words``: why it cannot be told."""

    host: str
    status: str
    tasks: tuple[TaskChange, ...] = ()
    words: str = ""


def preview(
    workspace: Workspace,
    ledger: Ledger,
    proposal: Proposal,
    hosts: Collection[str] = (),
    told: Callable[[str], None] = lambda _: None,
) -> list[HostPreview]:
    """What the play of a plan would change on its hosts, or on some of them, in the plan's order.

    ``told`` hears of each task. Raises ``LabDown`` where no host can be there, ``GovcloudError`` where a
    secret that goes to one cannot be fetched. Writes nothing.
    """
    stage = next((s for s in proposal.plan.stages if isinstance(s, Play)), None)
    if stage is None:
        return []
    wanted = [h for h in stage.inputs if not hosts or h in hosts]
    reach = Reach(workspace, {host: proposal.plan.hosts[host] for host in wanted})
    absent = set(reach.missing(wanted))
    left = [h for h in wanted if h not in absent]
    found: dict[str, HostPreview] = {h: HostPreview(h, "not_there", words="not built yet") for h in absent}
    # Files of secrets are compared on the host, so their values are needed, and these hosts' alone.
    playing = {h: proposal.plan.hosts[h] for h in left}
    part = msgspec.structs.replace(stage, inputs={h: stage.inputs[h] for h in left})
    kept = fetch(workspace, ledger, msgspec.structs.replace(proposal.plan, stages=(part,)))
    # Beside those of runs: `gc` takes away what a killed process left here.
    place = workspace.private / "plays"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="preview-", dir=place) as folder,
        kept.handed(workspace, wanted_on(playing.values())) as offered,
    ):
        playbooks = Playbooks.unpack(Path(folder), reach, proposal.blobs[stage.playbook])
        while left:
            tasks: dict[str, list[TaskChange]] = {}

            def heard(kind: str, data: Event, tasks: dict[str, list[TaskChange]] = tasks) -> None:
                _hear(kind, data, tasks, told)

            result = playbooks.play(
                {h: playing[h] for h in left},
                forks=workspace.settings.forks,
                heard=heard,
                options=("--check", "--diff"),
                environment=offered,
            )
            wrong = result.failed | result.unreachable
            cut = [] if len(result.cut) == len(left) else result.cut
            for host in left:
                if host in cut:
                    continue
                changes = tuple(tasks.get(host, ()))
                if host in result.through:
                    found[host] = HostPreview(host, "changes" if changes else "same", changes)
                else:
                    words = wrong.get(host) or result.words or f"ansible-playbook ended as {result.status}"
                    found[host] = HostPreview(host, "unknown", changes, words)
            left = cut
    return [found[host] for host in wanted]


def _hear(kind: str, data: Event, tasks: dict[str, list[TaskChange]], told: Callable[[str], None]) -> None:
    result = data.get("res") or {}
    if kind not in ("runner_on_ok", "runner_item_on_ok") or "results" in result:
        return
    host, task = str(data.get("host", "")), str(data.get("task", ""))
    told(f"{host}: {task}")
    if result.get("changed"):
        differences = [dict(d) for d in result.get("differences", ()) if isinstance(d, Mapping)]
        # Files of secrets are told by their names alone.
        for key, state in (("written", "changed"), ("removed", "extra")):
            paths = result.get(key, ())
            differences += [{"what": "file", "where": host, "value": str(p), "state": state} for p in paths]
        one = TaskChange(task, tuple(differences), tuple(_files(result.get("diff"))))
        tasks.setdefault(host, []).append(one)


def _files(diff: Any) -> Iterator[FileChange]:
    """The differences that a task tells: of files with a name, or of whatever it compares."""
    for one in diff if isinstance(diff, list) else [diff]:
        if not isinstance(one, Mapping):
            continue
        path = str(one.get("after_header") or one.get("before_header") or "")
        if one.get("prepared"):
            yield FileChange(path, tuple(str(one["prepared"]).splitlines()))
            continue
        before, after = str(one.get("before") or ""), str(one.get("after") or "")
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
        if lines and path:
            yield FileChange(path, tuple(lines))
