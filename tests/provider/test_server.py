"""The provider's calls, with the driver of a store behind them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.provider.experimental.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    GetSchemaRequest,
    PropertyDiffKind,
    ReadRequest,
    UpdateRequest,
)

from govcloud.model.resources import TYPES, Identity
from govcloud.provider.drivers import DriverError, IdentityClash, StaleFence
from govcloud.provider.drivers.store import StoreDriver
from govcloud.provider.orders import Orders
from govcloud.provider.schema import package_schema
from govcloud.provider.server import GovcloudProvider
from govcloud.provider.settings import VARIABLE, ProviderSettings

T = TypeVar("T")
Values = dict[str, PropertyValue]


class Caller:
    """The engine's side: calls with plain values, and what the store says by itself."""

    def __init__(self, root: Path, *, delay_ms: float = 0, fence: int = 1) -> None:
        targets = {"shelf": {"driver": "store", "path": "store.db", "delay_ms": delay_ms}}
        self.settings = ProviderSettings("tiny", str(root), targets, fence)
        self.provider = GovcloudProvider(self.settings)
        self.driver = StoreDriver("tiny", str(root), {"path": "store.db"})

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    def create(self, type: str, uid: str, **properties: Any) -> Coroutine[Any, Any, Any]:
        request = CreateRequest(urn(type, uid), wire(uid=uid, **properties), 0, False)
        return self.provider.create(request)

    def node(self, uid: str, **properties: Any) -> Any:
        return self(self.create("Node", uid, **{"name": uid, "role": "core"} | properties))

    def read(self, type: str, uid: str, state: Values) -> Any:
        return self(self.provider.read(ReadRequest(urn(type, uid), f"{uid}.1", state, state)))

    def there(self, type: str, uid: str, incarnation: int = 1) -> dict[str, Any] | None:
        found = self.driver.read(type, Identity("tiny", uid, incarnation))
        return found.properties if found else None


def urn(type: str, uid: str) -> str:
    return f"urn:pulumi:tiny.x::govcloud::govcloud:index:{type}::{uid}"


def wire(**values: Any) -> Values:
    """Values as they come over the wire, which knows no integers; with an identity unless given."""
    values = {"incarnation": 1, "target": "shelf"} | values
    return {
        k: PropertyValue(float(v) if isinstance(v, int) and not isinstance(v, bool) else v)
        for k, v in values.items()
    }


def plain(values: Values) -> dict[str, Any]:
    return {k: v.value for k, v in values.items()}


LINK = {
    "uid": "l",
    "name": "a-b",
    "a": "a.1",
    "b": "b.1",
    "a_interface": "e0",
    "b_interface": "e0",
    "bandwidth_mbps": 100,
    "delay_ms": 2,
}


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    return Caller(tmp_path)


def check(call: Caller, type: str, **values: Any) -> Any:
    return call(call.provider.check(CheckRequest(urn(type, "x"), {}, wire(**values), b"")))


def diff(call: Caller, before: dict[str, Any], after: dict[str, Any], ignore: Any = ()) -> DiffResponse:
    request = DiffRequest(urn("Link", "l"), "l.1", wire(**before), wire(**after), list(ignore))
    return call(call.provider.diff(request))


def test_schema_and_configuration(call: Caller) -> None:
    assert call(call.provider.get_schema(GetSchemaRequest(0, None, None))).schema == package_schema()


def test_check_fills_what_has_a_default(call: Caller) -> None:
    values = {k: v for k, v in LINK.items() if k != "delay_ms"}
    answer = check(call, "Link", **values)
    assert answer.failures == []
    assert plain(answer.inputs)["delay_ms"] == 0
    assert plain(check(call, "Link", **LINK).inputs)["delay_ms"] == 2


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        ({"colour": "red"}, "colour", "Link has no property 'colour'"),
        ({"a": None}, "a", "Link needs 'a'"),
        ({"uid": None}, "uid", "Link needs 'uid'"),
        ({"bandwidth_mbps": "fast"}, "bandwidth_mbps", "'bandwidth_mbps' should be a number"),
        ({"bandwidth_mbps": True}, "bandwidth_mbps", "'bandwidth_mbps' should be a number"),
        ({"name": 7}, "name", "'name' should be a string"),
        ({"incarnation": 1.5}, "incarnation", "'incarnation' should be an integer"),
    ],
)
def test_check_refuses(call: Caller, change: dict[str, Any], where: str, reason: str) -> None:
    answer = check(call, "Link", **LINK | change)
    assert [(f.property, f.reason) for f in answer.failures] == [(where, reason)]


