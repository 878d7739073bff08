"""Several who write one ledger, on both stores: each signs its own rows, and each finds what nobody signed.

A ``Writer`` is a workspace with a user of its own; the two share nothing but the database.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from govcloud.ledger import Ledger, audit, heads, keys, open_ledger, writers
from govcloud.ledger.verifying import Report, verify
from govcloud.signatures import fingerprint
from govcloud.workspace import Settings, Workspace

Database = Callable[[], Any]


class Writer:
    """One workspace, and the user whose it is. Each call is as a command of its own."""

    def __init__(
        self, root: Path, url: str, patch: pytest.MonkeyPatch, user: str = "", **settings: Any
    ) -> None:
        self.home, self._patch = root.parent / f"home-{user or root.name}", patch
        self.workspace = Workspace(root, Settings(environment="tiny", ledger=url, **settings))
        root.mkdir()

    @contextmanager
    def opened(self) -> Iterator[Ledger]:
        self._patch.setenv("XDG_CONFIG_HOME", str(self.home))
        ledger = open_ledger(self.workspace, create=True)
        try:
            yield ledger
        finally:
            ledger.close()

    def grow(self, rows: int = 1) -> None:
        with self.opened() as ledger:
            for number in range(rows):
                with ledger.write() as connection:
                    audit.append(connection, self.workspace.root.name, "record", {"number": number})

    def look(self, *files: Path, trusted: list[str] | None = None) -> Report:
        with self.opened() as ledger:
            return verify(ledger, heads=files, trusted=trusted or [])

    def spoil(self, statement: str, **values: Any) -> None:
        """Somebody who may write the database, and signs nothing."""
        with self.opened() as ledger, ledger.write() as connection:
            connection.run(statement, **values)

    @property
    def main(self) -> Path:
        return self.workspace.private / "audit-heads.jsonl"

    @property
    def name(self) -> str:
        return writers.whose(self.main).writer

    @property
    def public(self) -> str:
        return str(json.loads(self.main.read_text().splitlines()[0])["key"])


@pytest.fixture
def url(store: str, tmp_path: Path) -> str:
    return store if store.startswith("postgres") else f"sqlite:///{tmp_path}/shared.db"


@pytest.fixture
def people(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Writer, Writer]:
    """Two users, each with a workspace, who took turns: rows 1-2, 3 (joined) to 5, 6, 7."""
    one, two = Writer(tmp_path / "one", url, monkeypatch), Writer(tmp_path / "two", url, monkeypatch)
    for writer, rows in ((one, 2), (two, 2), (one, 1), (two, 1)):
        writer.grow(rows)
    return one, two


def found(report: Report, words: str) -> bool:
    return any(words in sentence for sentence in report.wrong)


def warned(report: Report, words: str) -> bool:
    return any(words in sentence for sentence in report.warnings)


# -- as it should be ------------------------------------------------------------------------------


def test_two_users_sign_one_trail_and_know_each_other(
    capsys: pytest.CaptureFixture[str], people: tuple[Writer, Writer]
) -> None:
    one, two = people
    assert capsys.readouterr().err == "joined the audit trail at row 3\n"
    for mine, other in ((one, two), (two, one)):
        report = mine.look()
        assert (report.rows, report.wrong, report.unsigned) == (7, [], [])
        # Once, and by name: a key that nobody here has compared. From then on it is known.
        (told,) = report.warnings
        assert other.name in told and fingerprint(other.public) in told
        assert {w.writer: (w.heads, w.trust, w.own) for w in report.writers} == {
            mine.name: ("here", "pinned", True),
            other.name: ("elsewhere", "new", False),
        }
        report = mine.look()
        assert (report.wrong, report.warnings) == ([], [])
        assert {w.writer: w.upto for w in report.writers} == {one.name: 6, two.name: 7}
        assert {w.trust for w in report.writers} == {"pinned", "seen"}


def test_the_join_is_in_the_chain_and_signed_in_the_heads(people: tuple[Writer, Writer]) -> None:
    one, two = people
    first = json.loads(two.main.read_text().splitlines()[0])
    with one.opened() as ledger, ledger.read() as connection:
        rows = list(audit.rows(connection))
    assert first["joined"] == {"after": 2, "hash": rows[1].hash, "epoch": 1}
    said = json.loads(rows[2].data)
    assert (rows[2].action, said["writer"], said["key"]) == (
        "writer joined",
        two.name,
        fingerprint(two.public),
    )
    assert [json.loads(row.data)["writer"] for row in rows] == [
        w.name for w in (one, one, two, two, two, one, two)
    ]
    # The newest head is signed over how many rows it stands for.
    assert [json.loads(w.main.read_text().splitlines()[-1])["rows"] for w in people] == [3, 4]


def test_a_third_who_joins_late_vouches_from_there_on(
    people: tuple[Writer, Writer], tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Writer(tmp_path / "late", url, monkeypatch)
    # Who has never written has no heads to miss.
    assert late.look().wrong == []
    late.grow(2)
    report = late.look()
    assert (report.rows, report.wrong, report.unsigned) == (10, [], [])
    assert [(w.joined, w.rows, w.upto) for w in report.writers] == [(1, 3, 6), (3, 4, 7), (8, 3, 10)]
    for writer in people:
        writer.look()
        writer.grow()
        report = writer.look()
        assert (report.wrong, report.warnings) == ([], [])


def test_common_anchors_and_files_that_are_brought_let_everybody_verify_all(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "anchor"
    place.mkdir()
    one = Writer(tmp_path / "one", url, monkeypatch, anchors=[str(place)])
    two = Writer(tmp_path / "two", url, monkeypatch, anchors=[str(place)])
    for writer in (one, two, one, two):
        writer.grow()
    assert len(list(place.iterdir())) == 2
    report = one.look()
    assert (report.wrong, {w.heads for w in report.writers}, report.heads) == ([], {"here"}, 5)
    assert one.look().warnings == []
    # An auditor has neither a workspace that writes nor keys.
    auditor = Writer(tmp_path / "auditor", url, monkeypatch)
    report = auditor.look(one.main, two.main, trusted=[one.public, two.public])
    assert (report.wrong, report.warnings, report.unsigned) == ([], [], [])
    assert {w.trust for w in report.writers} == {"pinned"}
    # With one of the two keys, the other is named.
    assert warned(auditor.look(one.main, trusted=[one.public]), two.name)
    # One changed line of the other's file is found, wherever it is read.
    copy = next(f for f in place.iterdir() if f.read_bytes() == two.main.read_bytes())
    copy.write_bytes(copy.read_bytes().replace(b'"rows":2', b'"rows":9'))
    assert found(one.look(), "was changed: its signature does not fit it")


# -- what somebody does ---------------------------------------------------------------------------


def test_who_empties_the_private_folder_is_no_newcomer(
    people: tuple[Writer, Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    _, two = people
    name = two.name
    capsys.readouterr()
    shutil.rmtree(two.workspace.private)
    assert found(two.look(), "the heads file of this workspace is missing")
    two.grow()
    assert "audit-heads.jsonl is missing, and the trail has 7 rows already" in capsys.readouterr().err
    # Put back as the hint says, it goes on.
    (copy,) = two.home.rglob("*.jsonl")
    shutil.copy(copy, two.main)
    two.grow()
    report = two.look()
    # What could not be signed meanwhile is signed with it.
    assert (report.wrong, report.unsigned, two.name) == ([], [], name)


def test_a_writer_whose_file_and_copies_are_gone_is_named_by_the_chain(people: tuple[Writer, Writer]) -> None:
    one, two = people
    name = two.name
    shutil.rmtree(two.workspace.private)
    shutil.rmtree(two.home)
    # Here: a writer stood in this folder, and its heads are nowhere.
    assert found(two.look(), "is missing: nobody can tell")
    shutil.rmtree(two.home, ignore_errors=True)
    two.grow()
    assert two.name != name
    for writer in (one, two):
        assert warned(writer.look(), f"{two.name} joined at row 8 in the same folder as {name} before it")
    # At the other's, what it signed last is still held against the trail.
    assert {w.writer: w.upto for w in one.look().writers}[name] == 7


def test_rows_that_are_put_under_a_writers_name_are_counted_out(people: tuple[Writer, Writer]) -> None:
    """With access to the database and no key: at the end of the trail, and later in the middle of it."""
    one, two = people
    for writer in people:
        writer.look()
    append_as(one, two.name)
    report = one.look()
    assert report.unsigned == [(8, 8)]
    assert warned(report, f"row 8 is said to be of the writer {two.name}, and no head of it covers that")
    two.grow()
    report = one.look()
    assert warned(report, f"6 rows up to row 9 say that they are of the writer {two.name}")
    assert warned(report, "which has signed 5: 1 it did not sign")
    # Its own workspace, or its file, tells which.
    assert two.look().unsigned == [(8, 8)]
    assert one.look(one.main, two.main).unsigned == [(8, 8)]


def append_as(writer: Writer, name: str, action: str = "record", **data: Any) -> None:
    """A row that fits the chain, and of which no head is made."""
    with writer.opened() as ledger, ledger.write() as connection:
        connection.introduces = None
        audit.append(connection, "thief", action, {"writer": name, **data})
        connection.audited = None


def test_rows_of_nobody_are_told(people: tuple[Writer, Writer]) -> None:
    one, _ = people
    one.look()
    append_as(one, "f" * 16)
    report = one.look()
    assert report.unsigned == [(8, 8)]
    assert report.warnings == [
        f"row 8 is of the writer {'f' * 16}, whom nobody knows: it never joined the trail"
    ]


def test_a_forged_writer_is_named_and_can_do_no_more_than_join(
    people: tuple[Writer, Writer], tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief with access to the database joins by the book, with a key of their own: a name that people can
    ask about, once as a warning and from then on in the list. Rows of others the thief cannot sign."""
    one, two = people
    for writer in people:
        writer.look()
    thief = Writer(tmp_path / "thief", url, monkeypatch)
    thief.grow(2)
    for writer in people:
        report = writer.look()
        (told,) = report.warnings
        assert thief.name in told and fingerprint(thief.public) in told and "as thief" in told
        assert [(w.writer, w.trust) for w in writer.look().writers][2] == (thief.name, "seen")
    # Nor does a head of theirs, noted under another's name, or their file in place of another's, count.
    line = thief.main.read_text().splitlines()[-1].replace(thief.name, two.name)
    key = heads.SEEN + heads.digest(two.main.read_bytes().splitlines()[0])[:16]
    one.spoil("UPDATE setting SET value = :line WHERE key = :key", line=line, key=key)
    assert warned(one.look(), f"said to be of the writer {two.name}, and no head of it covers that")
    resigned = heads._signed(json.loads(line) | {"rows": 99}, "0" * 64, key_of(thief)).decode().strip()
    one.spoil("UPDATE setting SET value = :line WHERE key = :key", line=resigned, key=key)
    assert found(one.look(), f"a head of the writer {two.name} that {fingerprint(thief.public)} signed")
    shutil.copy(thief.main, one.main)
    assert found(one.look(), "another file was put in its place, or the key was changed without a hand-over")


