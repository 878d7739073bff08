"""Play: hosts brought to their configuration by the plan's playbooks, through ansible-runner."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...ledger import audit, building, entries, hosts, keptfiles, runs
from ...ledger.building import Applied
from ...ledger.connection import Connection
from ...ledger.keptfiles import KeptFile
from ...plan.delivering import to_hold, wanted_on
from ...plan.stages import Play
from ..context import RunContext, StageFailed, Stopped
from ..events import StageProgress
from ..playing.ansible import PLAYBOOK, Event, Playbooks, Told
from ..playing.course import Broken, Course
from ..playing.facts import facts_in
from ..playing.files import kept_in, to_restore
from ..reach import ROOT, Reach

RESTORE = "restore.yml"
# Of so many former runs a host is told which of its files the ledger has.
REMEMBERED = 3
# Events that bring what a task, or one turn of its loop, came to.
HEARD = frozenset({"runner_on_ok", "runner_on_failed", "runner_item_on_ok", "runner_item_on_failed"})
BUILT_AGAIN = "`govcloud drift` takes note of it, and `govcloud apply` then builds them again"


def play(stage: Play, context: RunContext) -> dict[str, Any]:
    """Run the playbook on the stage's hosts; those that got through are recorded whatever others did.

    A resumed stage leaves those alone that its run has configured. Raises ``StageFailed`` where some are
    not configured in the end.
    """
    reach = Reach(context.workspace, {host: context.plan.hosts[host] for host in stage.inputs})
    absent = reach.missing(stage.inputs)
    course = Course.of(stage, _done(stage, context, reach), absent)
    folder = context.workspace.private / "plays" / context.run
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    try:
        _Playing(stage, context, reach, folder).run(course)
    except Broken as broken:
        raise StageFailed(str(broken), course.document()) from None
    finally:
        # The inventory and the copies of the playbooks are in the ledger; nothing here is needed.
        shutil.rmtree(folder, ignore_errors=True)
    if context.stop.is_set() and course.untouched:
        words = f"stopped; {course.done} of {len(stage.inputs)} hosts are configured"
        raise Stopped(words, course.document())
    if course.failed or course.unreachable or course.untouched:
        hint = {"hint": BUILT_AGAIN, "anew": True} if absent and not course.failed else {}
        raise StageFailed(course.words(), course.document() | hint)
    changed = len(course.changed)
    many = f", in {len(course.batches)} batches" if len(course.batches) > 1 else ""
    return course.document() | {"words": f"{changed} of {len(stage.inputs)} hosts changed{many}"}


def _done(stage: Play, context: RunContext, reach: Reach) -> list[str]:
    """Hosts that this run has configured, and that have not been made anew since."""
    with context.ledger.read() as connection:
        known = hosts.configured_by(connection, context.run)
    there = set(stage.inputs) - set(reach.missing(stage.inputs))
    return [h for h in sorted(there) if known.get(h) == (stage.inputs[h], reach.birth(h))]


class _Playing:
    """One stage in this process: it plays, and writes down what it is told."""

    def __init__(self, stage: Play, context: RunContext, reach: Reach, folder: Path) -> None:
        self._stage, self._context, self._reach, self._folder = stage, context, reach, folder
        self._facts: dict[str, dict[str, Any]] = {}
        self._kept: dict[str, list[tuple[str, KeptFile, bytes]]] = {}
        self._steps = 0

    def run(self, course: Course) -> None:
        """Play batch after batch, recording after each what came of it."""
        playbook = RESTORE if self._stage.restore_from else PLAYBOOK
        archive = self._context.blob(self._stage.playbook)
        self._playbooks = Playbooks.unpack(self._folder, self._reach, archive, playbook)
        course.run(self._play, self._ended)

    def _play(self, names: Sequence[str]) -> Told:
        stage, context = self._stage, self._context
        self._begin(names)
        with context.ledger.read() as connection:
            known = keptfiles.known_on(connection, names, REMEMBERED)
            restored = {h: self._restored(connection, h) for h in names if h in stage.restore}
        variables = {
            host: {
                "govcloud_kept": {
                    "run": context.run,
                    "known": known.get(host, {}),
                    "most": stage.keep_kib * 1024,
                },
                **restored.get(host, {}),
            }
            for host in names
        }
        with context.kept.handed(
            context.workspace, wanted_on(context.plan.hosts[h] for h in names)
        ) as offered:
            return self._playbooks.play(
                {h: _with(context.plan.hosts[h], variables[h]) for h in names},
                forks=context.workspace.settings.forks,
                heard=self._heard,
                stopped=context.stop.is_set,
                environment=offered,
            )

    def _begin(self, names: Sequence[str]) -> None:
        """From here on these hosts are neither as they were nor as they will be, until it is written down."""
        with self._context.write() as connection:
            rows = []
            for host, uid in self._uids(connection, names).items():
                coming = to_hold(self._context.plan.hosts[host])
                if coming:
                    # Which of them gets there, and in which version, is known at the end.
                    coming = {"secrets": dict.fromkeys(coming["secrets"], "")}
                birth = self._reach.birth(host)
                rows.append(Applied(f"host:{host}", uid, 1, "", {"birth": birth, **coming}))
            hosts.unsettle(connection, self._context.run, rows)

    def _uids(self, connection: Connection, names: Iterable[str]) -> dict[str, str]:
        """The uid by host, of those that are entries of the ledger."""
        keys = {host: entries.key_of(self._context.plan.hosts[host]["entry"]) for host in names}
        known = entries.among(connection, keys.values())
        return {host: known[key].uid for host, key in keys.items() if key in known}

    def _restored(self, connection: Connection, host: str) -> dict[str, Any]:
        """The variable that says which files are put back, with their bytes."""
        files = self._stage.restore[host]
        found = [(f, runs.get_blob(connection, f.digest) if f.digest else b"") for f in files]
        return {"govcloud_restore": to_restore(found, ROOT)}

    def _heard(self, kind: str, data: Event) -> None:
        if kind not in HEARD:
            return
        host, result = str(data.get("host", "")), data.get("res") or {}
        facts = facts_in(result)
        if facts:
            self._facts[host] = facts
        kept = kept_in(host, result)
        if kept:
            self._kept.setdefault(host, []).extend(kept)
        if kind == "runner_on_ok":
            self._steps += 1
            self._context.bus(
                StageProgress(self._stage.id, self._steps, 0, f"{host}: {data.get('task', '')}")
            )

    def _ended(self, told: Told) -> bool:
        """Write down what is known now; whether to go on."""
        context = self._context
        heard = {*told.through, *self._facts, *self._kept} & set(told.hosts)
        if heard:
            with context.write() as connection:
                uids = self._uids(connection, heard)
                for host in sorted(self._kept.keys() & uids.keys()):
                    for run in sorted({run for run, _, _ in self._kept[host]}):
                        files = [(f, content) for r, f, content in self._kept[host] if r == run]
                        keptfiles.keep(connection, run, uids[host], files)
                said = {uids[h]: (h, facts) for h, facts in self._facts.items() if h in uids}
                hosts.set_facts(connection, context.run, said)
                self._configured(connection, {h: uids[h] for h in sorted(told.through & uids.keys())})
            self._facts.clear()
            self._kept.clear()
        return not context.stop.is_set()

    def _configured(self, connection: Connection, uids: Mapping[str, str]) -> None:
        """Write down which hosts now have which configuration."""
        more = {"restored": self._stage.restore_from} if self._stage.restore_from else {}
        # Files that are put back leave the secrets of a host where they are.
        held = {
            row.uid: {"secrets": row.inputs["secrets"]}
            for row in hosts.standing(connection, uids.values() if more else ())
            if "secrets" in row.inputs
        }
        rows = [
            Applied(
                f"host:{host}",
                uid,
                1,
                self._stage.inputs[host],
                {
                    "birth": self._reach.birth(host),
                    **to_hold(self._context.plan.hosts[host]),
                    **held.get(uid, {}),
                    **more,
                },
            )
            for host, uid in uids.items()
        ]
        hosts.set_configured(connection, self._context.run, rows)
        if not more:
            building.forget_observed(connection, [r.uid for r in rows])
        elif uids:
            put = {host: [file.path for file in self._stage.restore[host]] for host in uids}
            said = {"run": self._context.run, "as_before": self._stage.restore_from, "files": put}
            audit.append(connection, self._context.actor, "files restored", said)


def _with(host: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """A host's groups and variables, with more variables."""
    return {**host, "vars": {**host["vars"], **variables}}
