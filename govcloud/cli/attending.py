"""Orders that are carried out under watch: what runs already is watched while their run goes on.

However a wave of a rollout is carried out (by its own command, by a plan file, by going on with its run), it
is judged once more when nobody else can change anything, watched, and written down where a run began. So is
a request, but for the watching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Exit
from ..printable import visible
from .common import console, emit

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..ledger.connection import Connection
    from ..ledger.runs import Status
    from ..plan.stages import Asked, Plan
    from ..run.runner import Ended, Outcome
    from ..run.watched import Result
    from ..workspace import Workspace


def _nothing(_run: str = "") -> None:
    """An order that nobody writes down when it begins, and that holds nothing before."""


def _nothing_more(_connection: Connection, _run: str, _status: Status) -> None:
    """An order that nobody writes down when it ends."""


@dataclass
class Order:
    """What somebody ordered. ``waves``: (rollout, wave) of each, none of a merge; ``back``: they are taken
    back. ``judge`` raises where it may not be carried out now; ``tells``: what was lost is told here, not by
    who gave the order. ``hold`` sees to what it needs, or raises, before a run; ``begun`` and ``ended`` write
    down that its run began, and how it ended (in the run's own transaction). ``run`` and ``result`` are there
    once a run began, and once it was watched.
    """

    waves: tuple[tuple[str, str], ...]
    back: bool
    judge: Callable[[], object]
    tells: bool = True
    hold: Callable[[], None] = field(default=_nothing)
    begun: Callable[[str], None] = field(default=_nothing)
    ended: Ended = field(default=_nothing_more)
    run: str = ""
    result: Result | None = None

    def begin(self, run: str) -> None:
        """Its run began."""
        self.run = run
        self.begun(run)


def of_plan(workspace: Workspace, ledger: Ledger, plan: Plan) -> Order | None:
    """The order that a plan carries out; None where it carries out none."""
    return of_asked(workspace, ledger, plan.asked) if plan.asked else None


def of_asked(workspace: Workspace, ledger: Ledger, asked: Asked) -> Order:
    """The order of what is asked, though a plan may say it no more: what is left of it is carried out."""
    from .asking import vouch_asked

    claimants = [*(row.claimant for row in asked.said), *(key[2] for key in asked.ended)]
    names = [c.removeprefix("rollout:").partition("/") for c in claimants if c.startswith("rollout:")]
    waves = tuple(dict.fromkeys((rollout, wave) for rollout, _, wave in names))
    judge = partial(vouch_asked, workspace, ledger, asked)
    order = Order(waves, not asked.said, judge)
    if any(c.startswith("request:") for c in claimants):
        from ..access import who
        from ..request import carrying

        identity = who(workspace, ledger)
        order.hold = partial(carrying.hold_all, ledger, asked)
        order.begun = partial(carrying.begun, ledger, identity, asked)

        def ended(connection: Connection, run: str, status: Status) -> None:
            carrying.ended(connection, identity, asked, run, status)

        order.ended = ended
    return order


def attended(
    workspace: Workspace,
    ledger: Ledger,
    plan: Plan,
    order: Order | None,
    go: Callable[[Callable[[str], None]], Outcome],
    as_json: bool,
) -> int:
    """Carry out a plan by ``go`` and return the exit code. ``go`` calls what it is given with its run's id.

    Where the order is of waves, what runs already is watched meanwhile, if anything but the ledger changes.
    Exits with 3 where a packet was lost or nothing could be watched.
    """
    if order is None:
        return int(go(_nothing).exit_code)
    order.hold()
    if not order.waves:
        return int(go(order.begin).exit_code)
    try:
        if all(stage.kind == "record" for stage in plan.stages):
            return int(go(order.begin).exit_code)
        return int(_watched(workspace, ledger, order, go))
    finally:
        if order.run:
            _write_down(ledger, plan, order)
            if order.tells and order.result is not None:
                _tell(order, order.result, as_json)


def _watched(
    workspace: Workspace, ledger: Ledger, order: Order, go: Callable[[Callable[[str], None]], Outcome]
) -> Exit:
    from ..plan.gather import built_catalogue
    from ..plan.probes import probes
    from ..run.watched import pairs_of
    from ..run.watching import Watch, watching

    with ledger.read() as connection:
        pairs = pairs_of(probes(built_catalogue(connection)))
    # Of what is taken back only what runs over IPv4 goes on.
    pairs = [pair for pair in pairs if pair.version == 4 or not order.back]
    watch = Watch("")
    try:
        with watching(workspace, ledger, pairs, subject=f"rollout/{order.waves[0][0]}") as watch:
            # Until a run begins there is nothing to be watched.
            watch.void = True

            def began(run: str) -> None:
                watch.void, watch.run = False, run
                order.begin(run)

            code = go(began).exit_code
    finally:
        if watch.over and order.run:
            order.result = watch.result
    return Exit.CHANGES if code == Exit.OK and not watch.result.ok else code


def _write_down(ledger: Ledger, plan: Plan, order: Order) -> None:
    """Who carried waves out or took them back, and what was lost meanwhile, in the audit trail."""
    from ..access import actor
    from ..ledger import audit

    action = "ipv6 rollback" if order.back else "ipv6 run"
    lost = {"sent": order.result.sent, "lost": order.result.lost} if order.result is not None else {}
    with ledger.write() as connection:
        for rollout, wave in order.waves:
            data = {"rollout": rollout, "wave": wave, "run": order.run, "effect": plan.effect}
            audit.append(connection, actor(), action, data | lost)


def _tell(order: Order, lost: Result, as_json: bool) -> None:
    if as_json:
        waves = [{"rollout": rollout, "wave": wave} for rollout, wave in order.waves]
        emit({"event": "watched", "waves": waves, **lost_document(lost)}, as_line=True)
        return
    tell_lost(lost)
    for rollout, wave in () if order.back else order.waves:
        words = f"next: `govcloud ipv6 verify {rollout} --wave {wave}` measures its members"
        console().print(words, markup=False)


def tell_lost(lost: Result) -> None:
    """What was lost, and of which flows."""
    out = console()
    watched = sum(not flow.silent for flow in lost.flows)
    words = f"{lost.lost} of {lost.sent} packets lost, of {watched} flows that ran already"
    out.print(f"{'✓' if lost.ok else '✗'} {lost.nothing or words}", markup=False)
    if lost.rest:
        out.print(f"  {lost.rest}", markup=False)
    for flow in lost.flows:
        if not flow.ok:
            words = flow.broken or f"{flow.lost} lost, {flow.longest_ms:.0f} ms without an answer"
            stages = ", ".join(dict.fromkeys(s for gap in flow.gaps for s in gap.stages))
            out.print(f"  {visible(flow.pair.name)}: {words}{f' ({stages})' if stages else ''}", markup=False)


def lost_document(lost: Result | None) -> dict[str, Any]:
    """The keys ``sent``, ``lost``, ``flows`` of ``--json`` (docs/network.md)."""
    if lost is None:
        return {"sent": 0, "lost": 0, "flows": []}
    return {
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
