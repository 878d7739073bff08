"""Requests out of a review: one for each unit, with the changes that its machines call for.

Nothing is decided here: a unit that agrees submits its file, and it is judged, signed and carried out like
any other request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.organisation import Person
from .estate import Estate
from .figures import Placement, figures
from .fitting import choose, fit
from .recording import shortened
from .reviewing import Judged

# Who asks for a unit, in this order of duties (O-01: the business manager answers for what is asked).
DUTIES = ("business_manager", "information_officer", "staff", "chief_information_officer", "principal")
DOES = {"idle": "retire", "oversized": "shrink", "overloaded": "grow"}


@dataclass
class Tuned:
    """A unit's request: its name, what it changes of instances (fields by name), and what that is, in
    sentences; ``left``: what is not asked for, and why. ``applicant``: empty where the unit
    has nobody."""

    unit: str
    name: str
    applicant: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def instances(self) -> list[str]:
        """All that it is about, by name."""
        return sorted(self.changes)

    def document(self, title: str) -> dict[str, Any]:
        """As a request's file says it (``request.document``)."""
        out = {
            "version": 1,
            "name": self.name,
            "unit": self.unit,
            "applicant": self.applicant,
            "title": title,
            "reason": "; ".join(self.reasons),
            "changes": {"instances": self.changes} if self.changes else {},
        }
        return {key: value for key, value in out.items() if value}


def tune(catalogue: Catalogue, judged: Iterable[Judged], day: date) -> list[Tuned]:
    """The requests, by unit. What is overloaded grows only where a larger flavor is there, and room for
    it; what is idle is stopped and out of every quota."""
    numbers = figures(Placement, catalogue)
    estate = Estate.of(catalogue, numbers)
    # What waits for a server takes room too, before anything grows.
    fit(estate, estate.waiting, numbers.prefer)
    out: dict[str, Tuned] = {}
    # What gives back goes first: others may grow into it.
    order = {"idle": 0, "oversized": 1, "overloaded": 2}
    for one in sorted((j for j in judged if j.verdict in DOES), key=lambda j: (order[j.verdict], j.instance)):
        mine = out.get(one.unit)
        if mine is None:
            name = shortened(f"tune-{one.unit}-{day:%Y%m%d}")
            mine = out[one.unit] = Tuned(one.unit, name, _applicant(catalogue, one.unit))
        if one.verdict == "overloaded" and not one.fits:
            mine.left.append(f"{one.instance}: {one.why}")
            continue
        moved = _takes(estate, catalogue, one, numbers)
        if moved is None:
            mine.left.append(f"{one.instance}: {one.why}; no server of its cloud has room for a {one.fits}")
            continue
        stands = catalogue.get(Instance, one.instance).server
        if one.fits:
            mine.changes[one.instance] = {"flavor": one.fits}
            if stands and moved and moved != stands:
                mine.changes[one.instance]["server"] = moved
        else:
            # Off and out of every quota; what lies on it stays until its owner gives it back.
            mine.changes[one.instance] = {"status": "retired", "stopped": True}
        to = f" to {one.fits}" if one.fits else ""
        mine.reasons.append(f"{DOES[one.verdict]} {one.instance}{to} ({one.why})")
    return [out[unit] for unit in sorted(out)]


def _takes(estate: Estate, catalogue: Catalogue, one: Judged, numbers: Placement) -> str | None:
    """The server on which a changed instance stands, empty where its cloud has none; None where none has
    room.

    The estate is changed as if it were done.
    """
    host = estate.standing.get(one.instance)
    hosts = [h for h in estate.hosts.values() if host and h.cloud == estate.hosts[host].cloud]
    if host is None or not hosts:
        return ""
    # It leaves, and comes back as what it is to be; where it stood is tried first.
    estate.standing.pop(one.instance)
    estate.carries[host].discard(one.instance)
    free, need = estate.free[host], estate.needs[one.instance]
    for row, much in enumerate(need):
        free[row] += much
    if not one.fits:
        return host
    from ..model.cloud import Flavor

    flavor = catalogue.get(Flavor, one.fits)
    before = estate.needs[one.instance]
    estate.needs[one.instance] = (flavor.vcpus, flavor.memory_mib, flavor.disk_gib)
    item = estate.item((one.instance,), estate.hosts[host].cloud)
    found = choose(estate, item, [estate.hosts[host]], numbers.prefer) or choose(
        estate, item, hosts, numbers.prefer
    )
    if found is None:
        estate.needs[one.instance] = before
        estate.stand((one.instance,), before, host)
        return None
    estate.stand((one.instance,), item.need, found.name)
    return found.name


def _applicant(catalogue: Catalogue, unit: str) -> str:
    mine = [(DUTIES.index(p.duty), name) for name, p in catalogue.all(Person).items()
            if p.unit == unit and p.duty in DUTIES]  # fmt: skip
    return min(mine, default=(0, ""))[1]


def left(tuned: Collection[Tuned]) -> list[str]:
    """What no request asks for, in sentences."""
    return [words for one in tuned for words in one.left]
