"""`drift`: what was done behind the program's back, whose word stands against it, and the healing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import ENVIRONMENT, TARGET, province

from govcloud.model.resources import Identity

Cli = Callable[..., Any]


def test_found_with_its_owner_and_healed(cli: Cli, tmp_path: Path) -> None:
    """Missing, changed, extra: told with file and line, healed exactly; what is not ours stays."""
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0
    before = place.objects()

    place.remove("Node/r3")
    changed = before["Link/r1-r2"]
    driver, fence = place.driver(), place.fence()
    identity = Identity(ENVIRONMENT, changed.uid, changed.incarnation)
    driver.update("Link", identity, changed.properties | {"bandwidth_mbps": 7}, fence)
    driver.create("Node", Identity(ENVIRONMENT, "f" * 16, 1), {"name": "stray", "role": "core"}, fence)
    foreign = place.driver("elsewhere")
    foreign.create("Node", Identity("elsewhere", before["Node/r1"].uid, 1), {"name": "x", "role": "core"}, 1)

    told = cli("drift", "--json", cwd=place.root)
    assert told.code == 3, told
    assert told.json["checked"] == 5
    assert told.json["deviations"] == 3
    found = {(f["status"], f["subject"]): f for f in told.json["findings"]}
    assert set(found) == {("missing", "node/r3"), ("changed", "link/r1-r2"), ("extra", "stray")}
    assert found["missing", "node/r3"]["owner"] == f"base.yaml:{place.line_of('r3:')}"
    fields = found["changed", "link/r1-r2"]["fields"]
    assert list(fields) == ["bandwidth_mbps"]
    assert (fields["bandwidth_mbps"]["wanted"], fields["bandwidth_mbps"]["seen"]) == (100, 7)
    assert found["changed", "link/r1-r2"]["owner"] == f"base.yaml:{place.line_of('r1-r2:')}"
    words = cli("drift", cwd=place.root).out
    assert "bandwidth_mbps: should be 100" in words
    assert "seen    changed" in cli("show", "link/r1-r2", cwd=place.root).out

    # The plan heals these three and touches nothing else.
    plan = cli("plan", "--json", cwd=place.root).json
    verbs = {(c["verb"], c["subject"]) for s in plan["stages"] for c in s["changes"]}
    assert verbs == {("heal", "node/r3"), ("heal", "link/r1-r2"), ("delete", "node/stray")}
    assert cli("apply", "--yes", cwd=place.root).code == 0
    after = place.objects()
    assert set(after) == place.wanted()
    assert after["Link/r1-r2"] == before["Link/r1-r2"]
    assert after["Node/r3"].object_id == before["Node/r3"].object_id
    assert after["Node/r3"].birth != before["Node/r3"].birth
    untouched = set(before) - {"Node/r3"}
    assert {k: after[k] for k in untouched} == {k: before[k] for k in untouched}
    assert [r.properties["name"] for r in place.rows("elsewhere")] == ["x"]
    again = cli("drift", cwd=place.root)
    assert again.code == 0, again
    assert "all as it should be" in again.out


def test_two_names_of_one_place_and_a_new_name_for_it(cli: Cli, tmp_path: Path) -> None:
    """A target is renamed and another is added for the same file: nothing there is anybody's extra."""
    place = province(tmp_path, nodes=1).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    targets = place.tables["targets"]
    targets["attic"] = targets.pop(TARGET) | {"was": TARGET}
    targets["annex"] = {"driver": "store"}
    place.tables["nodes"]["r1"]["target"] = "attic"
    place.node("r2", target="annex").write()
    result = cli("apply", "--yes", cwd=place.root)
    assert result.code == 0, result
    assert set(place.objects()) == {"Node/r1", "Node/r2"}
    seen = cli("drift", "--json", cwd=place.root)
    assert seen.code == 0, seen
    assert (seen.json["checked"], seen.json["findings"]) == (2, [])
    place.remove("Node/r2")
    seen = cli("drift", "--json", cwd=place.root)
    assert [(f["status"], f["subject"], f["target"]) for f in seen.json["findings"]] == [
        ("missing", "node/r2", "annex")
    ]
