"""The shipped sample, built whole, and every line cut that a village's way to the cloud leads over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.province.place import Place, machine, place

PING = ["ansible", "-i", "inventory.sh", "all", "-m", "ansible.builtin.ping", "-o"]

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-hainan"), pytest.mark.timeout(900)]

FLOW = "village-haiyiban"


@pytest.fixture
def hainan() -> Iterator[Place]:
    with place() as where:
        where.type("init", str(where.root), "--sample", "hainan")
        yield where


def test_the_sample_comes_up_and_each_line_of_a_villages_way_counts(hainan: Place) -> None:
    before = machine()
    hainan.type("lab", "up")
    hainan.type("apply", "--yes", timeout=600)
    assert len(hainan.pids()) >= 25
    assert hainan.ask("plan")["changes"] == 0
    assert hainan.hostnames() == sorted(hainan.pids())

    said = hainan.run(
        *hainan.lab_prefix(), "ansible", "-i", "inventory.sh", "all", "-m", "ansible.builtin.ping", "-o"
    )
    assert sorted(w.split()[0] for w in said.out.splitlines() if "SUCCESS" in w) == sorted(hainan.pids())

    ends = {frozenset((link["a"], link["b"])): link for link in hainan.ask("lab", "status")["links"]}
    (flow,) = hainan.ask("ls", "flow", f"name={FLOW}")
    cut = []
    for pair in itertools.pairwise(flow["fields"]["path"]):
        link = ends[frozenset(pair)]
        cut.append(link["name"])
        set_state(hainan, link, "down")
        measured = hainan.ask("probe", FLOW, expect=3)
        assert measured["bad"] == len(measured["probes"]) == 6, (link["name"], measured)
        assert all(one["detail"]["reason"] for one in measured["probes"])
        set_state(hainan, link, "up")
        assert hainan.ask("probe", FLOW, "--wait", "60")["bad"] == 0, link["name"]
    assert len(cut) == len(flow["fields"]["path"]) - 1 == 6

    hainan.type("destroy", "--confirm", "destroy everything in hainan")
    hainan.type("lab", "down")
    assert hainan.traces(before) == []


def set_state(where: Place, link: dict[str, str], state: str) -> None:
    where.on(link["a"], "ip", "link", "set", link["a_interface"], state)
