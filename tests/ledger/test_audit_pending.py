"""Rows whose process ended between their commit and their head are signed by the next writer, no others."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from govcloud.ledger import Ledger, audit, heads, pending
from govcloud.ledger.verifying import verify
from govcloud.workspace import Workspace

KILLED = """
import os, signal, sys
from pathlib import Path
from govcloud.ledger import audit, heads, open_ledger
from govcloud.workspace import Settings, Workspace
ledger = open_ledger(Workspace(Path(sys.argv[1]), Settings(environment="tiny", ledger=sys.argv[2])))
heads.keep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with ledger.write() as connection:
    audit.append(connection, "me", "half", {})
    audit.append(connection, "me", "done", {})
"""


def grow(ledger: Ledger) -> None:
    with ledger.write() as connection:
        audit.append(connection, "me", "next", {})


def standing(ledger: Ledger) -> bytes:
    return ledger.anchor.with_name(pending.FILE).read_bytes()


def killed(workspace: Workspace, store: str) -> None:
    argv = [sys.executable, "-c", KILLED, str(workspace.root), store]
    assert subprocess.run(argv).returncode == -9


def test_the_next_writer_signs_what_a_killed_one_could_not(
    ledger: Ledger, workspace: Workspace, store: str
) -> None:
    grow(ledger)
    killed(workspace, store)
    killed(workspace, store)
    assert verify(ledger).unsigned
    grow(ledger)
    report = verify(ledger)
    assert (report.rows, report.wrong, report.warnings, report.unsigned) == (6, [], [], [])
    assert standing(ledger) == b""


def test_the_very_first_rows_too(ledger: Ledger, workspace: Workspace, store: str) -> None:
    killed(workspace, store)
    grow(ledger)
    report = verify(ledger)
    assert (report.rows, report.wrong, report.warnings, report.unsigned) == (3, [], [], [])


def test_what_was_rolled_back_is_forgotten(ledger: Ledger) -> None:
    grow(ledger)
    lost = audit.Appended(2, 2, 1, "0" * 64)
    assert pending.announce(ledger.anchor, lost) == []
    grow(ledger)
    report = verify(ledger)
    assert (report.rows, report.heads, report.wrong, report.unsigned) == (2, 2, [], [])
    assert standing(ledger) == b""


def test_a_row_that_somebody_wrote_into_the_database_is_not_signed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain of hashes holds, and yet no writer has said it: who has the database alone gets no head."""
    grow(ledger)
    with monkeypatch.context() as forger:
        forger.setattr(heads, "announce", lambda *_: [])
        forger.setattr(heads, "keep", lambda *_: None)
        grow(ledger)
    grow(ledger)
    assert verify(ledger).unsigned == [(2, 2)]


def test_no_row_is_signed_twice(ledger: Ledger) -> None:
    """The head is there, and its process was killed before it could say so."""
    grow(ledger)
    said = audit.Appended(1, 1, 1, hash_of(ledger, 1))
    pending.announce(ledger.anchor, said)
    grow(ledger)
    report = verify(ledger)
    assert (report.heads, report.unsigned) == (2, [])


def row(number: int) -> audit.Appended:
    return audit.Appended(number, number, 1, f"{number:064x}")


def test_what_comes_behind_a_torn_line_is_read(tmp_path: Path) -> None:
    main = tmp_path / "heads.jsonl"
    pending.announce(main, row(1))
    with main.with_name(pending.FILE).open("ab") as file:
        file.write(b'{"first":2,"se')
    assert pending.announce(main, row(3)) == [row(1)]
    assert pending.announce(main, row(4)) == [row(1), row(3)]


KILLED_SIGNING = """
import os, signal, sys
from pathlib import Path
import msgspec
from govcloud.ledger import audit, pending
main, where = Path(sys.argv[1]), sys.argv[2]
mine = audit.Appended(1, 1, 1, f"{1:064x}")
with pending.signing(main, [mine]):
    setattr(msgspec.json if where == "encode" else os, where, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.parametrize("where", ["encode", "replace"])
def test_who_is_killed_while_he_says_that_his_are_signed_takes_no_others_along(
    where: str, tmp_path: Path
) -> None:
    main = tmp_path / "heads.jsonl"
    for number in (1, 2):
        pending.announce(main, row(number))
    argv = [sys.executable, "-c", KILLED_SIGNING, str(main), where]
    assert subprocess.run(argv).returncode == -9
    assert pending.announce(main, row(3)) == [row(1), row(2)]


def test_who_waited_for_the_file_says_it_in_the_one_that_took_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = tmp_path / "heads.jsonl"
    for number in (1, 2):
        pending.announce(main, row(number))
    opened, lock = threading.Event(), fcntl.flock
    waiter = threading.Thread(target=pending.announce, args=(main, row(3)))
    with pending.signing(main, [row(1)]):
        monkeypatch.setattr(pending.fcntl, "flock", lambda *a: (opened.set(), lock(*a)))
        waiter.start()
        assert opened.wait(20)
    waiter.join()
    assert pending.announce(main, row(4)) == [row(2), row(3)]


def hash_of(ledger: Ledger, seq: int) -> str:
    with ledger.read() as connection:
        return str(connection.scalar("SELECT hash FROM audit WHERE seq = :seq", seq=seq))
