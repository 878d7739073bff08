"""Starting, resuming and cancelling runs: the lease, the rows in the ledger, and the way out.

One run at a time in an environment: its lease has a time limit and a fencing token, renewed while
the process lives. A run whose process died goes on with ``resume``.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import msgspec

from ..access import actor
from ..errors import ConflictError, Exit, GovcloudError, InputError, Problem
from ..ledger import Ledger, audit, entries, leases, legs, runs
from ..ledger.claims import CHECKED_KEY, change_claims
from ..ledger.connection import Connection
from ..ledger.patience import DEFAULT, Patience, outage_s
from ..ledger.runs import Status
from ..ledger.store import keep_setting, settings
from ..notify import messages
from ..notify.courier import courier
from ..plan import stages
from ..plan.gather import propose, still_based
from ..plan.guards import NO_LEAVE, Leave
from ..plan.stages import Plan, Record
from ..workspace import Workspace
from . import guarding, keeping
from .advice import next_step
from .context import LEASE, RunContext
from .events import Bus, Note, RunEnded, RunStarted, Sink
from .jsonlog import own_sinks
from .performing import perform
from .ready import check_reachable, check_standing

ENDS = {Status.DONE: Exit.OK, Status.FAILED: Exit.FAILED, Status.STOPPED: Exit.FAILED}


# What an order does in the transaction that ends its run: (connection, run, status).
Ended = Callable[[Connection, str, Status], object]


def _nothing_more(connection: Connection, run: str, status: Status) -> None:
    """An order that the ledger need not hear of."""


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended in this process."""

    run: str
    status: Status
    seconds: float

    @property
    def exit_code(self) -> Exit:
        """The exit code that says it."""
        return ENDS[self.status]


def start(
    workspace: Workspace,
    ledger: Ledger,
    plan: Plan,
    blobs: Mapping[str, bytes],
    sinks: Sequence[Sink],
    *,
    leave: Leave = NO_LEAVE,
    judge: Callable[[], object] = lambda: None,
    began: Callable[[str], None] = lambda _run: None,
    ended: Ended = _nothing_more,
) -> Outcome:
    """Carry out a plan. ``blobs``: its programs and playbooks by digest, kept with the run.

    ``leave``: what somebody says who lets it go past its guards. ``judge``: called when nobody else can
    change the ledger any more; what it raises ends it before anything is done. ``began``: called with the
    run's id when there is one. ``ended``: called in the transaction that writes down how it ended. Raises
    ``DeniedError`` where one stands against it, ``ConflictError`` where another run is at work, ``LabDown``
    where there is no lab to build in, before anything is done.
    """
    # First of all, for what follows starts children.
    kept = keeping.fetch(workspace, ledger, plan)
    identity = guarding.known(workspace, ledger, leave)
    check_reachable(workspace, ledger, plan)
    bus = Bus([*sinks, *own_sinks(workspace)])
    run = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
    with courier(workspace, ledger), leases.held(ledger, LEASE) as fence:
        plan = _of_now(workspace, ledger, plan)
        # Of the order that a plan carries out its effect says nothing: somebody may have forbidden it since.
        judge()
        with (
            guarding.written_down(workspace, ledger, identity, plan),
            ledger.write((LEASE, fence)) as connection,
        ):
            # Before what others left is given up: a run that is refused changes nothing.
            guarding.let_in(connection, plan, identity, leave, run)
            _give_up_others(connection)
            for content in blobs.values():
                runs.put_blob(connection, content)
            digest = runs.put_blob(connection, stages.encode(plan))
            runs.create(
                connection,
                id=run,
                plan=digest,
                effect=plan.effect,
                title=plan.title,
                actor=actor(),
                stages=[(s.id, s.kind, s.title) for s in plan.stages],
            )
            legs.begin(connection, run, actor())
            audit.append(connection, actor(), "run started", {"run": run, "effect": plan.effect})
            _keep_claims(connection, plan)
        began(run)
        return _carry(RunContext(workspace, ledger, run, actor(), plan, fence, bus, kept=kept), 1, ended)


