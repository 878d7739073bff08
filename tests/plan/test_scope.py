"""A plan that looks only at what changed, held against one that looks at everything."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner_model import Proposed
from planner_worlds import COMMON, chain, entries, renamed

from govcloud.errors import InputError
from govcloud.ledger import Ledger, building, open_ledger
from govcloud.ledger import entries as ledger_entries
from govcloud.ledger.building import Applied
from govcloud.ledger.claims import CHECKED_KEY, change_claims
from govcloud.ledger.store import keep_setting
from govcloud.ledger.store import settings as ledger_settings
from govcloud.model import KINDS
from govcloud.plan import gather, scope
from govcloud.plan.gather import propose
from govcloud.plan.graph import LedgerGraph, MemoryGraph
from govcloud.plan.stacking import resource_digest, snapshot
from govcloud.plan.stages import ENDING, Move, Plan, Record, Stack
from govcloud.workspace import Settings, Workspace


class Place:
    """A workspace with a ledger, in which plans are carried out on paper: no engine, no objects."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root, Settings(environment="tiny", stack_size=3))
        (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
        self.ledger: Ledger = open_ledger(self.workspace, create=True)

    def write(self, proposed: Proposed) -> None:
        """A file for each kind, so that most of them stay as they are."""
        for kind, cls in KINDS.items():
            table = {name: fields for (k, name), fields in proposed.items() if k == kind}
            path = self.workspace.root / f"{kind}.yaml"
            if table:
                path.write_text(yaml.safe_dump({cls.PLURAL: table}, sort_keys=False))
            else:
                path.unlink(missing_ok=True)

    def both(self) -> tuple[Plan, Plan]:
        """The plan of what changed, and the plan of everything."""
        return propose(self.workspace, self.ledger).plan, propose(
            self.workspace, self.ledger, everything=True
        ).plan

    def checked(self) -> bool:
        """Whether everything accepted is known to be without fault, so that few changes will do."""
        with self.ledger.read() as connection:
            return ledger_settings(connection).get(CHECKED_KEY) == gather.CHECKED

    def uids(self, kind: str) -> dict[str, str]:
        """The uid of each accepted entry of a kind, by name."""
        with self.ledger.read() as connection:
            return {a.name: a.uid for a in ledger_entries.current(connection, kind=kind).values()}

    def few(self) -> Plan:
        """The plan of what changed, with no way back to everything."""
        with self.ledger.read() as connection:
            asking = gather._Asking(self.workspace, connection, gather.programs(self.workspace))
            return gather._plan_of_changes(asking)

    def carry(self, plan: Plan, *, until: int | None = None) -> None:
        with self.ledger.write() as connection:
            for stage in plan.stages[:until]:
                if isinstance(stage, Record):
                    self._record(connection, stage, plan)
                elif isinstance(stage, Stack):
                    gone = [c.object_id for c in stage.changes if c.verb in ENDING]
                    building.forget_objects(connection, f"stack:{stage.stack}", gone)
                    changed = {c.object_id for c in stage.changes}
                    rows = [
                        Applied(f"stack:{stage.stack}", r.uid, r.incarnation, resource_digest(r), snapshot(r))
                        for r in stage.resources
                        if r.object_id in changed
                    ]
                    building.set_applied(connection, "run", rows)
                elif isinstance(stage, Move):
                    known = {r.object_id: r for h in stage.holdings for r in h.resources}
                    for one in stage.changes:
                        held = known[one.object_id]
                        scope_ = f"stack:{one.stack}"
                        row = Applied(
                            scope_, held.uid, held.incarnation, resource_digest(held), snapshot(held)
                        )
                        building.set_applied(connection, "run", [row])
                        building.forget_objects(connection, f"stack:{one.source}", [one.object_id])

    def _record(self, connection: Any, stage: Record, plan: Plan) -> None:
        number = ledger_entries.open_revision(connection, actor="me", run=None, commit=None, message="")
        ledger_entries.accept(connection, number, [c for c in stage.changes if c.verb != "delete"])
        ledger_entries.withdraw(connection, number, [c.uid for c in stage.changes if c.verb == "delete"])
        accepted = {(c.kind, c.name): c.fields for c in stage.changes}
        change_claims(connection, number, stage.claims, accepted)
        last = [s for s in plan.stages if isinstance(s, Record)][-1].id == stage.id
        keep_setting(connection, CHECKED_KEY, plan.checked if last else "")


@contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        made = Place(Path(folder))
        yield made
        made.ledger.close()


@st.composite
def addressed(draw: st.DrawFn) -> Proposed:
    """Entries with addresses, some of which clash, and now and then one that others need is missing."""
    out = draw(entries())
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    out["zone", "other"] = {"role": "internet"}
    for (kind, _), fields in out.items():
        if kind == "node":
            fields["zone"] = pick("z", "z", "z", "other")
            fields |= pick({}, {"loopback4": f"10.9.0.{pick(1, 2, 3, 4)}"})
        elif kind == "network":
            fields["ipv4"] = f"10.{pick(1, 2, 3, 4, 5, 6)}.0.0/24"
        elif kind in ("server", "instance"):
            octet = out["network", fields["network"]]["ipv4"].split(".")[1] if draw(st.booleans()) else 1
            fields |= pick({}, {"ipv4": f"10.{octet}.0.{pick(1, 2, 3, 4, 5)}"})
    if draw(st.integers(0, 9)) == 0:
        out.pop(draw(st.sampled_from(sorted(out))))
    if draw(st.integers(0, 3)) == 0:
        out["region", "far"] = {"level": "city", "parent": pick("here", "near", "nowhere")}
        out["region", "near"] = {"level": "city", "parent": pick("here", "far")}
    return out


def outcome(make: Any) -> Any:
    """A plan's words, or what is wrong with the files."""
    try:
        plan: Plan = make()
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return plan.effect, plan.stages, plan.claims, plan.base, plan.hosts


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(addressed(), min_size=2, max_size=5), st.data())
def test_few_changes_and_everything_end_in_the_same_plan(wishes: list[Proposed], data: st.DataObject) -> None:
    with place() as here:
        # People go back to what they had, also after a run that died on the way.
        walk = [wishes[n] for n in data.draw(st.lists(st.integers(0, len(wishes) - 1), max_size=6))]
        for wish in [*wishes, *walk]:
            here.write(wish)
            few = outcome(lambda: propose(here.workspace, here.ledger).plan)
            whole = outcome(lambda: propose(here.workspace, here.ledger, everything=True).plan)
            if isinstance(whole, list):
                assert few == whole
                continue
            assert few[:2] == whole[:2]
            assert few[3:] == whole[3:] or not whole[1]
            if here.checked():
                # Nor did it fall back on everything, which would hide that it sees faults where none are.
                assert here.few().stages == whole[1]
            plan = propose(here.workspace, here.ledger).plan
            here.carry(plan, until=data.draw(st.sampled_from([None, None, 1, 2])))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(addressed(), addressed())
