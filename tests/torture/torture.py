"""From generation to generation: files change, an apply is killed, things are brought to their end, judged.

Everything derives from one seed, which is printed; a failure says it with the steps that were taken.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .judging import Settled, judge, nothing_twice
from .killing import VICTIMS, Ended, draw, orphans, run
from .worlds import Wanted, World

# Kills on the way to one settlement, at most; and tries to bring it to its end afterwards.
ROUNDS = 3
TRIES = 4
UNFINISHED = "select id, status from run where status not in ('done', 'cancelled') order by started desc"


@dataclass
class Torture:
    """One world under torture. ``killed`` counts real kills, by whom and when."""

    root: Path
    seed: int
    delay_ms: float = 8
    least: int = 20
    most: int = 30
    victims: tuple[str, ...] = VICTIMS
    steps: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.world = World.begin(
            self.root, self._luck("world"), delay_ms=self.delay_ms, least=self.least, most=self.most
        )
        self.settled: dict[int, Settled] = {}
        self.versions: list[dict[str, Wanted]] = []

    def _luck(self, *about: object) -> random.Random:
        """Luck of its own for each decision: how one run went does not change what comes after it."""
        return random.Random("-".join(map(str, (self.seed, *about))))

    def go(self, kills: int) -> None:
        """Go on until so many were killed, and all is settled."""
        print(f"seed {self.seed}")
        generation = 0
        while self.killed.total() < kills:
            self._generation(generation)
            generation += 1
        print(f"{generation} generations, {dict(self.killed)}, {dict(self.ways)}")

    # -- one generation -----------------------------------------------------------------------

    def _generation(self, number: int) -> None:
        if number:
            self.world.change(self._luck("change", number))
        self._write(f"generation {number}")
        argv = ["apply", "--yes"]
        for round_ in range(self._luck("rounds", number).randint(1, ROUNDS)):
            luck = self._luck("kill", number, round_)
            ended = self._do(*argv, kill=luck)
            if ended.code == 0:
                argv = ["apply", "--yes"]
                break
            argv = self._next(luck)
        for _ in range(TRIES):
            ended = self._do(*argv)
            if ended.code == 0 and argv[0] == "apply":
                break
            self._check(ended.code == 0, f"{ended}\n{ended.words}")
            argv = ["apply", "--yes"]
        else:
            self._fail("it does not come to its end")
        faults, now = judge(self.world, self.settled, self.versions)
        self._check(not faults, *faults)
        self.settled, self.versions = now, []
        self.world.settle()

    def _next(self, luck: random.Random) -> list[str]:
        """What people do after a run that did not end: go on, give up, with other files or the same."""
        left = self._unfinished()
        way = luck.choice(
            ["resume", "resume", "change and resume", "change and resume", "cancel", "change and cancel"]
        )
        if not left:
            # It died before there was a run, or after it was over.
            way = luck.choice(["apply", "change and apply"])
        self.ways[way] += 1
        if way.startswith("change"):
            self.world.change(luck)
            self._write("changed files")
        if way.endswith("resume"):
            return ["runs", "resume", left[0][0]]
        if way.endswith("cancel"):
            cancelled = self._do("runs", "cancel", left[0][0])
            self._check(cancelled.code == 0, f"{cancelled}\n{cancelled.words}")
        return ["apply", "--yes"]

    def _unfinished(self) -> list[tuple[str, str]]:
        try:
            return self.world.province.ledger(UNFINISHED)
        except sqlite3.OperationalError:
            return []  # killed before there were tables

    def _write(self, title: str) -> None:
        self.steps.append(f"{title}: {'; '.join(self.world.said)}")
        self.world.write()
        self.versions.append(self.world.objects())

    def _do(self, *argv: str, kill: random.Random | None = None) -> Ended:
        moment = draw(kill, self.victims) if kill else None
        ended = run(self.world.province, *argv, moment=moment)
        self.steps.append(str(ended))
        if ended.killed and moment is not None:
            self.killed[f"{moment.victim} at {moment.kind}"] += 1
        self._check("Traceback (most recent call last)" not in ended.words, ended.words)
        left = orphans(self.world.province)
        self._check(not left, *left)
        faults = nothing_twice(self.world.province)
        self._check(not faults, *faults)
        if ended.killed and ended.code > 0:
            # The command lives: it says what to type next, or that nothing was begun.
            self._check(bool(re.search(r"next: govcloud |hint: ", ended.words)), ended.words)
        return ended

    # -- failing ------------------------------------------------------------------------------

    def _check(self, good: bool, *faults: str) -> None:
        if not good:
            self._fail(*faults)

    def _fail(self, *faults: str) -> None:
        steps = "\n".join(f"{n:3}. {step}" for n, step in enumerate(self.steps, 1))
        pytest.fail(f"seed {self.seed}, in {self.root}\n{steps}\n" + "\n".join(faults), pytrace=False)