def key_of(writer: Writer) -> Any:
    with writer.opened() as ledger, ledger.read() as connection:
        return ledger.outside.signs(audit.ledger_id(connection))


def test_a_writer_that_joins_again_with_another_key_is_found(people: tuple[Writer, Writer]) -> None:
    one, two = people
    append_as(one, two.name, "writer joined", key="SHA256:other", place="x")
    assert found(one.look(), f"row 8 lets the writer {two.name} join again with the key SHA256:other")


@pytest.mark.parametrize("rows", [2, 5, 6])
def test_a_tail_that_is_cut_between_writers_is_found(people: tuple[Writer, Writer], rows: int) -> None:
    one, two = people
    one.spoil("DELETE FROM audit WHERE seq > :rows", rows=rows)
    # By whoever lost rows, from its own heads; by the other from the head that the ledger has.
    assert found(two.look(), f"the trail ends at row {rows}")
    if rows > 2:
        assert found(one.look(), f"the trail ends at row {rows}")
    else:
        assert not one.look().ok


def test_a_cut_that_takes_the_noted_heads_along_is_found_by_who_verified_before(
    people: tuple[Writer, Writer],
) -> None:
    one, two = people
    one.look()
    one.spoil("DELETE FROM audit WHERE seq > 6")
    one.spoil("DELETE FROM setting WHERE key LIKE 'audit_head:%'")
    assert found(one.look(), "the last verification by this user has seen row 7: rows were cut off")
    assert found(two.look(), "the trail ends at row 6")
    # And goes on: the one who was away finds another row where its own was.
    one.grow()
    assert found(two.look(), "row 7 is not the one that the head in audit-heads.jsonl")


