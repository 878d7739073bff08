"""Who an object is, through replacement, moves and renames, with a real engine.

What is there is read from the store's own file; the store refuses to take away what others stand on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


def tables(place: Province) -> Province:
    """A cloud with an instance, a data centre with a server, and a recovery site with a cloud of its own."""
    known = place.edge().tables
    known["sites"]["refuge"] = {"region": "here", "role": "recovery"}
    known["clouds"]["shelter"] = {"site": "refuge", "target": "shelf"}
    known["projects"]["spare"] = {"cloud": "shelter", "unit": "bureau"}
    known["images"]["other"] = {"os": "Other"}
    # Of the cloud's stack, in a network of the data centre's.
    known["instances"]["guest"] = dict(known["instances"]["vm"], network="lan")
    return place


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which everything stands, for each test to take a copy of."""
    root = tmp_path_factory.mktemp("identity")
    tables(province(root, nodes=1)).write()
    subprocess.run([str(GOVCLOUD), "apply", "--yes"], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Province:
    shutil.copytree(built, tmp_path / "place")
    return tables(province(tmp_path / "place", nodes=1))


def apply(cli: Cli, place: Province, *options: str) -> dict[str, list[str]]:
    """Plan, apply, and find nothing left to do; returns ``verb subject`` by stage."""
    document = cli("plan", "--json", cwd=place.write().root).json
    done = cli("apply", "--yes", *options, cwd=place.root)
    assert done.code == 0, done
    whole(cli, place)
    return {s["id"]: words(s) for s in document["stages"]}


def words(stage: dict[str, Any]) -> list[str]:
    return [
        f"{c.get('verb', 'move')} {c.get('subject') or c['kind'] + '/' + c['name']}"
        for c in stage.get("changes", ())
    ]


def whole(cli: Cli, place: Province) -> None:
    """The independent list, the ledger and the engine's states agree; nothing is left to do."""
    assert set(place.objects()) == place.wanted()
    ids = {row.object_id for row in place.rows()}
    rows = place.ledger("select scope, uid, incarnation from applied where scope like 'stack:%'")
    assert sorted(ids) == sorted(f"{uid}.{number}" for _, uid, number in rows)
    homes = dict(place.ledger("select uid, stack from entry where until is null and stack is not null"))
    assert {(f"stack:{homes[uid]}", uid) for _, uid, _ in rows} == {(scope, uid) for scope, uid, _ in rows}
    assert states(place) == {f"{uid}.{number}": homes[uid] for _, uid, number in rows}
    assert place.ledger("select count(*) from intent") == [(0,)]
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0


def states(place: Province) -> dict[str, str]:
    """The stack in whose state an object is, by the object's id; fails where it is in two."""
    out: dict[str, str] = {}
    for path in sorted((place.private / "state").glob(".pulumi/stacks/govcloud/*.json")):
        document = json.loads(path.read_text())
        for resource in document["checkpoint"].get("latest", {}).get("resources") or ():
            if resource["type"].startswith("govcloud:"):
                name = resource["urn"].rpartition("::")[2]
                assert name == resource["id"], "a resource's name is its object's id"
                assert name not in out, f"{name} is in two states"
                out[name] = path.stem.partition(".")[2]
    return out


def births(place: Province) -> dict[str, str]:
    return {key: row.birth for key, row in place.objects().items()}


def test_a_replacement_over_two_stacks_makes_before_it_takes_away(cli: Cli, place: Province) -> None:
    """A network of the data centre's stack, and what stands in it, an instance of the cloud's with it.

    A server is one: the former makes way, when what it stands on is not touched yet.
    """
    before = place.objects()
    place.tables["networks"]["lan"]["interface"] = "lan2"
    plan = apply(cli, place)
    assert [(s, plan[s]) for s in plan if s != "record"] == [
        ("clear:datacentre-1", ["retire server/web"]),
        ("stack:datacentre-1", ["replace network/lan", "replace server/web"]),
        ("stack:cloud-1", ["replace instance/guest"]),
        ("contract:cloud-1", ["retire instance/guest"]),
        ("contract:datacentre-1", ["retire network/lan"]),
    ]
    after = place.objects()
    for key in ("Network/lan", "Server/web", "Instance/guest"):
        assert after[key].uid == before[key].uid
        assert after[key].incarnation == before[key].incarnation + 1
        assert after[key].birth != before[key].birth
    assert after["Instance/guest"].properties["network"] == after["Network/lan"].object_id
    assert after["Instance/vm"] == before["Instance/vm"]


def test_a_replacement_that_cannot_stand_beside_clears_its_users_first(cli: Cli, place: Province) -> None:
    """Two networks change interfaces with each other: neither can be made while the other is there."""
    networks = place.tables["networks"]
    networks["lan"]["interface"], networks["app"]["interface"] = "app", "lan"
    # All that is there of the site goes, and comes again.
    plan = apply(cli, place, "--confirm", "destroy 5 objects in tiny")
    both = {"retire instance/vm", "retire instance/guest"}
    assert set(plan["clear:cloud-1"]) == both | {"retire network/app"}
    assert set(plan["clear:datacentre-1"]) == {"retire network/lan", "retire server/web"}
    assert not [s for s in plan if s.startswith("contract")]
    after = place.objects()
    assert after["Network/lan"].properties["interface"] == "app"
    assert {after[k].incarnation for k in ("Network/lan", "Network/app", "Server/web")} == {2}


def test_an_instance_that_changes_its_owner_is_handed_to_another_stack(cli: Cli, place: Province) -> None:
    """From a project of the cloud to one at the recovery site: the object stays what it is, and as it is."""
    before = place.objects()
    place.tables["instances"]["vm"]["project"] = "spare"
    plan = apply(cli, place)
    assert plan == {"record": ["update instance/vm"], "move": ["move instance/vm"]}
    assert place.objects() == before
    assert states(place)[before["Instance/vm"].object_id] == "recovery-1"
    # Changed on its way: still the same object, changed where it is then.
    place.tables["instances"]["vm"]["project"] = "p"
    place.tables["flavors"]["small"]["vcpus"] = 8
    plan = apply(cli, place)
    assert list(plan) == ["record", "move", "stack:cloud-1"]
    vm = place.objects()["Instance/vm"]
    assert (vm.object_id, vm.birth) == (before["Instance/vm"].object_id, before["Instance/vm"].birth)
    assert vm.properties["vcpus"] == 8
    # With what cannot be changed it is another object, in the other stack from its beginning.
    place.tables["instances"]["vm"] |= {"project": "spare", "image": "other"}
    plan = apply(cli, place)
    assert plan["stack:recovery-1"] == ["replace instance/vm"]
    assert plan["contract:cloud-1"] == ["retire instance/vm"]
    assert place.objects()["Instance/vm"].incarnation == 2


def test_a_whole_site_goes_to_another_domain(cli: Cli, place: Province) -> None:
    """Its networks and servers with it, in one stage, and what stands on them is not touched."""
    before = births(place)
    place.tables["sites"]["hall"]["role"] = "recovery"
    plan = apply(cli, place)
    names = ("network/lan", "network/app", "server/web", "instance/vm", "instance/guest")
    assert set(plan["move"]) == {f"move {name}" for name in names}
    assert births(place) == before
    assert cli("destroy", "--yes", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    assert place.rows() == []


def test_a_rename_keeps_the_object(cli: Cli, place: Province) -> None:
    before = place.objects()
    networks, servers = place.tables["networks"], place.tables["servers"]
    networks["hall"] = networks.pop("lan") | {"was": "lan"}
    servers["portal"] = servers.pop("web") | {"was": "web", "network": "hall"}
    place.tables["instances"]["guest"]["network"] = "hall"
    plan = apply(cli, place)
    assert set(plan["stack:datacentre-1"]) == {"update network/hall", "update server/portal"}
    after = place.objects()
    for old, new in (("Network/lan", "Network/hall"), ("Server/web", "Server/portal")):
        assert (after[new].object_id, after[new].birth) == (before[old].object_id, before[old].birth)


def test_two_renames_at_once_keep_both_objects(cli: Cli, place: Province) -> None:
    """One passes its name on to the other: each uid goes where `was` says."""
    before = place.objects()
    instances = place.tables["instances"]
    instances["third"] = instances.pop("guest") | {"was": "guest"}
    instances["guest"] = instances.pop("vm") | {"was": "vm"}
    plan = apply(cli, place)
    assert plan == {
        "record": ["update instance/guest", "update instance/third"],
        "stack:cloud-1": ["update instance/guest", "update instance/third"],
    }
    after = place.objects()
    for old, new in (("guest", "third"), ("vm", "guest")):
        was, now = before[f"Instance/{old}"], after[f"Instance/{new}"]
        assert (now.object_id, now.birth) == (was.object_id, was.birth)


def test_a_target_that_is_renamed_is_the_same_place(cli: Cli, place: Province) -> None:
    """With its users, the engine's states and the ledger: what stands there is not made anew."""
    before = place.objects()
    targets = place.tables["targets"]
    targets["rackx"] = targets.pop("shelf") | {"was": "shelf"}
    for kind in ("nodes", "servers", "clouds"):
        for fields in place.tables[kind].values():
            fields["target"] = "rackx"
    plan = apply(cli, place)
    stacks = {name: changes for name, changes in plan.items() if name != "record"}
    assert set(stacks) == {"stack:network-1", "stack:datacentre-1", "stack:cloud-1"}
    assert {c.partition(" ")[0] for changes in stacks.values() for c in changes} == {"update"}
    assert place.objects() == before
    kept = place.ledger(
        "select distinct json_extract(inputs, '$.target') from applied where scope like 'stack:%'"
    )
    assert kept == [("rackx",)]
    # The former name is free: another place may have it, and nothing moves there.
    targets["shelf"] = {"driver": "store", "path": "other.db"}
    assert apply(cli, place) == {"record": ["create target/shelf"]}
    assert place.objects() == before


def test_an_instance_leaves_a_network_that_is_deleted(cli: Cli, place: Province) -> None:
    """Over two stacks: it is made in the other network first, and the former goes when nothing is in it."""
    del place.tables["servers"]["web"]
    del place.tables["networks"]["lan"]
    place.tables["instances"]["guest"]["network"] = "app"
    plan = apply(cli, place)
    assert plan["stack:cloud-1"] == ["replace instance/guest"]
    assert plan["contract:cloud-1"] == ["retire instance/guest"]
    assert set(plan["contract:datacentre-1"]) == {"delete network/lan", "delete server/web"}
    after = place.objects()
    assert after["Instance/guest"].properties["network"] == after["Network/app"].object_id


def test_a_foreign_object_of_the_same_name_is_in_the_way(cli: Cli, place: Province) -> None:
    """Told with both, and with who may decide; it is not touched."""
    own = place.foreign("Node", "4711", name="r9", role="border")
    failed = cli("apply", "--yes", cwd=place.node("r9").write().root)
    assert failed.code == 1, failed
    assert "node/r9: node r9 (" in failed.out
    assert own in failed.out
    assert "govcloud adopt node/r9" in failed.out
    assert "Traceback" not in failed.out
    assert "Node/r9" not in place.objects()


def test_a_stack_takes_nothing_away_that_its_plan_does_not_name(cli: Cli, place: Province) -> None:
    """An engine's state that is older than what is there, from a backup: nothing is made or lost by it."""
    state = next((place.private / "state").glob(".pulumi/stacks/govcloud/*.cloud-1.json"))
    old = state.read_bytes()
    place.tables["instances"]["vm"]["project"] = "spare"
    apply(cli, place)
    before = births(place)
    state.write_bytes(old)  # it has the instance still
    place.tables["networks"]["app"]["title"] = "应用网"
    place.tables["networks"]["more"] = dict(place.tables["networks"]["app"], interface="more")
    apply(cli, place)
    assert {k: b for k, b in births(place).items() if k in before} == before


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start("apply", "--yes", cwd=…)`` begins a command; what is left of it ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(GOVCLOUD), *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    for orphan in Province(tmp_path / "place").processes():
        orphan.kill()


@pytest.mark.parametrize("then", ["resume", "back"])
def test_a_move_that_is_killed_between_the_two_states_is_finished_or_taken_back(
    cli: Cli, place: Province, start: Callable[..., subprocess.Popen[str]], then: str
) -> None:
    before = place.objects()
    vm = before["Instance/vm"].object_id
    place.tables["instances"]["vm"]["project"] = "spare"
    process = start("apply", "--yes", cwd=place.write().root)
    end = time.monotonic() + 60
    new = place.private / "state" / ".pulumi" / "stacks" / "govcloud" / "tiny.recovery-1.json"
    while vm not in (new.read_text() if new.exists() else "") and time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = cli("runs", "list", "--json", cwd=place.root).json[0]["id"]
    # Whatever is at work with it: it is in the ledger, so it is nobody's stray.
    assert place.ledger("select count(*) from applied where uid = ?", vm.partition(".")[0])[0][0] >= 1
    if then == "resume":
        resumed = cli("runs", "resume", run, cwd=place.root)
        assert resumed.code == 0, resumed
    else:
        assert cli("runs", "cancel", run, cwd=place.root).code == 0
        place.tables["instances"]["vm"]["project"] = "p"
        done = cli("apply", "--yes", cwd=place.write().root)
        assert done.code == 0, done
        # The other stack still has it in its state, and lets go of it without a word at its next update.
        place.tables["instances"]["more"] = dict(place.tables["instances"]["vm"], project="spare")
        done = cli("apply", "--yes", cwd=place.write().root)
        assert done.code == 0, done
    whole(cli, place)
    after = place.objects()
    assert {k: after[k] for k in before} == before
