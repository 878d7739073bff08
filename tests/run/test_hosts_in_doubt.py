"""Between the first task of a play and its last, a host is neither as it was nor as it will be.

The actuator and the ledger are real; Ansible and the lab are played here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from govcloud.ledger import Ledger, building, hosts, leases, open_ledger
from govcloud.plan.delivering import VARIABLE
from govcloud.plan.stages import Base, Plan, Play, ResourceChange, Stack
from govcloud.run.actuators import play as playing
from govcloud.run.actuators import stack as stacking
from govcloud.run.context import LEASE, RunContext, StageFailed
from govcloud.run.events import Bus
from govcloud.run.keeping import Kept
from govcloud.run.playing.ansible import Told
from govcloud.workspace import Settings, Workspace

Ansible = Callable[[Sequence[str]], Told]


class Reach:
    """A lab in which every host is there, and was born once."""

    def __init__(self, _workspace: Workspace, _hosts: Any = None) -> None:
        pass

    def missing(self, _hosts: Any) -> list[str]:
        return []

    def birth(self, host: str) -> str:
        return f"birth of {host}"


class Site:
    """A ledger with servers ``a`` and ``b``, and plays of them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, fence: int, ledger: Ledger) -> None:
        self.workspace = Workspace(root, Settings(environment="tiny"))
        self.ledger, self.fence, self.monkeypatch = ledger, fence, monkeypatch
        self.played: list[list[str]] = []
        monkeypatch.setattr(playing, "Reach", Reach)
        monkeypatch.setattr(RunContext, "blob", lambda _self, _digest: b"")
        for name in "ab":
            self.call(name)

    def call(self, name: str, uid: str = "") -> None:
        """A server's entry, of the uid of its first name."""
        uid = uid or f"u-{name}"
        with self.ledger.write() as connection:
            connection.run("DELETE FROM entry WHERE uid = :uid", uid=uid)
            connection.run("DELETE FROM accepted WHERE uid = :uid", uid=uid)
            row = {"uid": uid, "kind": "server", "name": name, "since": 1, "until": None}
            connection.insert("entry", [row | {"incarnation": 1}])
            connection.insert("accepted", [row | {"fields": "{}", "digest": "d"}])

    def play(self, run: str, inputs: Mapping[str, str], ansible: Ansible, **more: Any) -> None:
        """``more``: ``secrets`` by host, and fields of the stage."""
        secrets = more.pop("secrets", {})
        stage = Play(
            id="play", title="t", phase="expand", playbook="p", routing="static", inputs=dict(inputs), **more
        )
        known = {
            h: {
                "entry": f"server/{h}",
                "groups": [],
                "vars": {VARIABLE: [{"secret": s, "version": v} for s, v in secrets[h].items()]}
                if h in secrets
                else {},
            }
            for h in inputs
        }
        plan = Plan(
            environment="tiny", title="t", stages=(stage,), effect="e", base=Base({}, {}), hosts=known
        )
        site = self

        class Playbooks:
            @classmethod
            def unpack(cls, *_: Any) -> Playbooks:
                return cls()

            def play(self, hosts: Mapping[str, Any], **_: Any) -> Told:
                site.played.append(sorted(hosts))
                return ansible(list(hosts))

        self.monkeypatch.setattr(playing, "Playbooks", Playbooks)
        kept = Kept({s: b"value" for held in secrets.values() for s in held})
        context = RunContext(self.workspace, self.ledger, run, "me", plan, self.fence, Bus([]), kept=kept)
        playing.play(stage, context)

    def known(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """(digest, all else) of what hosts are known to have, by name."""
        with self.ledger.read() as connection:
            rows = building.all_applied(connection).values()
        return {row.scope.removeprefix("host:"): (row.digest, row.inputs) for row in rows}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    ledger = open_ledger(Workspace(tmp_path, Settings(environment="tiny")), create=True)
    with leases.held(ledger, LEASE) as fence:
        yield Site(tmp_path, monkeypatch, fence, ledger)


def good(names: Sequence[str]) -> Told:
    return Told(names, through=set(names), changed=set(names), status="successful")


def bad(*failing: str) -> Ansible:
    return lambda names: Told(
        names, through=set(names) - set(failing), failed=dict.fromkeys(failing, "no"), status="failed"
    )


def killed(_names: Sequence[str]) -> Told:
    raise KeyboardInterrupt


def test_a_host_that_fails_is_not_as_it_was_and_resume_leaves_the_others(site: Site) -> None:
    site.play("r1", {"a": "old", "b": "old"}, good)
    with pytest.raises(StageFailed):
        site.play("r2", {"a": "new", "b": "new"}, bad("b"))
    known = site.known()
    assert known["a"] == ("new", {"birth": "birth of a"})
    assert known["b"][0] not in ("old", "new") and known["b"][1] == {"birth": "birth of b"}
    site.play("r2", {"a": "new", "b": "new"}, good)
    assert site.played[-1] == ["b"]
    assert {digest for digest, _ in site.known().values()} == {"new"}


def test_a_run_that_is_killed_leaves_its_batch_in_doubt_and_no_other(site: Site) -> None:
    site.play("r1", {"a": "old", "b": "old"}, good)
    with pytest.raises(KeyboardInterrupt):
        site.play("r2", {"a": "new", "b": "new"}, killed, batches=(("a",), ("b",)))
    known = site.known()
    assert known["a"][0] not in ("old", "new") and known["b"][0] == "old"


def test_what_may_lie_on_a_host_is_not_forgotten(site: Site) -> None:
    site.play("r1", {"a": "old"}, good, secrets={"a": {"db": "v1"}})
    with pytest.raises(KeyboardInterrupt):
        site.play("r2", {"a": "new", "b": "new"}, killed, secrets={"a": {"web": "v1"}, "b": {"web": "v1"}})
    known = site.known()
    assert known["a"][1]["secrets"] == {"db": "v1", "web": ""}
    # Nothing else is known of a host that was never configured.
    assert known["b"][1]["secrets"] == {"web": ""} and known["b"][0] not in ("old", "new")
    site.play("r3", {"a": "newer"}, good, secrets={"a": {"web": "v2"}})
    assert site.known()["a"] == ("newer", {"birth": "birth of a", "secrets": {"web": "v2"}})


def test_files_put_back_leave_secrets_where_they_are(site: Site) -> None:
    site.play("r1", {"a": "old", "b": "old"}, good, secrets={"a": {"db": "v1"}})
    back: dict[str, Any] = {"restore_from": "r1", "restore": {"a": (), "b": ()}}
    site.play("r2", {"a": "back", "b": "back"}, good, **back)
    known = site.known()
    assert known["a"] == ("back", {"birth": "birth of a", "secrets": {"db": "v1"}, "restored": "r1"})
    assert known["b"] == ("back", {"birth": "birth of b", "restored": "r1"})


def test_a_host_of_another_name_is_in_doubt_under_the_former_one_and_then_only_under_the_new(
    site: Site,
) -> None:
    site.play("r1", {"a": "old"}, good, secrets={"a": {"db": "v1"}})
    site.call("c", "u-a")
    with pytest.raises(KeyboardInterrupt):
        site.play("r2", {"c": "new"}, killed)
    ((name, (digest, held)),) = site.known().items()
    assert (name, held["secrets"]) == ("a", {"db": "v1"}) and digest != "old"
    site.play("r3", {"c": "new"}, good)
    assert site.known() == {"c": ("new", {"birth": "birth of c"})}


def test_a_host_that_gets_a_new_port_holds_its_secrets_and_one_that_is_made_anew_does_not(site: Site) -> None:
    site.play("r1", {"a": "old", "b": "old"}, good, secrets={"a": {"db": "v1"}, "b": {"db": "v1"}})
    changes = [ResourceChange("create", "Link", "u-l", "link/l", incarnation=1)]
    changes += [ResourceChange("heal", "Server", "u-b", "server/b", incarnation=1)]
    stage = Stack(
        id="build",
        title="t",
        phase="expand",
        stack="s",
        domain="wide",
        program="p",
        resources=(),
        changes=tuple(changes),
        restart=("a", "b"),
    )
    plan = Plan(environment="tiny", title="t", stages=(stage,), effect="e", base=Base({}, {}), hosts={})
    stacking._announce(stage, RunContext(site.workspace, site.ledger, "r2", "me", plan, site.fence, Bus([])))
    ((name, (digest, held)),) = site.known().items()
    assert (name, held["secrets"]) == ("a", {"db": "v1"}) and digest != "old"


def test_every_run_has_a_doubt_of_its_own(site: Site) -> None:
    """A plan that was made after one is not based on what another left."""
    seen = set()
    site.play("r1", {"a": "old"}, good)
    for run in ("r2", "r3"):
        with pytest.raises(KeyboardInterrupt):
            site.play(run, {"a": "new"}, killed)
        with site.ledger.read() as connection:
            (row,) = hosts.standing(connection, ["u-a"])
            assert hosts.configured_by(connection, run)["a"][0] == row.digest
        seen.add(row.digest)
    assert len(seen) == 2
