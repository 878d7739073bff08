"""Who is idle, oversized or overloaded, which flavor would fit, and what that would save (OP-14).

The rules are data (``profile/capacity-review``); where samples are too few, that is said, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from ..model.catalogue import Catalogue
from ..model.change import Freeze
from ..model.cloud import Flavor, Instance, Project
from ..plan.guards.freezes import moment
from .figures import Review
from .measuring import Measured, Pause
from .prices import Prices

# What is looked at: what runs. What is planned has no use yet.
RUNNING = ("running", "rebuilding")
Verdict = Literal["idle", "oversized", "overloaded", "fine", "unclear", "unmeasured"]


class Change(msgspec.Struct, frozen=True):
    """What a change gives back (or takes, where negative): vCPUs, GiB, and its price for a period."""

    vcpus: int = 0
    memory_gib: float = 0.0
    disk_gib: int = 0
    price: float = 0.0

    def __add__(self, other: Change) -> Change:
        return Change(
            self.vcpus + other.vcpus,
            self.memory_gib + other.memory_gib,
            self.disk_gib + other.disk_gib,
            self.price + other.price,
        )


class Judged(msgspec.Struct, frozen=True):
    """An instance as its use says. ``fits``: the flavor that would do, empty where it keeps its own, is to be
    retired, or none is there; ``why``: the verdict in a sentence."""

    instance: str
    project: str
    unit: str
    flavor: str
    verdict: Verdict
    why: str
    fits: str = ""
    measured: Measured | None = None
    saving: Change = Change()


def pauses(catalogue: Catalogue, index: Mapping[str, int]) -> list[Pause]:
    """Freezes, whose samples do not count for what they are about; of everything, where they name nothing."""
    out = []
    for freeze in catalogue.all(Freeze).values():
        starts = moment(freeze.starts_at) if freeze.starts_at else 0.0
        ends = moment(freeze.ends_at) if freeze.ends_at else float("inf")
        who = _covered(catalogue, index, freeze.subjects) if freeze.subjects else None
        if who is None or who:
            out.append(Pause(starts, ends, who))
    return out


def _covered(catalogue: Catalogue, index: Mapping[str, int], subjects: Iterable[str]) -> frozenset[int]:
    wanted = set(subjects)
    out = set()
    for name, instance in catalogue.all(Instance).items():
        project = catalogue.get(Project, instance.project)
        those = {f"instance/{name}", f"project/{instance.project}", f"cloud/{project.cloud}"}
        those |= {f"unit/{project.unit}", f"application/{instance.application}", f"server/{instance.server}"}
        if name in index and wanted & those:
            out.add(index[name])
    return frozenset(out)


def review(
    catalogue: Catalogue, measured: Mapping[str, Measured], numbers: Review, price: Prices
) -> list[Judged]:
    """Every running instance, by name. ``measured``: by instance."""
    flavors = dict(sorted(catalogue.all(Flavor).items()))
    return [
        _judged(catalogue, name, instance, measured.get(name), flavors, numbers, price)
        for name, instance in sorted(catalogue.all(Instance).items())
        if instance.status in RUNNING
    ]


def _judged(
    catalogue: Catalogue,
    name: str,
    instance: Instance,
    seen: Measured | None,
    flavors: Mapping[str, Flavor],
    numbers: Review,
    price: Prices,
) -> Judged:
    project = catalogue.get(Project, instance.project)
    mine = flavors[instance.flavor]

    def told(verdict: Verdict, why: str, fits: str = "", saving: Change = Change()) -> Judged:  # noqa: B008
        return Judged(name, instance.project, project.unit, instance.flavor, verdict, why, fits, seen, saving)

    if seen is None:
        return told("unmeasured", "no sample of it")
    if too_few := _too_few(seen, numbers):
        return told("unclear", too_few)
    cpu = seen.cpu.percentile if seen.cpu else None
    memory = seen.memory.percentile if seen.memory else None
    over = _over(cpu, memory, numbers)
    if over:
        fits = _larger(instance.flavor, flavors, cpu, memory, over, numbers, price)
        saving = _change(instance.flavor, fits, flavors, price) if fits else Change()
        more = "" if fits else "; no flavor is large enough"
        return told("overloaded", f"{_percentile(numbers)} of {' and '.join(over)}{more}", fits, saving)
    if cpu is None or memory is None:
        which = "cpu" if cpu is None else "memory"
        return told("unclear", f"no sample of its {which}")
    if cpu < numbers.idle_cpu_percent and memory < numbers.idle_memory_percent:
        whole = Change(mine.vcpus, mine.memory_mib / 1024, mine.disk_gib, price.flavor(instance.flavor, mine))
        return told("idle", f"{_percentile(numbers)} of cpu {cpu:g} %, of memory {memory:g} %", "", whole)
    fits = _smaller(instance.flavor, flavors, cpu, memory, numbers, price)
    if fits:
        why = f"{_percentile(numbers)} of cpu {cpu:g} %, of memory {memory:g} %"
        return told("oversized", why, fits, _change(instance.flavor, fits, flavors, price))
    return told("fine", "")


def _too_few(seen: Measured, numbers: Review) -> str:
    """That there are too few samples to say anything, in a sentence."""
    if seen.samples < numbers.samples:
        left_out = f" ({seen.left_out} left out)" if seen.left_out else ""
        return f"{seen.samples} samples{left_out}, {numbers.samples} are needed"
    if seen.days < numbers.days:
        return f"samples of {seen.days:.1f} days, {numbers.days:g} are needed"
    return ""


def _percentile(numbers: Review) -> str:
    return f"p{numbers.percentile:g}"


def _over(cpu: float | None, memory: float | None, numbers: Review) -> list[str]:
    out = []
    for what, percent, bound in (
        ("cpu", cpu, numbers.over_cpu_percent),
        ("memory", memory, numbers.over_memory_percent),
    ):
        if percent is not None and percent > bound:
            out.append(f"{what} {percent:g} %")
    return out


def _cheapest(names: Sequence[str], flavors: Mapping[str, Flavor], price: Prices) -> str:
    def cost(name: str) -> tuple[float, int, int, int, str]:
        one = flavors[name]
        return price.flavor(name, one), one.vcpus, one.memory_mib, one.disk_gib, name

    return min(names, key=cost, default="")


def _smaller(
    name: str, flavors: Mapping[str, Flavor], cpu: float, memory: float, numbers: Review, price: Prices
) -> str:
    """The cheapest flavor that holds what is used with headroom, in nothing larger than its own."""
    mine, more = flavors[name], 1 + numbers.headroom_percent / 100
    vcpus, mib = mine.vcpus * cpu / 100 * more, mine.memory_mib * memory / 100 * more
    fits = [
        other
        for other, one in flavors.items()
        if vcpus <= one.vcpus <= mine.vcpus
        and mib <= one.memory_mib <= mine.memory_mib
        and one.disk_gib <= mine.disk_gib
        and (one.vcpus, one.memory_mib) != (mine.vcpus, mine.memory_mib)
    ]
    return _cheapest(fits, flavors, price)


def _larger(
    name: str,
    flavors: Mapping[str, Flavor],
    cpu: float | None,
    memory: float | None,
    over: Sequence[str],
    numbers: Review,
    price: Prices,
) -> str:
    """The cheapest flavor that holds what is used with headroom, in nothing smaller than its own, and with
    more of what is short."""
    mine, more = flavors[name], 1 + numbers.headroom_percent / 100
    short = {words.partition(" ")[0] for words in over}
    fits = [
        other
        for other, one in flavors.items()
        if one.vcpus >= mine.vcpus + ("cpu" in short)
        and one.memory_mib >= mine.memory_mib + ("memory" in short)
        and one.disk_gib >= mine.disk_gib
        and one.vcpus >= mine.vcpus * (cpu or 0) / 100 * (more if "cpu" in short else 1)
        and one.memory_mib >= mine.memory_mib * (memory or 0) / 100 * (more if "memory" in short else 1)
    ]
    return _cheapest(fits, flavors, price)


def _change(own: str, other: str, flavors: Mapping[str, Flavor], price: Prices) -> Change:
    mine, its = flavors[own], flavors[other]
    return Change(
        mine.vcpus - its.vcpus,
        (mine.memory_mib - its.memory_mib) / 1024,
        mine.disk_gib - its.disk_gib,
        price.flavor(own, mine) - price.flavor(other, its),
    )


def total(judged: Iterable[Judged]) -> Change:
    """What all changes together give back."""
    out = Change()
    for one in judged:
        out += one.saving
    return out
