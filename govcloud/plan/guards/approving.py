"""Signing: what is to be signed, whether somebody may, and keeping it."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ... import signatures
from ...access import Identity, keys, read_ring, read_roles
from ...access.identity import SSH_KEY
from ...errors import ConflictError, DeniedError, GovcloudError, InputError, Problem
from ...ledger import Ledger, approvals, clearances, refused, requests, runs
from ...ledger.approvals import Approval
from ...ledger.connection import Connection
from ...ledger.entries import last_revision
from ...ledger.requests import CLAIMANT
from ...ledger.runs import OVER
from ...workspace import Workspace
from ..gather import propose, read_plan
from ..stages import Plan, decode, encode, too_new
from .needed import IN_USE
from .needing import policy
from .questions import asked_in, subject_of
from .signing import accounts_of, own, true_effect, void
from .standing import stage_state

# Fewer characters than these are no beginning of an effect.
SHORTEST = 8
_RUN = re.compile(r"\d{8}-")
_EFFECT = re.compile(f"[0-9a-f]{{{SHORTEST},32}}")


@dataclass(frozen=True)
class Matter:
    """What is to be signed: a plan's effect that is to happen, or an emergency's run afterwards."""

    plan: Plan
    purpose: str
    subject: str = ""


def find(workspace: Workspace, ledger: Ledger, target: str) -> Matter:
    """What somebody names: a plan file, a run, or the (beginning of the) effect of a plan that was refused
    or that the files make now.

    Raises ``InputError`` where there is nothing of that name that could be shown, or is to be signed.
    """
    if Path(target).is_file():
        return _plain(ledger, Matter(_from_file(workspace, Path(target)), approvals.EFFECT))
    if _RUN.match(target):
        with ledger.read() as connection:
            return _from_run(connection, target)
    if not _EFFECT.fullmatch(target):
        raise InputError(
            [Problem(f"{target!r} is no plan file, no run and no effect of at least {SHORTEST} characters")],
            hint="`govcloud plan` tells the effect at its end, `govcloud runs list` the runs",
        )
    for plan in _at_hand(workspace, ledger, target):
        if plan.effect.startswith(target) and not plan.empty:
            return _plain(ledger, Matter(plan, approvals.EFFECT))
    raise InputError(
        [Problem(f"no plan of now, none that was refused and no run at work has the effect {target}")],
        hint="what cannot be shown is not signed: name a plan file, `govcloud plan --out FILE`",
    )


def _plain(ledger: Ledger, matter: Matter) -> Matter:
    """Raises ``InputError`` for what the chain of a request decides on: not its later life."""
    said = {row.claimant for row in matter.plan.asked.said}
    with ledger.read() as connection:
        used = {row.name for row in requests.every(connection, states=IN_USE)} if said else set()
    for name in asked_in(matter.plan):
        if CLAIMANT + name in said and name not in used:
            raise InputError(
                [Problem(f"the plan carries request {name} out, on which its chain decides")],
                hint=f"`govcloud request approve {name}`",
            )
    return matter


def _from_file(workspace: Workspace, path: Path) -> Plan:
    plan = read_plan(path)
    if plan.environment != workspace.environment:
        raise InputError(
            [Problem(f"the plan is for {plan.environment}, this is {workspace.environment}", str(path))]
        )
    if true_effect(plan) != plan.effect:
        raise InputError(
            [Problem("the plan does something else than its effect says: it was edited", str(path))],
            hint="`govcloud plan --out FILE` writes a true one",
        )
    return plan


def _from_run(connection: Connection, id: str) -> Matter:
    run = runs.get(connection, id)
    emergency = next(iter(clearances.emergencies(connection, run=run.id)), None)
    if emergency is not None and emergency.state == "approved":
        raise InputError([Problem(f"run {run.id} was approved already, by {emergency.approved_by}")])
    if emergency is None and run.status in OVER:
        raise InputError(
            [Problem(f"run {run.id} is {run.status} and was no emergency: there is nothing to approve")]
        )
    plan = plan_of(connection, run)
    if emergency is not None:
        return Matter(plan, approvals.EMERGENCY, run.id)
    return Matter(plan, approvals.EFFECT)


def plan_of(connection: Connection, run: runs.Run) -> Plan:
    """The plan of a run, as it was made. Raises ``ConflictError`` where it cannot be read (any more)."""
    try:
        data = runs.get_blob(connection, run.plan)
        return decode(data)
    except KeyError:
        words = "its plan was pruned"
    except msgspec.MsgspecError as error:
        words = too_new(data) or str(error)
    raise ConflictError(f"the plan of run {run.id} cannot be shown: {words}")


def _at_hand(workspace: Workspace, ledger: Ledger, effect: str) -> Iterator[Plan]:
    """The plans that can be shown without a file: of runs that are not over, those that were refused for
    want of a signature, and those of now."""
    with ledger.read() as connection:
        for run in runs.unfinished(connection):
            # One that this release cannot read is not what anybody sees here.
            with suppress(ConflictError):
                yield plan_of(connection, run)
        for digest in refused.plans(connection, effect):
            # Pruned since, or of another release.
            with suppress(KeyError, msgspec.MsgspecError):
                yield decode(runs.get_blob(connection, digest))
    yield propose(workspace, ledger).plan
    yield propose(workspace, ledger, destroy=True).plan


def signer_for(workspace: Workspace, ledger: Ledger, person: str, wanted: str | None) -> signatures.SshKey:
    """The key that a person signs with: the one that is named, or an accepted one in ssh-agent.

    Raises ``DeniedError`` where it is none of theirs, ``NoSigner`` where it cannot sign.
    """
    with ledger.read() as connection:
        theirs = [public for name, public in keys(connection) if name == person]
    if not theirs:
        raise DeniedError(
            f"no key of {person} is accepted",
            hint=f"put the public key into `ssh_keys` of person/{person}, and have it applied",
        )
    wanted = wanted or os.environ.get(SSH_KEY)
    if wanted:
        signer = signatures.SshKey(wanted, workspace.root)
        if signer.public not in theirs:
            name = signatures.fingerprint(signer.public)
            raise DeniedError(f"{name} is no accepted key of {person}", hint="see `ssh_keys` of that person")
        return signer
    for public in theirs:
        try:
            return signatures.SshKey(signatures.fingerprint(public), workspace.root)
        except signatures.NoSigner:
            continue
    raise signatures.NoSigner(
        f"no key of {person} is in ssh-agent here",
        hint=f"`--key FILE` or {SSH_KEY} names the private key, `ssh-add FILE` puts it into the agent",
    )


def sign(
    ledger: Ledger, identity: Identity, matter: Matter, signer: signatures.SshKey, note: str
) -> Approval:
    """Sign a matter as this person and keep it.

    Raises ``DeniedError`` where it is their own, ``NoSigner``, ``BadSignature``.
    """
    one = approvals.draft(
        purpose=matter.purpose,
        subject=matter.subject,
        effect=matter.plan.effect,
        person=identity.person,
        account=identity.account,
        public=signer.public,
        note=note,
    )
    with ledger.read() as connection:
        one = msgspec.structs.replace(one, at=_time(connection))
        _refuse_own(connection, one)
        text = approvals.message(connection, one)
    # Outside of any transaction: a key on a token waits for a finger.
    one = approvals.sealed(one, text, signer)
    with ledger.write() as connection:
        _refuse_own(connection, one)
        if why := void(connection, one, read_ring(connection), read_roles(connection)):
            raise DeniedError(f"this signature would not count: {why}")
        told: dict[str, object] = {"revision": last_revision(connection)}
        if one.purpose == approvals.EFFECT:
            # So that it can be told later what has changed since.
            told[refused.PLAN] = runs.put_blob(connection, encode(matter.plan))
        approvals.keep(connection, str(identity), one, told)
    return one


def _time(connection: Connection) -> float:
    """When something is signed: now, and not before what it is about.

    Raises ``ConflictError`` where this machine's clock is behind the ledger by more than the policy lets
    clocks differ.
    """
    time_now, allowed = clearances.now(connection), policy(connection).clock_s
    behind = time_now - time.time()
    if behind > allowed:
        raise ConflictError(
            f"this machine's clock is {behind:.0f} s behind the audit trail's newest row: it was set back",
            hint="set it right (`timedatectl`), then sign",
        )
    return math.ceil(time_now * 1000) / 1000


def _refuse_own(connection: Connection, one: Approval) -> None:
    """Raises ``DeniedError`` where somebody would approve the emergency that they carried out."""
    if one.purpose != approvals.EMERGENCY:
        return
    accounts = accounts_of(connection)
    for emergency in clearances.emergencies(connection, run=one.subject):
        actor = Identity(emergency.person, emergency.account, "os")
        why = own(one.person, one.account, actor, accounts)
        others = {c.actor.partition(" (")[0] for c in clearances.of(connection, one.subject)}
        if not why and one.person in others:
            why = f"{one.person} went on with it"
        if why:
            raise DeniedError(f"nobody approves their own: {why}", hint="ask somebody else who has `approve`")


def revoke(ledger: Ledger, identity: Identity, id: str, note: str) -> Approval:
    """Take a signature back: one's own, or anybody's for an administrator.

    Raises ``InputError`` where there is none or it counts no more, ``DeniedError``.
    """
    with ledger.write() as connection:
        one = approvals.get(connection, id)
        gone = "was revoked already" if one.revoked is not None else ""
        if one.spent:
            gone = f"has done its work: run {one.spent} is done"
        if gone:
            raise InputError([Problem(f"approval {one.id} {gone}")])
        mine = identity.person and identity.person == one.person
        if not mine and not read_roles(connection).may(identity.person, "administer"):
            raise DeniedError(f"approval {one.id} is by {one.person}: they or an administrator may revoke it")
        approvals.revoke(connection, str(identity), one.id, note)
        return approvals.get(connection, one.id)


def signed_plan(connection: Connection, one: Approval) -> Plan | None:
    """The plan that was shown to who signed; None where it is pruned, or of another release."""
    for digest in refused.plans(connection, one.effect, signed=True):
        with suppress(KeyError, msgspec.MsgspecError):
            return decode(runs.get_blob(connection, digest))
    return None


def state(connection: Connection, one: Approval) -> str:
    """How an approval stands: counts, or in a few words why it does not (any more)."""
    if one.revoked is not None:
        return "revoked"
    if one.spent:
        return f"done by {one.spent}"
    if one.purpose == approvals.EMERGENCY:
        # It says what was thought of it then; nothing waits for it any more.
        try:
            approvals.check(connection, one, [one.public])
        except GovcloudError as error:
            return f"void: {error.message}"
        return "given"
    subject = subject_of(one)
    if subject is not None:
        why = stage_state(connection, one, subject)
    else:
        why = void(connection, one, read_ring(connection), read_roles(connection))
    return f"void: {why}" if why else "counts"