def test_the_ledger_and_memory_see_the_same_of_what_is_built(first: Proposed, second: Proposed) -> None:
    with place() as here:
        here.write(first)
        try:
            here.carry(propose(here.workspace, here.ledger).plan)
        except InputError:
            return
        with here.ledger.read() as connection:
            now = {key: a.fields for key, a in ledger_entries.current(connection).items()}
            changed = {k: second.get(k) for k in {*now, *second} if now.get(k) != second.get(k)}
            over = scope.built(LedgerGraph(connection, changed))
        assert over == scope.built(MemoryGraph(second))


def test_a_rename_and_its_users_are_few_changes_too() -> None:
    with place() as here:
        here.write(chain(4))
        here.carry(propose(here.workspace, here.ledger).plan)
        here.write(renamed(chain(4), "node", "n1", "hub"))
        few, whole = here.both()
        assert few.stages == whole.stages
        record = few.stages[0]
        assert isinstance(record, Record)
        assert {(c.name, c.was) for c in record.changes if c.kind == "node"} == {("hub", "n1")}


@pytest.mark.parametrize(
    "after",
    [
        {"n0": "n1", "n1": "n0", "n2": ""},
        {"n1": "n0", "n2": "n1", "n3": "n2"},
        {"n1": "n0", "n0": "n2", "n2": "n1"},
    ],
)
def test_names_passed_on_and_exchanged_are_few_changes_too(after: dict[str, str]) -> None:
    """Carried out in the ledger, where every name has one living bearer, and then nothing is left."""
    with place() as here:
        world = {key: fields for key, fields in chain(3).items() if key[0] != "link"}
        here.write(world)
        here.carry(propose(here.workspace, here.ledger).plan)
        uids = here.uids("node")
        wish = {key: fields for key, fields in world.items() if key[0] != "node"}
        for name, was in after.items():
            wish["node", name] = world["node", was or name] | ({"was": was} if was else {})
        here.write(wish)
        few, whole = here.both()
        assert few.stages == whole.stages == here.few().stages
        assert [s.kind for s in few.stages] == ["record", "stack"]
        here.carry(few)
        assert here.uids("node") == {name: uids[was or name] for name, was in after.items()}
        assert propose(here.workspace, here.ledger).plan.empty


