"""The audit trail: what was changed, cut off, swapped or written anew is found, each in its own words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud.errors import GovcloudError
from govcloud.ledger import Ledger, audit, forks, heads, keys, open_ledger
from govcloud.ledger.verifying import Report, verify
from govcloud.signatures import armour, fingerprint
from govcloud.workspace import Settings, Workspace

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own configuration folder."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def store() -> str:
    """These tests break the database's file; rows and heads on PostgreSQL are in test_store.py."""
    return Settings(environment="tiny").ledger


@pytest.fixture
def trail(ledger: Ledger, tmp_path: Path) -> Ledger:
    """A ledger with a trail of five rows, each with a head."""
    (tmp_path / "govcloud.yaml").write_text("environment: tiny\n")
    grow(ledger, 5)
    return ledger


def grow(ledger: Ledger, rows: int) -> None:
    for number in range(rows):
        with ledger.write() as connection:
            audit.append(connection, "me", "record", {"number": number, "what": "记录"})


def look(ledger: Ledger, **options: Any) -> Report:
    return verify(ledger, **options)


def wrong(ledger: Ledger) -> list[str]:
    return look(ledger).wrong


def again(workspace: Workspace, ledger: Ledger) -> Ledger:
    """The same ledger, as the next command finds it."""
    ledger.close()
    return open_ledger(workspace)


def rewrite(ledger: Ledger, seq: int) -> None:
    """Change a row and make every hash after it fit, as somebody would who knows how."""
    with ledger.write() as connection:
        connection.run("UPDATE audit SET actor = 'nobody' WHERE seq = :seq", seq=seq)
        previous = connection.scalar("SELECT previous FROM audit WHERE seq = :seq", seq=seq)
        for row in list(audit.rows(connection, seq - 1)):
            true = row._replace(previous=previous).true_hash()
            connection.run(
                "UPDATE audit SET previous = :previous, hash = :true WHERE seq = :seq",
                previous=previous,
                true=true,
                seq=row.seq,
            )
            previous = true


def copy_of(workspace: Workspace, to: Path) -> None:
    to.mkdir(exist_ok=True)
    for file in workspace.private.glob("ledger.db*"):
        shutil.copy(file, to / file.name)


def put_back(workspace: Workspace, come_from: Path) -> None:
    for file in workspace.private.glob("ledger.db*"):
        file.unlink()
    for file in come_from.glob("ledger.db*"):
        shutil.copy(file, workspace.private / file.name)


def copies(home: Path) -> list[Path]:
    return sorted(home.rglob("*.jsonl"))


# -- what is written ------------------------------------------------------------------------------


def test_an_untouched_trail_holds_and_every_row_has_a_head(trail: Ledger) -> None:
    report = look(trail)
    assert (report.rows, report.heads, report.epoch) == (5, 5, 1)
    assert (report.wrong, report.warnings, report.unsigned) == ([], [], [])
    assert trail.anchor.stat().st_mode & 0o777 == 0o600


