"""What is half done is never told as done: each story once went wrong, and ended in "Nothing to do"."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import ENVIRONMENT, TARGET, Province, province

from govcloud.ledger.entries import uid_for
from govcloud.model.resources import Identity

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


def test_a_replacement_that_fails_leaves_the_former_one(cli: Cli, tmp_path: Path) -> None:
    """Nothing is taken away before the next incarnation is there, and the next plan makes that one."""
    place = province(tmp_path, nodes=2).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.remove("Network/app")  # nobody looked, so nobody knows
    place.tables["images"]["other"] = {"os": "Other"}
    place.tables["instances"]["vm"]["image"] = "other"
    failed = cli("apply", "--yes", cwd=place.write().root)
    assert failed.code == 1, failed
    assert place.objects()["Instance/vm"].incarnation == 1
    plan = cli("plan", "--json", cwd=place.root).json
    assert "instance/vm" in {c["subject"] for s in plan["stages"] for c in s.get("changes", ())}
    assert cli("drift", cwd=place.root).code == 3
    healed = cli("apply", "--yes", cwd=place.root)
    assert healed.code == 0, healed
    assert set(place.objects()) == place.wanted()


def test_a_change_of_what_is_missing_makes_it(cli: Cli, tmp_path: Path) -> None:
    """An update needs an object; where drift has seen none, the object is made with its new values."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.remove("Node/r2")
    assert cli("drift", cwd=place.root).code == 3
    place.tables["nodes"]["r2"]["role"] = "access"
    done = cli("apply", "--yes", cwd=place.write().root)
    assert done.code == 0, done
    assert place.objects()["Node/r2"].properties["role"] == "access"


def test_a_heal_that_failed_is_not_forgotten(cli: Cli, tmp_path: Path) -> None:
    """What drift saw stays true until an engine has mended it."""
    place = province(tmp_path, nodes=2).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    place.remove("Server/web")
    place.remove("Network/lan")
    assert cli("drift", cwd=place.root).code == 3
    place.remove("Node/r2")  # the network's gateway, of another stack, and after the look
    assert cli("apply", "--yes", cwd=place.root).code == 1
    plan = cli("plan", "--json", cwd=place.root).json
    healed = {(c["verb"], c["subject"]) for s in plan["stages"] for c in s["changes"]}
    assert {("heal", "network/lan"), ("heal", "server/web")} <= healed
    assert cli("drift", cwd=place.root).code == 3
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(place.objects()) == place.wanted()
    assert place.objects()["Server/web"].object_id == before["Server/web"].object_id


def test_a_program_that_leaves_something_out_is_refused(cli: Cli, tmp_path: Path) -> None:
    """A site's own program may order and refine, and must not forget."""
    place = province(tmp_path, nodes=2).write()
    own = place.root / "stacks"
    own.mkdir()
    for domain in ("datacentre", "cloud", "recovery"):
        (own / f"{domain}.py").write_text("def program(slice):\n    pass\n")
    (own / "network.py").write_text(
        "def program(slice):\n    for node in slice.of('Node')[:1]:\n        slice.declare(node)\n"
    )
    refused = cli("apply", "--yes", cwd=place.root)
    assert refused.code == 1, refused
    assert "stacks/network.py does not declare node/r2, link/r1-r2" in refused.out
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 3


def test_a_target_does_not_walk_away_from_what_stands_there(cli: Cli, tmp_path: Path) -> None:
    """Pointing it elsewhere would leave everything behind, unseen."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["targets"][TARGET]["path"] = "elsewhere.db"
    refused = cli("plan", cwd=place.write().root)
    assert refused.code == 2, refused
    assert f"target/{TARGET}: `path` would change while 3 object(s) stand there" in refused.err


def test_drift_looks_where_nothing_is_left(cli: Cli, tmp_path: Path) -> None:
    """After a destroy, something of ours that stayed behind is told and swept."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    identity = Identity(ENVIRONMENT, "d" * 16, 1)
    place.driver().create("Node", identity, {"name": "stray", "role": "core"}, place.fence())
    told = cli("drift", cwd=place.root)
    assert told.code == 3, told
    assert "stray" in told.out


