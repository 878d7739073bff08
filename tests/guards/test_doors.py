"""All doors: whatever builds or records something asks the guards first, and unsigned plans stay outside."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import govcloud
from govcloud import access
from govcloud.access import Identity
from govcloud.errors import DeniedError, InputError
from govcloud.ledger import Ledger, approvals, entries, open_ledger, runs
from govcloud.ledger.runs import Status
from govcloud.plan import stages
from govcloud.plan.gather import Proposal, propose
from govcloud.plan.guards import Leave
from govcloud.plan.guards.signing import true_effect
from govcloud.run import runner
from govcloud.signatures import OwnKey
from govcloud.workspace import open_workspace

ROOT = Path(govcloud.__file__).parent
# What asks the guards, directly or by what it calls.
ASKS = {"admit", "let_in", "pass_guards"}
# Functions that write to the ledger with the lease of the base in hand and ask no guard, and why.
OTHERS = {
    "runner.keep": "nothing is to do: who says what stays as it is",
    "runner.cancel": "a run is given up, nothing is built",
    "rekeying.rekey": "the same state under another passphrase",
    "cutting.restore": "puts back what an experiment in the lab cut",
    "collecting.collect": "prunes what is history",
    "rerouting.experiment": "cuts in the lab alone, and puts back",
    "rebuilding.put_aside": "a damaged file of state goes aside before it is rebuilt, which asks",
}
# Where a revision is opened: a Record of a run, and freezes, which are brakes.
REVISIONS = {"record", "declaring"}


def functions(word: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions of the files that hold a word, as ``file.function``."""
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if word in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    yield f"{path.stem}.{node.name}", node


def calls(node: ast.AST) -> set[str]:
    found = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in found}


def test_whoever_takes_the_lease_of_the_base_asks_the_guards() -> None:
    """A new door has to ask as well, or to say here why it need not."""
    held = {
        name: calls(node)
        for name, node in functions("leases.held")
        if any(
            isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and n.func.attr == "held"
            and any(isinstance(a, ast.Name) and a.id == "LEASE" for a in n.args)
            for n in ast.walk(node)
        )
    }
    unasked = {name for name, called in held.items() if not called & ASKS}
    assert {
        "runner.start",
        "runner.resume",
        "accepting.take_over",
        "rebuilding.bring_together",
    } <= held.keys()
    assert unasked == OTHERS.keys()


def test_stages_run_in_the_runner_and_revisions_are_opened_there() -> None:
    performing = {name for name, node in functions("perform(") if "perform" in calls(node)}
    assert {name.partition(".")[0] for name in performing} == {"runner", "segments"}
    found = functions("open_revision(")
    assert {name.partition(".")[0] for name, node in found if "open_revision" in calls(node)} == REVISIONS


KEYS = {name: OwnKey(Ed25519PrivateKey.generate()) for name in ("builder", "chief")}
BUILDER, CHIEF = (Identity(name, f"{name}@desk", "token") for name in KEYS)