def _of_now(workspace: Workspace, ledger: Ledger, plan: Plan) -> Plan:
    """The plan, made again where the ledger has moved: what it must fit may be other than what it read.

    Raises ``ConflictError`` where it would do something else now, or would be wrong.
    """
    with ledger.read() as connection:
        moved = entries.last_revision(connection) != plan.base.revision
    if not moved and still_based(plan, ledger):
        return plan
    sentence = "somebody else's run changed the ledger while this was planned"
    hint = "plan again: `govcloud plan`"
    if plan.limited:
        raise ConflictError(f"{sentence}; nothing was done", hint="type it again")
    try:
        again = propose(
            workspace,
            ledger,
            destroy=plan.destroy,
            pins=plan.pins,
            asked=plan.asked,
            recorded=plan.recorded,
        ).plan
    except InputError as error:
        raise ConflictError(f"{sentence}, and now {error.problems[0]}; nothing was done", hint=hint) from None
    if again.effect != plan.effect:
        raise ConflictError(f"{sentence}; nothing was done", hint=hint)
    return again


def _give_up_others(connection: Connection) -> None:
    for left in runs.unfinished(connection):
        _refuse_running(left)
        # What it left undone is part of the newest plan; going on with it later would undo that.
        runs.give_up(connection, left.id)


def keep(workspace: Workspace, ledger: Ledger, plan: Plan) -> None:
    """Where nothing is to do: keep who says what, and where, and give up runs that were left undone.

    Raises ``ConflictError`` where a run is at work or the ledger has moved.
    """
    with ledger.read() as connection:
        checked = settings(connection).get(CHECKED_KEY)
        left = runs.unfinished(connection)
        number = entries.last_revision(connection)
    if plan.destroy or not number or not (plan.claims or left or checked != plan.checked):
        return
    with leases.held(ledger, LEASE) as fence:
        plan = _of_now(workspace, ledger, plan)
        with ledger.write((LEASE, fence)) as connection:
            _give_up_others(connection)
            _keep_claims(connection, plan)


def _keep_claims(connection: Connection, plan: Plan) -> None:
    """Keep the claims of a plan without a Record; one that has a Record does so in its revision."""
    number = entries.last_revision(connection)
    if not number or plan.destroy or any(s.kind == "record" for s in plan.stages):
        return
    if plan.claims:
        change_claims(connection, number, plan.claims)
        said, ended = len(plan.claims.said), len(plan.claims.ended)
        if said or ended:
            audit.append(connection, actor(), "claims", {"revision": number, "said": said, "ended": ended})
    keep_setting(connection, CHECKED_KEY, plan.checked)


def _refuse_running(left: runs.Run) -> None:
    """A run that a dead process left running is finished or given up first, knowingly."""
    if left.status is Status.RUNNING:
        raise ConflictError(
            f"run {left.id} was interrupted and is not over",
            hint=f"`govcloud runs resume {left.id}` goes on with it, "
            f"`govcloud runs cancel {left.id}` gives it up and lets a new plan start from there",
        )


def _refuse_over(known: runs.Run) -> None:
    if known.status in runs.OVER:
        raise InputError(
            [Problem(f"run {known.id} is {known.status}; there is nothing to go on with or to give up")],
            hint="`govcloud plan` shows what is left to do",
        )


def plan_of(ledger: Ledger, run_id: str) -> Plan:
    """The plan of a run that is not over. Raises ``InputError`` where it is, ``ConflictError`` where this
    release cannot read it."""
    with ledger.read() as connection:
        known = runs.get(connection, run_id)
        _refuse_over(known)
        return _plan_of(connection, known)


