"""The keys that `--json` writes are those that the tables of docs/ tell, no more and no fewer."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.ledger import building, entries, evidence, hosts, keptfiles, open_ledger
from govcloud.ledger.building import Applied, Observed
from govcloud.ledger.evidence import Evidence
from govcloud.ledger.keptfiles import KeptFile
from govcloud.model import KINDS
from govcloud.run.playing.facts import NAMES
from govcloud.workspace import open_workspace
from tests.browsing import PROVINCE

Cli = Callable[..., Any]
DOCS = Path(__file__).parent.parent / "docs"
GOVCLOUD = Path(sys.executable).with_name("govcloud")
pytestmark = pytest.mark.xdist_group("json-keys")

HEAD = "| command with `--json` | keys |"
# A key, and the keys of what is in it where its brackets name any.
KEY = re.compile(r"`(\w+)`(?: \((`\w+`(?:, `\w+`)*)\))?")
NAME = re.compile(r"`(\w+)`")
# What is typed for each row of the tables; RUN is the newest run.
TYPED = {
    "ls": ["ls"],
    "ls KIND": ["ls", "server"],
    "ls --coverage": ["ls", "--coverage"],
    "ls --protected": ["ls", "--protected"],
    "show": ["show", "server/web-1"],
    "tree": ["tree", "place"],
    "search": ["search", "服务器"],
    "portrait": ["portrait", "portal"],
    "export json --out FILE": ["export", "json", "--out", "all.json"],
    "whoami": ["whoami"],
    "runs list": ["runs", "list"],
    "runs show": ["runs", "show", "RUN"],
    "runs files": ["runs", "files", "RUN"],
    "preview": ["preview"],
    "network render NODE": ["network", "render", "core-1"],
    "gc": ["gc", "--dry-run"],
    "secrets check": ["secrets", "check"],
    # Of a rule that only flags: what denies ends with another code.
    "check": ["check", "--rule", "N-17"],
    "check --coverage": ["check", "--coverage"],
    "check --self-test": ["check", "--self-test", "--rule", "N-17"],
    "notify list": ["notify", "list"],
    "request templates": ["request", "templates"],
    "request templates NAME": ["request", "templates", "recovery"],
}
# Rows that have the keys of another row first.
LIKE = {"show": "ls KIND", "runs cancel": "runs list"}
# Run by a test of its own: only a run that is not over can be given up, and what guards list has to be
# there first (tests/guards); as must be secrets (tests/secrets). Nobody hears what `notify` sends here.
ELSEWHERE = {
    # Needs a file to compare with (tests/devices).
    "network render NODE --diff FILE",
    # tests/merge/test_planning.py
    "network merge plan",
    "network merge verify",
    "network merge status",
    "runs cancel",
    "secrets list",
    "approvals",
    "emergencies",
    "freeze",
    "network boundary",
    "notify test",
    "notify retry",
    # tests/rollout/test_verifying.py
    "ipv6 verify",
    # tests/request/test_submitting.py
    "request submit",
    "request list",
    "request show",
    "request withdraw",
    # tests/request/test_leases.py
    "request release",
    "request renew",
    "request transfer",
    # tests/request/test_tick.py
    "tick --dry-run",
    # tests/request/test_templates.py
    "request new",
    # tests/test_components.py
    "component list",
    "component find WORDS",
    "component add",
    "component reuse",
    # tests/request/test_decisions.py
    "request approve",
    "request reject",
    "request overdue",
    "approvals ID",
    # tests/capacity/test_commands.py
    "capacity usage",
    "capacity review",
    "capacity tune",
    "capacity place",
    "capacity place --rebalance",
    # tests/test_whatif.py
    "network whatif --cut KIND/NAME",
    "network whatif --each link",
    "network whatif --line data",
    "network whatif --restore",
}


def told() -> dict[str, str]:
    """What the tables say of each command's keys, as written."""
    rows: dict[str, str] = {}
    for page in sorted(DOCS.glob("*.md")):
        _, *tables = page.read_text(encoding="utf-8").split(HEAD)
        for table in tables:
            for line in table.split("\n\n", 1)[0].splitlines()[2:]:
                _, command, keys, _ = (part.strip() for part in line.split("|"))
                rows[command.strip("`")] = keys
    return rows