def test_a_head_says_what_the_issue_asks_and_ssh_keygen_can_verify_it(trail: Ledger, tmp_path: Path) -> None:
    """Nobody needs this program, or a network, to verify a head."""
    first, *_, last = [json.loads(line) for line in trail.anchor.read_text().splitlines()]
    assert first["kind"] == "key"
    assert set(last) == {
        *(
            "kind",
            "environment",
            "ledger",
            "epoch",
            "first",
            "seq",
            "hash",
            "at",
            "previous",
            "rows",
            "writer",
            "signer",
            "signature",
        )
    }
    assert (last["environment"], last["epoch"], last["seq"]) == ("tiny", 1, 5)
    assert last["signer"] == fingerprint(first["key"])
    import base64

    (tmp_path / "signature").write_text(armour(base64.b64decode(last["signature"])))
    (tmp_path / "signers").write_text(f"trail {first['key']}\n")
    done = subprocess.run(
        [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            "signers",
            "-I",
            "trail",
            "-n",
            "govcloud-audit",
            "-s",
            "signature",
        ],
        input=heads.payload(last),
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_taken_back_leaves_no_head(trail: Ledger) -> None:
    before = trail.anchor.read_bytes()
    with pytest.raises(GovcloudError, match="no"), trail.write() as connection:
        audit.append(connection, "me", "x", {})
        raise GovcloudError("no")
    assert trail.anchor.read_bytes() == before
    assert look(trail).rows == 5


def test_the_key_is_outside_of_workspace_and_database_and_its_owners_alone(
    trail: Ledger, workspace: Workspace, home: Path
) -> None:
    found = list(home.rglob("key"))
    assert len(found) == 1
    assert found[0].stat().st_mode & 0o777 == 0o600
    assert found[0].parent.stat().st_mode & 0o777 == 0o700
    secret = found[0].read_bytes().splitlines()[1]
    for file in workspace.root.rglob("*"):
        if file.is_file() and home not in file.parents:
            assert secret not in file.read_bytes()


def test_a_passphrase_keeps_the_key_encrypted(
    workspace: Workspace, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "passphrase").write_text("correct horse\n")
    monkeypatch.setenv(keys.PASSPHRASE, str(tmp_path / "passphrase"))
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 1)
    assert b"ENCRYPTED" in next(home.rglob("key")).read_bytes()
    ledger = again(workspace, ledger)
    grow(ledger, 1)
    assert look(ledger).unsigned == []
    monkeypatch.delenv(keys.PASSPHRASE)
    ledger = again(workspace, ledger)
    grow(ledger, 1)
    assert "cannot be read" in capsys.readouterr().err
    report = look(ledger)
    assert report.unsigned == [(3, 3)]
    assert report.wrong == []


def test_signing_a_head_takes_less_than_50_ms(trail: Ledger) -> None:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        grow(trail, 1)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.05


def test_a_key_of_ssh_signs_where_the_workspace_names_one(workspace: Workspace, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "mine")], check=True)
    workspace.settings.audit_key = "mine"
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 3)
    report = look(ledger)
    assert (report.wrong, report.heads, report.warnings) == ([], 3, [])
    assert report.keys == [fingerprint((tmp_path / "mine.pub").read_text())]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh-agent of the test's own, and the folder where it finds keys."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        time.sleep(0.01)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield tmp_path
    process.terminate()
    process.wait()


def test_a_key_that_only_the_agent_holds_signs(workspace: Workspace, agent: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(agent / "k")], check=True)
    subprocess.run(["ssh-add", "-q", str(agent / "k")], check=True, capture_output=True)
    (agent / "k").unlink()
    workspace.settings.audit_key = fingerprint((agent / "k.pub").read_text())
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 2)
    report = look(ledger)
    assert (report.wrong, report.heads, report.keys) == ([], 2, [workspace.settings.audit_key])


def test_a_key_that_cannot_sign_is_told_and_the_rows_are_kept(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.settings.audit_key = "nowhere"
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 2)
    told = capsys.readouterr().err
    assert told.count("there is no key nowhere") == 1
    assert wrong(ledger) == [
        "the heads file audit-heads.jsonl is missing: nobody can tell whether rows were changed or cut off"
    ]


def test_the_head_of_a_former_release_is_carried_over(ledger: Ledger) -> None:
    """Until the next row the old head counts; then it is part of the new file."""
    grow(ledger, 3)
    with ledger.read() as connection:
        seq, value = audit.head(connection)
    ledger.anchor.unlink()
    former = ledger.anchor.with_name("audit-head.json")
    former.write_text(json.dumps({"seq": seq, "hash": value}))
    with ledger.write() as connection:
        connection.run("DELETE FROM setting WHERE key LIKE 'audit_head:%'")
    for copy in keys.folder(audit_id(ledger)).glob("*.jsonl"):
        copy.unlink()
    report = look(ledger)
    assert report.wrong == []
    assert "not signed yet" in report.warnings[0]
    grow(ledger, 1)
    assert not former.exists()
    report = look(ledger)
    assert (report.wrong, report.unsigned) == ([], [])