def test_nothing_to_do_is_remembered_until_anything_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the memory the planner is not even asked; every change of what a plan reads asks it again."""
    asked: list[str] = []
    original = scope.built

    def counted(graph: Any) -> Any:
        asked.append("built")
        return original(graph)

    monkeypatch.setattr(scope, "built", counted)
    with place() as here:
        world = copy.deepcopy(COMMON) | chain(3)
        here.write(world)
        here.carry(propose(here.workspace, here.ledger).plan)
        assert propose(here.workspace, here.ledger).plan.empty  # worked out, and remembered
        asked.clear()
        assert propose(here.workspace, here.ledger).plan.empty
        world["unit", "u"] = {"region": "here", "title": "某局"}
        world["unit", "v"] = {"region": "here"}
        del world["flavor", "large"]
        here.write(world)
        plan = propose(here.workspace, here.ledger).plan
        assert [s.kind for s in plan.stages] == ["record", "record"]
        assert not asked or ("unit", "u") in original(MemoryGraph(world))
        with here.ledger.write() as connection:
            building.forget_applied(connection, "stack:network-1")
        assert [s.kind for s in propose(here.workspace, here.ledger).plan.stages][1] == "stack"
        assert asked


def test_who_says_it_may_change_alone() -> None:
    """Entries move to another file: nothing to do, and the claims that a run then keeps."""
    with place() as here:
        here.write(chain(2))
        here.carry(propose(here.workspace, here.ledger).plan)
        (here.workspace.root / "node.yaml").rename(here.workspace.root / "routers.yaml")
        plan = propose(here.workspace, here.ledger).plan
        assert plan.empty
        assert {row.claimant for row in plan.claims.said} == {"file:routers.yaml"}
        assert {key[2] for key in plan.claims.ended} == {"file:node.yaml"}
        assert plan.claims.sources["file:node.yaml"] == ""


def test_what_waits_to_be_withdrawn_is_found_and_what_was_put_back_is_seen() -> None:
    """A run that ends between its two Records leaves a difference that the next plan finds."""
    with place() as here:
        here.write(chain(3))
        here.carry(propose(here.workspace, here.ledger).plan)
        world = chain(2)
        world["node", "n0"]["role"] = "border"
        here.write(world)
        plan = propose(here.workspace, here.ledger).plan
        assert [s.id for s in plan.stages if isinstance(s, Record)] == ["record", "withdraw"]
        here.carry(plan, until=1)
        few, whole = here.both()
        assert few.stages == whole.stages
        assert few.stages[-1].id == "withdraw"
        here.write(chain(3))
        few, whole = here.both()
        assert few.stages == whole.stages
        record = few.stages[0]
        assert isinstance(record, Record)
        assert {c.subject for c in record.changes} == {"node/n0"}  # as it was, and nothing is withdrawn
        here.write(world)
        here.carry(propose(here.workspace, here.ledger).plan)
        assert propose(here.workspace, here.ledger).plan.empty
        assert not propose(here.workspace, here.ledger).plan.claims
