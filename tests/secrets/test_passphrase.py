"""The passphrase of the engine's state is changed, whatever happens in the midst of it."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud.secrets.passphrase import fits, in_memory, salt_of
from tests.conftest import GOVCLOUD, Result
from tests.store_province import ENVIRONMENT, Province, province

Cli = Callable[..., Result]


@pytest.fixture
def encrypted(tmp_path: Path, cli: Cli) -> Province:
    """Three stacks, encrypted with `one`."""
    made = province(tmp_path / "w", nodes=3, stack_size=2)
    for name in ("one", "two"):
        path = tmp_path / name
        path.touch(0o600)
        path.write_text(f"passphrase {name}\n")
    says(made, passphrase="one")
    done = cli("apply", "--yes", cwd=made.root)
    assert done.code == 0, done
    return made


def says(files: Province, **named: str) -> None:
    """Which files hold which passphrase."""
    files.settings["secrets"] = {k: {"origin": "file", "path": f"../{v}"} for k, v in named.items()}
    files.write()


def salts(files: Province) -> dict[str, str]:
    """The salt of each stack by its settings' file."""
    found = sorted((files.private / "stacks").glob(f"*/Pulumi.{ENVIRONMENT}.*.yaml"))
    return {path.parent.name: salt_of(path) for path in found}


def all_fit(files: Province, words: str) -> bool:
    return all(fits(words.encode(), salt) for salt in salts(files).values())


def test_every_stack_gets_the_new_one(encrypted: Province, cli: Cli) -> None:
    assert len(salts(encrypted)) == 3 and all_fit(encrypted, "passphrase one")
    refused = cli("secrets", "rotate-passphrase", cwd=encrypted.root)
    assert refused.code == 2 and "`secrets.former_passphrase` is not set" in refused.err
    says(encrypted, passphrase="two", former_passphrase="one")
    # In between everything goes on, each stack with the one that it has.
    encrypted.node("r4").link("r3", "r4").write()
    assert cli("apply", "--yes", cwd=encrypted.root).code == 0
    done = cli("secrets", "rotate-passphrase", "--json", cwd=encrypted.root)
    assert done.code == 0, done
    assert {*done.json["changed"], *done.json["already"]} == {f"{ENVIRONMENT}.{s}" for s in salts(encrypted)}
    assert len(done.json["changed"]) == 3
    assert all_fit(encrypted, "passphrase two")
    says(encrypted, passphrase="two")
    encrypted.node("r5").link("r4", "r5").write()
    assert cli("apply", "--yes", cwd=encrypted.root).code == 0
    assert set(encrypted.objects()) == encrypted.wanted()
    assert cli("audit", "verify", cwd=encrypted.root).code == 0


def test_killed_at_any_moment_it_comes_to_its_end(encrypted: Province, cli: Cli) -> None:
    says(encrypted, passphrase="two", former_passphrase="one")
    for moment in (0.6, 1.4, 2.3, 3.1):
        process = subprocess.Popen(
            [str(GOVCLOUD), "secrets", "rotate-passphrase"],
            cwd=encrypted.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    done = cli("secrets", "rotate-passphrase", cwd=encrypted.root)
    assert done.code == 0, done
    assert all_fit(encrypted, "passphrase two")
    says(encrypted, passphrase="two")
    encrypted.node("r4").link("r3", "r4").write()
    assert cli("apply", "--yes", cwd=encrypted.root).code == 0


def test_state_and_settings_that_were_left_apart_agree_again(encrypted: Province, cli: Cli) -> None:
    before = salts(encrypted)
    says(encrypted, passphrase="two", former_passphrase="one")
    assert cli("secrets", "rotate-passphrase", cwd=encrypted.root).code == 0
    # As if it had been killed when the state was written and the settings were not.
    for name, salt in before.items():
        folder = encrypted.private / "stacks" / name
        (folder / f"Pulumi.{ENVIRONMENT}.{name}.yaml").write_text(f"encryptionsalt: {salt}\n")
        (folder / "passphrase-changes").touch()
    encrypted.node("r4").link("r3", "r4").node("r1", title="changed").write()
    encrypted.link("r1", "r2", bandwidth_mbps=7).write()
    refused = cli("apply", "--yes", cwd=encrypted.root)
    assert refused.code == 1 and "rotate-passphrase" in refused.out + refused.err, refused
    assert cli("secrets", "rotate-passphrase", cwd=encrypted.root).code == 0
    run = cli("runs", "list", "--json", cwd=encrypted.root).json[0]["id"]
    assert cli("runs", "resume", run, cwd=encrypted.root).code == 0
    assert set(encrypted.objects()) == encrypted.wanted()


def test_a_lost_passphrase_costs_the_state_and_no_object(
    encrypted: Province, cli: Cli, tmp_path: Path
) -> None:
    births = {key: row.birth for key, row in encrypted.objects().items()}
    says(encrypted, passphrase="two")
    # docs/secrets.md: put the state aside, and let the engine learn again what stands.
    (encrypted.private / "state").rename(tmp_path / "state-of-the-lost-passphrase")
    shutil.rmtree(encrypted.private / "stacks")
    done = cli("state", "rebuild", "--yes", cwd=encrypted.root)
    assert done.code == 0, done
    assert {key: row.birth for key, row in encrypted.objects().items()} == births
    encrypted.node("r4").link("r3", "r4").write()
    assert cli("apply", "--yes", cwd=encrypted.root).code == 0
    assert set(encrypted.objects()) == encrypted.wanted()
    assert all_fit(encrypted, "passphrase two")


def test_a_salt_is_the_engines_own() -> None:
    # Made by the engine 3.255.0 with the passphrase `new`.
    salt = "v1:J68+sjA5rdY=:v1:B72YxX09ujFBW/Sn:frA2uSkpETX8Z3qrDp56zt1TGE/B6A=="
    assert fits(b"new", salt)
    assert not fits(b"old", salt)
    for wrong in ("", "v2:a:b", base64.b64encode(b"x").decode()):
        with pytest.raises(ValueError):
            fits(b"new", wrong)


def test_it_stands_in_memory_and_may_be_read_again() -> None:
    with in_memory(b"words") as (handle, environment):
        place = environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        assert place == f"/dev/fd/{handle}"
        assert [Path(place).read_bytes() for _ in range(2)] == [b"words", b"words"]
        assert not os.get_inheritable(handle)
        assert "memfd" in str(Path(f"/proc/self/fd/{handle}").readlink())
