"""Plays over hosts of a lab, next to plain Ansible; and our time over the engines' own, stage by stage.

Every full play changes one kernel setting on every host, to a value that no play had before, so that ours
and the peer's have the same to do. Plain Ansible gets our inventory as a file, our playbooks and as many
forks. The lab is taken down at the end, whatever happens.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from govcloud.lab.preflight import preflight
from govcloud.run.reach import ansible_playbook

from . import samples
from .fixtures import ROOT, Fixtures
from .frame import Failure, Figure, Work, against, take_turns

SETTING = "net.ipv4.tcp_keepalive_time"
ANSIBLE = "plain ansible-playbook"
# As our own workspace has it by default (`forks` in govcloud.yaml).
FORKS = 10
_values = count(1001)


@contextmanager
def _lab(fixtures: Fixtures, hosts: int) -> Iterator[Path]:
    """A workspace with that many hosts, built and configured, and an inventory for plain Ansible."""
    place = fixtures.place("lab")
    samples.lab(place, hosts, ROOT / "playbooks")
    fixtures.tell(f"  building a lab of {hosts} hosts")
    fixtures.govcloud("lab", "up", at=place).run()
    try:
        fixtures.govcloud("apply", "--yes", at=place).run()
        inventory = fixtures.ask("inventory", at=place)
        (place / "inventory.json").write_text(json.dumps(inventory))
        script = place / "inventory.sh"
        script.write_text('#!/bin/sh\nexec cat "$(dirname "$0")/inventory.json"\n')
        script.chmod(0o700)
        yield place
    finally:
        fixtures.govcloud("lab", "down", at=place).run()


class _Turn:
    """Makes something to do, and looks afterwards that it was done."""

    def __init__(self, fixtures: Fixtures, place: Path) -> None:
        self._fixtures, self._place = fixtures, place
        self._value = 0

    def set(self) -> None:
        """Another value for every host."""
        self.seen()
        self._value = next(_values)
        samples.set_kernel(self._place, SETTING, self._value)

    def seen(self) -> None:
        """That the hosts have the value. Raises ``Failure``."""
        if not self._value:
            return
        for host in ("border", "vm-00000"):
            command = [str(part) for part in self._fixtures.govcloud("lab", at=self._place).command]
            done = subprocess.run(
                [*command, "exec", host, "--", "sysctl", "-n", SETTING],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout.strip() != str(self._value):
                raise Failure(f"{host} has {done.stdout.strip()} for {SETTING}, not {self._value}")


def _ansible(place: Path, name: str, **options: Any) -> Work:
    command = [ansible_playbook(), "-i", "inventory.sh", "-f", str(FORKS), "playbooks/site.yml"]
    environment = {"ANSIBLE_HOME": str(place / "ansible"), "ANSIBLE_NOCOWS": "1"}
    return Work(name, command, place, environment, **options)


def _has_lab(fixtures: Fixtures) -> bool:
    obstacles = [f"{check.detail}: {check.cure}" for check in preflight() if not check.ok]
    if obstacles:
        fixtures.tell(f"no lab can be had here, its figures are left out: {'; '.join(obstacles)}")
    return not obstacles


def plays(fixtures: Fixtures) -> list[Figure]:
    """50 hosts: one setting changed on each, then nothing changed."""
    if not _has_lab(fixtures):
        return []
    with _lab(fixtures, fixtures.sizes.hosts) as place:
        turn = _Turn(fixtures, place)
        ours = fixtures.govcloud("apply", "--yes", at=place, before=turn.set)
        theirs = _ansible(place, ANSIBLE, before=turn.set)
        full = take_turns([ours, theirs], fixtures.times(3))
        turn.seen()
        # What plain Ansible has set, the ledger does not know of.
        ours.run()
        turn.seen()
        idle = [fixtures.govcloud("apply", "--yes", at=place), _ansible(place, ANSIBLE)]
        quiet = take_turns(idle, fixtures.times(3))
    all_of_it = "one setting changed on every host"
    return [
        *against("play-50", full[0], [(ANSIBLE, full[1])], all_of_it, target_ratio=1),
        *against("play-50", quiet[0], [(ANSIBLE, quiet[1])], "nothing changed", target_ratio=10),
    ]


def overhead(fixtures: Fixtures) -> list[Figure]:
    """Stages as the run measures them, next to the bare engines with the same work."""
    records: list[float] = []
    ours: list[float] = []
    bare: list[float] = []
    few = fixtures.sizes.few
    for _ in range(fixtures.times(3)):
        place = fixtures.place("overhead")
        samples.workspace(place, few)
        fixtures.govcloud("apply", "--yes", at=place).run()
        took = _stages(fixtures, place)
        records.append(took["record"])
        ours.append(sum(seconds for stage, seconds in took.items() if stage.startswith("stack:")))
        if fixtures.has_pulumi:
            place = fixtures.place("overhead-bare")
            samples.plain(place, few)
            fixtures.pulumi("up", "--skip-checkpoints", "--took", str(place / "took"), at=place).run()
            bare.append(float((place / "took").read_text()))
    peers = [("pulumi up alone (skips checkpoints)", median(bare))] if bare else []
    figures = against(
        "overhead", median(ours), peers, f"Stack: {few} objects in two stacks, one for the peer"
    )
    if _has_lab(fixtures):
        figures += _over_ansible(fixtures)
    return [*figures, Figure("overhead", median(records), "s", note="Record: no engine has a part in it")]


def _over_ansible(fixtures: Fixtures) -> list[Figure]:
    ours: list[float] = []
    bare: list[float] = []
    with _lab(fixtures, fixtures.sizes.hosts) as place:
        turn = _Turn(fixtures, place)
        for _ in range(fixtures.times(3)):
            fixtures.govcloud("apply", "--yes", at=place, before=turn.set).run()
            took = _stages(fixtures, place)
            ours.append(sum(seconds for stage, seconds in took.items() if stage.startswith("play")))
            bare.append(_ansible(place, ANSIBLE, before=turn.set).run())
        turn.seen()
    note = f"Play: {fixtures.sizes.hosts} hosts, a setting changed on each"
    return against("overhead", median(ours), [(ANSIBLE, median(bare))], note)


def _stages(fixtures: Fixtures, place: Path) -> dict[str, float]:
    """Seconds of each stage of the newest run."""
    newest = fixtures.ask("runs", "list", at=place)[0]["id"]
    stages = fixtures.ask("runs", "show", newest, at=place)["stages"]
    return {stage["id"]: stage["ended"] - stage["started"] for stage in stages}


BENCHMARKS = {"play-50": plays, "overhead": overhead}
