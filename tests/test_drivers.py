"""What every driver must do, asked of each of them alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from govcloud.model.resources import Identity
from govcloud.provider.drivers import (
    Driver,
    DriverError,
    ForeignObject,
    IdentityClash,
    StaleFence,
    open_driver,
)

ENVIRONMENT = "lab"


@pytest.fixture(params=[pytest.param("lab", marks=pytest.mark.lab), "store"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    """An empty target of each driver."""
    from govcloud.lab import control

    target = {"driver": request.param, "path": "", "delay_ms": 0}
    if request.param == "lab":
        control.up(tmp_path, ENVIRONMENT)
    try:
        yield open_driver(ENVIRONMENT, target, str(tmp_path))
    finally:
        control.down(tmp_path, ENVIRONMENT)


def identity(uid: str, incarnation: int = 1) -> Identity:
    return Identity(ENVIRONMENT, uid, incarnation)


def node(driver: Driver, uid: str, fence: int = 1) -> Any:
    return driver.create("Node", identity(uid), {"name": uid, "role": "core"}, fence)


LINK = {
    "name": "a-b",
    "a": "a.1",
    "b": "b.1",
    "a_interface": "to-b",
    "b_interface": "to-a",
    "bandwidth_mbps": 10,
    "delay_ms": 2,
}


def test_one_of_each_type_is_made_read_and_listed(driver: Driver) -> None:
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        ("Node", "a", {"name": "a", "role": "core"}),
        ("Node", "b", {"name": "b", "role": "access"}),
        ("Link", "l", LINK),
        ("Network", "n", {"name": "n", "gateway": "a.1", "interface": "lan0"}),
        ("Server", "s", {"name": "s", "network": "n.1"}),
        (
            "Instance",
            "i",
            {"name": "i", "network": "n.1", "image": "kylin", "vcpus": 2, "memory_mib": 4096},
        ),
    ]
    for kind, uid, properties in wanted:
        made = driver.create(kind, identity(uid), properties, 1)
        assert (made.type, made.identity, made.properties) == (kind, identity(uid), properties)
        assert made.birth
        assert driver.read(kind, identity(uid)) == made
    listed = {(o.type, o.identity.uid): o.properties for o in driver.list() if o.identity}
    assert listed == {(kind, uid): properties for kind, uid, properties in wanted}
    assert [o.identity for o in driver.list("Link")] == [identity("l")]
    for kind, uid, _ in reversed(wanted):
        driver.delete(kind, identity(uid), 1)
        assert driver.read(kind, identity(uid)) is None
    assert list(driver.list()) == []


def test_creating_again_adopts_and_brings_what_may_change_into_line(driver: Driver) -> None:
    first = node(driver, "a")
    node(driver, "b")
    link = driver.create("Link", identity("l"), LINK, 1)
    again = driver.create("Node", identity("a"), {"name": "a", "role": "border"}, 1)
    assert again.birth == first.birth
    assert again.properties["role"] == "border"
    other = driver.create("Link", identity("l"), {**LINK, "bandwidth_mbps": 20}, 1)
    assert other.birth == link.birth
    assert other.properties == {**LINK, "bandwidth_mbps": 20}
    assert len([o for o in driver.list() if o.identity]) == 3


def test_another_immutable_value_is_a_clash_that_shows_both(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    driver.create("Link", identity("l"), LINK, 1)
    with pytest.raises(IdentityClash, match=r"to-b.*other"):
        driver.create("Link", identity("l"), {**LINK, "a_interface": "other"}, 1)
    with pytest.raises(IdentityClash):
        driver.create("Node", identity("l"), {"name": "l", "role": "core"}, 1)
    with pytest.raises(DriverError):
        driver.update("Link", identity("l"), {**LINK, "a_interface": "other"}, 1)
    found = driver.read("Link", identity("l"))
    assert found is not None and found.properties == LINK


def test_another_incarnation_is_another_object(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    driver.create("Link", identity("l", 1), LINK, 1)
    second = {**LINK, "a_interface": "x-b", "b_interface": "x-a"}
    driver.create("Link", identity("l", 2), second, 1)
    driver.delete("Link", identity("l", 1), 1)
    assert [o.identity for o in driver.list("Link")] == [identity("l", 2)]


def test_update_changes_in_place(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    first = driver.create("Link", identity("l"), LINK, 1)
    wanted = {**LINK, "name": "renamed", "bandwidth_mbps": 4, "delay_ms": 270.5}
    changed = driver.update("Link", identity("l"), wanted, 1)
    assert changed.properties == wanted
    assert changed.birth == first.birth
    assert driver.read("Link", identity("l")) == changed


def test_update_of_nothing_is_an_error(driver: Driver) -> None:
    with pytest.raises(DriverError, match="is not there"):
        driver.update("Node", identity("ghost"), {"name": "ghost", "role": "core"}, 1)


def test_delete_of_nothing_is_success(driver: Driver) -> None:
    driver.delete("Node", identity("ghost"), 1)
    node(driver, "a")
    driver.delete("Node", identity("a"), 1)
    driver.delete("Node", identity("a"), 1)
    driver.delete("Link", identity("a"), 1)
    assert list(driver.list()) == []


def test_a_store_takes_nothing_away_that_others_stand_on(tmp_path: Path) -> None:
    """As a cloud does; an object that is not managed counts as well."""
    store = open_driver(ENVIRONMENT, {"driver": "store"}, str(tmp_path))
    node(store, "a")
    node(store, "b")
    store.create("Link", identity("l"), LINK, 1)
    for uid, end in (("a", "a"), ("b", "b")):
        words = rf"node {uid}\.1 is in use: link l\.1 \(a-b\) has it as its {end}"
        with pytest.raises(DriverError, match=words):
            store.delete("Node", identity(uid), 1)
    store.release("Link", identity("l"), 1)
    with pytest.raises(DriverError, match="is in use"):
        store.delete("Node", identity("a"), 1)
    assert len(list(store.list())) == 3


def test_an_older_fence_is_refused(driver: Driver) -> None:
    node(driver, "a", fence=5)
    node(driver, "b", fence=5)
    for call in (
        lambda: node(driver, "c", fence=4),
        lambda: driver.update("Node", identity("a"), {"name": "a", "role": "access"}, 4),
        lambda: driver.delete("Node", identity("a"), 4),
    ):
        with pytest.raises(StaleFence):
            call()
    node(driver, "c", fence=6)
    with pytest.raises(StaleFence):
        node(driver, "d", fence=5)
    assert {o.properties["name"]: o.properties["role"] for o in driver.list()} == dict.fromkeys("abc", "core")


def test_references_to_nothing_are_refused(driver: Driver) -> None:
    node(driver, "a")
    with pytest.raises(DriverError, match=r"node b\.1, is not there"):
        driver.create("Link", identity("l"), LINK, 1)
    with pytest.raises(DriverError, match=r"network n\.1, is not there"):
        driver.create("Server", identity("s"), {"name": "s", "network": "n.1"}, 1)
    assert [o.type for o in driver.list()] == ["Node"]


def test_wrong_properties_and_types_are_refused(driver: Driver) -> None:
    with pytest.raises(DriverError, match="'colour' is not a property"):
        driver.create("Node", identity("a"), {"name": "a", "role": "core", "colour": "red"}, 1)
    with pytest.raises(DriverError, match="'role' is missing"):
        driver.create("Node", identity("a"), {"name": "a"}, 1)
    with pytest.raises(DriverError, match="'Teapot'"):
        driver.create("Teapot", identity("a"), {}, 1)
    with pytest.raises(DriverError, match="environment 'elsewhere'"):
        driver.create("Node", Identity("elsewhere", "a", 1), {"name": "a", "role": "core"}, 1)
    assert list(driver.list()) == []


def test_defaults_are_filled_in(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    given = {name: value for name, value in LINK.items() if name != "delay_ms"}
    assert driver.create("Link", identity("l"), given, 1).properties["delay_ms"] == 0


def test_twenty_at_once(driver: Driver) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda n: node(driver, f"n{n}"), range(20)))
    assert len({item.birth for item in made}) == 20
    assert {o.identity for o in driver.list()} == {identity(f"n{n}") for n in range(20)}


def test_the_same_object_asked_for_at_once_is_made_once(driver: Driver) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: node(driver, "a"), range(8)))
    assert len({item.birth for item in made}) == 1
    assert len(list(driver.list())) == 1


def test_numbers_as_protobuf_sends_them(driver: Driver) -> None:
    node(driver, "a")
    driver.create("Network", identity("n"), {"name": "n", "gateway": "a.1", "interface": "lan0"}, 1)
    wanted = {"name": "i", "network": "n.1", "image": "kylin", "vcpus": 2.0, "memory_mib": 4096.0}
    assert driver.create("Instance", identity("i"), wanted, 1).properties == wanted


def test_an_identity_taken_off_leaves_the_object_and_is_given_back(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    link = driver.create("Link", identity("l"), LINK, 1)
    driver.release("Link", identity("l"), 1)
    driver.release("Link", identity("l"), 1)
    assert driver.read("Link", identity("l")) is None
    driver.delete("Link", identity("l"), 1)
    loose = [o for o in driver.list() if o.identity is None]
    assert [(o.type, o.properties, o.birth) for o in loose] == [("Link", LINK, link.birth)]
    with pytest.raises(DriverError, match="not there"):
        driver.update("Link", identity("l"), LINK, 1)

    handle = loose[0].handle
    other = {**LINK, "a_interface": "other"}
    with pytest.raises(IdentityClash, match=r"to-b.*other"):
        driver.adopt("Link", handle, identity("m", 3), other, 1)
    with pytest.raises(DriverError):
        driver.adopt("Link", "nothing.1", identity("m", 3), LINK, 1)
    wanted = {**LINK, "bandwidth_mbps": 99, "name": "renamed"}
    for _ in range(2):
        adopted = driver.adopt("Link", handle, identity("m", 3), wanted, 1)
        assert (adopted.identity, adopted.properties, adopted.birth) == (identity("m", 3), LINK, link.birth)
    assert [o for o in driver.list() if o.identity is None] == []
    brought = driver.update("Link", identity("m", 3), {**LINK, "bandwidth_mbps": 20, "delay_ms": 5}, 1)
    assert (brought.properties["bandwidth_mbps"], brought.properties["delay_ms"]) == (20, 5)
    driver.delete("Link", identity("m", 3), 1)
    assert driver.list("Link") == []


def test_what_is_nobodys_is_in_the_way_and_stays(driver: Driver) -> None:
    first = node(driver, "a")
    driver.release("Node", identity("a"), 1)
    with pytest.raises(ForeignObject, match=r"govcloud adopt node/a"):
        driver.create("Node", identity("x"), {"name": "a", "role": "access"}, 1)
    assert [(o.identity, o.birth, o.properties) for o in driver.list()] == [
        (None, first.birth, {"name": "a", "role": "core"})
    ]


def test_who_refers_to_an_object_goes_on_doing_so_when_it_gets_another_identity(driver: Driver) -> None:
    node(driver, "a")
    node(driver, "b")
    driver.create("Link", identity("l"), LINK, 1)
    driver.release("Link", identity("l"), 1)
    driver.release("Node", identity("a"), 1)
    handles = {o.type: o.handle for o in driver.list() if o.identity is None}
    driver.adopt("Node", handles["Node"], identity("z", 2), {"name": "a", "role": "core"}, 1)
    adopted = driver.adopt("Link", handles["Link"], identity("l"), {**LINK, "a": "z.2"}, 1)
    assert adopted.properties["a"] == "z.2"


def test_the_newest_fence_is_told_and_holds_for_identities(driver: Driver) -> None:
    assert driver.fence() == 0
    node(driver, "a", fence=5)
    assert driver.fence() == 5
    with pytest.raises(StaleFence):
        driver.release("Node", identity("a"), 4)
    driver.release("Node", identity("a"), 6)
    (loose,) = driver.list()
    with pytest.raises(StaleFence):
        driver.adopt("Node", loose.handle, identity("a"), {"name": "a", "role": "core"}, 5)
    assert driver.fence() == 6
