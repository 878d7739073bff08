"""Measuring members from inside the hosts that use them, and keeping what was found as evidence."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from ..errors import Exit, GovcloudError
from ..ledger import Ledger, evidence
from ..ledger.evidence import Evidence
from ..model.catalogue import Catalogue
from ..plan.builder import reachable_hosts
from ..run.ipv6policy import Ipv6Policy
from ..run.watching import Hosts
from .members import Member, ipv6_of
from .orders import Order, Orders, Unmeasurable, sources
from .stages import AT, PREFIX, evidence_name

# Kinds of orders that find something there or not.
NO_FIGURE = ("address", "without4")
# Where a figure is worst for several sources: its smallest, or its largest.
_LEAST_IS_WORST = "%"
# Seconds without a complete check, beside so many for each try, until the sources are given up.
SILENT, PATIENT = 60.0, 15.0
# Seconds between two times that what was found is written.
WRITE = 0.5


class Found(msgspec.Struct, frozen=True):
    """A result of ``run.readiness``."""

    name: str
    ok: bool
    value: float | None = None
    unit: str = ""
    detail: str = ""
    figures: dict[str, Any] = {}
    # The source did not get to it: that says nothing of the member.
    missing: bool = False


class Unmeasured(GovcloudError):
    """The sources did not measure everything; what they did measure is kept."""


class Interrupted(GovcloudError):
    """Somebody stopped it; what was measured until then is kept."""

    exit_code = Exit.FAILED


def verify(
    ledger: Ledger,
    catalogue: Catalogue,
    members: Mapping[str, Member],
    wanted: Sequence[str],
    numbers: Ipv6Policy,
    hosts: Hosts,
    *,
    routing: Literal["ospf", "static"],
    there: Iterable[str] | None = None,
    run: str = "",
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Evidence]:
    """Measure the checks of ``wanted`` (of ``members``, the whole rollout's) and keep a row for each.

    ``there``: hosts that can measure, by default those that are built and reachable. ``run``: whose evidence
    it is. ``told`` hears how many checks of how many are done. Rows are of the members' order.
    Raises ``Interrupted`` (Ctrl-C) and ``Unmeasured`` (sources that broke down), with what was measured kept.
    """
    able = set(reachable_hosts(catalogue, routing) if there is None else there)
    able -= set(hosts.missing(sorted(able)))
    by = sources(catalogue, members.keys(), able, numbers.sources)
    plan = Orders(catalogue, by, numbers, there=able, routing=routing)
    orders, judged = plan.of([members[subject] for subject in wanted])
    work = _Work(orders, judged, numbers, {subject: ipv6_of(catalogue, subject) for subject in wanted})
    keeper = _Keeper(ledger, run)
    crew = [_Source(source, batch, hosts, work.heard) for source, batch in _by_source(orders).items()]
    try:
        keeper.keep(work.take())
        for one in crew:
            one.start()
        done, since = 0, time.monotonic()
        while not work.over and any(one.busy for one in crew):
            keeper.keep(work.take(WRITE))
            told(work.done, work.all)
            if work.done != done:
                done, since = work.done, time.monotonic()
            elif time.monotonic() - since > SILENT + PATIENT * numbers.tries:
                break
        for one in crew:
            one.end()
        work.give_up({order.name: why for one in crew for order, why in one.left()})
    except KeyboardInterrupt:
        for one in crew:
            one.end()
        keeper.keep(work.take())
        raise Interrupted(
            f"interrupted: {work.done} of {work.all} checks were measured, and are kept",
            hint="the same command again measures all of them anew",
        ) from None
    finally:
        for one in crew:
            one.end()
        keeper.keep(work.take())
    told(work.done, work.all)
    if work.unmeasured:
        raise Unmeasured(
            f"{len(work.unmeasured)} of {work.all} checks could not be measured: "
            f"{'; '.join(dict.fromkeys(work.unmeasured.values()))}; the others are kept",
            hint="`govcloud lab status` tells which hosts stand; then the same command again",
        )
    keys = ((subject, str(check)) for subject in wanted for check in members[subject].checks)
    place = {key: number for number, key in enumerate(keys)}
    return sorted(keeper.rows, key=lambda row: place[row.subject, row.name.removeprefix(PREFIX)])


class _Work:
    """What is to be measured, what was found, and rows of evidence as soon as a check is complete."""

    def __init__(
        self,
        orders: Sequence[Order],
        judged: Sequence[Unmeasurable],
        numbers: Ipv6Policy,
        addresses: Mapping[str, list[str]],
    ) -> None:
        self._numbers, self._addresses = numbers, addresses
        self._results: queue.SimpleQueue[Found] = queue.SimpleQueue()
        self._orders = {order.name: order for order in orders}
        self._open: dict[tuple[str, str], set[str]] = {}
        self._found: dict[tuple[str, str], list[tuple[Order, Found]]] = {}
        self._judged: dict[tuple[str, str], list[Unmeasurable]] = {}
        for order in orders:
            self._open.setdefault((order.member, order.check), set()).add(order.name)
        for one in judged:
            self._judged.setdefault((one.member, one.check), []).append(one)
        self.all = len(self._open.keys() | self._judged.keys())
        self.done = 0
        self.unmeasured: dict[tuple[str, str], str] = {}
        self._complete = [key for key in self._judged if key not in self._open]

    @property
    def over(self) -> bool:
        """Every check has its row."""
        return self.done == self.all

    def heard(self, found: Found) -> None:
        """A source has measured one (called from its thread)."""
        self._results.put(found)

    def give_up(self, names: Mapping[str, str]) -> None:
        """These will not be measured, and why."""
        for name, why in names.items():
            self.heard(Found(name, False, detail=why, missing=True))

    def take(self, wait_s: float = 0.0) -> list[Evidence]:
        """Rows of the checks that have become complete."""
        limit = time.monotonic() + wait_s
        while True:
            try:
                found = self._results.get(timeout=max(0.0, limit - time.monotonic()))
            except queue.Empty:
                break
            order = self._orders.get(found.name)
            if order is None:
                continue
            key = order.member, order.check
            if found.name not in self._open[key]:
                continue
            self._open[key].discard(found.name)
            self._found.setdefault(key, []).append((order, found))
            if not self._open[key]:
                self._complete.append(key)
            if self.done + len(self._complete) == self.all:
                break
        # Whoever is interrupted up to here has lost nothing: the next one takes them.
        keys, self._complete = self._complete, []
        self.done += len(keys)
        rows = []
        for key in keys:
            parts = self._found.get(key, [])
            one = row(*key, parts, self._judged.get(key, []), self._numbers, self._addresses.get(key[0], []))
            missing = [found.detail for _, found in parts if found.missing]
            if missing and one.ok:
                # It has to be good from each of them; what is bad from one is bad whatever the others find.
                self.unmeasured[key] = missing[0]
            else:
                rows.append(one)
        return rows


def row(
    member: str,
    check: str,
    found: Sequence[tuple[Order, Found]],
    judged: Sequence[Unmeasurable],
    numbers: Ipv6Policy,
    addresses: Sequence[str],
) -> Evidence:
    """One row of evidence of what all sources found: good where it is for each; the worst figure.

    A source that did not get to it is named in the remark. ``addresses``: what the member has now.
    """
    lacking = [f"{order.source} did not measure: {one.detail}" for order, one in found if one.missing]
    found = [(order, one) for order, one in found if not one.missing]
    parts = [(order, one, reason(one, check, numbers)) for order, one in found]
    faults: dict[str, list[str]] = {}
    for order, _, words in sorted(parts, key=lambda part: part[0].name):
        if words:
            faults.setdefault(words, []).append(order.source)
    why = [f"from {', '.join(dict.fromkeys(by))}: {words}" for words, by in faults.items()]
    why += [one.why for one in judged if not one.ok]
    # Whether an address is there or not is no figure.
    figures = [one for order, one in found if one.value is not None and order.kind not in NO_FIGURE]

    unit = figures[0].unit if figures else ""
    values = [one.value for one in figures if one.value is not None]
    worst = (min(values) if unit == _LEAST_IS_WORST else max(values)) if values else None
    remarks = [one.detail for _, one, words in parts if one.detail and not words]
    remarks += [*(one.why for one in judged if one.ok), *lacking]
    return Evidence(
        member,
        evidence_name(check),
        not why,
        worst,
        unit,
        {
            "reason": "; ".join(dict.fromkeys(why)),
            "remark": "; ".join(dict.fromkeys(remarks)),
            "check": check,
            AT: list(addresses),
            "limits": limits(check, numbers),
            "sources": [
                {
                    "source": order.source,
                    "kind": order.kind,
                    "ok": not words,
                    "value": one.value,
                    "unit": one.unit,
                    "detail": words or one.detail,
                    **one.figures,
                }
                for order, one, words in sorted(parts, key=lambda part: part[0].name)
            ],
        },
        at=time.time(),
    )


def reason(found: Found, check: str, numbers: Ipv6Policy) -> str:
    """Why a figure is not good enough by the thresholds; empty where it is."""
    if found.value is None:
        return found.detail or "nothing could be measured" if not found.ok else ""
    if found.unit == "%" and "made" in found.figures:
        if found.value >= numbers.success_percent:
            return ""
        return f"{found.detail} (at least {numbers.success_percent:g} % must)"
    if check == "delay" and found.ok:
        old, new = found.figures.get("v4_ms", 0.0), found.figures.get("v6_ms", 0.0)
        slower = found.figures.get("slower_ms", 0.0)
        if found.value <= numbers.delay_ratio or slower <= numbers.delay_floor_ms:
            return ""
        return (
            f"{new:.1f} ms over IPv6, {old:.1f} ms over IPv4: a ratio of {found.value:.2f}, "
            f"{numbers.delay_ratio:g} is allowed"
        )
    return "" if found.ok else found.detail


def limits(check: str, numbers: Ipv6Policy) -> dict[str, float]:
    """The thresholds that a check was judged by."""
    if check == "delay":
        return {
            "tries": numbers.tries,
            "delay_ratio": numbers.delay_ratio,
            "delay_floor_ms": numbers.delay_floor_ms,
        }
    if check in ("reach", "tcp", "success", "answer", "nat64"):
        return {"tries": numbers.tries, "success_percent": numbers.success_percent}
    return {}


class _Keeper:
    """Writes rows of evidence, some at a time."""

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger, self._run = ledger, run
        self._began, self._number = time.time(), 0
        self.rows: list[Evidence] = []
        self._pending: list[Evidence] = []

    def keep(self, rows: Sequence[Evidence]) -> None:
        """Write these, beside what was written before."""
        self._pending += rows
        if not self._pending:
            return
        self._number += 1
        # A name of its own for each: evidence of one stage replaces what that stage had kept before.
        stage = f"ipv6 verify {self._began:.3f} {self._number}"
        with self._ledger.write() as connection:
            evidence.keep(connection, self._run, stage, self._pending)
        # What could not be written, or was interrupted, is written the next time.
        self.rows += self._pending
        self._pending = []


class _Source:
    """The program in one source, and a thread that listens to it."""

    def __init__(
        self, host: str, orders: Sequence[Order], hosts: Hosts, heard: Callable[[Found], None]
    ) -> None:
        self._host, self._orders, self._hosts, self._heard = host, orders, hosts, heard
        self._told: set[str] = set()
        self._words = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._go, name=f"verify {host}", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        # A session of its own: Ctrl-C is for whoever listens, who ends this.
        self._process = subprocess.Popen(
            self._hosts.command(self._host, [sys.executable, "-m", "govcloud.run.readiness"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self._hosts.marker},
            start_new_session=True,
        )
        self._thread.start()

    def _go(self) -> None:
        process = self._process
        assert process and process.stdin and process.stdout and process.stderr
        try:
            # Left open: the program ends when it closes, so it never outlives us.
            process.stdin.write(msgspec.json.encode(self._orders) + b"\n")
            process.stdin.flush()
        except OSError:
            # It has ended already; what it wrote tells why.
            self._words = f"{self._host} does not measure"
        for line in process.stdout:
            found = msgspec.json.decode(line, type=Found)
            self._told.add(found.name)
            self._heard(found)
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        with suppress(OSError):
            process.stdin.close()
        if process.wait() != 0:
            self._words = f"{self._host}: {said[-1]}" if said else f"{self._host} ended while it measured"

    @property
    def busy(self) -> bool:
        """Whether it may still tell something."""
        return self._thread.is_alive()

    def left(self) -> list[tuple[Order, str]]:
        """What it did not measure, and why."""
        why = self._words or f"{self._host} did not measure it"
        return [(order, why) for order in self._orders if order.name not in self._told]

    def end(self) -> None:
        """End the program, whatever it does."""
        if self._process is not None and self._process.poll() is None:
            # With what entered the host for it, and goes on there.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._thread.ident is not None:
            self._thread.join()


def _by_source(orders: Iterable[Order]) -> dict[str, list[Order]]:
    out: dict[str, list[Order]] = {}
    for order in orders:
        out.setdefault(order.source, []).append(order)
    return out