TOLD = told()


def keys_of(command: str) -> dict[str, set[str]]:
    """Keys by the table, each with the keys within, or none where the table tells none."""
    words = TOLD[command]
    found: dict[str, set[str]] = {}
    if command in LIKE:
        start = f"those of `{LIKE[command]}`, "
        assert words.startswith(start)
        words, found = words.removeprefix(start), keys_of(LIKE[command])
    # What follows the keys (`the same for csv`) is no key.
    words = re.split(r", the same for |; ", words)[0]
    return found | {key: set(NAME.findall(within)) for key, within in KEY.findall(words)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small province, recorded, with one thing built, seen and measured by the run that recorded it."""
    root = tmp_path_factory.mktemp("keys")
    channel = {"name": "duty", "webhook": "http://127.0.0.1:9/hook", "events": ["done"]}
    (root / "govcloud.yaml").write_text(
        yaml.safe_dump({"version": 1, "environment": "tiny", "notify": [channel]})
    )
    tables = {KINDS[kind].PLURAL: table for kind, table in PROVINCE.items()}
    (root / "base.yaml").write_text(yaml.safe_dump(tables, allow_unicode=True), encoding="utf-8")
    done = subprocess.run([GOVCLOUD, "apply", "--yes"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done
    run = newest_run(root)
    uid = entries.uid_for("tiny", "server", "web-1", 0)
    seen = Observed("web-1.1", uid, "host:web-1", "ok", {})
    measured = Evidence("server/web-1", "web-1/reach", True, 1.5, "ms", {})
    with open_ledger(open_workspace(str(root))).write() as connection:
        building.set_applied(connection, run, [Applied("host:web-1", uid, 1, "d", {})])
        building.replace_observed(connection, ["host:web-1"], [seen])
        evidence.keep(connection, run, "probe", [measured])
        hosts.set_facts(connection, run, {uid: ("web-1", dict.fromkeys((*NAMES, "interfaces"), 1))})
        keptfiles.keep(connection, run, uid, [(KeptFile("web-1", "/etc/motd", True, size=1), b"x")])
    return root


def newest_run(root: Path) -> str:
    """The id of the newest run, from the folder of the workspace's ledger."""
    from govcloud.ledger import runs

    with open_ledger(open_workspace(str(root))).read() as connection:
        return runs.recent(connection)[0].id


def first(value: Any) -> Any:
    """A list's first item, and of anything else the thing itself; an empty list would prove nothing."""
    if isinstance(value, list):
        assert value, "nothing to compare"
        return value[0]
    return value


@pytest.mark.parametrize("command", TYPED)
def test_keys_are_those_of_the_table(command: str, cli: Cli, place: Path) -> None:
    typed = [newest_run(place) if word == "RUN" else word for word in TYPED[command]]
    done = cli(*typed, "--json", cwd=place)
    assert done.code == 0, done
    written = done.json
    wanted = keys_of(command)
    assert isinstance(written, list) == TOLD[command].startswith("a list of ")
    if command == "ls":
        assert written == {kind: len(table) for kind, table in PROVINCE.items()}
        return
    assert set(first(written)) == set(wanted)
    for key, within in wanted.items():
        if within:
            assert set(first(first(written)[key])) == within, key


def test_every_row_is_run() -> None:
    assert set(TOLD) == set(TYPED) | ELSEWHERE


@pytest.mark.parametrize("typed", [["notify", "test"], ["notify", "retry", "--all"]])
def test_what_was_sent(typed: list[str], cli: Cli, place: Path) -> None:
    done = cli(*typed, "--json", cwd=place)
    assert done.code == 1, done
    assert set(first(done.json)) == set(keys_of(" ".join(typed[:2])))


def test_a_cancelled_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (tmp_path / "base.yaml").write_text("regions: {hainan: {level: province}}\n")
    assert cli("apply", "--yes").code == 0
    run = newest_run(tmp_path)
    with open_ledger(open_workspace(str(tmp_path))).write() as connection:
        connection.run("UPDATE run SET status = 'failed' WHERE id = :id", id=run)
    written = cli("runs", "cancel", run, "--json").json
    assert (written["id"], written["status"]) == (run, "cancelled")
    assert set(written) == set(keys_of("runs cancel"))
