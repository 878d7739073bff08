"""A run whose target wants credentials and whose state has a passphrase: both pass, and leave no trace."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from govcloud import engine
from govcloud.secrets.passphrase import fits, salt_of
from tests.canary import Searcher, watched
from tests.conftest import GOVCLOUD, Result
from tests.store_province import TARGET, Province, province

Cli = Callable[..., Result]


def canary() -> str:
    """Different each time, with letters that JSON, URLs and base64 write in another way."""
    return f'cnry-{secrets.token_hex(9)}-"Wq8Zt/+x&'


@dataclass
class Guarded:
    """A province whose store is closed by a password, in a folder with everything that a run may write to."""

    place: Path
    files: Province
    password: str
    passphrase: str
    env: dict[str, str] = field(default_factory=dict)

    def type(self, *words: str, **more: str) -> tuple[Result, list[str]]:
        """Type a command; also everything amiss that was seen of its children while it ran."""
        process = subprocess.Popen(
            [str(GOVCLOUD), *words],
            cwd=self.files.root,
            env=os.environ | self.env | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        found, seen = [], 0
        with (
            watched(process, self.password.encode()) as one,
            watched(process, self.passphrase.encode()) as two,
        ):
            out, err = process.communicate(timeout=240)
        found, seen = one.found + two.found, len(one.seen)
        if words[0] == "apply" and process.returncode == 0:
            assert any("pulumi-resource-govcloud" in words for words in one.seen), one.seen
            assert seen > 1 and one.looks > 10
        return Result(subprocess.CompletedProcess(words, process.returncode, out, err)), found

    def traces(self) -> dict[str, list[str]]:
        """Where either value stands, below the folder that holds workspace, home and temporary files."""
        kept = self.place / "passphrase"
        kept.rename(self.place.parent / "passphrase")
        try:
            first = Searcher(self.password.encode()).in_tree(self.place)
            return first | Searcher(self.passphrase.encode()).in_tree(self.place)
        finally:
            (self.place.parent / "passphrase").rename(kept)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    place = tmp_path / "place"
    for name in ("home", "tmp"):
        (place / name).mkdir(parents=True)
    made = province(place / "w")
    made.tables["targets"][TARGET]["credentials"] = "store-password"
    made.tables["secrets"] = {"store-password": {"origin": "env", "variable": "STORE_PASSWORD"}}
    password, passphrase = canary(), canary()
    (place / "passphrase").write_text(passphrase + "\n")
    (place / "passphrase").chmod(0o600)
    made.settings["secrets"] = {"passphrase": {"origin": "file", "path": "../passphrase"}}
    made.write()
    binary = engine.find()
    assert binary is not None, "the Pulumi engine is not there; `python -m govcloud.engine` builds it"
    env = {
        "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",
        "STORE_PASSWORD": password,
        "HOME": str(place / "home"),
        "XDG_CONFIG_HOME": str(place / "home" / "config"),
        "TMPDIR": str(place / "tmp"),
    }
    yield Guarded(place, made, password, passphrase, env)


def test_credentials_and_passphrase_leave_no_trace(guarded: Guarded) -> None:
    done, found = guarded.type("apply", "--yes", "--json")
    assert done.code == 0, done
    assert found == []
    assert set(guarded.files.objects()) == guarded.files.wanted()
    assert guarded.traces() == {}
    assert Searcher(guarded.password.encode()).forms["raw"] not in (done.out + done.err).encode()
    # A second one, that changes something, with the state encrypted by the passphrase.
    guarded.files.node("r3").link("r2", "r3").write()
    done, found = guarded.type("apply", "--yes")
    assert done.code == 0 and found == [], done
    assert guarded.traces() == {}
    salts = [p.read_text() for p in (guarded.files.private / "stacks").rglob("Pulumi.*.yaml")]
    assert salts and all("encryptionsalt" in text for text in salts)


def test_a_wrong_password_is_told_and_the_right_one_is_kept(guarded: Guarded) -> None:
    assert guarded.type("apply", "--yes")[0].code == 0
    guarded.files.node("r3").link("r2", "r3").write()
    wrong = canary()
    done, _ = guarded.type("apply", "--yes", STORE_PASSWORD=wrong)
    assert done.code == 1
    assert "does not let us in: wrong password" in done.out + done.err, done
    assert wrong not in done.out + done.err
    assert Searcher(wrong.encode()).in_tree(guarded.place) == {}
    assert guarded.traces() == {}
    # Drift reads at the target too, and logs in for it.
    done, found = guarded.type("drift")
    assert done.code in (0, 3) and found == [], done
    assert guarded.type("drift", STORE_PASSWORD=wrong)[0].code == 1


def test_a_wrong_passphrase_is_told(guarded: Guarded) -> None:
    assert guarded.type("apply", "--yes")[0].code == 0
    guarded.files.node("r3").link("r2", "r3").write()
    (guarded.place / "passphrase").write_text("something else\n")
    done, _ = guarded.type("apply", "--yes")
    assert done.code == 1
    assert "passphrase" in done.out + done.err, done


def test_a_passphrase_from_the_environment_stays_with_the_program(guarded: Guarded) -> None:
    del guarded.files.settings["secrets"]
    guarded.files.write()
    guarded.env["PULUMI_CONFIG_PASSPHRASE"] = guarded.passphrase
    done, found = guarded.type("apply", "--yes")
    assert done.code == 0 and found == [], (done, found)
    done, found = guarded.type("state", "check")
    assert done.code == 0 and found == [], (done, found)
    assert guarded.traces() == {}
    salts = [salt_of(p) for p in (guarded.files.private / "stacks").glob("*/Pulumi.*.yaml")]
    assert salts and all(fits(guarded.passphrase.encode(), salt) for salt in salts)


def test_what_cannot_be_fetched_stops_a_run_before_it_begins(guarded: Guarded) -> None:
    del guarded.env["STORE_PASSWORD"]
    (guarded.place / "passphrase").chmod(0o644)
    done, _ = guarded.type("apply", "--yes")
    assert done.code == 1, done
    assert "secret/store-password: env STORE_PASSWORD: the variable is not set" in done.err, done
    assert "others may read it (mode 0644)" in done.err and "nothing was done" in done.err, done
    assert guarded.files.rows() == []
    runs, _ = guarded.type("runs", "list", "--json")
    assert json.loads(runs.out) == [], "no run was begun"
