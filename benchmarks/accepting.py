"""Recording: ten thousand new servers from a CSV file, judged, accepted, with history and audit."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from . import province
from .fixtures import Fixtures
from .frame import Failure, Figure, against

# Nautobot 3.2.7 on two cores, warm, with 10,000 devices in it: devices a second by CSV and by REST alike,
# measured once and not in this run.
NAUTOBOT_PER_SECOND = 13.5
QUOTED = "Nautobot 3.2.7 (quoted)"
TARGET_S = 1.0


def small(fixtures: Fixtures) -> list[Figure]:
    """Into a ledger that has the racks; after the first turn it has the servers of the turns before too."""
    folder = fixtures.place("accept")
    province.empty(folder)
    province.add_places(folder, fixtures.sizes.new)
    fixtures.govcloud("apply", "--yes", at=folder).run()
    return _accept(fixtures, "accept-10k", folder)


def large(fixtures: Fixtures) -> list[Figure]:
    """Into a ledger of 100,000 entries."""
    return _accept(fixtures, "accept-10k-in-100k", fixtures.copy(fixtures.recorded(fixtures.sizes.large)))


def _accept(fixtures: Fixtures, name: str, folder: Path) -> list[Figure]:
    """``apply`` of a file that is new in each turn, the others being known. Median of the turns."""
    new, times = fixtures.sizes.new, fixtures.times(3)
    before = fixtures.ask("ls", at=folder).get("server", 0)
    work = fixtures.govcloud("apply", "--yes", at=folder)
    seconds = []
    for turn in range(1, times + 1):
        province.add_servers(folder, new, turn)
        seconds.append(work.run())
    if (found := fixtures.ask("ls", at=folder)["server"]) != before + times * new:
        raise Failure(f"{found:,} servers are recorded, not {before:,} and {times} times {new:,}")
    fixtures.govcloud("audit", "verify", at=folder).run()
    ours = median(seconds)
    note = f"{new / ours:,.0f} a second; the peer's {NAUTOBOT_PER_SECOND} is not measured in this run"
    return against(name, ours, [(QUOTED, new / NAUTOBOT_PER_SECOND)], note, target=TARGET_S)


BENCHMARKS = {"accept-10k": small, "accept-10k-in-100k": large}
