"""Real faults: a full disk, what may only be read, kill -9, a server that goes away in the middle.

Each is a sentence and an exit code, never a traceback; afterwards the ledger has all of a step or nothing
of it, the audit chain holds, and the next command goes on.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, records

from govcloud.errors import GovcloudError
from govcloud.ledger import Ledger, audit, entries, open_ledger
from govcloud.workspace import Settings, Workspace
from tests.mounts import Mounts
from tests.postgres import Server
from tests.stores import only_sqlite

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with Mounts() as made:
        yield made


class There:
    """The program where the mounts are, in the workspace of ``place``."""

    def __init__(self, mounts: Mounts, place: Province) -> None:
        self._mounts, self.place = mounts, place

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._mounts.run(GOVCLOUD, "-C", self.place.root, *arguments, check=False)
        assert "Traceback" not in done.stderr and "a defect" not in done.stderr, done
        assert done.returncode == 0 or "error: " in done.stderr or "failed" in done.stdout, done
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def goes_on(self) -> None:
        """What was left undone is finished with the command that the program names, and all is whole."""
        newest = self.json("runs", "list")[:1]
        if newest and newest[0]["status"] != "done":
            done = self("runs", "resume", newest[0]["id"])
        else:
            done = self("apply", "--yes")
        assert done.returncode == 0, done
        assert self.json("ls")["region"] == len(self.place.tables["regions"])
        assert self("plan", "--detailed-exitcode").returncode == 0
        assert self("audit", "verify").returncode == 0


def more(place: Province, count: int) -> Province:
    """So many regions more, some 300 bytes each."""
    known = len(place.tables["regions"])
    for n in range(known, known + count):
        place.tables["regions"][f"r{n}"] = {"level": "city", "parent": "here", "title": "市" * 60}
    return place.write()


# -- disks --------------------------------------------------------------------------------------------


@only_sqlite
def test_a_full_disk(mounts: Mounts, tmp_path: Path, store: str) -> None:
    """With no room at all, and with room for some of the steps; room is made, and it goes on."""
    place = records(tmp_path, ledger=store).write()
    place.private.mkdir(mode=0o700)
    mounts.small(place.private, 20_000)
    there = There(mounts, place)
    assert there("apply", "--yes").returncode == 0
    told = []
    for kib in (0, 60, 400, 700):
        before = there.json("ls")["region"]
        more(place, 600)
        mounts.leave(place.private, kib)
        full = there("apply", "--yes")
        mounts.free(place.private)
        told.append((full.returncode, full.stdout + full.stderr))
        # All of the revision or nothing of it.
        assert there.json("ls")["region"] in (before, len(place.tables["regions"]))
        there.goes_on()
    assert [code for code, _ in told][:3] == [1, 1, 1], told
    for code, words in told:
        assert not code or "the disk is full" in words or "No space left on device" in words, words


@only_sqlite
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_only_be_read(mounts: Mounts, tmp_path: Path, store: str, what: str) -> None:
    place = records(tmp_path, ledger=store).write()
    there = There(mounts, place)
    assert there("apply", "--yes").returncode == 0
    with Mounts() as barred:
        barred.read_only(place.private / "ledger.db" if what == "file" else place.private)
        here = There(barred, place)
        more(place, 1)
        told = here("apply", "--yes")
        assert told.returncode == 1, told
        words = "may only be read here" if what == "file" else "cannot be opened"
        assert f"error: the ledger{'' if what == 'file' else chr(39) + 's file'} {words}" in told.stderr
        assert "hint: see that" in told.stderr or "hint: see who" in told.stderr
        for command in (["ls"], ["runs", "list"], ["audit", "verify"], ["drift"]):
            here(*command)
    assert there.json("ls")["region"] == 2
    there.goes_on()


@pytest.fixture
def breakable(mounts: Mounts) -> Iterator[Server]:
    """A PostgreSQL server of the test's own, where the mounts are."""
    server = Server(enter=mounts.enter)
    try:
        yield server.start()
    finally:
        server.remove()


def test_a_full_disk_of_the_server(breakable: Server, mounts: Mounts, tmp_path: Path) -> None:
    room = breakable.folder / "room"
    room.mkdir()
    mounts.small(room, 60_000)
    breakable.own(room)
    breakable.admin(f"CREATE TABLESPACE small LOCATION '{room}'")
    breakable.admin("CREATE DATABASE cramped TABLESPACE small")
    place = records(tmp_path, ledger=breakable.url("cramped")).write()
    there = There(mounts, place)
    assert there("apply", "--yes").returncode == 0
    more(place, 3000)
    mounts.leave(room, 600)
    told = there("apply", "--yes")
    assert told.returncode == 1, told
    assert "the ledger's server has no room left" in told.stdout + told.stderr, told
    assert there.json("ls")["region"] == 2
    mounts.free(room)
    there.goes_on()


