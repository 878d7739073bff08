"""Whatever is planned, confirmed, signed and resumed in whatever order: nothing beyond the limits begins
without its own phrase or its own signature. The limits are counted here by hand, not by the program."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud import access
from govcloud.access import Identity
from govcloud.errors import DeniedError
from govcloud.ledger import Ledger, approvals, entries, open_ledger
from govcloud.plan.gather import Proposal, propose
from govcloud.plan.guards import Leave, judge
from govcloud.run import runner
from govcloud.signatures import OwnKey
from govcloud.workspace import Workspace, open_workspace

MANY = 24
NAMES = [f"z{n}" for n in range(MANY)]
KEY = OwnKey(Ed25519PrivateKey.generate())
BUILDER, CHIEF = (Identity(name, f"{name}@desk", "os") for name in ("builder", "chief"))


class World:
    """A ledger of zones that are only recorded, and what has been signed for it so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.zones = list(NAMES)
        self.limits: dict[str, Any] = {}
        self.signed: set[str] = set()
        self.said = [""]
        (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
        self.write()
        self.workspace: Workspace = open_workspace(str(root))
        self.ledger: Ledger = open_ledger(self.workspace, create=True)
        first = self.proposal()
        runner.start(self.workspace, self.ledger, first.plan, first.blobs, [])
        self.accepted = (set(self.zones), dict(self.limits))

    def write(self) -> None:
        person = {"unit": "bureau", "duty": "staff"}
        tables: dict[str, Any] = {
            "regions": {"here": {"level": "city"}},
            "units": {"bureau": {"region": "here"}},
            "persons": {"builder": person, "chief": person | {"ssh_keys": [KEY.public]}},
            "zones": {name: {"role": "extranet"} for name in self.zones},
        }
        if self.limits:
            tables["profiles"] = {"limits": {"values": self.limits}}
        (self.root / "base.yaml").write_text(yaml.safe_dump(tables))

    def proposal(self) -> Proposal:
        return propose(self.workspace, self.ledger)

    def beyond(self) -> bool:
        """By hand: what the plan of now takes away, against the limits that are accepted."""
        zones, limits = self.accepted
        gone, total = len(zones - set(self.zones)), len(zones) + 4 + bool(limits)
        removed = gone + (bool(limits) and not self.limits)
        share = limits.get("entries_percent", 20)
        return (
            removed > limits.get("entries", 100)
            or (removed >= limits.get("percent_from", 10) and removed * 100 > share * total)
            or limits != self.limits
        )

    def sign(self) -> None:
        """The chief signs the plan of now."""
        plan = self.proposal().plan
        if plan.empty or plan.effect in self.signed:
            return
        one = approvals.draft(
            purpose=approvals.EFFECT,
            subject="",
            effect=plan.effect,
            person="chief",
            account=CHIEF.account,
            public=KEY.public,
        )
        with self.ledger.read() as connection:
            text = approvals.message(connection, one)
        with self.ledger.write() as connection:
            approvals.keep(connection, str(CHIEF), approvals.sealed(one, text, KEY))
        self.signed.add(plan.effect)

    def look(self) -> None:
        """Somebody reads the phrase of the plan of now, to type it whenever they like."""
        with self.ledger.read() as connection:
            phrase = judge(connection, self.proposal().plan, BUILDER).phrase
        if phrase:
            self.said.append(phrase)

    def start(self, typed: str) -> None:
        """Somebody applies, and says what they once read."""
        proposal, beyond = self.proposal(), self.beyond()
        effect = proposal.plan.effect
        if proposal.plan.empty:
            return
        with self.ledger.read() as connection:
            wanted = judge(connection, proposal.plan, BUILDER).phrase
        assert bool(wanted) is beyond
        # Who types what this plan does not want means another one.
        may = typed == wanted or (not typed and effect in self.signed)
        try:
            runner.start(
                self.workspace, self.ledger, proposal.plan, proposal.blobs, [], leave=Leave(confirmed=typed)
            )
        except DeniedError:
            assert not may
            return
        assert may
        # What was signed has done its work.
        self.signed.discard(effect)
        self.accepted = (set(self.zones), dict(self.limits))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, MANY)),
        st.tuples(st.just("limits"), st.sampled_from([{}, {"entries_percent": 100}, {"entries": 3}])),
        st.tuples(st.just("sign"), st.none()),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("start"), st.integers(0, 3)),
    ),
    min_size=3,
    max_size=14,
)


@pytest.fixture
def as_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the builder's, whoever runs the tests."""
    for module in ("govcloud.run.guarding", "govcloud.access.identity"):
        monkeypatch.setattr(f"{module}.who", lambda *_: BUILDER)
    monkeypatch.setattr(access, "who", lambda *_: BUILDER)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_order_of_things_lets_a_plan_go_beyond_its_limits(as_builder: None, steps: list[Any]) -> None:
    root = Path(tempfile.mkdtemp(prefix="govcloud-guards-"))
    try:
        world = World(root)
        for what, value in steps:
            if what == "keep":
                world.zones = NAMES[:value]
                world.write()
            elif what == "limits":
                world.limits = value
                world.write()
            elif what == "start":
                world.start(world.said[-1 - value % len(world.said)])
            else:
                getattr(world, what)()
        with world.ledger.read() as connection:
            there = {name for _, name in entries.current(connection, kind="zone")}
        assert there == world.accepted[0]
        world.ledger.close()
    finally:
        shutil.rmtree(root)


def test_a_phrase_names_one_environment_and_one_amount() -> None:
    from govcloud.plan.guards.blast import Going, phrase

    phrases = [
        phrase(environment, Going(objects={str(n): "" for n in range(objects)}, everything=everything))
        for environment, objects, everything in itertools.product(("a", "b"), (1, 2, 30), (False, True))
    ]
    assert len(set(phrases)) == 8  # everything is everything, however much that is