def audit_id(ledger: Ledger) -> str:
    with ledger.read() as connection:
        return audit.ledger_id(connection)


# -- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["data", "actor", "action", "at", "epoch"])
def test_a_changed_row_is_found(trail: Ledger, column: str) -> None:
    value: Any = 7 if column in ("at", "epoch") else "other"
    with trail.write() as connection:
        connection.run(f"UPDATE audit SET {column} = :value WHERE seq = 3", value=value)
    assert any("row 3" in sentence and "changed" in sentence for sentence in wrong(trail))


def test_a_row_taken_out_of_the_middle_is_found(trail: Ledger) -> None:
    with trail.write() as connection:
        connection.run("DELETE FROM audit WHERE seq = 3")
    assert "row 3 is missing: the next one found is 4" in wrong(trail)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_trail_that_was_rewritten_consistently_is_found(trail: Ledger, seq: int) -> None:
    rewrite(trail, seq)
    found = wrong(trail)
    assert len(found) == 6 - seq  # one for each head from there on
    assert f"row {seq} is not the one that the head in audit-heads.jsonl:{seq + 1} has seen" in found[0]
    assert f"after row {seq - 1} was rewritten" in found[0]


def test_a_cut_tail_is_found(trail: Ledger) -> None:
    with trail.write() as connection:
        connection.run("DELETE FROM audit WHERE seq > 3")
    assert wrong(trail) == [
        "the trail ends at row 3, the head in audit-heads.jsonl:5 has seen row 5: rows were cut off"
    ]


def test_rows_that_somebody_else_added_have_no_head(trail: Ledger) -> None:
    """A fitting chain is not enough: the next command signs its own rows and none before them."""
    with trail.write() as connection:
        audit.append(connection, "me", "record", {"forged": True})
        connection.audited = None
    assert look(trail).unsigned == [(6, 6)]
    grow(trail, 1)
    report = look(trail)
    assert report.unsigned == [(6, 6)]
    assert report.warnings == [
        "row 6 has no head: the process ended before it could sign, or somebody else wrote there"
    ]


def test_an_older_copy_of_the_database_is_found(trail: Ledger, workspace: Workspace, tmp_path: Path) -> None:
    copy_of(workspace, tmp_path / "yesterday")
    grow(trail, 2)
    trail.close()
    put_back(workspace, tmp_path / "yesterday")
    assert wrong(open_ledger(workspace)) == [
        (
            "the trail ends at row 5, the head in audit-heads.jsonl:7 has seen row 7: this is an older copy "
            "of the ledger, or rows were cut off"
        )
    ]


def test_another_ledger_is_found(trail: Ledger, workspace: Workspace, tmp_path: Path) -> None:
    """One that says it is of the same environment; one of another is not even opened."""
    trail.close()
    other = Workspace(tmp_path / "other", Settings(environment="tiny"))
    other.root.mkdir()
    theirs = open_ledger(other, create=True)
    grow(theirs, 8)
    theirs.close()
    put_back(workspace, other.private)
    found = wrong(open_ledger(workspace))
    assert any("another database was put in its place" in sentence for sentence in found)
    # Made to look like ours: then its rows are not those that the heads have seen.
    with open_ledger(workspace).write() as connection:
        first = json.loads(workspace.private.joinpath("audit-heads.jsonl").read_text().splitlines()[0])
        connection.run("UPDATE setting SET value = :id WHERE key = 'ledger_id'", id=first["ledger"])
    assert "row 1 is not the one that" in wrong(open_ledger(workspace))[0]


def test_a_cut_heads_file_is_found(trail: Ledger, home: Path) -> None:
    lines = trail.anchor.read_bytes().splitlines(keepends=True)
    trail.anchor.write_bytes(b"".join(lines[:4]))
    found = wrong(trail)
    assert len(found) == 1
    assert "audit-heads.jsonl was cut, or an older one was put in its place: it has 4 lines" in found[0]
    # With no copy left, the ledger's own note of the newest head is enough.
    shutil.rmtree(home)
    assert any("was cut or changed: the ledger has seen the head" in sentence for sentence in wrong(trail))
    trail.anchor.write_bytes(b"")
    assert "the heads file audit-heads.jsonl is missing: nobody can tell" in wrong(trail)[0]


