"""`ipv6 verify` as a function: which members are measured now, and where the rollout stands afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from ..access import actor, sight
from ..errors import InputError, Problem
from ..ledger import Ledger, audit
from ..ledger.evidence import Evidence
from ..plan.builder import reachable_hosts
from ..plan.gather import built_catalogue, routing
from ..run.reach import Reach
from ..run.watching import collect_left
from ..workspace import Workspace
from .members import has_ipv6
from .progress import Progress
from .situation import situation
from .verifying import verify
from .waves import Course


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, and what it comes to.

    ``rows``: evidence, in the order of the members; ``progress``: of those that were meant, by ``kind/name``;
    ``open``: those of them that have no IPv6 yet, so nothing was measured.
    """

    rollout: str
    wave: str
    rows: list[Evidence]
    progress: dict[str, Progress]
    open: tuple[str, ...]

    @property
    def bad(self) -> list[Evidence]:
        """What is not good."""
        return [row for row in self.rows if not row.ok]

    @property
    def regressed(self) -> list[str]:
        """Members that were verified and are not any more."""
        return [subject for subject, one in self.progress.items() if one.state == "regressed"]


def verify_now(
    workspace: Workspace,
    ledger: Ledger,
    name: str = "",
    *,
    wave: str = "",
    members: Sequence[str] = (),
    tries: int = 0,
    run: str = "",
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verified:
    """Measure members of a rollout (the only one, where no name is said) and keep the evidence.

    ``wave``, ``members``: only these; a member that is named is measured though it has no IPv6 address, which
    is then what is wrong with it. ``tries``: instead of the accepted number. ``run``: whose evidence it is.
    Raises ``InputError`` for what is no wave or member, ``LabDown``, ``verifying.Interrupted``.
    """
    collect_left(workspace, ledger)
    with ledger.read() as connection:
        hidden = sight(workspace, ledger, connection)
        now = situation(connection, name, now=time.time(), hidden=hidden)
        built = built_catalogue(connection)
    limits = msgspec.structs.replace(now.limits, tries=tries) if tries else now.limits
    meant = _meant(now.course, wave, members)
    wanted = [s for s in meant if s in members or has_ipv6(now.catalogue, s)]
    how = routing(built)
    rows: list[Evidence] = []
    if wanted:
        rows = verify(
            ledger,
            now.catalogue,
            now.course.members,
            wanted,
            limits,
            Reach(workspace),
            routing=how,
            there=reachable_hosts(built, how),
            run=run,
            told=told,
        )
    with ledger.write() as connection:
        data = {"rollout": now.name, "wave": wave, "members": len(wanted), "checks": len(rows)}
        audit.append(connection, actor(), "ipv6 verified", data | {"bad": sum(not r.ok for r in rows)})
    with ledger.read() as connection:
        found = situation(connection, now.name, now=time.time(), hidden=hidden).progress
    return Verified(
        rollout=now.name,
        wave=wave,
        rows=rows,
        progress={subject: found[subject] for subject in meant},
        open=tuple(subject for subject in meant if subject not in wanted),
    )


def _meant(course: Course, wave: str, members: Sequence[str]) -> list[str]:
    """The members that are meant, carriers first. Raises ``InputError``."""
    from ..report.nearest import nearest

    problems = []
    chosen = [s for one in course.waves for s in one.members] + list(course.left)
    if wave:
        found = course.wave(wave)
        if found is None:
            names = [one.name for one in course.waves]
            near = nearest(wave, names)
            hint = f"did you mean {near}?" if near else f"its waves are {', '.join(names)}"
            problems.append(Problem(f"rollout/{course.name} has no wave {wave!r}", hint=hint))
        else:
            chosen = list(found.members)
    for subject in () if problems else members:
        if subject not in chosen:
            near = nearest(subject, chosen)
            within = f"wave {wave}" if wave else f"rollout/{course.name}"
            hint = f"did you mean {near}?" if near else "`govcloud ipv6 plan` lists them"
            problems.append(Problem(f"{subject} is no member of {within}", hint=hint))
    if problems:
        raise InputError(problems)
    return [subject for subject in chosen if subject in members] if members else chosen
