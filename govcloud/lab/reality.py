"""What is really there: the kernel's view of the nodes, matched with what the agent remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..model.resources import RealObject
from . import process
from .helper import Helper
from .records import NODE_LIKE, PLUGGED, Record
from .space import Holder
from .wiring import Wiring, rate_of


@dataclass
class View:
    """One look at some nodes: per holder's pid the hostname and interfaces by name."""

    hostnames: dict[int, str] = field(default_factory=dict)
    links: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # processes by pid namespace
    delays: dict[str, float] | None = None  # ms by link, where the delay line makes them

    def interface(self, part: tuple[Holder, str, int]) -> dict[str, Any] | None:
        """The interface, if it is still the one that was made (same name and index)."""
        holder, name, index = part
        found = self.links.get(holder.pid, {}).get(name)
        return found if found and found["index"] == index else None


def look(reader: Helper, wiring: Wiring, holders: list[Holder], *, count: bool = True) -> View:
    """Look at the nodes of these holders; those that have gone are left out."""
    living = {holder.pid: holder for holder in holders if holder.alive()}
    view = View()
    answer = reader.ask({"nodes": list(living)})["nodes"]
    for pid, holder in living.items():
        found = answer[str(pid)]
        # Still the same process after the look, so what was seen was its own.
        if found is not None and holder.alive():
            view.hostnames[pid] = found["hostname"]
            view.links[pid] = {link["name"]: link for link in found["links"]}
    if count:
        view.counts = process.processes_by_namespace()
    view.delays = wiring.delays()
    return view


def describe(record: Record, view: View) -> RealObject | None:
    """The object as it really is, or None when it, or a part that makes it up, is gone."""
    parts = [view.interface(part) for part in record.interfaces]
    if not record.ready or any(part is None for part in parts):
        return None
    seen = [part for part in parts if part is not None]
    if record.type in NODE_LIKE:
        real = _node(record, view)
    elif record.type == "Link":
        real = _link(record, view, seen)
    else:
        real = _network(record, view, seen[0])
    if real is not None and record.released:
        real.identity, real.handle = None, record.object_id
    return real


def _node(record: Record, view: View) -> RealObject | None:
    holder = record.holder
    if holder is None or holder.pid not in view.links:
        return None
    birth = str(holder.process)
    if record.type in PLUGGED:
        (_, _, index), (gateway, port, _) = record.interfaces
        master = view.links[gateway.pid][port]["master"]
        bridges = {link["index"]: link["name"] for link in view.links[gateway.pid].values()}
        if not master or master not in bridges:
            return None  # its port hangs in the air
        birth = f"{birth}/{index}"
    links = view.links[holder.pid]
    # The holder itself is not counted: what counts is what runs in the node.
    count = view.counts.get(process.namespace(holder.pid, "pid"), 1) - 1
    facts = {
        "pid": holder.pid,
        "addresses": {name: link["addresses"] for name, link in links.items() if link["addresses"]},
        "interfaces": {
            name: {"up": link["up"], "carrier": link["carrier"]}
            for name, link in links.items()
            if name not in holder.baseline
        },
        "processes": count,
    }
    properties = {**record.properties, "name": view.hostnames[holder.pid]}
    return RealObject(
        type=record.type, identity=record.identity, properties=properties, facts=facts, birth=birth
    )


def _link(record: Record, view: View, ends: list[dict[str, Any]]) -> RealObject | None:
    wanted_rate, wanted_delay = rate_of(record.properties["bandwidth_mbps"]), record.properties["delay_ms"]
    delay = wanted_delay
    if view.delays is not None:
        if record.made_as not in view.delays:
            return None  # the delay line does not carry it any more
        delay = view.delays[record.made_as]
    bandwidth = record.properties["bandwidth_mbps"]
    for end in ends:
        found = end["qdisc"] or {"rate": 0, "delay": 0.0}
        if abs(found["rate"] - wanted_rate) >= 16:
            bandwidth = found["rate"] / 1e6
        if view.delays is None and abs(found["delay"] / 1000 - wanted_delay) > 0.002:
            delay = round(found["delay"] / 1000, 3)
    if abs(delay - wanted_delay) <= 0.002:
        delay = wanted_delay
    return RealObject(
        type="Link",
        identity=record.identity,
        properties={**record.properties, "bandwidth_mbps": bandwidth, "delay_ms": delay},
        facts={
            "up": all(end["up"] for end in ends),
            "ends": {
                side: {"up": end["up"], "carrier": end["carrier"], "addresses": end["addresses"]}
                for side, end in zip("ab", ends, strict=True)
            },
        },
        birth="-".join(f"{holder.process}/{index}" for holder, _, index in record.interfaces),
    )


def _network(record: Record, view: View, bridge: dict[str, Any]) -> RealObject | None:
    if bridge["kind"] != "bridge":
        return None
    holder, _, index = record.interfaces[0]
    ports = [link["name"] for link in view.links[holder.pid].values() if link["master"] == index]
    return RealObject(
        type="Network",
        identity=record.identity,
        properties=dict(record.properties),
        facts={"up": bridge["up"], "ports": len(ports), "addresses": bridge["addresses"]},
        birth=f"{holder.process}/{index}",
    )


def unmanaged(records: list[Record], view: View) -> list[RealObject]:
    """Interfaces in the nodes that belong to no object: made by hand, and never touched."""
    ours = {(part[0].pid, part[1]) for r in records for part in r.interfaces if view.interface(part)}
    ours |= {claim for record in records if not record.ready for claim in record.claims}
    found = []
    for record in records:
        holder = record.holder
        if holder is None or holder.pid not in view.links:
            continue
        for name, link in view.links[holder.pid].items():
            if name in holder.baseline or (holder.pid, name) in ours:
                continue
            could_be = {}
            if link["kind"] == "bridge":
                values = {"name": name, "gateway": record.object_id, "interface": name}
                could_be = {"could_be": {"type": "Network", "properties": values}}
            found.append(
                RealObject(
                    type="Interface",
                    identity=None,
                    handle=f"Interface:{record.object_id}.{name}",
                    properties={"node": record.object_id, "interface": name},
                    facts={
                        "node_name": view.hostnames[holder.pid],
                        "up": link["up"],
                        "kind": link["kind"],
                        "addresses": link["addresses"],
                        "alias": link["alias"],
                        **could_be,
                    },
                    birth=f"{holder.process}/{link['index']}",
                )
            )
    return found
