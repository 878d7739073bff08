"""A world of random, valid files that goes from version to version, and what it calls for.

Things have numbers of their own here, whatever the files call them: a rename, a deletion and a new thing
of an old name can be told apart afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store_province import TARGET, Province

# Where a network, a server or an instance may stand; each place is a stack of its own.
PLACES = {"lan": {"site": "hall"}, "sky": {"cloud": "sky"}, "backup": {"site": "spare"}}
FLAVORS = {"small": (1, 512), "large": (4, 4096)}
NO_LIMITS = {"objects": 1000, "entries": 1000, "percent_from": 1000, "site_from": 1000}
# Networks per router and so on are few, so that names come again after a deletion.
NAMES = 14
PLURALS = {
    "Node": "nodes",
    "Link": "links",
    "Network": "networks",
    "Server": "servers",
    "Instance": "instances",
}


@dataclass
class Thing:
    """One thing that the files call for. ``fields`` name other things by their numbers."""

    type: str
    number: int
    name: str
    fields: dict[str, Any]
    was: str = ""


@dataclass
class Wanted:
    """What should be there of one thing: values, and what makes it another object when it changes."""

    number: int
    values: dict[str, Any]
    signature: tuple[Any, ...]
    domain: str


@dataclass
class World:
    """The things, and how they change. Every change leaves the files valid."""

    province: Province
    least: int = 20
    most: int = 60
    things: dict[int, Thing] = field(default_factory=dict)
    # What was changed since the last settlement: said in a failure.
    said: list[str] = field(default_factory=list)
    # Names that went since then: the ledger may still know them, so no other thing is renamed to one.
    _gone: set[tuple[str, str]] = field(default_factory=set)
    _number: int = 0

    # -- making it ----------------------------------------------------------------------------

    @classmethod
    def begin(cls, root: Path, luck: random.Random, *, delay_ms: float, least: int, most: int) -> World:
        """A world of some ``least`` objects over four stacks; each call of its driver takes ``delay_ms``."""
        province = Province(root, settings={"parallel": 3})
        province.tables = {
            "targets": {TARGET: {"driver": "store", "delay_ms": delay_ms}},
            "regions": {"here": {"level": "province"}},
            # Luck takes away what no guard would let go without asking.
            "profiles": {"limits": {"values": NO_LIMITS}},
            "zones": {"extranet": {"role": "extranet"}},
            "units": {"bureau": {"region": "here"}},
            "sites": {
                "hall": {"region": "here", "role": "datacentre"},
                "spare": {"region": "here", "role": "recovery"},
            },
            "rooms": {name: {"site": name} for name in ("hall", "spare")},
            "racks": {name: {"room": name} for name in ("hall", "spare")},
            "clouds": {
                "sky": {"site": "hall", "target": TARGET},
                "fog": {"site": "spare", "target": TARGET},
            },
            "projects": {
                "p": {"cloud": "sky", "unit": "bureau"},
                "q": {"cloud": "fog", "unit": "bureau"},
            },
            "flavors": {n: {"vcpus": v, "memory_mib": m} for n, (v, m) in FLAVORS.items()},
            "images": {"linux": {"os": "Linux"}, "bsd": {"os": "BSD"}},
        }
        world = cls(province, least, most)
        for _ in range(4):
            world._new_node(luck)
        while len(world.things) < least:
            luck.choice([world._new_node, world._new_link, world._new_network, world._new_machine])(luck)
        world.said = ["the first files"]
        return world

    def change(self, luck: random.Random) -> None:
        """One to six changes of the files, chosen by luck. Something always differs afterwards."""
        before = self.objects()
        for _ in range(20):
            for _ in range(luck.randint(1, 6)):
                luck.choice(self._ways())(luck)
            if self.objects() != before:
                return
        raise AssertionError("the world does not change")

    def _ways(self) -> list[Callable[[random.Random], None]]:
        ways: list[Callable[[random.Random], None]] = [
            *[self._update] * 2,
            *[self._replace] * 3,
            self._rename,
            self._move,
        ]
        if len(self.things) < self.most:
            ways += [self._new_node, self._new_link, self._new_network, self._new_machine]
        if len(self.things) > self.least:
            ways += [self._remove] * 3
        return ways

    def settle(self) -> None:
        """What the files say is built: a new name is the name from now on."""
        for thing in self.things.values():
            thing.was = ""
        self.said = []
        self._gone = set()

    def write(self) -> None:
        """Write the files."""
        tables = self.province.tables
        for plural in PLURALS.values():
            tables[plural] = {}
        for thing in self.things.values():
            fields = self._as_file(thing)
            tables[PLURALS[thing.type]][thing.name] = fields | ({"was": thing.was} if thing.was else {})
        self.province.write()

    # -- changes ------------------------------------------------------------------------------

    def _new_node(self, luck: random.Random) -> None:
        self._new(luck, "Node", role=luck.choice(["core", "access"]))

    def _new_link(self, luck: random.Random) -> None:
        a, b = luck.sample(self._of("Node"), 2)
        self._new(luck, "Link", a=a, b=b, ia=self._port(), ib=self._port(), rate=luck.choice([10, 100]))

    def _new_network(self, luck: random.Random) -> None:
        gateway = luck.choice(self._of("Node"))
        self._new(luck, "Network", gateway=gateway, port=self._port(), place=luck.choice(list(PLACES)))

    def _new_machine(self, luck: random.Random) -> None:
        networks = self._of("Network")
        if not networks:
            return self._new_network(luck)
        network = luck.choice(networks)
        if luck.random() < 0.4:
            return self._new(luck, "Server", network=network, rack=luck.choice(["hall", "spare"]))
        fields = {"image": luck.choice(["linux", "bsd"]), "flavor": luck.choice(list(FLAVORS))}
        return self._new(luck, "Instance", network=network, project=luck.choice(["p", "q"]), **fields)

    def _update(self, luck: random.Random) -> None:
        """Change something in place."""
        thing = luck.choice(list(self.things.values()))
        if thing.type == "Node":
            self._set(thing, role="core" if thing.fields["role"] == "access" else "access")
        elif thing.type == "Link":
            self._set(thing, rate=luck.choice([10, 20, 50, 100]))
        elif thing.type == "Instance":
            self._set(thing, flavor="small" if thing.fields["flavor"] == "large" else "large")

    def _replace(self, luck: random.Random) -> None:
        """Change something that makes another object of it; what stands on it is made anew with it."""
        thing = luck.choice(list(self.things.values()))
        if thing.type == "Link":
            a, b = luck.sample(self._of("Node"), 2)
            self._set(thing, a=a, b=b, ia=self._port(), ib=self._port())
        elif thing.type == "Network":
            self._set(thing, gateway=luck.choice(self._of("Node")), port=self._port())
        elif thing.type == "Instance" and luck.random() < 0.5:
            self._set(thing, image="bsd" if thing.fields["image"] == "linux" else "linux")
        elif thing.type in ("Server", "Instance"):
            self._set(thing, network=luck.choice(self._of("Network")))

    def _move(self, luck: random.Random) -> None:
        """Change the owner of something, and so the stack that it belongs in."""
        movable = self._of("Server") + self._of("Instance") + self._of("Network")
        if not movable:
            return
        thing = self.things[luck.choice(movable)]
        if thing.type == "Server":
            self._set(thing, rack="spare" if thing.fields["rack"] == "hall" else "hall")
        elif thing.type == "Instance":
            self._set(thing, project="q" if thing.fields["project"] == "p" else "p")
        else:
            self._set(thing, place=luck.choice(list(PLACES)))

    def _rename(self, luck: random.Random) -> None:
        thing = luck.choice(list(self.things.values()))
        if not thing.was:
            new = self._free(luck, thing.type, new=True)
            self.said.append(f"rename {thing.type}/{thing.name} to {new}")
            thing.was, thing.name = thing.name, new

    def _remove(self, luck: random.Random) -> None:
        """Take something away, and what stands on it."""
        nodes = self._of("Node")
        thing = luck.choice(list(self.things.values()))
        if thing.type != "Node" or len(nodes) > 3:
            self._drop(thing)

    def _drop(self, thing: Thing) -> None:
        for other in list(self.things.values()):
            if thing.number in (other.fields.get(n) for n in ("a", "b", "gateway", "network")):
                self._drop(other)
        if self.things.pop(thing.number, None):
            self.said.append(f"remove {thing.type}/{thing.name}")
            self._gone |= {(thing.type, name) for name in (thing.name, thing.was)}

    def _new(self, luck: random.Random, type_name: str, **fields: Any) -> None:
        self._number += 1
        thing = Thing(type_name, self._number, self._free(luck, type_name), fields)
        self.things[thing.number] = thing
        self.said.append(f"add {type_name}/{thing.name}")

    def _set(self, thing: Thing, **fields: Any) -> None:
        thing.fields |= fields
        self.said.append(f"set {', '.join(fields)} of {thing.type}/{thing.name}")

    def _of(self, type_name: str) -> list[int]:
        return [t.number for t in self.things.values() if t.type == type_name]

    def _port(self) -> str:
        self._number += 1
        return f"e{self._number}"

    def _free(self, luck: random.Random, type_name: str, *, new: bool = False) -> str:
        """A name that nothing of this type has; ``new``: nor had when the files were last built."""
        taken = {n for t in self.things.values() if t.type == type_name for n in (t.name, t.was)}
        taken |= {name for known, name in self._gone if new and known == type_name}
        letter = type_name[0].lower()
        return luck.choice([n for i in range(NAMES + len(taken)) if (n := f"{letter}{i}") not in taken])

    # -- what is wanted -----------------------------------------------------------------------

    def _as_file(self, thing: Thing) -> dict[str, Any]:
        f = thing.fields
        named = {n: self.things[f[n]].name for n in ("a", "b", "gateway", "network") if n in f}
        if thing.type == "Node":
            return {"region": "here", "zone": "extranet", "role": f["role"], "target": TARGET}
        if thing.type == "Link":
            return named | {"a_interface": f["ia"], "b_interface": f["ib"], "bandwidth_mbps": f["rate"]}
        if thing.type == "Network":
            return named | {"interface": f["port"], **PLACES[f["place"]]}
        if thing.type == "Server":
            return named | {"rack": f["rack"], "target": TARGET}
        return named | {n: f[n] for n in ("project", "flavor", "image")}

    def objects(self) -> dict[str, Wanted]:
        """Every object that should be there, by ``Type/name``; references are by the things' numbers."""
        return {f"{t.type}/{t.name}": self._wanted(t) for t in self.things.values()}

    def _wanted(self, thing: Thing) -> Wanted:
        f = thing.fields
        values: dict[str, Any] = {"name": thing.name}
        fixed: dict[str, Any] = {n: f[n] for n in ("a", "b", "gateway", "network") if n in f}
        if thing.type == "Node":
            values |= {"role": f["role"]}
        elif thing.type == "Link":
            fixed |= {"a_interface": f["ia"], "b_interface": f["ib"]}
            values |= {"bandwidth_mbps": f["rate"]}
        elif thing.type == "Network":
            fixed |= {"interface": f["port"]}
        elif thing.type == "Instance":
            vcpus, memory = FLAVORS[f["flavor"]]
            values |= {"vcpus": vcpus, "memory_mib": memory}
            fixed |= {"image": f["image"]}
        below = [self._wanted(self.things[fixed[n]]).signature for n in ("gateway", "network") if n in fixed]
        signature = (tuple(sorted(fixed.items())), *below)
        return Wanted(thing.number, values | fixed, signature, _domain(thing))


def _domain(thing: Thing) -> str:
    """The program that builds it, by where it stands."""
    f = thing.fields
    if thing.type in ("Node", "Link"):
        return "network"
    if thing.type == "Network":
        return {"lan": "datacentre", "sky": "cloud", "backup": "recovery"}[f["place"]]
    if thing.type == "Server":
        return "datacentre" if f["rack"] == "hall" else "recovery"
    return "cloud" if f["project"] == "p" else "recovery"