def _plan_of(connection: Connection, known: runs.Run) -> Plan:
    """The plan of a run, as it was made. Raises ``ConflictError`` where this release cannot read it."""
    data = runs.get_blob(connection, known.plan)
    try:
        return stages.decode(data)
    except msgspec.MsgspecError as error:
        raise ConflictError(
            f"run {known.id} cannot go on with this release: {stages.too_new(data) or error}",
            hint=f"resume it with the release that began it, or `govcloud runs cancel {known.id}`, then plan",
        ) from None


def resume(
    workspace: Workspace,
    ledger: Ledger,
    run_id: str,
    sinks: Sequence[Sink],
    *,
    leave: Leave = NO_LEAVE,
    began: Callable[[str], None] = lambda _run: None,
    ended: Ended = _nothing_more,
) -> Outcome:
    """Go on with a run that failed, was stopped, or whose process died, with the plan as it was.

    ``began``: called with the run's id when it goes on; ``ended``: as ``start`` does. The guards are asked
    about what is left of it. Raises as ``start`` does.
    """
    identity = guarding.known(workspace, ledger, leave)
    with ledger.read() as connection:
        known = runs.get(connection, run_id)
        _refuse_over(known)
        plan = _plan_of(connection, known)
    kept = keeping.fetch(workspace, ledger, plan, known.id)
    check_reachable(workspace, ledger, plan)
    check_standing(ledger, known.id, plan)
    bus = Bus([*sinks, *own_sinks(workspace)])
    with courier(workspace, ledger), leases.held(ledger, LEASE) as fence:
        with (
            guarding.written_down(workspace, ledger, identity, plan),
            ledger.write((LEASE, fence)) as connection,
        ):
            # Once more, now that nobody else can change it: somebody may have finished or given it up.
            known = runs.get(connection, known.id)
            _refuse_over(known)
            done = guarding.over(connection, known.id)
            guarding.let_in(connection, plan, identity, leave, known.id, done=done, resumed=True)
            # A segment that came to its end is history; what is left of it goes into the next.
            number = known.segment if known.status is Status.RUNNING else known.segment + 1
            runs.reopen(connection, known.id)
            runs.set_status(connection, known.id, Status.RUNNING, segment=number)
            legs.begin(connection, known.id, actor())
            audit.append(connection, actor(), "run resumed", {"run": known.id, "segment": number})
        began(known.id)
        context = RunContext(workspace, ledger, known.id, actor(), plan, fence, bus, kept=kept)
        return _carry(context, number, ended)


def cancel(workspace: Workspace, ledger: Ledger, run_id: str) -> runs.Run:
    """Give a run up where it stands. What it built stays in the ledger; the next plan starts there.

    Raises ``ConflictError`` while a live process carries it.
    """
    with ledger.read() as connection:
        known = runs.get(connection, run_id)
        _refuse_over(known)
    with leases.held(ledger, LEASE) as fence, ledger.write((LEASE, fence)) as connection:
        _refuse_over(runs.get(connection, known.id))
        runs.give_up(connection, known.id)
        audit.append(connection, actor(), "run cancelled", {"run": known.id})
        return runs.get(connection, known.id)


def _carry(context: RunContext, number: int, ended: Ended) -> Outcome:
    began = time.monotonic()
    with context.ledger.read() as connection:
        rows = runs.stages(connection, context.run)
    context.bus(
        RunStarted(
            context.run, context.plan.title, tuple((r.id, r.kind, r.title, str(r.status)) for r in rows)
        )
    )
    # A segment that goes on after a kill has its graph in DBOS; this one is for a new segment.
    done = {r.id for r in rows if r.status is Status.DONE}
    graph = [(s.id, [n for n in s.needs if n not in done]) for s in context.plan.stages if s.id not in done]
    try:
        with _patient(context):
            with _heartbeat(context), _signals(context):
                status = _segment(context, number, graph) if graph else Status.DONE
            if context.lost:
                raise context.lost[0]
            with context.write() as connection:
                runs.set_status(connection, context.run, status)
                guarding.ended(connection, context.plan, context.run, status)
                ended(connection, context.run, status)
                audit.append(connection, context.actor, f"run {status}", {"run": context.run})
                hint = _next_step(connection, context.run, status)
                messages.run_ended(connection, context.workspace, context.run, status, hint)
    except GovcloudError as error:
        context.bus.close()
        _say_way_on(error, context.run)
        raise
    except BaseException:
        context.bus.close()
        raise
    seconds = time.monotonic() - began
    context.bus(RunEnded(context.run, str(status), seconds, hint))
    context.bus.close()
    return Outcome(context.run, status, seconds)