@pytest.mark.parametrize("change", ["at", "hash", "signature", "out"])
def test_a_changed_line_of_the_heads_file_is_found(trail: Ledger, home: Path, change: str) -> None:
    shutil.rmtree(home)
    lines = trail.anchor.read_text().splitlines()
    if change == "out":
        del lines[2]
    else:
        document = json.loads(lines[2])
        document[change] = {"at": 5, "hash": "0" * 64, "signature": json.loads(lines[3])["signature"]}[change]
        lines[2] = json.dumps(document, separators=(",", ":"))
    trail.anchor.write_text("\n".join(lines) + "\n")
    found = wrong(trail)
    if change != "out":
        assert any("audit-heads.jsonl:3 was changed: its signature does not fit it" in s for s in found)
    assert any("does not follow the line before it: a line was taken out or put in" in s for s in found)


def test_a_heads_file_forged_with_another_key_is_found(
    trail: Ledger, workspace: Workspace, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody rewrites the trail and signs new heads for it, in every detail, with a key of their own."""
    rewrite(trail, 2)
    forge(trail, tmp_path / "thief", monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    found = wrong(trail)
    assert any("another file was put in its place, or the key was changed without" in s for s in found), found


def forge(ledger: Ledger, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New heads for the rows as they are now, signed by somebody else."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(house))
    ledger.anchor.unlink()
    outside = heads.Outside(ledger.anchor)
    with ledger.read() as connection:
        rows = list(audit.rows(connection))
    for row in rows:
        heads.keep(outside, ledger.read, audit.Appended(row.seq, row.seq, row.epoch, row.hash))
    assert len(ledger.anchor.read_bytes().splitlines()) == len(rows) + 1


def test_without_a_pinned_key_a_forged_file_is_taken_on_trust_and_says_so(
    trail: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    real = json.loads(trail.anchor.read_text().splitlines()[0])["key"]
    original = trail.anchor.read_bytes()
    forge(trail, tmp_path / "thief", monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "stranger"))
    # The first row tells whose key began the trail: who signs for it must change that as well.
    assert any("is signed by" in sentence and "the trail says" in sentence for sentence in wrong(trail))
    thief = json.loads(trail.anchor.read_text().splitlines()[0])["key"]
    with trail.write() as connection:
        data = connection.scalar("SELECT data FROM audit WHERE seq = 1")
        changed = data.replace(fingerprint(real), fingerprint(thief))
        connection.run("UPDATE audit SET data = :data WHERE seq = 1", data=changed)
    rewrite(trail, 1)
    forge(trail, tmp_path / "thief", monkeypatch)
    assert trail.anchor.read_bytes() != original
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "auditor"))
    with trail.write() as connection:
        connection.run("DELETE FROM setting WHERE key LIKE 'audit_head:%'")
    report = look(trail)
    assert report.wrong == []
    assert "is taken on trust" in report.warnings[0]
    # Who brings the right key along finds it.
    (tmp_path / "operators.pub").write_text(real + " operators\n")
    result = cli("audit", "verify", "--key", "operators.pub")
    assert result.code == 1, result
    assert "another file was put in its place" in result.out
    assert cli("audit", "verify", "--strict").code == 1
    assert cli("audit", "trust", "operators.pub").code == 0
    assert cli("audit", "verify").code == 1


def test_a_missing_heads_file_is_told_and_not_made_anew(
    trail: Ledger, workspace: Workspace, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    trail.anchor.unlink()
    found = wrong(trail)
    assert "the heads file of this workspace is missing" in found[0]
    grow(trail, 1)
    assert "is missing, and the trail has 5 rows already" in capsys.readouterr().err
    assert trail.anchor.read_bytes() == b""
    # From the copy it is put back, and goes on.
    shutil.copy(copies(home)[0], trail.anchor)
    assert look(trail).wrong == []
    shutil.rmtree(home)
    trail.anchor.unlink()
    assert "nobody can tell" in wrong(trail)[0]


def test_an_older_pair_is_found_only_where_there_is_another_anchor(
    workspace: Workspace, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database and heads of yesterday fit each other: nothing inside the workspace can tell."""
    other = tmp_path / "other-disk"
    other.mkdir()
    workspace.settings.anchors = ["other-disk"]
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 5)
    copy_of(workspace, tmp_path / "yesterday")
    shutil.copy(ledger.anchor, tmp_path / "yesterday-heads")
    grow(ledger, 3)
    ledger.close()
    put_back(workspace, tmp_path / "yesterday")
    shutil.copy(tmp_path / "yesterday-heads", ledger.anchor)
    ledger = open_ledger(workspace)
    # The user's own copy is such an anchor.
    assert any("older one was put in its place" in sentence for sentence in wrong(ledger))
    # For somebody else, the folder on the other disk.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "auditor"))
    found = wrong(ledger)
    assert any("it has 6 lines, its copy" in sentence for sentence in found)
    assert any("has seen row 8: this is an older copy" in sentence for sentence in found)
    # Without either, nobody can know.
    shutil.rmtree(other)
    assert wrong(ledger) == []