# -- kill -9 ------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from govcloud.ledger import audit, entries, open_ledger
from govcloud.plan.stages import EntryChange
from govcloud.workspace import Settings, Workspace
ledger = open_ledger(Workspace(Path(sys.argv[1]), Settings(environment="tiny", ledger=sys.argv[2])))
while True:
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="me", run=None, commit=None, message="")
        entries.accept(connection, number, [
            EntryChange("update", f"{n:016x}", "unit", f"u{n}", 1, None, {"title": str(number)})
            for n in range(200)
        ])
        audit.append(connection, "me", "record", {"revision": number})
    print(number, flush=True)
"""


def consistent(ledger: Ledger) -> int:
    """The newest revision; each has all of its rows and its row in the trail. The first is another's."""
    by = "FROM accepted WHERE kind = 'unit' AND"
    with ledger.read() as connection:
        newest = entries.last_revision(connection)
        began = connection.rows(f"SELECT since, count(*) {by} since > 0 GROUP BY since ORDER BY since")
        ended = connection.rows(
            f"SELECT until, count(*) {by} until IS NOT NULL GROUP BY until ORDER BY until"
        )
        trail = connection.rows("SELECT data FROM audit WHERE actor = 'me' ORDER BY seq")
    assert began == [(number, 200) for number in range(2, newest + 1)]
    assert ended == [(number, 200) for number in range(3, newest + 1)]
    assert [json.loads(data)["revision"] for (data,) in trail] == list(range(2, newest + 1))
    return newest


def test_kill_9_in_the_middle_of_a_write(cli: Cli, workspace: Workspace, store: str) -> None:
    """At many moments, most of them inside of a transaction: all of a revision is there or nothing."""
    records(workspace.root, ledger=store).write()
    assert cli("apply", "--yes").code == 0
    seed = random.randrange(1 << 30)
    moments = random.Random(seed)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(workspace.root), store], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = int(process.stdout.readline())
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        told = max([told, *(int(line) for line in process.communicate()[0].split("\n")[:-1])])
        ledger = open_ledger(workspace)
        newest = consistent(ledger)
        # What it told as written is there; one more may have been written and not yet told.
        assert newest in (told, told + 1), seed
        ledger.close()
    assert cli("audit", "verify").code == 0
    (workspace.root / "more.yaml").write_text("regions: {third: {level: city, parent: here}}\n")
    assert cli("apply", "--yes").code == 0
    assert cli("audit", "verify").code == 0


# -- the server goes away -----------------------------------------------------------------------------


@pytest.fixture
def remote(breakable: Server, tmp_path: Path) -> Iterator[tuple[Server, Ledger]]:
    """A ledger on a server that may be broken."""
    settings = Settings(environment="tiny", ledger=breakable.create("ledger"))
    ledger = open_ledger(Workspace(tmp_path, settings), create=True)
    yield breakable, ledger
    ledger.close()


def backend(connection: Any) -> int:
    return int(connection.scalar("SELECT pg_backend_pid()"))


def test_the_servers_process_is_killed_in_the_middle_of_a_write(remote: tuple[Server, Ledger]) -> None:
    """kill -9 of it makes the whole server start over; nothing is written, and then all goes on."""
    server, ledger = remote
    with (
        pytest.raises(GovcloudError, match="server went away; nothing of this was written") as told,
        ledger.write() as connection,
    ):
        audit.append(connection, "me", "x", {})
        server.kill(backend(connection))
        audit.append(connection, "me", "y", {})
    assert "govcloud runs list" in told.value.hint
    with ledger.write() as connection:
        assert audit.head(connection)[0] == 0
        audit.append(connection, "me", "z", {})
    with ledger.read() as connection:
        assert audit.head(connection)[0] == 1


def test_the_server_is_lost_at_the_very_end_of_a_write(remote: tuple[Server, Ledger]) -> None:
    """Whether it was written cannot be known, and is not said."""
    server, ledger = remote
    with (
        pytest.raises(GovcloudError, match="whether this step was written is not known"),
        ledger.write() as c,
    ):
        audit.append(c, "me", "x", {})
        server.kill(backend(c))
    with ledger.read() as connection:
        assert audit.head(connection)[0] == 0


def test_a_reader_that_loses_the_server_says_so(remote: tuple[Server, Ledger]) -> None:
    server, ledger = remote
    with pytest.raises(GovcloudError, match="server went away"), ledger.read() as connection:
        connection.scalar("SELECT 1")
        server.stop()
        connection.scalar("SELECT 1")
    with pytest.raises(GovcloudError, match="cannot be reached"), ledger.read() as connection:
        pass
    server.start()
    with ledger.read() as connection:
        assert audit.head(connection)[0] == 0
