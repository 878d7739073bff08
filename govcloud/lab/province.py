"""The objects of one lab: made, read, changed and removed under the rules of the driver protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..model.resources import Identity, RealObject, foreign
from . import process, reality
from .helper import Helper
from .process import Process
from .protocol import LabError
from .records import (
    NODE_LIKE,
    PLUGGED,
    Record,
    check_identity,
    checked,
    clash,
    immutable_difference,
    resource_type,
)
from .space import Holder, Space
from .wiring import Wiring, port_name


class Province:
    """Everything in the lab. Calls may come from many threads; one object is worked on by one at a time."""

    def __init__(self, environment: str, mark: str) -> None:
        self.environment = environment
        self.space = Space(mark)
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()  # over the table, the locks and the fence; held only briefly
        self._object_locks: dict[str, threading.Lock] = {}
        self._fence = -1

    def start(self) -> Process:
        """Start the keeper. Returns when objects can be made. Raises ``LabError``."""
        keeper = self.space.start()
        self.wiring = Wiring(self.space)
        self.reader = Helper("reader", self.space.helper_prefix(), self.space.environment)
        return keeper

    def close(self) -> None:
        """End everything; returns when the kernel has ended it."""
        self.space.close()
        self.wiring.close()
        self.reader.close()
        for record in self._table():
            if record.holder is not None:
                record.holder.waiter.wait()

    def tend(self) -> None:
        """Collect the remains of holders that were killed by hand; revive the delay line."""
        for record in self._table():
            if record.holder is not None:
                record.holder.waiter.poll()
        self.wiring.wire.revive()

    # -- the five verbs ---------------------------------------------------------------------------

    def everything(self, type_name: str | None = None) -> list[RealObject]:
        """Everything that is really there, of one type if named."""
        before = self._table()
        view = self._look(before)
        # An interface may have been made during the look; it is somebody's by now.
        after = self._table()
        known = {r.object_id: r for r in (*before, *after)}
        found = [seen for r in before if (seen := reality.describe(r, view))]
        found += reality.unmanaged(list(known.values()), view)
        return [seen for seen in found if type_name in (None, seen.type)]

    def read(self, type_name: str, identity: Identity) -> RealObject | None:
        """The object of that identity, or None when there is none or it is gone."""
        resource_type(type_name)
        check_identity(identity, self.environment)
        record = self._find(identity.object_id)
        if record is None or record.type != type_name or record.released:
            return None
        return self._real(record)

    def create(
        self, type_name: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Make the object or adopt it. Raises ``LabError`` (``clash``, ``refused``, ``fence``)."""
        check_identity(identity, self.environment)
        wanted = checked(type_name, properties)
        with self._object(identity.object_id, fence):
            self._refuse_foreign(type_name, identity, wanted)
            record = self._find(identity.object_id)
            if record is not None:
                real = self._real(record)
                if real is not None:
                    if record.type != type_name or immutable_difference(type_name, real.properties, wanted):
                        raise clash(record, real.properties, type_name, wanted)
                    return self._bring(record, real, wanted)
            return self._make(type_name, identity, wanted, record)

    def update(
        self, type_name: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Bring the mutable properties to these values. Raises ``LabError`` (``gone``)."""
        check_identity(identity, self.environment)
        wanted = checked(type_name, properties)
        with self._object(identity.object_id, fence):
            record = self._find(identity.object_id)
            ours = record is not None and record.type == type_name and not record.released
            real = self._real(record) if record is not None and ours else None
            if record is None or real is None:
                raise LabError(f"{type_name.lower()} {identity.object_id} is not there", code="gone")
            if immutable_difference(type_name, real.properties, wanted):
                raise clash(record, real.properties, type_name, wanted)
            return self._bring(record, real, wanted)

    def delete(self, type_name: str, identity: Identity, fence: int) -> None:
        """Remove it; nothing there is success. Raises ``LabError``."""
        resource_type(type_name)
        check_identity(identity, self.environment)
        with self._object(identity.object_id, fence):
            record = self._find(identity.object_id)
            if record is None or record.type != type_name or record.released:
                return
            self._unmake(record)
            with self._lock:
                del self._records[record.object_id]

    # -- whose an object is (``handing``) -----------------------------------------------------------

    def fence(self) -> int:
        """The newest fencing token that was seen; 0 before the first."""
        with self._lock:
            return max(self._fence, 0)

    def holding(self, object_id: str, fence: int) -> AbstractContextManager[None]:
        """Hold one object, with the fence looked at."""
        return self._object(object_id, fence)

    def find(self, object_id: str) -> Record | None:
        """What is known under an id, ours or nobody's."""
        return self._find(object_id)

    def records(self) -> list[Record]:
        """Everything that is known."""
        return self._table()

    def real(self, record: Record) -> RealObject | None:
        """What is really there of it."""
        return self._real(record)

    def rename(self, record: Record, identity: Identity) -> None:
        """Let an object be known, as ours, by another identity."""
        with self._lock:
            self._records.pop(record.object_id, None)
            record.born, record.identity, record.released = record.made_as, identity, False
            self._records[record.object_id] = record

    def _refuse_foreign(self, type_name: str, identity: Identity, wanted: dict[str, Any]) -> None:
        """Raises ``LabError`` (``foreign``) where something of nobody's has the name, or the very id."""
        for record in self._table():
            same = record.object_id == identity.object_id or record.name == wanted["name"]
            if record.released and record.type == type_name and same:
                real = self._real(record)
                if real is not None:
                    raise LabError(foreign(type_name, identity.object_id, wanted, real), code="foreign")

    # -- under them -------------------------------------------------------------------------------

    @contextmanager
    def _object(self, object_id: str, fence: int) -> Iterator[None]:
        """Hold one object; the fence is looked at again once it is held, for waiting may be long."""
        self._check_fence(fence)
        with self._lock:
            lock = self._object_locks.setdefault(object_id, threading.Lock())
        with lock:
            self._check_fence(fence)
            yield

    def _check_fence(self, fence: int) -> None:
        with self._lock:
            if fence < self._fence:
                raise LabError(
                    f"the fencing token {fence} is older than {self._fence}: another run has taken over "
                    "(or this ledger is an older copy: `govcloud state check`)",
                    code="fence",
                )
            self._fence = fence

    def _table(self) -> list[Record]:
        with self._lock:
            return list(self._records.values())

    def _find(self, object_id: str) -> Record | None:
        with self._lock:
            return self._records.get(object_id)

    def _look(self, records: list[Record], *, count: bool = True) -> reality.View:
        holders: dict[int, Holder] = {}
        for record in records:
            for holder in (record.holder, *(part[0] for part in record.interfaces)):
                if holder is not None:
                    holders[holder.pid] = holder
        return reality.look(self.reader, self.wiring, list(holders.values()), count=count)

    def _real(self, record: Record) -> RealObject | None:
        return reality.describe(record, self._look([record])) if record.ready else None

    def _make(
        self, type_name: str, identity: Identity, wanted: dict[str, Any], former: Record | None
    ) -> RealObject:
        record = Record(type_name, identity, wanted)
        keep = former is not None and former.type == type_name in PLUGGED and former.properties == wanted
        if former is not None and keep and former.holder is not None and former.holder.alive():
            record.holder = former.holder  # only its plug is gone
            self._unmake(former, holder=False)
        elif former is not None:
            self._unmake(former)
        with self._lock:
            self._check_name(record)
            self._records[record.object_id] = record
        try:
            if type_name == "Link":
                self._make_link(record)
            elif type_name == "Network":
                self._make_network(record)
            else:
                self._make_node(record)
            record.ready = True
            real = self._real(record)
            if real is None:
                raise LabError(f"{record} was made, and was gone at once")
            return real
        except BaseException:
            record.ready = False
            with self._lock:
                self._records.pop(record.object_id, None)
            self._unmake(record)
            raise

    def _check_name(self, record: Record) -> None:
        """Host names are unique among what lives. Called with the table's lock held."""
        if record.type not in NODE_LIKE:
            return
        for other in self._records.values():
            if other.object_id == record.object_id or other.type not in NODE_LIKE:
                continue
            making = not other.ready
            if other.name == record.name and (making or (other.holder and other.holder.alive())):
                raise LabError(
                    f"the name {record.name!r} is taken by {other}, so {record.type.lower()} "
                    f"{record.object_id} cannot have it",
                    code="refused",
                )

    def _referred(self, record: Record, name: str, type_name: str) -> Record:
        """The object that a property refers to. Raises ``LabError`` when it is not there."""
        found = self._find(record.properties[name])
        if found is None or found.type != type_name or not found.ready or found.released:
            raise LabError(
                f"{record}: its {name}, {type_name.lower()} {record.properties[name]}, is not there",
                code="refused",
            )
        if type_name == "Node" and not (found.holder and found.holder.alive()):
            raise LabError(f"{record}: its {name}, {found}, has died", code="refused")
        return found

    def _claim(self, record: Record, parts: list[tuple[Holder, str]]) -> None:
        """Claim interfaces before they are made. Raises ``LabError`` when one is somebody's."""
        wanted = frozenset((holder.pid, name) for holder, name in parts)
        for other in self._table():
            if other is not record and other.claims & wanted and not self._bury(other):
                names = ", ".join(sorted(name for _, name in other.claims & wanted))
                raise LabError(f"{record}: the interface {names} belongs to {other}", code="refused")
        with self._lock:
            if any(r is not record and r.claims & wanted for r in self._records.values()):
                raise LabError(f"{record}: one of its interfaces was taken just now", code="refused")
            record.claims = wanted
        for holder, name in parts:
            if name in process.interfaces(holder.pid):
                raise LabError(
                    f"{record}: the interface {name} is there already, made by hand; it stays untouched",
                    code="refused",
                    hint="remove it by hand, or give the object another interface",
                )

    def _bury(self, record: Record) -> bool:
        """Forget an object that is no longer really there, and its remains; False when it lives."""
        with self._lock:
            lock = self._object_locks.setdefault(record.object_id, threading.Lock())
        if not record.ready or not lock.acquire(blocking=False):
            return False
        try:
            if self._real(record) is not None:
                return False
            self._unmake(record)
            with self._lock:
                self._records.pop(record.object_id, None)
            return True
        finally:
            lock.release()

    def _own(self, record: Record, parts: list[tuple[Holder, str]]) -> None:
        """Remember the interfaces just made, with their indexes."""
        view = reality.look(self.reader, self.wiring, [holder for holder, _ in parts], count=False)
        for holder, name in parts:
            link = view.links.get(holder.pid, {}).get(name)
            if link is None:
                raise LabError(f"{record}: {name} was made, and was gone at once")
            record.interfaces.append((holder, name, link["index"]))

    def _make_link(self, record: Record) -> None:
        wanted = record.properties
        holders = [self._referred(record, side, "Node").holder for side in ("a", "b")]
        a, b = holders
        assert a is not None and b is not None
        parts = [(a, wanted["a_interface"]), (b, wanted["b_interface"])]
        self._claim(record, parts)
        try:
            self.wiring.connect(
                record.object_id,
                ((a.pid, parts[0][1]), (b.pid, parts[1][1])),
                wanted["bandwidth_mbps"],
                wanted["delay_ms"],
            )
        finally:
            # Also after a failure half-way, so that what was made is known and is removed.
            there = [part for part in parts if part[1] in process.interfaces(part[0].pid)]
            self._own(record, there)

    def _make_network(self, record: Record) -> None:
        holder = self._referred(record, "gateway", "Node").holder
        assert holder is not None
        name = record.properties["interface"]
        self._claim(record, [(holder, name)])
        self.wiring.bridge(record.object_id, holder.pid, name)
        self._own(record, [(holder, name)])

    def _make_node(self, record: Record) -> None:
        if record.type == "Node":
            record.holder = self._hold(record, router=True)
            return
        network = self._referred(record, "network", "Network")
        gateway = self._referred(network, "gateway", "Node").holder
        assert gateway is not None
        if network.properties["interface"] not in process.interfaces(gateway.pid):
            raise LabError(f"{record}: its network, {network}, has lost its bridge", code="refused")
        if record.holder is None:
            record.holder = self._hold(record, router=False)
        parts = [(record.holder, "eth0"), (gateway, port_name(record.object_id))]
        self._claim(record, parts)
        bridge = network.properties["interface"]
        self.wiring.plug(record.object_id, record.holder.pid, gateway.pid, bridge)
        self._own(record, parts)

    def _hold(self, record: Record, *, router: bool) -> Holder:
        identity = record.identity
        document = {"environment": identity.environment, "uid": identity.uid}
        text = json.dumps({**document, "incarnation": identity.incarnation, "type": record.type})
        return self.space.hold(record.name, record.object_id, text, router=router)

    def _bring(self, record: Record, real: RealObject, wanted: dict[str, Any]) -> RealObject:
        """Bring the mutable properties of a living object to what is wanted; only what differs."""
        if real.properties == wanted:
            record.properties = wanted
            return real
        former = record.properties
        with self._lock:
            record.properties = wanted
            try:
                self._check_name(record)
            except LabError:
                record.properties = former
                raise
        if record.holder is not None and real.properties["name"] != wanted["name"]:
            self.space.rename(record.holder.pid, wanted["name"])
        if record.type == "Link" and any(
            real.properties[name] != wanted[name] for name in ("bandwidth_mbps", "delay_ms")
        ):
            a, b = ((holder.pid, name) for holder, name, _ in record.interfaces)
            self.wiring.shape(record.made_as, (a, b), wanted["bandwidth_mbps"], wanted["delay_ms"])
        brought = self._real(record)
        if brought is None:
            raise LabError(f"{record} went away while it was changed", code="gone")
        return brought

    def _unmake(self, record: Record, *, holder: bool = True) -> None:
        """Remove what is left of an object: only interfaces that are still the ones made for it."""
        view = reality.look(self.reader, self.wiring, [part[0] for part in record.interfaces], count=False)
        parts = [(part[0].pid, part[1]) for part in record.interfaces if view.interface(part)]
        if record.type == "Link":
            self.wiring.disconnect(record.made_as, parts)
        else:
            for pid, name in parts:
                self.wiring.remove(pid, name)
        if holder and record.holder is not None:
            self._unlink(record.holder)
            record.holder.end()

    def _unlink(self, holder: Holder) -> None:
        """Remove the other ends of a node's lines at once; the kernel would take its time."""
        touching = [r for r in self._table() if r.ready and any(p[0] is holder for p in r.interfaces)]
        view = self._look(touching, count=False)
        for other in touching:
            parts = [(p[0].pid, p[1]) for p in other.interfaces if view.interface(p)]
            if other.type == "Link":
                self.wiring.disconnect(other.made_as, parts)
            elif other.type in PLUGGED:
                for pid, name in parts:
                    self.wiring.remove(pid, name)
