"""What the ledger keeps of hosts: files before a run, what they say of themselves, who configured them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from govcloud.errors import GovcloudError, InputError
from govcloud.ledger import Ledger, building, hosts, keptfiles, pruning, runs
from govcloud.ledger.building import Applied
from govcloud.ledger.connection import Connection
from govcloud.ledger.keptfiles import KeptFile
from govcloud.ledger.retention import DAY, DEFAULTS, Policy
from govcloud.plan.restoring import restoring
from govcloud.workspace import Workspace

BYTES = bytes(range(256))
CONF = KeptFile("web-1", "/etc/x.conf", True, mode=0o4640, owner=4294967294, group=7, size=256)
NONE = KeptFile("web-1", "/etc/y.conf", False)
SECRET = KeptFile("web-1", "/etc/z.key", True, mode=0o600, size=9, left_out="holds a secret")


def finished(connection: Connection, id: str) -> None:
    plan = runs.put_blob(connection, b'{"stages": []}')
    runs.create(connection, id=id, plan=plan, effect="e", title="t", actor="a", stages=[])
    runs.set_status(connection, id, runs.Status.DONE)


def entry(connection: Connection, uid: str, name: str, until: int | None = None) -> None:
    row = {"uid": uid, "kind": "server", "name": name, "incarnation": 1, "since": 1, "until": until}
    connection.insert("entry", [row])


def test_a_file_is_kept_as_it_was_first_and_read_back_exactly(ledger: Ledger) -> None:
    with ledger.write() as connection:
        finished(connection, "r1")
        assert keptfiles.keep(connection, "r1", "u1", [(CONF, BYTES), (NONE, b""), (SECRET, b"")]) == 3
        later = KeptFile("web-1", "/etc/x.conf", True, size=5)
        assert keptfiles.keep(connection, "r1", "u1", [(later, b"later")]) == 0
    with ledger.read() as connection:
        conf, none, secret = keptfiles.of_run(connection, "r1")
        assert (conf.mode, conf.owner, conf.group, conf.there) == (0o4640, 4294967294, 7, True)
        assert runs.get_blob(connection, conf.digest) == BYTES
        assert none == NONE and secret == SECRET
        assert keptfiles.of_run(connection, "r1", host="web-2") == []
        assert keptfiles.uids_of(connection, "r1") == {"web-1": "u1"}


def test_keeping_a_hosts_files_reads_nothing_of_other_hosts(ledger: Ledger) -> None:
    with ledger.write() as connection:
        many = [(KeptFile(f"h-{n}", "/etc/x.conf", False), b"") for n in range(30)]
        keptfiles.keep(connection, "r1", "u2", many)
        ask, read = connection.rows, []
        connection.rows = lambda *a, **v: [read.append(row) or row for row in ask(*a, **v)]  # type: ignore
        assert keptfiles.keep(connection, "r1", "u1", [(NONE, b""), (CONF, BYTES)]) == 2
        assert read == []
        assert keptfiles.keep(connection, "r1", "u1", [(NONE, b"")]) == 0
        assert [row[0] for row in read] == ["web-1", "web-1"]


def test_a_host_is_told_what_the_ledger_has_of_its_newest_runs(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for run in ("r1", "r2", "r3"):
            keptfiles.keep(connection, run, "u1", [(NONE, b""), (CONF, BYTES)])
        keptfiles.keep(connection, "r3", "u2", [(KeptFile("web-2", "/etc/x.conf", False), b"")])
    with ledger.read() as connection:
        both = ["/etc/x.conf", "/etc/y.conf"]
        assert keptfiles.known_on(connection, ["web-1"], 2) == {"web-1": {"r3": both, "r2": both}}
        assert keptfiles.known_on(connection, ["nobody"], 2) == {}


def test_gc_takes_old_files_with_their_bytes_and_no_others(ledger: Ledger, workspace: Workspace) -> None:
    now = time.time()
    octets = pruning.octets_of(workspace.settings.ledger)
    policy = Policy(DEFAULTS.values | {"files_days": 30})
    with ledger.write() as connection:
        for run in ("old", "new"):
            finished(connection, run)
        keptfiles.keep(connection, "old", "u1", [(CONF, BYTES), (NONE, b"")])
        keptfiles.keep(connection, "new", "u1", [(CONF, b"new")])
        connection.run("UPDATE kept_file SET at = :at WHERE run = 'old'", at=now - 31 * DAY)
    with ledger.read() as connection:
        told = {t.name: t.rows for t in pruning.survey(connection, policy, now=now, octets=octets)}
    assert (told["files"], told["plans"]) == (2, 1)
    from govcloud.ledger import leases

    with leases.held(ledger, "run") as fence:
        pruning.prune(ledger, policy, ("run", fence), now=now, octets=octets)
    with ledger.read() as connection:
        assert keptfiles.of_run(connection, "old") == []
        (left,) = keptfiles.of_run(connection, "new")
        assert runs.get_blob(connection, left.digest) == b"new"
        assert connection.scalar("SELECT count(*) FROM blob") == 2, "those bytes, and the runs' plan"


def test_facts_are_the_newest_and_configured_hosts_those_of_the_run(ledger: Ledger) -> None:
    with ledger.write() as connection:
        hosts.set_facts(connection, "r1", {"u1": ("web-1", {"kernel": "5"}), "u2": ("web-2", {})})
        hosts.set_facts(connection, "r2", {"u1": ("web-1", {"kernel": "6"})})
        for run, host in (("r1", "web-1"), ("r2", "web-2")):
            rows = [Applied(f"host:{host}", f"u-{host}", 1, "d", {"birth": f"b-{host}"})]
            building.set_applied(connection, run, [*rows, Applied(f"stack:{host}", "u", 1, "d", {})])
    with ledger.read() as connection:
        found = hosts.facts_of(connection, "u1")
        assert found is not None and (found.run, found.values) == ("r2", {"kernel": "6"})
        assert time.time() - 60 < found.at <= time.time()
        assert hosts.facts_of(connection, "u9") is None
        assert hosts.configured_by(connection, "r1") == {"web-1": ("d", "b-web-1")}


def test_a_restore_is_a_plan_of_the_files_that_are_kept(ledger: Ledger, workspace: Workspace) -> None:
    with ledger.write() as connection:
        finished(connection, "r1")
        entry(connection, "u1", "web-new")
        keptfiles.keep(connection, "r1", "u1", [(CONF, BYTES), (NONE, b""), (SECRET, b"")])
    found = restoring(workspace, ledger, "r1", [], [])
    (stage,) = found.proposal.plan.stages
    # The host has another name now; its files are those of the run.
    assert stage.title == "put 2 files of 1 host back as before run r1"
    assert [f.path for f in stage.restore["web-new"]] == ["/etc/x.conf", "/etc/y.conf"]  # type: ignore[union-attr]
    assert [f.path for f in found.left] == ["/etc/z.key"]
    one = restoring(workspace, ledger, "r1", ["web-1"], ["/etc/x.conf"]).proposal.plan
    assert one.effect != found.proposal.plan.effect
    assert one.hosts["web-new"]["entry"] == "server/web-new"


@pytest.mark.parametrize(
    ("hosts_", "paths", "words"),
    [
        (["web-2"], [], "nothing is kept of the host 'web-2'"),
        ([], ["/etc/q.conf"], "nothing is kept of the file '/etc/q.conf'"),
        ([], ["/etc/z.key"], "/etc/z.key was not kept: holds a secret"),
        (["web-9"], [], "web-9 is no host of the ledger any more"),
    ],
)
def test_what_cannot_be_put_back_is_told(
    ledger: Ledger, workspace: Workspace, hosts_: list[str], paths: list[str], words: str
) -> None:
    with ledger.write() as connection:
        finished(connection, "r1")
        entry(connection, "u1", "web-1")
        entry(connection, "u9", "web-9", until=2)
        keptfiles.keep(connection, "r1", "u1", [(CONF, BYTES), (SECRET, b"")])
        keptfiles.keep(connection, "r1", "u9", [(KeptFile("web-9", "/etc/x.conf", False), b"")])
    with pytest.raises(InputError) as raised:
        restoring(workspace, ledger, "r1", hosts_, paths)
    assert words in raised.value.problems[0].message


def test_a_run_without_files_and_a_folder_without_the_playbook_are_told(
    ledger: Ledger, workspace: Workspace, tmp_path: Path
) -> None:
    with ledger.write() as connection:
        finished(connection, "r1")
        finished(connection, "r2")
        entry(connection, "u1", "web-1")
        keptfiles.keep(connection, "r1", "u1", [(CONF, BYTES)])
    with pytest.raises(InputError) as raised:
        restoring(workspace, ledger, "r2", [], [])
    assert "changed no file of a host" in raised.value.problems[0].message
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "site.yml").write_text("- hosts: all\n")
    with pytest.raises(GovcloudError, match=r"playbooks/ of this workspace has no restore\.yml"):
        restoring(workspace, ledger, "r1", [], [])
