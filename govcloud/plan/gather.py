"""Collecting all that a plan reads: files, ledger, programs, playbooks, what the machine can do."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from .. import canonical, share
from ..errors import ConflictError, InputError
from ..ledger import Ledger, building, entries, evidence
from ..ledger.entries import ClaimRow
from ..model.catalogue import Catalogue
from ..model.policy import Profile, Target
from ..source import FILES, check, load, merge
from ..workspace import Workspace
from . import builder
from .desired import DOMAINS
from .inputs import Inputs
from .stages import Plan, Stack

# Where FRR's daemons are when they are not on PATH (Debian, Fedora).
FRR = ("/usr/lib/frr", "/usr/libexec/frr")


@dataclass(frozen=True)
class Proposal:
    """A plan, and the bytes of the programs and playbooks that it names by digest."""

    plan: Plan
    blobs: Mapping[str, bytes]


def propose(workspace: Workspace, ledger: Ledger, *, destroy: bool = False) -> Proposal:
    """Plan from the workspace's files and the ledger. Writes nothing.

    Raises ``InputError`` with every fault of the files, ``ConflictError`` for a stale checkout.
    """
    programs, blobs = _programs(workspace)
    playbook = _playbooks(workspace)
    digest = canonical.digest_bytes(playbook)
    with ledger.read() as connection:
        accepted = entries.current(connection)
        others = entries.claims(connection, apart_from=FILES)
        former = entries.former_names(connection)
        inputs = Inputs(
            environment=workspace.environment,
            accepted=accepted,
            applied=building.all_applied(connection),
            observed=building.all_observed(connection, deviating=True),
            intents=building.intents(connection),
            former=former,
            proposed={},
            catalogue=Catalogue({}),
            programs=programs,
            playbook=digest,
            routing="static",
            stack_size=workspace.settings.stack_size,
            proven=evidence.newest_good(connection),
        )
        last_commit = entries.last_commit(connection)
    if destroy:
        return _kept(builder.build_destroy(inputs), blobs, digest, playbook)
    loaded = load(workspace)
    inputs.proposed = merge(loaded.claims, others, layers=loaded.layers)
    inputs.catalogue = check(inputs.proposed, loaded)
    inputs.claims = tuple(
        msgspec.to_builtins(ClaimRow(c.kind, c.name, c.claimant, c.line, c.fields)) for c in loaded.claims
    )
    inputs.commit = _lineage(workspace.root, last_commit)
    inputs.routing = routing(inputs.catalogue)
    inputs.patience_s = float(_profile(inputs.catalogue, "probing").get("patience_s", inputs.patience_s))
    return _kept(builder.build(inputs), blobs, digest, playbook)


def _kept(plan: Plan, programs: Mapping[str, bytes], digest: str, playbook: bytes) -> Proposal:
    named = {s.program for s in plan.stages if isinstance(s, Stack)}
    blobs = {d: content for d, content in programs.items() if d in named}
    if any(s.kind == "play" for s in plan.stages):
        blobs[digest] = playbook
    return Proposal(plan, blobs)


def _profile(catalogue: Catalogue, name: str) -> dict[str, Any]:
    profiles = catalogue.all(Profile)
    return profiles[name].values if name in profiles else {}


def _programs(workspace: Workspace) -> tuple[dict[str, str], dict[str, bytes]]:
    """(digest by domain, bytes by digest) of the stack programs."""
    folder = share.stacks_dir(workspace)
    programs, blobs = {}, {}
    for domain in DOMAINS:
        content = (folder / f"{domain}.py").read_bytes()
        programs[domain] = canonical.digest_bytes(content)
        blobs[programs[domain]] = content
    return programs, blobs


def _playbooks(workspace: Workspace) -> bytes:
    """The playbook folder as one archive; equal folders give equal bytes."""
    folder = share.playbooks_dir(workspace)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in share.files(folder):
            info = tarfile.TarInfo(str(path))
            content = (folder / path).read_bytes()
            info.size = len(content)
            info.mode = 0o600
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def routing(catalogue: Catalogue) -> Literal["ospf", "static"]:
    """How routers learn their routes: FRR where a target says so, or says auto and it is installed."""
    wishes = {t.routing for t in catalogue.all(Target).values()}
    if "static" in wishes:
        return "static"
    return "ospf" if "ospf" in wishes or frr_installed() else "static"


def frr_installed() -> bool:
    """Whether the routing daemons are on this machine, which the lab's nodes share."""
    places = os.pathsep.join([*FRR, "/usr/sbin", os.environ.get("PATH", "")])
    return all(shutil.which(daemon, path=places) for daemon in ("zebra", "ospfd", "ospf6d"))


def _lineage(root: Path, last: str | None) -> str:
    """The workspace's commit. Raises ``ConflictError`` where the accepted one is not in its past."""
    head, words = _git(root, "rev-parse", "HEAD")
    if last is None or head == last:
        return head or ""
    if head is None:
        raise ConflictError(
            f"the last accepted files were commit {last[:10]}, and git cannot tell whether these "
            f"hold it: {words}",
            hint="apply from a clone that has that commit",
        )
    if _git(root, "merge-base", "--is-ancestor", last, head)[0] is None:
        raise ConflictError(
            f"this checkout ({head[:10]}) does not hold the last accepted commit ({last[:10]}): "
            "applying it would undo colleagues' work",
            hint="`git pull` first, then plan again",
        )
    return head


def _git(root: Path, *args: str) -> tuple[str | None, str]:
    """(what git says, or None where it fails; why it fails)."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, timeout=20, check=False
        )
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.TimeoutExpired:
        return None, "git did not answer"
    words = (done.stderr.strip().splitlines() or ["it gives no reason"])[0]
    return (done.stdout.strip(), "") if done.returncode == 0 else (None, words)


def still_based(plan: Plan, ledger: Ledger) -> bool:
    """Whether what the plan was computed from is still so."""
    from .stacking import applied_digest, host_digests

    with ledger.read() as connection:
        accepted = entries.current(connection)
        applied = building.all_applied(connection)
    for subject, digest in plan.base.entries.items():
        kind, _, name = subject.partition("/")
        known = accepted.get((kind, name))
        if (known.digest if known else "") != digest:
            return False
    if host_digests(plan.base.hosts, applied) != plan.base.hosts:
        return False
    return all(applied_digest(s, applied) == d for s, d in plan.base.stacks.items())


def read_plan(path: Path) -> Plan:
    """A plan file. Raises ``InputError`` where it cannot be read or is not one."""
    from ..errors import Problem
    from .stages import decode

    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), str(path))]) from None
    except msgspec.MsgspecError as error:
        raise InputError(
            [Problem(f"not a plan file of this version: {error}", str(path))],
            hint="`govcloud plan --out FILE` writes one",
        ) from None


def accepted_catalogue(accepted: Mapping[entries.Key, entries.Accepted]) -> Catalogue:
    """The accepted entries as typed structs (they were checked before they were accepted)."""
    from ..model import KINDS

    tables: dict[str, dict[str, Any]] = {}
    for (kind, name), entry in accepted.items():
        tables.setdefault(kind, {})[name] = msgspec.convert(entry.fields, KINDS[kind])
    return Catalogue(tables)