def test_an_anchor_that_cannot_be_written_is_told_and_caught_up(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "mount"
    workspace.settings.anchors = ["mount"]
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 2)
    assert capsys.readouterr().err.count("mount cannot be written") == 1
    place.mkdir()
    grow(ledger, 1)
    (copy,) = place.iterdir()
    assert copy.read_bytes() == ledger.anchor.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600
    # What a killed process left of a line is no harm, in the copy nor in the file itself.
    for file in (copy, ledger.anchor):
        with file.open("ab") as out:
            out.write(b'{"kind":"head","se')
    assert any("ends within a line" in sentence for sentence in look(ledger).warnings)
    grow(ledger, 1)
    assert copy.read_bytes() == ledger.anchor.read_bytes()
    report = look(ledger)
    assert (report.wrong, report.warnings, report.heads) == ([], [], 4)


def test_an_anchor_that_tells_another_story_is_found_and_left_alone(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mount").mkdir()
    workspace.settings.anchors = ["mount"]
    ledger = open_ledger(workspace, create=True)
    grow(ledger, 3)
    (copy,) = (tmp_path / "mount").iterdir()
    changed = copy.read_bytes().replace(b'"seq":2', b'"seq":9')
    copy.write_bytes(changed)
    assert any("not of one story: they differ from line 3" in sentence for sentence in wrong(ledger))
    grow(ledger, 1)
    assert "are others than ours" in capsys.readouterr().err
    assert copy.read_bytes() == changed


def test_a_trail_that_grows_meanwhile_is_not_taken_for_a_cut_one(trail: Ledger, workspace: Workspace) -> None:
    over = threading.Event()

    def write() -> None:
        own = open_ledger(workspace)
        while not over.is_set():
            grow(own, 1)
        own.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            assert wrong(trail) == []
    finally:
        over.set()
        writer.join()
    report = look(trail)
    assert report.rows > 5
    assert (report.unsigned, report.warnings) == ([], [])


# -- keys -----------------------------------------------------------------------------------------


def test_a_handed_over_key_goes_on_and_the_former_may_not(
    cli: Cli, trail: Ledger, home: Path, tmp_path: Path
) -> None:
    old = next(home.rglob("key")).read_bytes()
    before = cli("audit", "key").out.strip()
    result = cli("audit", "rotate-key", "--json")
    assert result.code == 0, result
    assert result.json["to"] != fingerprint(before)
    trail.outside.signer = None
    grow(trail, 1)
    report = look(trail)
    assert (report.wrong, report.unsigned, report.keys) == ([], [], [result.json["to"]])
    assert cli("audit", "log", "--action", "handed", "--json").json[0]["data"]["to"] == result.json["to"]
    # The former key signs nothing more, also where somebody has kept it.
    next(home.rglob("key")).write_bytes(old)
    trail.outside.signer = None
    grow(trail, 1)
    assert any("that key has handed it over" in sentence for sentence in wrong(trail))


def test_a_changed_key_without_a_hand_over_is_found(trail: Ledger, home: Path) -> None:
    next(home.rglob("key")).unlink()
    trail.outside.signer = None
    grow(trail, 1)
    assert any("that key was never given it" in sentence for sentence in wrong(trail))


def grow_as(user: dict[str, str], ledger: Ledger) -> None:
    """Another person adds a row."""
    code = "import sys; from govcloud.ledger import audit, open_ledger; "
    code += "from govcloud.workspace import open_workspace; "
    code += "l = open_ledger(open_workspace(sys.argv[1])); c = l.write(); x = c.__enter__(); "
    code += "audit.append(x, 'she', 'record', {}); c.__exit__(None, None, None)"
    place = str(ledger.anchor.parent.parent)
    subprocess.run([sys.executable, "-c", code, place], env=os.environ | user, check=True)


def test_a_colleague_is_let_in(trail: Ledger, cli: Cli, tmp_path: Path, home: Path) -> None:
    """Two people share a workspace; each has a key of their own."""
    colleague = {"XDG_CONFIG_HOME": str(tmp_path / "colleague")}
    (tmp_path / "her.pub").write_text(cli("audit", "key", env=colleague).out)
    grow_as(colleague, trail)
    assert any("was never given it" in sentence for sentence in wrong(trail))
    assert cli("audit", "rotate-key", "--to", "her.pub", "--keep-old").code == 0
    grow_as(colleague, trail)
    grow(trail, 1)
    report = look(trail)
    assert (report.wrong, report.heads, report.unsigned) == ([], 9, [])
    assert len(report.keys) == 2
    # A new epoch, and its heads file, go on with both.
    assert cli("audit", "epoch", "--reason", "moved", env=colleague).code == 0
    grow(trail, 1)
    report = look(trail)
    assert (report.wrong, report.heads, report.unsigned) == ([], 11, [])
    assert cli("audit", "verify", "--key", "her.pub", env=colleague).code == 0


def test_a_key_that_was_handed_the_trail_just_before_a_kill_is_used(trail: Ledger) -> None:
    name = audit_id(trail)
    new = keys.renew(name).public
    with trail.read() as connection:
        heads.hand_over(trail.outside, connection, new, keeps=False)
    trail.outside.signer = None
    grow(trail, 1)
    assert wrong(trail) == []


def test_a_demo_takes_its_key_along(trail: Ledger, home: Path) -> None:
    """Only what is of this ledger goes, and a file that is no heads file leads nowhere."""
    other = keys.folder("f" * 32)
    keys.forget(trail.anchor)
    assert [p.name for p in other.parent.iterdir()] == ["f" * 32]
    for content in ('{"ledger":"../../x"}', "[]", "no JSON"):
        trail.anchor.write_text(content)
        keys.forget(trail.anchor)
    assert other.is_dir()


# -- epochs ---------------------------------------------------------------------------------------


@pytest.fixture
def sites(trail: Ledger, workspace: Workspace, tmp_path: Path) -> Path:
    """The ledger was copied at row 5; the old site (the file returned) wrote three more, then we two."""
    old = Workspace(tmp_path / "old-site", Settings(environment="tiny"))
    shutil.copytree(workspace.private, old.private)
    theirs = open_ledger(old)
    for number in range(3):
        with theirs.write() as connection:
            audit.append(connection, "them", "late", {"number": number})
    theirs.close()
    with trail.write() as connection:
        audit.begin_epoch(connection, "me", "the old site burnt down")
    grow(trail, 1)
    return old.private / "ledger.db"


def test_a_new_epoch_goes_on_and_what_the_old_site_wrote_is_kept_beside(
    cli: Cli, trail: Ledger, sites: Path
) -> None:
    found = cli("audit", "compare", sites, "--json")
    assert found.code == 3, found
    assert {k: found.json[k] for k in ("common", "ours", "theirs", "forked", "broken")} == {
        "common": 5,
        "ours": 2,
        "theirs": 3,
        "forked": True,
        "broken": [],
    }
    assert [r["action"] for r in found.json["rows"]] == ["late"] * 3
    assert cli("audit", "quarantine").out == "Nothing is in quarantine.\n"
    for _ in range(2):  # once more does no harm
        assert cli("audit", "compare", sites, "--quarantine", "--site", "haikou").code == 3
    kept = cli("audit", "quarantine", "--json").json
    assert [(k["site"], k["event"]["seq"], k["event"]["epoch"]) for k in kept] == [
        ("haikou", 6, 1),
        ("haikou", 7, 1),
        ("haikou", 8, 1),
    ]
    assert "of haikou:" in cli("audit", "quarantine").out
    report = cli("audit", "verify", "--json").json
    assert (report["wrong"], report["epoch"], report["quarantined"]) == ([], 2, 3)
    assert "3 rows of other sites are in quarantine" in cli("audit", "verify").out
    log = cli("audit", "log", "--json").json
    assert [(e["action"], e["epoch"]) for e in log[5:]] == [("epoch", 2), ("record", 2), ("quarantine", 2)]
    assert log[5]["data"]["reason"] == "the old site burnt down"
    with trail.write() as connection:
        connection.run("UPDATE quarantine SET actor = 'nobody' WHERE seq = 7")
    assert wrong(trail) == ["the quarantined row 7 of haikou was changed after it was written"]


def test_heads_of_rows_that_the_old_site_kept_are_no_cut_tail(
    trail: Ledger, workspace: Workspace, tmp_path: Path
) -> None:
    """The surviving copy is two rows behind the anchor. Who says so, signed, may go on."""
    copy_of(workspace, tmp_path / "replica")
    grow(trail, 2)
    trail.close()
    put_back(workspace, tmp_path / "replica")
    ledger = open_ledger(workspace)
    assert "has seen row 7" in wrong(ledger)[0]
    with ledger.write() as connection:
        audit.begin_epoch(connection, "me", "two seconds behind")
    grow(ledger, 3)
    report = look(ledger)
    assert (report.wrong, report.lost, report.epoch, report.rows) == ([], 2, 2, 9)


def test_an_epoch_that_nobody_began_is_found(trail: Ledger) -> None:
    with trail.write() as connection:
        connection.run("UPDATE audit SET epoch = 2 WHERE seq = 5")
    assert "row 5 says epoch 2, and nobody began one after 1" in wrong(trail)


def test_a_broken_copy_says_so_and_another_ledger_is_no_copy(
    cli: Cli, trail: Ledger, sites: Path, tmp_path: Path
) -> None:
    import sqlite3

    with sqlite3.connect(sites) as connection:
        connection.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 7")
    assert cli("audit", "compare", sites, "--json").json["broken"] == [
        "its row 7 (late) was changed after it was written"
    ]
    other = Workspace(tmp_path / "other", Settings(environment="tiny"))
    other.root.mkdir()
    theirs = open_ledger(other, create=True)
    grow(theirs, 1)
    theirs.close()
    refused = cli("audit", "compare", other.private / "ledger.db")
    assert refused.code == 1, refused
    assert "that is no copy of this ledger" in refused.err
    (tmp_path / "letter").write_text("dear ledger")
    assert cli("audit", "compare", "letter").code == 2
    assert cli("audit", "compare", "nowhere").code == 2


# -- reading it -----------------------------------------------------------------------------------


def test_the_log_is_read_by_who_what_and_when(cli: Cli, trail: Ledger) -> None:
    with trail.write() as connection:
        audit.append(connection, "li.na (100%)@haikou", "run started", {"run": "r"})
    assert [e["seq"] for e in cli("audit", "log", "--json").json] == [1, 2, 3, 4, 5, 6]
    assert [e["seq"] for e in cli("audit", "log", "--actor", "100%", "--json").json] == [6]
    assert [e["seq"] for e in cli("audit", "log", "--action", "record", "--limit", "2", "--json").json] == [
        4,
        5,
    ]
    assert cli("audit", "log", "--since", "2999-01-01").out == "No row is like that.\n"
    assert "li.na (100%)@haikou" in cli("audit", "log", "--since", "2020-01-01T00:00").out
    assert cli("audit", "log", "--since", "yesterday").code == 2


def test_nothing_to_read_is_no_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("environment: tiny\n")
    assert cli("audit", "verify", "--json").json["ok"] is True
    assert cli("audit", "log", "--json").json == []
    for command in (["epoch", "--reason", "x"], ["rotate-key"], ["key"]):
        result = cli("audit", *command)
        assert result.code == 1, result
        assert "there is no trail yet" in result.err
    assert not (tmp_path / ".govcloud").exists()


ATTACKS = ("row", "rewrite", "delete", "cut", "heads", "heads-cut")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("any")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    ledger = open_ledger(Workspace(folder, Settings(environment="tiny")), create=True)
    rows = data.draw(st.integers(2, 9))
    grow(ledger, rows)
    assert wrong(ledger) == []
    seq = data.draw(st.integers(1, rows))
    match data.draw(st.sampled_from(ATTACKS)):
        case "row":
            with ledger.write() as connection:
                connection.run("UPDATE audit SET data = '{}' WHERE seq = :seq", seq=seq)
        case "rewrite":
            rewrite(ledger, seq)
        case "delete":
            with ledger.write() as connection:
                connection.run("DELETE FROM audit WHERE seq = :seq", seq=seq)
        case "cut":
            with ledger.write() as connection:
                connection.run("DELETE FROM audit WHERE seq >= :seq", seq=seq)
        case "heads":
            content = bytearray(ledger.anchor.read_bytes())
            at = data.draw(st.integers(0, 10**6))  # the file's length varies with the digits of the time
            content[at % (len(content) - 1)] ^= 1
            ledger.anchor.write_bytes(content)
        case "heads-cut":
            ledger.anchor.write_bytes(b"".join(ledger.anchor.read_bytes().splitlines(keepends=True)[:seq]))
    assert wrong(ledger) != []
    ledger.close()


BIG = """
import resource, sys, json
from pathlib import Path
from govcloud.ledger import audit, open_ledger
from govcloud.ledger.verifying import verify
from govcloud.workspace import Settings, Workspace
ledger = open_ledger(Workspace(Path(sys.argv[1]), Settings(environment="tiny")))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = verify(ledger)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([report.rows, report.wrong, report.seconds, grown]))
"""


def test_verification_takes_memory_for_its_heads_and_not_for_its_rows(
    workspace: Workspace, ledger: Ledger
) -> None:
    """Kilobytes that a verification adds, at 40,000 rows of half a kilobyte each."""
    for _ in range(2):
        with ledger.write() as connection:
            for number in range(20_000):
                audit.append(connection, "me", "record", {"number": number, "what": "x" * 400})
    ledger.close()
    done = subprocess.run(
        [sys.executable, "-c", BIG, str(workspace.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, found, _seconds, grown = json.loads(done.stdout)
    assert (rows, found) == (40_000, [])
    assert grown < 40_000  # the rows alone are some 30 MB, twice as much as Python objects


def test_a_copy_is_compared_without_being_touched(trail: Ledger, sites: Path) -> None:
    before = {p.name: p.read_bytes() for p in sites.parent.iterdir() if p.is_file()}
    with forks.other_ledger(str(sites)) as there, trail.read() as here:
        assert forks.compare(here, there, "x", most=1).theirs == 3
    assert {p.name: p.read_bytes() for p in sites.parent.iterdir() if p.is_file()} == before
