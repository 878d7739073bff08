"""The course of a play: batch after batch, whom it reached, who failed, and where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...plan.stages import Play
from .ansible import Told

# The words of a stage name so many hosts.
NAMED = 6


@dataclass
class Batch:
    """One batch: its hosts, and which of them are configured, failed, or could not be reached.

    ``done``: by this run, now or before it was resumed; ``failed`` and ``unreachable``: why, by host. What is
    in none of them was not touched.
    """

    hosts: Sequence[str]
    canaries: bool = False
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)

    @property
    def untouched(self) -> list[str]:
        """Hosts that the play did not come to."""
        over = self.done | self.failed.keys() | self.unreachable.keys()
        return [host for host in self.hosts if host not in over]

    def stops(self, percent: float) -> str:
        """Why nothing may follow this batch, in a few words; empty where it may."""
        if self.canaries and self.failed:
            return f"the canary {min(self.failed)} failed"
        if self.canaries and not self.done:
            return "no canary could be reached"
        if len(self.failed) * 100 > percent * len(self.hosts):
            return f"{len(self.failed)} of a batch of {len(self.hosts)} failed, more than {percent:g} %"
        return ""

    def document(self) -> dict[str, Any]:
        """As data: names where something is wrong, else numbers."""
        return {
            "hosts": len(self.hosts),
            "canaries": self.canaries,
            "done": len(self.done),
            "failed": sorted(self.failed),
            "unreachable": sorted(self.unreachable),
            "untouched": len(self.untouched),
        }


@dataclass
class Course:
    """All batches of a play, and why it stopped before the last, if it did."""

    batches: list[Batch]
    percent: float
    stopped: str = ""
    changed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, stage: Play, done: Iterable[str], absent: Iterable[str]) -> Course:
        """The batches of a stage, of which some hosts are configured and some are not there."""
        cut = stage.batches or (tuple(stage.inputs),)
        gone = dict.fromkeys(absent, "not there")
        already = set(done)
        return cls(
            [
                Batch(
                    hosts,
                    canaries=bool(stage.canaries) and number == 0,
                    done=already.intersection(hosts),
                    unreachable={h: gone[h] for h in hosts if h in gone},
                )
                for number, hosts in enumerate(cut)
            ],
            stage.stop_percent,
        )

    def run(self, play: Callable[[Sequence[str]], Told], ended: Callable[[Told], bool]) -> None:
        """Play batch after batch; ``ended`` is told of each playing at once, and says whether to go on.

        Raises ``Broken`` where ansible-playbook ended with no host to blame.
        """
        for number, batch in enumerate(self.batches):
            left = batch.untouched
            while left:
                told = play(left)
                batch.done |= told.through
                batch.failed |= told.failed
                batch.unreachable |= told.unreachable
                self.changed |= told.changed
                if not ended(told):
                    return
                if len(told.cut) == len(left):
                    raise Broken(told.words or f"ansible-playbook ended as {told.status}")
                # Others failed, so the playbook ended early; these have nothing to do with it.
                left = told.cut
            why = batch.stops(self.percent)
            if why and number + 1 < len(self.batches):
                self.stopped = why
                return

    # -- what became of it ---------------------------------------------------------------------------

    @property
    def failed(self) -> dict[str, str]:
        """Why hosts failed."""
        return {host: words for batch in self.batches for host, words in batch.failed.items()}

    @property
    def unreachable(self) -> dict[str, str]:
        """Why hosts could not be reached."""
        return {host: words for batch in self.batches for host, words in batch.unreachable.items()}

    @property
    def untouched(self) -> list[str]:
        """Hosts that the play did not come to."""
        return [host for batch in self.batches for host in batch.untouched]

    @property
    def done(self) -> int:
        """How many hosts are configured."""
        return sum(len(batch.done) for batch in self.batches)

    def document(self) -> dict[str, Any]:
        """What the ledger keeps of it."""
        return {
            "changed": len(self.changed),
            "batches": [batch.document() for batch in self.batches],
            "failed": sorted(self.failed),
            "unreachable": sorted(self.unreachable),
            "untouched": self.untouched,
            "not_done": sorted({*self.failed, *self.unreachable, *self.untouched}),
        }

    def words(self) -> str:
        """What happened, in a sentence, then a line for each host that something is wrong with."""
        total = sum(len(batch.hosts) for batch in self.batches)
        parts = [f"{self.done} of {total} hosts are configured"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        if self.unreachable:
            parts.append(f"{len(self.unreachable)} could not be reached: {_some(self.unreachable)}")
        if self.untouched:
            parts.append(f"{len(self.untouched)} were not touched")
        lines = [", ".join(parts) + (f"; stopped: {self.stopped}" if self.stopped else "")]
        lines += [f"{host}: {text}" for host, text in sorted(self.failed.items())]
        lines += [f"{host}: {text}" for host, text in sorted(self.unreachable.items()) if text != "not there"]
        return "\n".join(lines)


class Broken(Exception):
    """ansible-playbook ended, and it was no host's fault; the words are its own."""


def _some(names: Iterable[str]) -> str:
    known = sorted(names)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return ", ".join(known[:NAMED]) + more
