"""What no placement can beat: servers by volume and by linear programme, the highest use by volume."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .estate import RESOURCES, UNBOUNDED, Estate, Host, Item
from .fitting import highest_use


@dataclass
class Bound:
    """Of one cloud: servers that carried something ``before``, that do now (``used``), and the least there
    must be opened: by ``volume`` (of one resource alone, on the roomiest servers) and by linear
    ``programme`` (none where rooms or sites were given first). ``lacks``: instances that the programme
    proves nobody can place. ``even``: the highest share in use that volume forces; ``highest``: the highest
    there is."""

    cloud: str
    items: int
    servers: int
    before: int = 0
    used: int = 0
    volume: int = 0
    programme: int | None = None
    lacks: int = 0
    even: float = 0.0
    highest: float = 0.0

    @property
    def least(self) -> int:
        """The better of both bounds, in servers that carry something."""
        return self.before + max(self.volume, self.programme or 0)

    @property
    def gap(self) -> int:
        """How many servers fewer there could be, at the most."""
        return self.used - self.least

    def finish(self, estate: Estate, hosts: Collection[Host]) -> None:
        """Look at how much of each server is used now."""
        self.highest = max((highest_use(host, estate.free[host.name]) for host in hosts), default=0.0)


def bound_of(estate: Estate, cloud: str, hosts: Collection[Host], items: Collection[Item]) -> Bound:
    """By volume alone, before anything is placed."""
    made = Bound(cloud, len(items), len(hosts))
    own = estate.own_pool_from
    for of_own in (False, True):
        pool = [host for host in hosts if (host.level >= own) == of_own]
        wanted = [item for item in items if (item.level >= own) == of_own]
        made.volume += _servers(estate, pool, wanted)
        for row in range(len(RESOURCES)):
            total = sum(host.total[row] for host in pool)
            if total and total < UNBOUNDED:
                held = total - sum(estate.free[host.name][row] for host in pool)
                made.even = max(made.even, (held + sum(item.need[row] for item in wanted)) / total)
    return made


def _servers(estate: Estate, pool: Collection[Host], wanted: Collection[Item]) -> int:
    """Servers that must be opened for the sum of one resource, the roomiest first."""
    most = 0
    for row in range(len(RESOURCES)):
        need = sum(item.need[row] for item in wanted)
        need -= sum(max(0, estate.free[h.name][row]) for h in pool if estate.carries[h.name])
        count = 0
        for room in sorted((h.total[row] for h in pool if not estate.carries[h.name]), reverse=True):
            if need <= 0:
                break
            need -= room
            count += 1
        most = max(most, count)
    return most
