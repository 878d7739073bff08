"""Who may fill a stage of a chain: by duty, unit and role, as accepted at a revision, on a day."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from ...access import Delegation, delegations, read_ring, read_roles
from ...access.asof import rows_of
from ...ledger.connection import Connection
from .chains import Stage

# The type of the units that run the base (省大数据管理机构, 001:L268).
MANAGEMENT = "management"


class Acting(msgspec.Struct, frozen=True):
    """Somebody who may fill a stage; ``giver``: for whom, by a delegation; empty: for themselves."""

    person: str
    giver: str = ""


class People:
    """The people of an accepted revision (None: now) with what decides who may sign."""

    def __init__(self, connection: Connection, revision: int | None = None) -> None:
        self._connection, self._revision = connection, revision
        self.persons = dict(rows_of(connection, "person", revision))
        self.ring = read_ring(connection, revision)
        # What somebody has by themselves does not depend on the day.
        self.roles = read_roles(connection, revision)
        self.delegations = [d for d in delegations(connection, revision) if "approve" in d.permissions]

    @cached_property
    def units(self) -> Mapping[str, Mapping[str, Any]]:
        """Fields of all units."""
        return dict(rows_of(self._connection, "unit", self._revision))

    @cached_property
    def regions(self) -> Mapping[str, Mapping[str, Any]]:
        """Fields of all regions."""
        return dict(rows_of(self._connection, "region", self._revision))

    @cached_property
    def _role_of(self) -> Mapping[str, frozenset[str]]:
        found = rows_of(self._connection, "role", self._revision)
        return {name: frozenset(fields.get("persons", ())) for name, fields in found}

    def units_of(self, stage: Stage, asking: str) -> set[str]:
        """The units whose people fill a stage of a request of the unit ``asking``; empty: there is none."""
        if stage.of == "anybody":
            return set(self.units)
        if stage.of == "named":
            return {stage.unit} & self.units.keys()
        if stage.of == "unit":
            return {asking} & self.units.keys()
        if stage.of == "parent":
            return self.parents({asking})
        return self._managing(asking)

    def parents(self, units: set[str]) -> set[str]:
        """The units that these belong to."""
        return {str(self.units[u].get("parent") or "") for u in units if u in self.units} - {""}

    def _managing(self, asking: str) -> set[str]:
        """The units that manage the base in the nearest region that has one, from the unit's own upward."""
        region = str(self.units.get(asking, {}).get("region", ""))
        seen: set[str] = set()
        while region and region not in seen:
            seen.add(region)
            there = {
                name
                for name, fields in self.units.items()
                if fields.get("type") == MANAGEMENT and fields.get("region") == region
            }
            if there:
                return there
            region = str(self.regions.get(region, {}).get("parent") or "")
        return set()

    def holders(self, stage: Stage, units: set[str]) -> list[str]:
        """Who fills a stage in these units by their own duty and right, by name."""
        role = self._role_of.get(stage.role, frozenset()) if stage.role else None
        return [
            name
            for name, fields in self.persons.items()
            if fields.get("unit") in units
            and stage.duty in ("any", fields.get("duty"))
            and (role is None or name in role)
            and self.roles.may_alone(name, "approve")
        ]

    def acting(self, holders: list[str], at: float) -> Iterator[Acting]:
        """Those, and who acts for one of them at a time: what was delegated is not delegated on."""
        for name in holders:
            yield Acting(name)
        for one in self.delegations:
            if one.giver in holders and one.taker in self.persons and not one.fault(day_of(at)):
                yield Acting(one.taker, one.giver)

    def delegation_fault(self, taker: str, giver: str, at: float) -> str:
        """Why a person does not act for another at a time, in a few words; empty where they do."""
        between = [one for one in self.delegations if (one.giver, one.taker) == (giver, taker)]
        if not between:
            return f"no delegation from {giver} to {taker} is accepted"
        faults = [
            f"delegation/{one.name} {one.fault(day_of(at))}" for one in between if one.fault(day_of(at))
        ]
        return "" if len(faults) < len(between) else faults[0]

    def delegations_to(self, person: str) -> list[Delegation]:
        """What others delegated to a person, whether it holds or not."""
        return [one for one in self.delegations if one.taker == person]


def day_of(at: float) -> str:
    """The day of a time, by this machine's calendar."""
    return time.strftime("%Y-%m-%d", time.localtime(at))