def test_check_takes_what_is_not_known_yet(call: Caller) -> None:
    values = wire(**LINK) | {"a": PropertyValue(Computed())}
    assert call(call.provider.check(CheckRequest(urn("Link", "l"), {}, values, b""))).failures == []


def test_diff_of_equals_is_nothing(call: Caller) -> None:
    answer = diff(call, LINK, LINK)
    assert (answer.changes, answer.diffs, answer.replaces) == (False, [], [])


@pytest.mark.parametrize("type_name", TYPES)
def test_diff_tells_property_by_property_what_changes(call: Caller, type_name: str) -> None:
    """Identity and what cannot change are refused: a replacement is never the engine's; the rest changes."""
    kind = TYPES[type_name]
    values = {p.name: "x" if p.type == "string" else 1 for p in kind.properties} | {"uid": "l"}
    for name in (*(p.name for p in kind.properties), "uid", "incarnation", "target"):
        old = values.get(name)
        other = {"incarnation": 2, "target": "attic"}.get(name, "y" if isinstance(old, str) else 2)
        request = DiffRequest(urn(type_name, "l"), "l.1", wire(**values), wire(**values | {name: other}), [])
        if name in kind.immutable or name in ("uid", "incarnation", "target"):
            with pytest.raises(DriverError, match=rf"l\.1 differs where it cannot change: there {name}="):
                call(call.provider.diff(request))
            continue
        answer = call(call.provider.diff(request))
        assert answer.changes
        assert (answer.diffs, answer.replaces) == ([name], [])
        assert answer.detailed_diff[name].kind is PropertyDiffKind.UPDATE


def test_the_engine_does_what_the_plan_tells_and_nothing_else(call: Caller, tmp_path: Path) -> None:
    """Whatever its state says: what is not told is neither changed nor taken away, only forgotten."""
    call.node("a")
    call.node("b")
    orders = Orders(change=frozenset({"a.1"}), drop=frozenset({"b.1"}))
    settings = msgspec.structs.replace(call.settings, orders=orders.write(tmp_path / "orders.json"))
    told = GovcloudProvider(settings)

    def differs(uid: str) -> bool:
        old, new = ({"uid": uid, "name": uid, "role": role} for role in ("core", "access"))
        asked = DiffRequest(urn("Node", uid), f"{uid}.1", wire(**old), wire(**new), [])
        return bool(call(told.diff(asked)).changes)

    assert differs("a")
    assert not differs("b")
    for uid in ("a", "b"):
        call(told.delete(DeleteRequest(urn("Node", uid), f"{uid}.1", wire(uid=uid), 0)))
    assert call.there("Node", "a") is not None
    assert call.there("Node", "b") is None
    # What is handed over, or of which a state was lost, is known as it is, and where it is not as it was.
    values = wire(uid="c", name="c", role="access")
    call.node("c")
    known = call(told.create(CreateRequest(urn("Node", "c"), values, 0, False)))
    assert (known.resource_id, plain(known.properties)["role"]) == ("c.1", "core")
    call.driver.delete("Node", Identity("tiny", "c", 1), 1)
    known = call(GovcloudProvider(settings).create(CreateRequest(urn("Node", "c"), values, 0, False)))
    assert (known.resource_id, plain(known.properties)["role"]) == ("c.1", "access")
    assert call.there("Node", "c") is None


def test_diff_keeps_silent_about_what_is_to_be_ignored(call: Caller) -> None:
    assert not diff(call, LINK, LINK | {"bandwidth_mbps": 7}, ["bandwidth_mbps"]).changes


def test_create_read_update_delete(call: Caller) -> None:
    made = call.node("a")
    assert made.resource_id == "a.1"
    assert plain(made.properties) == {
        "name": "a",
        "role": "core",
        "uid": "a",
        "incarnation": 1.0,
        "target": "shelf",
    }
    assert call.there("Node", "a") == {"name": "a", "role": "core"}

    read = call.read("Node", "a", made.properties)
    assert read.resource_id == "a.1"
    assert plain(read.properties) == plain(made.properties)

    news = wire(uid="a", name="gate", role="core")
    updated = call(call.provider.update(UpdateRequest(urn("Node", "a"), "a.1", {}, news, 0, [], False)))
    assert plain(updated.properties)["name"] == "gate"
    # A read after a change sees the change, though reality is listed in bulk.
    assert plain(call.read("Node", "a", made.properties).properties)["name"] == "gate"

    delete = DeleteRequest(urn("Node", "a"), "a.1", made.properties, 0)
    call(call.provider.delete(delete))
    assert call.there("Node", "a") is None
    call(call.provider.delete(delete))  # what is not there is removed


