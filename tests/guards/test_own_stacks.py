"""Guards and a site's own stacks: what they are given is frozen with it, what they build counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.ledger import open_ledger, sitestacks
from govcloud.ledger.sitestacks import SiteResource
from govcloud.plan.gather import propose
from govcloud.plan.guards.blast import Going, beyond
from govcloud.plan.guards.freezes import standing_against
from govcloud.plan.guards.limits import limits
from govcloud.plan.stages import Plan
from govcloud.workspace import open_workspace
from tests.guards.conftest import Hall
from tests.guards.test_freezes import freeze

PROGRAM = """
import pulumi


def program(site):
    for name in site.entries("server"):
        if name in site.values["of"]:
            pulumi.CustomResource("notes:index:Note", name, {"text": site.values["text"]})
"""


def declare(hall: Hall, entry: str, of: list[str], text: str = "hello") -> None:
    """One stack that is given one entry, in `govcloud.yaml`."""
    values: dict[str, Any] = {"of": of, "text": text}
    stack = {"name": "board", "entries": [entry], "values": values}
    folder = hall.office.root / "stacks"
    folder.mkdir()
    for shipped in (Path(__file__).parents[2] / "stacks").glob("*.py"):
        (folder / shipped.name).write_bytes(shipped.read_bytes())
    (folder / "board.py").write_text(PROGRAM)
    with (hall.office.root / "govcloud.yaml").open("a") as settings:
        yaml.safe_dump({"stacks": [stack]}, settings)


def stand(hall: Hall, count: int) -> None:
    """Let the ledger have so many resources of the stack as built."""
    made = tuple(SiteResource("notes:index:Note", f"s{n}", {"text": "hello"}) for n in range(count))
    workspace = open_workspace(str(hall.office.root))
    with open_ledger(workspace).write() as connection:
        kept = {"name": "board", "workspace": workspace.settings.workspace, "digest": "d", "plugins": {}}
        sitestacks.record(connection, **kept, resources=made, run="run")


def frozen(hall: Hall) -> tuple[Plan, list[str]]:
    """The plan of now, and the freezes that stand against it."""
    workspace = open_workspace(str(hall.office.root))
    ledger = open_ledger(workspace)
    plan = propose(workspace, ledger).plan
    with ledger.read() as connection:
        return plan, [one.freeze for one in standing_against(connection, plan)]


@pytest.mark.parametrize(("subject", "holds"), [("site/hall", True), ("server/s4", False)])
def test_what_is_made_of_a_frozen_entry_is_frozen(hall: Hall, subject: str, holds: bool) -> None:
    freeze(hall, "exams", subject)
    declare(hall, "server/s3", ["s3"])
    plan, found = frozen(hall)
    assert [stage.id for stage in plan.stages] == ["stack:site.board"]
    assert found == (["exams"] if holds else [])


def test_what_goes_of_a_stack_is_held_by_any_freeze(hall: Hall) -> None:
    freeze(hall, "exams", "server/s3")
    stand(hall, 1)
    plan, found = frozen(hall)
    assert [stage.id for stage in plan.stages] == ["contract:site.board"]
    assert found == ["exams"]


def test_percentages_are_of_all_that_is_built(hall: Hall) -> None:
    stand(hall, 20)
    guards = hall.plan()["guards"]
    assert [(b["limit"], b["words"]) for b in guards["beyond"]] == [
        ("objects_percent", "20 objects go or are made anew, 100 % of 20, more than 20 %")
    ]
    stand(hall, 150)
    with open_ledger(open_workspace(str(hall.office.root))).read() as connection:
        few = Going(objects={f"u{n}": f"site.board/s{n}" for n in range(20)})
        assert beyond(connection, few, limits(connection)) == []