def test_an_older_database_while_one_of_two_is_away_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, one is away; what it wrote last is in the older copy neither. SQLite: a file is put back."""
    url = f"sqlite:///{tmp_path}/shared.db"
    one, two = Writer(tmp_path / "one", url, monkeypatch), Writer(tmp_path / "two", url, monkeypatch)
    one.grow(2)
    two.grow(1)
    for file in tmp_path.glob("shared.db*"):
        shutil.copy(file, tmp_path / f"old-{file.name}")
    two.grow(2)
    assert one.look().wrong == []
    for file in tmp_path.glob("shared.db*"):
        file.unlink()
    for file in tmp_path.glob("old-shared.db*"):
        shutil.copy(file, tmp_path / file.name.removeprefix("old-"))
    assert found(one.look(), "the last verification by this user has seen row 6: rows were cut off, or")
    assert found(two.look(), "has seen row 6: this is an older copy of the ledger, or rows were cut off")
    # From before it joined: also the name is missed.
    one.spoil("DELETE FROM audit WHERE seq > 2")
    assert found(one.look(), f"the writer {two.name}, whom this user has met, is not in the trail any more")


# -- keys, epochs ---------------------------------------------------------------------------------


def test_a_key_that_is_handed_over_is_known_to_the_others(people: tuple[Writer, Writer], cli: Any) -> None:
    one, two = people
    one.look()
    (two.workspace.root / "govcloud.yaml").write_text(
        f"environment: tiny\nledger: {two.workspace.settings.ledger}\n"
    )
    own = {"XDG_CONFIG_HOME": str(two.home)}
    assert cli("audit", "rotate-key", cwd=two.workspace.root, env=own).code == 0
    two.grow()
    report = one.look()
    assert report.wrong == [] and report.unsigned == []
    assert warned(report, "with a key that nobody here has compared")
    assert one.look().warnings == []
    # Without a hand-over it is found.
    next(two.home.rglob("key")).unlink()
    two.grow()
    assert found(one.look(), "the key was changed without a hand-over, or it is forged")


def test_an_epoch_counts_anew_and_both_go_on(people: tuple[Writer, Writer]) -> None:
    one, two = people
    with one.opened() as ledger, ledger.write() as connection:
        audit.begin_epoch(connection, "one", "moved")
    two.grow(2)
    for writer in people:
        writer.look()
        report = writer.look()
        assert (report.wrong, report.warnings, report.epoch, report.rows) == ([], [], 2, 10)


def test_two_workspaces_of_one_user_have_one_key_and_files_of_their_own(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Writer(tmp_path / "one", url, monkeypatch, user="li")
    two = Writer(tmp_path / "two", url, monkeypatch, user="li")
    for writer in (one, two, one, two):
        writer.grow()
        report = writer.look()
        assert (report.wrong, report.warnings) == ([], [])
    assert one.public == two.public and one.name != two.name
    with one.opened() as ledger, ledger.read() as connection:
        name = audit.ledger_id(connection)
    assert len(list(keys.folder(name).glob("*.jsonl"))) == 2