def test_a_preview_changes_nothing(call: Caller) -> None:
    news = wire(uid="a", name="a", role="core")
    call(call.provider.create(CreateRequest(urn("Node", "a"), news, 0, True)))
    assert call.there("Node", "a") is None
    call.node("a")
    call(
        call.provider.update(UpdateRequest(urn("Node", "a"), "a.1", news, news | wire(name="b"), 0, [], True))
    )
    assert call.there("Node", "a") == {"name": "a", "role": "core"}


def test_what_vanished_has_no_id(call: Caller) -> None:
    state = call.node("a").properties
    call.driver.delete("Node", Identity("tiny", "a", 1), 1)
    answer = call.read("Node", "a", state)
    assert not answer.resource_id
    assert not answer.properties


def test_what_was_changed_by_hand_is_read_as_it_is(call: Caller) -> None:
    state = call.node("a").properties
    call.driver.update("Node", Identity("tiny", "a", 1), {"name": "a", "role": "access"}, 1)
    assert plain(call.read("Node", "a", state).properties)["role"] == "access"


def test_a_refresh_of_many_is_one_list(tmp_path: Path) -> None:
    fast, slow = Caller(tmp_path), Caller(tmp_path, delay_ms=300)
    states = {f"n{i}": fast.node(f"n{i}").properties for i in range(12)}

    async def all_of_them() -> list[Any]:
        calls = [slow.provider.read(ReadRequest(urn("Node", u), f"{u}.1", s, s)) for u, s in states.items()]
        return await asyncio.gather(*calls)

    began = time.monotonic()
    assert [r.resource_id for r in slow(all_of_them())] == [f"{u}.1" for u in states]
    assert time.monotonic() - began < 6 * 0.3  # twelve lists would take twice that


def test_creates_overlap(tmp_path: Path) -> None:
    """Twelve of half a second each take about one of them, not six seconds."""
    call = Caller(tmp_path, delay_ms=500)

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(
            *(call.create("Node", f"n{i}", name=f"n{i}", role="core") for i in range(12))
        )

    began = time.monotonic()
    made = call(all_of_them())
    assert time.monotonic() - began < 3
    assert sorted(m.resource_id for m in made) == sorted(f"n{i}.1" for i in range(12))
    assert len(list(call.driver.list())) == 12


def test_create_adopts_the_same_identity_and_refuses_another_thing_of_it(call: Caller) -> None:
    call.node("a")
    call.node("b")
    call(call.create("Link", **LINK))
    birth = next(iter(call.driver.list("Link"))).birth
    adopted = call(call.create("Link", **LINK | {"bandwidth_mbps": 7}))
    assert adopted.resource_id == "l.1"
    link = next(iter(call.driver.list("Link")))
    assert (link.birth, link.properties["bandwidth_mbps"]) == (birth, 7)
    with pytest.raises(IdentityClash, match="there a_interface='e0'; asked for a_interface='e9'"):
        call(call.create("Link", **LINK | {"a_interface": "e9"}))


def test_whole_numbers_reach_the_driver_as_whole_numbers(call: Caller) -> None:
    call.node("a")
    call(call.create("Network", "n", name="n", gateway="a.1", interface="lan"))
    values = {"name": "vm", "network": "n.1", "image": "linux", "vcpus": 2, "memory_mib": 512}
    call(call.create("Instance", "i", **values))
    assert repr(call.there("Instance", "i")["vcpus"]) == "2"  # type: ignore[index]


def test_who_was_taken_over_builds_nothing(tmp_path: Path) -> None:
    old, new = Caller(tmp_path, fence=1), Caller(tmp_path, fence=2)
    state = new.node("a").properties
    with pytest.raises(StaleFence, match="token 1 is older than 2"):
        old.node("b")
    with pytest.raises(StaleFence):
        old(old.provider.delete(DeleteRequest(urn("Node", "a"), "a.1", state, 0)))
    assert [o.properties["name"] for o in new.driver.list()] == ["a"]


def test_updating_what_is_gone_fails_with_the_drivers_words(call: Caller) -> None:
    news = wire(uid="a", name="a", role="core")
    with pytest.raises(DriverError, match=r"node a\.1 is not there"):
        call(call.provider.update(UpdateRequest(urn("Node", "a"), "a.1", {}, news, 0, [], False)))


def test_settings_go_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ProviderSettings("tiny", "/w", {"shelf": {"driver": "store", "title": "架子"}}, 7)
    with pytest.raises(KeyError):
        ProviderSettings.from_environment()
    monkeypatch.setenv(VARIABLE, settings.encode())
    assert ProviderSettings.from_environment() == settings
