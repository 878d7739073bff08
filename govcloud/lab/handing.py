"""Identities given and taken: an object of nobody's becomes one of ours, and the other way round.

Nothing of an object changes but whose it is. An object whose identity was taken off stays known under
its former id; a bridge that somebody made by hand in a node is known by node and interface.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec

from ..model.resources import TYPES, Identity, RealObject
from . import reality
from .preflight import tool
from .protocol import LabError
from .records import Record, check_identity, checked, clash, immutable_difference, resource_type

if TYPE_CHECKING:
    from .province import Province

_WRITE = 'printf "%s\\n" "$1" > /run/govcloud/identity'


def adopt(
    province: Province,
    type_name: str,
    handle: str,
    identity: Identity,
    properties: dict[str, Any],
    fence: int,
) -> RealObject:
    """Write an identity on what the lab lists under ``handle``. Raises ``LabError`` (``clash``, ``gone``)."""
    check_identity(identity, province.environment)
    wanted = checked(type_name, properties)
    with province.holding(identity.object_id, fence):
        record = province.find(identity.object_id)
        if record is None:
            record = _loose(province, type_name, handle)
        real = province.real(record) if record is not None and record.type == type_name else None
        if record is None or real is None:
            raise LabError(f"the lab has no {type_name.lower()} {handle} that is not managed", code="gone")
        if immutable_difference(type_name, real.properties, wanted):
            raise clash(record, real.properties, type_name, wanted)
        former = record.object_id
        province.rename(record, identity)
        mark(province, record)
        if former != identity.object_id:
            _refer(province, former, identity.object_id)
        adopted = province.real(record)
        if adopted is None:
            raise LabError(f"{record} went away while it was adopted", code="gone")
        return adopted


def release(province: Province, type_name: str, identity: Identity, fence: int) -> None:
    """Take our identity off; nothing there is success."""
    resource_type(type_name)
    check_identity(identity, province.environment)
    with province.holding(identity.object_id, fence):
        record = province.find(identity.object_id)
        if record is None or record.type != type_name or not record.ready:
            return
        record.released = True
        mark(province, record)


def mark(province: Province, record: Record) -> None:
    """Let the identity that a node shows be the record's, or none."""
    if record.holder is None or not record.holder.alive():
        return
    document = {**msgspec.structs.asdict(record.identity), "type": record.type}
    text = "{}" if record.released else json.dumps(document)
    command = [*province.space.enter(record.holder.pid, "--mount"), tool("sh"), "-c", _WRITE, "sh", text]
    done = subprocess.run(
        command, capture_output=True, text=True, env=province.space.environment, timeout=30, check=False
    )
    if done.returncode != 0:
        raise LabError(f"{record}: its identity could not be written: {done.stderr.strip()}")


def _loose(province: Province, type_name: str, handle: str) -> Record | None:
    """The record of something of nobody's; one is made for a bridge that was made by hand."""
    for record in province.records():
        if record.released and record.object_id == handle:
            return record
    if type_name != "Network":
        return None
    for found in province.everything():
        if found.identity is None and found.handle == handle and found.facts.get("could_be"):
            return _bridge(province, found)
    return None


def _bridge(province: Province, found: RealObject) -> Record | None:
    values = found.facts["could_be"]["properties"]
    node = province.find(values["gateway"])
    if node is None or node.holder is None:
        return None
    view = reality.look(province.reader, province.wiring, [node.holder], count=False)
    index = view.links.get(node.holder.pid, {}).get(values["interface"], {}).get("index", 0)
    if not index:
        return None
    # An id that no object of ours can have, until it is given one.
    record = Record("Network", Identity(province.environment, f"hand-{index}", 1), values, released=True)
    record.interfaces.append((node.holder, values["interface"], index))
    record.claims = frozenset({(node.holder.pid, values["interface"])})
    record.ready = True
    return record


def _refer(province: Province, former: str, now: str) -> None:
    """Let objects of nobody's that refer to one by its former id do so by its new one."""
    for record in province.records():
        if record.released:
            for prop in TYPES[record.type].properties:
                if prop.reference and record.properties.get(prop.name) == former:
                    record.properties = {**record.properties, prop.name: now}
