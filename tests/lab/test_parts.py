"""Parts of the lab that need no namespaces: what the kernel's bytes mean, and what hinders a lab."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from govcloud.lab import control, netlink, places, preflight, process
from govcloud.lab.wiring import mac, port_name, rate_of


def attribute(kind: int, data: bytes) -> bytes:
    padding = b"\0" * (-len(data) % 4)
    return struct.pack("=HH", 4 + len(data), kind) + data + padding


class Route:
    """A route socket that answers with what the kernel would."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies

    def send(self, _: bytes) -> None:
        pass

    def recv(self, _: int) -> bytes:
        messages = [(netlink.RTM_NEWQDISC, body) for body in self.bodies]
        messages.append((netlink.NLMSG_DONE, b"\0\0\0\0"))
        return b"".join(struct.pack("=IHHII", 16 + len(b), k, 2, 1, 0) + b for k, b in messages)


def qdisc(index: int, kind: str, options: bytes) -> bytes:
    head = struct.pack("=BxxxiIII", 0, index, 0x80010000, netlink.TC_ROOT, 1)
    return head + attribute(1, kind.encode() + b"\0") + attribute(2, options)


def test_the_kernels_delay_and_rate_are_understood() -> None:
    rate = attribute(6, struct.pack("=IiiI", 500_000, 0, 0, 0))
    plain = struct.pack("=IIIIII", round(270_000 / 0.064), 1000, 0, 0, 0, 0)
    exact = plain + rate + attribute(10, struct.pack("=q", 20_000_000))
    large = plain + attribute(8, struct.pack("=Q", 12_500_000_000))
    route: Any = Route([qdisc(7, "netem", plain + rate), qdisc(8, "netem", exact), qdisc(9, "netem", large)])
    found = netlink.qdiscs(route)
    assert found[7]["rate"] == 4_000_000
    assert found[7]["delay"] == pytest.approx(270_000, abs=1)
    assert found[8]["delay"] == 20_000
    assert found[9]["rate"] == 100_000_000_000


def test_rates_are_whole_bytes() -> None:
    assert rate_of(4) == 4_000_000
    assert rate_of(0.0333) % 8 == 0


def test_derived_names_are_short_and_distinct() -> None:
    assert len(port_name("x" * 60 + ".12")) <= 15
    assert len({port_name(f"i{n}.1") for n in range(2000)}) == 2000
    assert mac("a", "x.1").startswith("02:")


def test_a_process_is_known_by_its_start_too() -> None:
    child = subprocess.Popen(["sleep", "100"])
    known = process.identify(child.pid)
    assert known is not None and process.alive(known)
    other = process.Process(known.pid, known.start + 1)
    assert not process.alive(other)
    assert process.end(other) and child.poll() is None
    assert process.end(known)
    child.wait()
    assert process.identify(child.pid) is None


def test_a_damaged_record_is_no_record(tmp_path: Path) -> None:
    where = places.places(tmp_path, "lab")
    where.private.mkdir()
    for text in ("", "{", "[]", '{"agent": 1}'):
        where.record.write_text(text)
        assert places.read_record(where) is None
    assert control.down(tmp_path, "lab").swept == [f"removed {where.record.name}"]


def test_a_record_of_an_earlier_boot_is_known(tmp_path: Path) -> None:
    where = places.places(tmp_path, "lab")
    where.private.mkdir()
    me = process.identify(os.getpid())
    assert me is not None
    places.write_record(where, places.Record(me, me, tmp_path / "nowhere", "another-boot"))
    record = places.read_record(where)
    assert record is not None and not record.current
    assert control.down(tmp_path, "lab").changed


@pytest.mark.parametrize(
    ("setting", "cure"),
    [
        (("kernel/apparmor_restrict_unprivileged_userns", "1"), "apparmor_restrict_unprivileged_userns=0"),
        (("kernel/unprivileged_userns_clone", "0"), "unprivileged_userns_clone=1"),
        (("user/max_user_namespaces", "0"), "max_user_namespaces=15000"),
    ],
)
def test_forbidden_namespaces_come_with_the_command_that_allows_them(
    monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str], cure: str
) -> None:
    monkeypatch.setattr(preflight, "_setting", dict([setting]).get)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(preflight, "tool", lambda name: "false")
    check = preflight._namespace_check()
    assert not check.ok
    assert cure in check.cure


def test_a_missing_tool_comes_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SEARCH_PATH", "/nowhere")
    checks = {check.name: check for check in preflight.preflight()}
    assert "iproute2" in checks["tc"].cure
    assert "util-linux" in checks["unshare"].cure
    assert "namespaces" not in checks
