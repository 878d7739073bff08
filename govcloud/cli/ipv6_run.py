"""`govcloud ipv6 run`: a wave of a rollout, while what runs already is watched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, GovcloudError
from ..printable import visible
from .common import App, console, emit, json_option, plan_out_option, yes_option
from .guarding import leave_options

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.gather import Proposal
    from ..plan.guards import Leave
    from ..rollout.hosts import Reached
    from ..rollout.waves import Wave
    from ..run.watched import Result
    from ..run.watching import Watch

# Members that are named one by one; --json has all.
MOST = 12


@click.command("run")
@click.argument("rollout", metavar="ROLLOUT")
@click.argument("wave", metavar="WAVE")
@plan_out_option
@json_option
@yes_option
@leave_options
@click.pass_obj
def run(app: App, rollout: str, wave: str, out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Carry out a wave: addresses, routes, names and services of its members, then measure them.

    Denied (4) while a wave before is not verified, or a member has gone back and nobody says why. What runs
    already over IPv4 is watched all the time. Exits with 3 where a packet was lost, nothing could be watched,
    or a check is not good.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.gather import propose
    from ..rollout.situation import begin, situation

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    with ledger.read() as connection:
        now = situation(connection, rollout, now=time.time())
    chosen, asked = begin(now, wave)
    proposal = propose(app.workspace, ledger, asked=asked)
    if out is not None:
        return _write(app, ledger, proposal, out, as_json, leave)
    done = carry(app, ledger, rollout, chosen, proposal, as_json, yes, leave)
    if done != Exit.OK and done != Exit.CHANGES:
        return int(done)
    return max(int(done), _verify(app, ledger, rollout, wave, as_json))


def _write(app: App, ledger: Ledger, proposal: Proposal, out: Path, as_json: bool, leave: Leave) -> int:
    from .asking import carry_or_write

    return carry_or_write(app, ledger, proposal, out, as_json, yes=False, leave=leave)


def carry(
    app: App,
    ledger: Ledger,
    rollout: str,
    wave: Wave,
    proposal: Proposal,
    as_json: bool,
    yes: bool,
    leave: Leave,
    *,
    back: bool = False,
) -> Exit:
    """Carry a wave's plan out under watch, and tell who is done and what was lost.

    ``back``: it is taken back; only what runs over IPv4 is watched then, for IPv6 goes.
    """
    import msgspec

    from ..access import sight
    from ..plan.gather import built_catalogue
    from ..plan.probes import probes
    from ..rollout.hosts import reached
    from ..rollout.reading import of_ledger
    from ..run.watched import pairs_of
    from ..run.watching import watching
    from .asking import carry_or_write

    if proposal.plan.empty:
        return Exit(carry_or_write(app, ledger, proposal, None, as_json, yes, leave))
    with ledger.read() as connection:
        pairs = pairs_of(probes(built_catalogue(connection)))
    pairs = [pair for pair in pairs if pair.version == 4 or not back]
    trouble: GovcloudError | None = None
    code = Exit.FAILED
    with watching(app.workspace, ledger, pairs, subject=f"rollout/{rollout}") as watch:
        try:
            code = Exit(carry_or_write(app, ledger, proposal, None, as_json, yes, leave))
        except GovcloudError as error:
            # Told after what was lost and who is done.
            trouble = error
    _write_down(ledger, "ipv6 rollback" if back else "ipv6 run", rollout, wave, proposal, watch)
    with ledger.read() as connection:
        # Who may carry a wave out need not be one who may read the names of all its members.
        seen = of_ledger(connection, sight(app.workspace, ledger, connection))
        shown = [s for s in wave.members if seen.find(*s.split("/", 1)) is not None]
        wave = msgspec.structs.replace(wave, members=tuple(shown))
        how_far = reached(connection, of_ledger(connection), proposal.plan, shown)
    began = trouble is None or trouble.exit_code not in (Exit.DENIED, Exit.INPUT, Exit.CONFLICT)
    if began:
        _tell(rollout, wave, how_far, watch.result, as_json, back)
    if trouble is not None:
        raise trouble
    if code == Exit.OK and not watch.result.ok:
        return Exit.CHANGES
    return code


def _write_down(
    ledger: Ledger, action: str, rollout: str, wave: Wave, proposal: Proposal, watch: Watch
) -> None:
    """Who carried a wave out or took it back, and what was lost meanwhile, in the audit trail."""
    from ..access import actor
    from ..ledger import audit

    data = {"rollout": rollout, "wave": wave.name, "run": watch.result.run, "effect": proposal.plan.effect}
    with ledger.write() as connection:
        lost = {"sent": watch.result.sent, "lost": watch.result.lost}
        audit.append(connection, actor(), action, data | lost)


def _tell(rollout: str, wave: Wave, how_far: Reached, lost: Result, as_json: bool, back: bool) -> None:
    if as_json:
        emit(wave_document(rollout, wave, how_far, lost), as_line=True)
        return
    out = console()
    verb = "as they were" if back else "configured"
    left = len(how_far.not_done)
    if left:
        words = f"wave {wave.name}: {len(how_far.done)} of {len(wave.members)} members {verb}"
        out.print(f"{words}, {left} not", markup=False)
        _some("  done", list(how_far.done))
        for subject, hosts in list(how_far.not_done.items())[:MOST]:
            out.print(f"  not done: {visible(subject)} (waits for {', '.join(hosts)})", markup=False)
        if left > MOST:
            out.print(f"  and {left - MOST} more that are not done", markup=False)
        command = "apply" if back else f"ipv6 run {rollout} {wave.name}"
        words = f"`govcloud {command}` goes on with those that are not, as `govcloud runs resume` does"
        out.print(words, markup=False)
    else:
        out.print(f"wave {wave.name}: {len(wave.members)} members {verb}", markup=False)
    if how_far.others:
        _some("  not done, of no member of the wave", list(how_far.others))
    watched = sum(not flow.silent for flow in lost.flows)
    words = f"{lost.lost} of {lost.sent} packets lost, of {watched} flows that ran already"
    out.print(f"{'✓' if lost.ok else '✗'} {lost.nothing or words}", markup=False)
    for flow in lost.flows:
        if not flow.ok:
            words = flow.broken or f"{flow.lost} lost, {flow.longest_ms:.0f} ms without an answer"
            stages = ", ".join(dict.fromkeys(s for gap in flow.gaps for s in gap.stages))
            out.print(f"  {visible(flow.pair.name)}: {words}{f' ({stages})' if stages else ''}", markup=False)


def _some(words: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        console().print(f"{words}: {visible(', '.join(names[:MOST]))}{more}", markup=False)


def wave_document(rollout: str, wave: Wave, how_far: Reached, lost: Result) -> dict[str, Any]:
    """The line of ``--json`` that tells what became of a wave (docs/network.md)."""
    return {
        "event": "wave",
        "rollout": rollout,
        "wave": wave.name,
        "members": list(wave.members),
        "configured": list(how_far.done),
        "not_configured": {subject: list(hosts) for subject, hosts in how_far.not_done.items()},
        "others_not_configured": list(how_far.others),
        "sent": lost.sent,
        "lost": lost.lost,
        "flows": [
            {
                "flow": flow.pair.name,
                "sent": flow.sent,
                "lost": flow.lost,
                "longest_ms": round(flow.longest_ms, 1),
                "silent": flow.silent,
                "broken": flow.broken,
            }
            for flow in lost.flows
        ],
    }


def _verify(app: App, ledger: Ledger, rollout: str, wave: str, as_json: bool) -> int:
    from ..rollout.settling import verify_until_good
    from .ipv6_verify import document, show

    began = time.monotonic()
    found = verify_until_good(app.workspace, ledger, rollout, wave)
    seconds = time.monotonic() - began
    if as_json:
        emit({"event": "verified", **document(found), "seconds": round(seconds, 3)}, as_line=True)
    else:
        show(found, seconds)
    return int(Exit.CHANGES if found.bad or found.regressed else Exit.OK)
