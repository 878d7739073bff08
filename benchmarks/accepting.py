"""Recording: ten thousand servers from a CSV file, judged, accepted, with history and audit."""

from __future__ import annotations

from . import samples
from .fixtures import Fixtures
from .frame import Figure

SIZE = 10_000
# Nautobot 3.2.7 on two cores, warm, by CSV and by REST alike: measured once, not in this run.
NAUTOBOT = 13.5


def accept(fixtures: Fixtures) -> list[Figure]:
    """The whole of ``apply`` on files that were never read before."""
    rates = []
    for _ in range(fixtures.times(3)):
        folder = fixtures.place("accept")
        samples.servers(folder, SIZE)
        rates.append(SIZE / fixtures.govcloud("apply", "--yes", at=folder).run())
    rate = sorted(rates)[len(rates) // 2]
    note = f"{SIZE / rate:.2f} s; the peer's figure is quoted, not measured in this run"
    return [Figure("accept-10k", rate, "entries/s", "Nautobot 3.2.7", NAUTOBOT, rate / NAUTOBOT, note)]


BENCHMARKS = {"accept-10k": accept}
