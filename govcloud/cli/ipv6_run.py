"""`govcloud ipv6 run`: a wave of a rollout, while what runs already is watched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, GovcloudError
from ..printable import visible
from .attending import lost_document, tell_lost
from .common import App, console, emit
from .guarding import order_options
from .redacting import redacted

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.gather import Proposal
    from ..plan.guards import Leave
    from ..rollout.hosts import Reached
    from ..rollout.waves import Wave
    from ..run.watched import Result

# Members that are named one by one; --json has all.
MOST = 12


@click.command("run")
@click.argument("rollout", metavar="ROLLOUT")
@click.argument("wave", metavar="WAVE")
@order_options
@click.pass_obj
@redacted
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
    done = carry(app, ledger, rollout, chosen, proposal, as_json, yes, leave, back=False)
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
    back: bool,
) -> Exit:
    """Carry a wave's plan out under watch, and tell who is done and what was lost. ``back``: taken back."""
    import msgspec

    from ..access import sight
    from ..rollout.hosts import reached
    from ..rollout.reading import of_ledger
    from ..rollout.situation import begin, situation
    from .asking import carry_or_write, vouch_asked
    from .attending import Order

    def judge() -> None:
        if proposal.plan.asked:
            vouch_asked(app.workspace, ledger, proposal.plan.asked)
            return
        # It says nothing new: what is left of it is carried out, where it still may be.
        with ledger.read() as connection:
            begin(situation(connection, rollout, now=time.time()), wave.name)

    order = Order(((rollout, wave.name),), back, judge, tells=False)
    trouble: GovcloudError | None = None
    code = Exit.FAILED
    try:
        code = Exit(carry_or_write(app, ledger, proposal, None, as_json, yes, leave, order))
    except GovcloudError as error:
        # Told after what was lost and who is done.
        trouble = error
    if order.run:
        with ledger.read() as connection:
            # Who may carry a wave out need not be one who may read the names of all its members.
            seen = of_ledger(connection, sight(app.workspace, ledger, connection))
            shown = [s for s in wave.members if seen.find(*s.split("/", 1)) is not None]
            wave = msgspec.structs.replace(wave, members=tuple(shown))
            how_far = reached(connection, of_ledger(connection), proposal.plan, shown)
        _tell(rollout, wave, how_far, order.result, as_json, back)
    if trouble is not None:
        raise trouble
    return code


def _tell(rollout: str, wave: Wave, how_far: Reached, lost: Result | None, as_json: bool, back: bool) -> None:
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
    if lost is not None:
        tell_lost(lost)


def _some(words: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        console().print(f"{words}: {visible(', '.join(names[:MOST]))}{more}", markup=False)


def wave_document(rollout: str, wave: Wave, how_far: Reached, lost: Result | None) -> dict[str, Any]:
    """The line of ``--json`` that tells what became of a wave (docs/network.md)."""
    return {
        "event": "wave",
        "rollout": rollout,
        "wave": wave.name,
        "members": list(wave.members),
        "configured": list(how_far.done),
        "not_configured": {subject: list(hosts) for subject, hosts in how_far.not_done.items()},
        "others_not_configured": list(how_far.others),
        **lost_document(lost),
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
