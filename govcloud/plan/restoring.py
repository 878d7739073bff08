"""Files of hosts put back as they were before a run, byte for byte: a plan of one Play."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from .. import canonical
from ..errors import GovcloudError, InputError, Problem
from ..ledger import Ledger, building, entries, keptfiles, runs
from ..ledger.connection import Connection
from ..ledger.keptfiles import KeptFile
from ..workspace import Workspace
from .builder import effect_of
from .gather import Proposal
from .programs import programs
from .stacking import host_digests
from .stages import Base, Plan, Play

PLAYBOOK = "restore.yml"
HINT = "`govcloud runs files {run}` lists what is kept"


class Restoring(msgspec.Struct, frozen=True):
    """What is put back, and which of the files asked for cannot be: their bytes were not kept."""

    proposal: Proposal
    left: tuple[KeptFile, ...]


def restoring(
    workspace: Workspace, ledger: Ledger, run: str, hosts: Collection[str], paths: Collection[str]
) -> Restoring:
    """The plan that puts files back as they were before ``run``; of all hosts and files where none is named.

    Raises ``InputError`` where nothing of the kind is kept.
    """
    with ledger.read() as connection:
        found = runs.get(connection, run)
        files = _chosen(found.id, keptfiles.of_run(connection, found.id), hosts, paths)
        left = tuple(f for f in files if f.left_out)
        by_host: dict[str, list[KeptFile]] = {}
        for file in files:
            if not file.left_out:
                by_host.setdefault(file.host, []).append(file)
        if not by_host:
            raise InputError(
                [Problem(f"{f.host}:{f.path} was not kept: {f.left_out}") for f in left],
                hint="an apply writes them again as the files of the workspace say",
            )
        known = _hosts(connection, found.id, by_host)
        restore = {
            known[h]["name"]: tuple(by_host[h]) for h in sorted(by_host, key=lambda h: known[h]["name"])
        }
        revision = entries.last_revision(connection)
        had = host_digests(restore, building.all_applied(connection))
    book = programs(workspace)
    _has_playbook(book.contents[book.playbook])
    stage = _stage(found.id, restore, book.playbook)
    plan = Plan(
        environment=workspace.environment,
        title="put files back",
        stages=(stage,),
        effect=effect_of([stage]),
        base=Base({}, {}, had, revision=revision),
        hosts={h["name"]: {**h["variables"]} for h in known.values()},
        workspace=workspace.settings.workspace,
    )
    return Restoring(Proposal(plan, book.of(plan)), left)


def _stage(run: str, restore: dict[str, tuple[KeptFile, ...]], playbook: str) -> Play:
    count = sum(map(len, restore.values()))
    files = f"{count} file{'s' if count != 1 else ''}"
    hosts = f"{len(restore)} host{'s' if len(restore) != 1 else ''}"
    return Play(
        id="play",
        title=f"put {files} of {hosts} back as before run {run}",
        phase="expand",
        playbook=playbook,
        routing="static",
        # Another digest than any configuration has: the next plan sees that it is not the declared one.
        inputs={host: canonical.digest(["restored", run, files]) for host, files in restore.items()},
        restore_from=run,
        restore=restore,
        evidence="the files that it replaces are kept",
        undo="`govcloud apply` configures the hosts as declared",
    )


def _chosen(
    run: str, kept: Sequence[KeptFile], hosts: Collection[str], paths: Collection[str]
) -> list[KeptFile]:
    """The files asked for. Raises ``InputError`` for a host or path of which nothing is kept."""
    if not kept:
        raise InputError(
            [Problem(f"run {run} changed no file of a host, or what it kept is too old")],
            hint="`govcloud runs list` shows others",
        )
    problems = _unknown("host", hosts, [f.host for f in kept])
    files = [f for f in kept if not hosts or f.host in hosts]
    problems += _unknown("file", paths, [f.path for f in files])
    if problems:
        raise InputError(problems, hint=HINT.format(run=run))
    return [f for f in files if not paths or f.path in paths]


def _unknown(what: str, asked: Iterable[str], known: Sequence[str]) -> list[Problem]:
    from rapidfuzz import process

    out = []
    for one in sorted(set(asked) - set(known)):
        near = process.extractOne(one, sorted(set(known)), score_cutoff=60)
        hint = f"did you mean {near[0]}?" if near else ""
        out.append(Problem(f"nothing is kept of the {what} {one!r}", hint=hint))
    return out


def _hosts(connection: Connection, run: str, wanted: Collection[str]) -> dict[str, dict[str, Any]]:
    """Name now and variables of hosts, by the name that they had in the run.

    Raises ``InputError`` where a host has been withdrawn.
    """
    out: dict[str, dict[str, Any]] = {}
    problems = []
    for host, uid in keptfiles.uids_of(connection, run).items():
        if host not in wanted:
            continue
        row = connection.row("SELECT kind, name FROM entry WHERE uid = :uid AND until IS NULL", uid=uid)
        if row is None:
            problems.append(Problem(f"{host} is no host of the ledger any more"))
            continue
        kind, name = row
        out[host] = {
            "name": name,
            "variables": {
                "kind": kind,
                "entry": f"{kind}/{name}",
                "target": "",
                "order": 0,
                "groups": [],
                "vars": {},
            },
        }
    if problems:
        raise InputError(problems, hint="name the others with --host")
    return out


def _has_playbook(archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        if PLAYBOOK not in tar.getnames():
            raise GovcloudError(
                f"playbooks/ of this workspace has no {PLAYBOOK}, which puts files back",
                hint=f"copy {PLAYBOOK} and library/lab_service.py from a new workspace (`govcloud init`)",
            )
