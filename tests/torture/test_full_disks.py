"""A disk that is full in the middle of a run: of the ledger, of the engine's state, of the target, of all.

Each ends in a sentence that says what to do. When there is room again the run goes on with the command that
it names, and nothing is there twice.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_province import ENVIRONMENT, TARGET, Province, Row, province

from tests.mounts import Mounts

from .commands import Begun, program
from .killing import until

SMALL = "small"
# KiB: what a run of the engine needs and more.
SIZE = 60_000
LOOK = """
import json, os, sqlite3, sys
file, environment = sys.argv[1:]
if os.path.exists(file):
    query = "select type, uid, incarnation, properties, birth from object where environment = ?"
    print(json.dumps(sqlite3.connect(file).execute(query, [environment]).fetchall()))
"""
PLACES = {
    "ledger": {"ledger": f"sqlite:///{SMALL}/ledger.db"},
    "state": {"state": f"file://{SMALL}/state"},
    "target": {},
    "everything": {},
}


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with Mounts() as made:
        yield made


class There:
    """A workspace of which a part, or all that is its own, stands on a small disk."""

    def __init__(self, root: Path, mounts: Mounts, what: str) -> None:
        self.mounts, self.root = mounts, root
        self.place = province(root, nodes=6, **PLACES[what]).slow(250)
        if what == "target":
            self.place.tables["targets"][TARGET]["path"] = f"{SMALL}/store.db"
        self.place.write()
        self.small = root / (".govcloud" if what == "everything" else SMALL)
        self.small.mkdir(mode=0o700)
        mounts.small(self.small, SIZE)
        self.seen = Seen(root, mounts, what)

    def begin(self, *argv: str) -> Begun:
        return Begun(program("-C", str(self.root), *argv, enter=self.mounts.enter), self.root, self.words)

    @property
    def words(self) -> Path:
        return self.root / "words.txt"

    def __call__(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.mounts.run(*program("-C", str(self.root), *argv), check=False, timeout=200)


class Seen(Province):
    """The same workspace, as those see it who have the small disk."""

    def __init__(self, root: Path, mounts: Mounts, what: str) -> None:
        super().__init__(root)
        self._mounts, self._what = mounts, what

    def rows(self, environment: str = ENVIRONMENT) -> list[Row]:
        file = self.root / SMALL / "store.db" if self._what == "target" else self.store
        done = self._mounts.run(sys.executable, "-c", LOOK, file, environment, check=False)
        return [Row(t, u, i, json.loads(p), b) for t, u, i, p, b in json.loads(done.stdout or "[]")]


def fill(mounts: Mounts, place: Path) -> None:
    """To the last block, while others write there, too."""
    mounts.run("sh", "-c", f"cat /dev/zero > {place}/filler || true")


@pytest.mark.parametrize(
    "what",
    # Where everything lies on one disk whichever comes first is told: the others say it one by one.
    [*(p for p in PLACES if p != "everything"), pytest.param("everything", marks=pytest.mark.soak)],
)
def test_a_disk_that_is_full_in_the_middle(mounts: Mounts, tmp_path: Path, what: str) -> None:
    there = There(tmp_path, mounts, what)
    run = there.begin("apply", "--yes")
    assert until(lambda: bool(there.seen.objects()), 60), run.words()
    fill(mounts, there.small)
    code = run.wait()
    words = run.words()
    assert "Traceback" not in words and "a defect" not in words, words
    assert code == 1, words
    assert re.search("disk is full|no space left on device", words, re.IGNORECASE), words
    named = re.search(r"govcloud runs resume (\S+?)[`\s]", words)
    assert named is not None, words
    mounts.free(there.small)
    births = {key: row.birth for key, row in there.seen.objects().items()}
    resumed = there("runs", "resume", named[1])
    assert resumed.returncode == 0, resumed
    built = there.seen.objects()
    assert set(built) == there.place.wanted()
    assert {key: built[key].birth for key in births} == births
    for command in (["plan", "--detailed-exitcode"], ["drift"], ["audit", "verify"]):
        told = there(*command)
        assert told.returncode == 0, told