def _say_way_on(error: GovcloudError, run: str) -> None:
    """What ended a run before its end could be written: it says how the run goes on."""
    if isinstance(error, leases.LeaseLost):
        error.hint = error.hint or f"`govcloud runs show {run}` tells how it goes on elsewhere"
    elif not isinstance(error, ConflictError):
        step = f"`govcloud runs resume {run}` goes on with it: what was built is known and is taken up again"
        error.hint = f"{error.hint}; then {step}" if error.hint else step


@contextmanager
def _patient(context: RunContext) -> Iterator[None]:
    """While the run goes on it waits for a ledger that does not answer, as long as the policy says."""

    def tell(words: str) -> None:
        context.bus(Note("", words, "warning"))

    try:
        with context.ledger.read() as connection:
            seconds = outage_s(connection)
    except InputError as error:
        # What puts the policy right is a run, too.
        seconds = DEFAULT
        tell(f"{error.problems[0]}; the run waits for up to {seconds:.0f} s as if it said nothing")
    context.ledger.patience = Patience(seconds, context.stop, tell)
    try:
        yield
    finally:
        context.ledger.patience = None


def _next_step(connection: Connection, run: str, status: Status) -> str:
    if status is Status.DONE:
        return ""
    return next_step(run, (r.detail for r in runs.stages(connection, run) if r.status is Status.FAILED))


def _segment(context: RunContext, number: int, graph: Sequence[tuple[str, Sequence[str]]]) -> Status:
    """Bring the stages to their end, with DBOS where anything but the ledger is touched."""
    if all(isinstance(stage, Record) for stage in context.plan.stages):
        # Each is one transaction: there is nothing in between that could be left half done.
        ended = (Status(perform(context, stage)) for stage, _needs in graph)
        return next((status for status in ended if status is not Status.DONE), Status.DONE)
    # DBOS takes half a second to import.
    from . import segments

    return segments.carry(context, number, graph)


@contextmanager
def _heartbeat(context: RunContext) -> Iterator[None]:
    """Renew the lease while the run goes on; when it is lost, stop the run."""
    over = threading.Event()

    def beat() -> None:
        context.renewed = time.monotonic()
        while not over.wait(leases.RENEW):
            try:
                with context.ledger.write() as connection:
                    leases.renew(connection, LEASE, context.fence)
                    legs.alive(connection, context.run)
                context.renewed = time.monotonic()
            except Exception as error:
                # One missed beat (a busy ledger, a full disk) loses nothing while the lease lasts, and
                # a transaction of this run, however long, keeps others from taking it.
                lasts = context.writing or time.monotonic() - context.renewed < leases.LASTS
                if not isinstance(error, leases.LeaseLost) and lasts:
                    continue
                known = isinstance(error, GovcloudError)
                words = str(error) if known else f"the lease could not be renewed: {error}"
                context.lost.append(error if isinstance(error, GovcloudError) else GovcloudError(words))
                context.stop.set()
                context.bus(Note("", words, "error"))
                return

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _signals(context: RunContext) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask the run to stop; what is under way ends cleanly first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        if not context.stop.is_set():
            context.stop.set()
            # Not from here: a signal handler must not wait for the lock of the bus.
            threading.Thread(
                target=context.bus,
                args=(Note("", "stopping: what is under way comes to its end first", "warning"),),
            ).start()

    asked = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants to go on
        asked.append(signal.SIGHUP)
    former = {n: signal.signal(n, ask) for n in asked}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