def test_a_moved_file_is_the_owner_from_now_on(cli: Cli, tmp_path: Path) -> None:
    """Nothing changes but where it is said, and whoever is asked names the file that exists."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    (place.root / "base.yaml").rename(place.root / "moved.yaml")
    again = cli("apply", "--yes", cwd=place.root)
    assert again.code == 0, again
    assert "Nothing to do" in again.out
    assert "moved.yaml:" in cli("show", "node/r2", cwd=place.root).out


def test_git_that_cannot_answer_is_no_leave_to_go_back(cli: Cli, tmp_path: Path) -> None:
    """Once files came from a commit, files of which nobody knows the commit are refused."""
    place = province(tmp_path, nodes=2).write()
    git = ["git", "-C", str(place.root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "base.yaml", "govcloud.yaml"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    assert cli("apply", "--yes", cwd=place.root).code == 0
    (place.root / ".git").rename(place.root / ".hidden")
    refused = cli("plan", cwd=place.root)
    assert refused.code == 5, refused
    assert "git cannot tell" in refused.err


def test_nobody_reading_changes_no_exit_code(tmp_path: Path) -> None:
    """`plan --detailed-exitcode | true` still says that something waits."""
    place = province(tmp_path, nodes=2).write()
    piped = f"set -o pipefail; {GOVCLOUD} plan --detailed-exitcode --full | true"
    done = subprocess.run(["bash", "-c", piped], cwd=place.root, capture_output=True, text=True)
    assert done.returncode == 3, done
    assert "Traceback" not in done.stderr


def apply_and_lose_the_record(cli: Cli, place: Province) -> None:
    """The engine does all that the files say, and the ledger learns nothing of it."""
    lose = "create trigger lose before insert on applied begin select raise(abort, 'lost'); end"
    with sqlite3.connect(place.private / "ledger.db") as ledger:
        ledger.execute(lose)
    assert cli("apply", "--yes", cwd=place.write().root).code == 1
    with sqlite3.connect(place.private / "ledger.db") as ledger:
        ledger.execute("drop trigger lose")


def test_what_was_done_and_not_recorded_is_looked_at(cli: Cli, tmp_path: Path) -> None:
    """The engine acts, its record is lost, and the files go back to what the ledger had."""
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()

    def left() -> list[tuple[str, str]]:
        plan = cli("plan", "--json", cwd=place.write().root).json
        return [
            (c["verb"], c["subject"]) for s in plan["stages"] if s["kind"] == "stack" for c in s["changes"]
        ]

    # Changed, and the ledger says it is as it was.
    place.tables["links"]["r2-r3"]["bandwidth_mbps"] = 200
    apply_and_lose_the_record(cli, place)
    assert place.objects()["Link/r2-r3"].properties["bandwidth_mbps"] == 200
    place.tables["links"]["r2-r3"]["bandwidth_mbps"] = 100
    assert left() == [("heal", "link/r2-r3")]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert place.objects() == before

    # Taken away, and the ledger said it was there.
    taken = place.tables["links"].pop("r1-r2")
    apply_and_lose_the_record(cli, place)
    assert "Link/r1-r2" not in place.objects()
    place.tables["links"]["r1-r2"] = taken
    assert left() == [("create", "link/r1-r2")]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert {k: r.object_id for k, r in place.objects().items()} == {k: r.object_id for k, r in before.items()}
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0


def test_a_doubt_outlives_a_stage_that_is_not_about_it(cli: Cli, tmp_path: Path) -> None:
    """A stack is cleared first and healed later, and something fails in between: the doubt is still there."""
    place = province(tmp_path, nodes=2).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    vm = place.tables["instances"]["vm"]
    place.tables["instances"]["stray"] = dict(vm)
    place.tables["flavors"]["small"]["memory_mib"] = 600
    apply_and_lose_the_record(cli, place)
    assert place.objects()["Instance/vm"].properties["memory_mib"] == 600
    place.tables["flavors"]["small"]["memory_mib"] = 512
    del place.tables["instances"]["stray"]
    # A router whose place is taken, and an instance that waits for it.
    place.node("r3")
    place.tables["networks"]["far"] = {"gateway": "r3", "interface": "far", "cloud": "sky"}
    place.tables["instances"]["vm3"] = {**vm, "network": "far"}
    obstacle = Identity(ENVIRONMENT, uid_for(ENVIRONMENT, "node", "r3", 0), 1)
    place.driver().create(
        "Network", obstacle, {**before["Network/app"].properties, "name": "x"}, place.fence()
    )
    assert cli("apply", "--yes", cwd=place.write().root).code == 1
    stages = dict(place.ledger("select id, status from stage where run = (select max(id) from run)"))
    assert stages["clear:cloud-1"] == "done" and stages["stack:cloud-1"] != "done", stages
    assert "Instance/stray" not in place.objects()
    del place.tables["nodes"]["r3"], place.tables["networks"]["far"], place.tables["instances"]["vm3"]
    place.driver().delete("Network", obstacle, place.fence())
    plan = cli("plan", "--json", cwd=place.write().root).json
    changes = [
        (c["verb"], c["subject"]) for s in plan["stages"] if s["kind"] == "stack" for c in s["changes"]
    ]
    assert ("heal", "instance/vm") in changes
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    assert place.ledger("select object from intent") == []
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