class Production:
    """A ledger of zones in production, in which two people may all that can be delegated."""

    def __init__(self, root: Path) -> None:
        self.root, self.zones = root, ["z0"]
        (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\nproduction: true\n")
        self.needs = ""
        self.write()
        self.workspace = open_workspace(str(root))
        self.ledger: Ledger = open_ledger(self.workspace, create=True)
        self.start(BUILDER)
        self.signed: set[tuple[str, str]] = set()

    def write(self) -> None:
        role = {"permissions": ["administer", "plan", "apply", "approve"], "persons": [*KEYS]}
        tables: dict[str, Any] = {
            "regions": {"here": {"level": "city"}},
            "units": {"bureau": {"region": "here"}},
            "persons": {
                name: {"unit": "bureau", "duty": "staff", "ssh_keys": [key.public]}
                for name, key in KEYS.items()
            },
            "roles": {"all": role},
            "zones": {name: {"role": "extranet"} for name in self.zones},
        }
        if self.needs:
            tables["profiles"] = {"approvals": {"values": {"needs": self.needs}}}
        (self.root / "base.yaml").write_text(yaml.safe_dump(tables))

    def proposal(self) -> Proposal:
        self.write()
        return propose(self.workspace, self.ledger)

    def start(self, who: Identity, leave: Leave = Leave()) -> None:  # noqa: B008  (frozen)
        with pytest.MonkeyPatch.context() as patched:
            for module in ("govcloud.run.guarding", "govcloud.access.identity"):
                patched.setattr(f"{module}.who", lambda *_: who)
            patched.setattr(access, "who", lambda *_: who)
            proposal = self.proposal()
            runner.start(self.workspace, self.ledger, proposal.plan, proposal.blobs, [], leave=leave)

    def sign(self, who: Identity, effect: str = "") -> None:
        """Somebody signs the plan of now (or an effect), as the program or as OpenSSH does."""
        effect = effect or self.proposal().plan.effect
        one = approvals.draft(
            purpose=approvals.EFFECT,
            subject="",
            effect=effect,
            person=who.person,
            account=who.account,
            public=KEYS[who.person].public,
        )
        with self.ledger.read() as connection:
            text = approvals.message(connection, one)
        with self.ledger.write() as connection:
            approvals.keep(connection, str(who), approvals.sealed(one, text, KEYS[who.person]))
        self.signed.add((who.person, effect))

    def accepted(self) -> set[str]:
        with self.ledger.read() as connection:
            return {name for _, name in entries.current(connection, kind="zone")}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("zones"), st.integers(1, 4)),
        st.tuples(st.just("needs"), st.sampled_from(["", "none", "requests", "all"])),
        st.tuples(st.just("sign"), st.sampled_from([BUILDER, CHIEF])),
        st.tuples(st.just("start"), st.sampled_from([BUILDER, CHIEF])),
        st.tuples(st.just("confirm"), st.sampled_from([BUILDER, CHIEF])),
    ),
    min_size=4,
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_order_of_things_lets_an_unsigned_plan_through(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="govcloud-doors-") as folder:
        world = Production(Path(folder))
        for what, value in steps:
            if what == "zones":
                world.zones = [f"z{n}" for n in range(value)]
                continue
            if what == "needs":
                world.needs = value
                continue
            proposal = world.proposal()
            if proposal.plan.empty:
                continue
            if what == "sign":
                world.sign(value)
                continue
            before, effect = world.accepted(), proposal.plan.effect
            others = {person for person, signed in world.signed if signed == effect} - {value.person}
            lowers = world.needs in ("none", "requests")
            leave = Leave(confirmed="change limits in tiny") if what == "confirm" else Leave()
            try:
                world.start(value, leave)
            except (DeniedError, InputError):
                assert world.accepted() == before
                # Words that nobody asked for are refused, whoever signed.
                assert not others or lowers or what == "confirm"
                continue
            assert others and not lowers
            world.signed = {one for one in world.signed if one[1] != effect}
        world.ledger.close()


def test_a_run_goes_on_only_while_it_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker or `runs resume` does with a run whose process died, its signature taken back since."""
    world = Production(tmp_path)
    world.zones.append("z1")
    # With what the rules said when it was made, which is signed as well.
    found = stages.Ruling(new=(stages.Ruled("N-15", "deny", "zone/z1", "one line", waiver="waiver/w"),))
    plan = msgspec.structs.replace(world.proposal().plan, ruling=found)
    plan = msgspec.structs.replace(plan, effect=true_effect(plan))
    world.sign(CHIEF, plan.effect)
    with world.ledger.write() as connection:
        digest = runs.put_blob(connection, stages.encode(plan))
        rows = [(s.id, s.kind, s.title) for s in plan.stages]
        runs.create(connection, id="r", plan=digest, effect=plan.effect, title="", actor="b", stages=rows)
        runs.set_status(connection, "r", Status.RUNNING)
        (one,) = approvals.of(connection)
        approvals.revoke(connection, str(CHIEF), one.id, "not yet")
    monkeypatch.setattr("govcloud.run.guarding.who", lambda *_: BUILDER)
    with pytest.raises(DeniedError, match="every plan is signed here"):
        runner.resume(world.workspace, world.ledger, "r", [])
    assert world.accepted() == {"z0"}
    world.sign(CHIEF, plan.effect)
    assert runner.resume(world.workspace, world.ledger, "r", []).status is Status.DONE
    assert world.accepted() == {"z0", "z1"}
    world.ledger.close()
