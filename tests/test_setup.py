"""Set-up: the scripts under tools/, the lock file, the Makefile, CI's script, the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import getuv  # noqa: E402
import packages  # noqa: E402
import setup  # noqa: E402

from govcloud import share, system  # noqa: E402

TOOL = {tool.command: tool for tool in system.TOOLS}
DEBIAN = {tool.command: tool.debian for tool in (*system.TOOLS, packages.SERVER)}


def script(folder: Path, name: str, body: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


# -- Python -----------------------------------------------------------------------------------------


def test_no_fitting_python_is_told_in_a_sentence(tmp_path: Path) -> None:
    old = 'case "$2" in *print*) echo 3.9;; *) exit 1;; esac'
    script(tmp_path, "python3", old)
    script(tmp_path, "python3.12", "echo 'shim: not installed' >&2; exit 127")
    for tool in ("dirname", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "setup")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is 3.9, none fits" in done.stderr
    assert "shim" not in done.stderr


def test_a_newer_python_behind_an_old_one_is_found(tmp_path: Path) -> None:
    script(tmp_path, "python3", 'case "$2" in *print*) echo 3.9;; *) exit 1;; esac')
    script(tmp_path, "python3.12", f'[ "$1" = -B ] && echo "$2" || exec {sys.executable} "$@"')
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "setup")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(ROOT / "tools" / "setup.py"), done.stderr


@pytest.mark.skipif(not setup.fresh(), reason="this checkout was not set up by `make setup`")
def test_the_second_set_up_is_quick_and_quiet() -> None:
    started = time.monotonic()
    done = subprocess.run([str(ROOT / "tools" / "setup")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 3


# -- system packages --------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A pretended machine: who we are, what is missing, what installing does."""

    class Machine:
        absent: list[str] = []
        installs: list[str] = []
        commands: list[list[str]] = []
        answer = ""
        said: list[str] = []

        def run(self, command: list[str]) -> str:
            self.commands.append(command)
            assert packages.POLICY.exists(), "a service could start"
            if not self.answer and "install" in command:
                self.absent = [name for name in self.absent if DEBIAN[name] not in command]
            return self.answer

        def check(self, extra: list[str] | None = None) -> bool:
            return packages.check(self.said.append, extra or [])

    made = Machine()
    made.said, made.commands = [], []
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(system, "missing", lambda: [TOOL[n] for n in made.absent if n in TOOL])
    monkeypatch.setattr(
        packages.postgresql, "folder", lambda: None if "initdb" in made.absent else Path("/somewhere")
    )
    monkeypatch.setattr(system, "manager", lambda: "apt-get")
    monkeypatch.setattr(packages, "_run", made.run)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    return made


def user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)


def test_nothing_missing_says_nothing(machine: Any) -> None:
    assert machine.check() is False
    assert machine.said == machine.commands == []


def test_root_installs_all_of_it_and_no_service_starts(machine: Any) -> None:
    machine.absent = ["ip", "tc", "zebra"]
    assert machine.check(["python3-venv"]) is True
    assert machine.commands[0][-3:] == ["iproute2", "frr", "python3-venv"]
    assert not packages.POLICY.exists()


def test_a_policy_of_the_machine_stays(machine: Any) -> None:
    packages.POLICY.write_text("theirs")
    machine.absent = ["ip"]
    machine.check()
    assert packages.POLICY.read_text() == "theirs"


def test_users_are_given_the_one_command(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user(monkeypatch)
    machine.absent = ["ip", "ping", "zebra"]
    with pytest.raises(packages.Stop) as caught:
        machine.check()
    wanted = "sudo apt-get install -y --no-install-recommends iproute2 iputils-ping frr\n"
    assert wanted in str(caught.value)
    assert "needed and missing: ip, ping" in str(caught.value)
    assert machine.commands == []


def test_users_go_on_without_what_is_optional(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user(monkeypatch)
    machine.absent = ["zebra", "ospfd"]
    assert machine.check() is False
    assert "goes on without zebra, ospfd" in machine.said[0] and "static routes" in machine.said[0]


def test_the_tests_server_is_installed_and_a_machine_without_it_goes_on(machine: Any) -> None:
    machine.absent = ["initdb"]
    assert machine.check() is True
    assert machine.commands[0][-1] == "postgresql"
    machine.absent, machine.answer = ["zebra", "initdb"], "E: no route"
    machine.check()
    assert "static routes" in machine.said[-1] and "initdb (the ledger's tests" in machine.said[-1]


def test_without_network_root_goes_on_when_only_optional_is_missing(machine: Any) -> None:
    machine.absent, machine.answer = ["zebra"], "E: no route"
    assert machine.check() is True
    assert "goes on without zebra" in machine.said[-1]
    # Tried, lists fetched, tried again.
    assert [("update" in c) for c in machine.commands] == [False, True, False]


def test_without_network_root_stops_when_something_needed_is_missing(machine: Any) -> None:
    machine.absent, machine.answer = ["ip", "zebra"], "E: no route"
    with pytest.raises(packages.Stop, match=r"(?s)needed and missing: ip, and installing failed.*no route"):
        machine.check()
    # An optional package that cannot be had does not keep the needed one away.
    assert machine.commands[-1][-1] == "iproute2"


# -- dependencies -----------------------------------------------------------------------------------


def lock() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text())


def test_the_lock_file_has_a_hash_for_everything_and_public_addresses_only() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))
    assert len(hosts) == 2, hosts
    # A machine's own mirror would show as an address, a port, a name with a dash or an inner domain.
    assert all(re.fullmatch(r"[a-z]+(\.[a-z]+)?\.org", host) for host in hosts), hosts
    for package in lock()["package"]:
        if package["source"].get("editable"):
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files and all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_the_lock_file_belongs_to_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = next(p for p in lock()["package"] if p["name"] == "govcloud")
    wanted = {re.split(r"[<>=~!]", d)[0]: d for d in project["project"]["dependencies"]}
    locked = {
        name: name + d.get("specifier", "")
        for d in ours["metadata"]["requires-dist"]
        for name in [d["name"] + "".join(f"[{extra}]" for extra in d.get("extras", []))]
    }
    assert locked == wanted
    dev = {re.split(r"[<>=~!]", d)[0] for d in project["dependency-groups"]["dev"]}
    assert {d["name"] for d in ours["metadata"]["requires-dev"]["dev"]} == dev


def test_every_dependency_has_its_line_of_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for wanted in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]:
        name = re.split(r"[<>=~!\[]", wanted)[0]
        assert f"**{name}**" in text, name


@pytest.mark.parametrize(
    ("environment", "settings", "found"),
    [
        ({}, "", None),
        (
            {"UV_DEFAULT_INDEX": "https://a/simple"},
            "[global]\nindex-url = https://b/simple\n",
            "https://a/simple",
        ),
        ({}, "[global]\nindex-url = https://b/simple\n", "https://b/simple"),
        ({}, "[global]\ncert = /etc/x.crt\n", None),
        ({}, "not a settings file", None),
    ],
)
def test_a_sites_mirror_is_found_in_the_usual_places(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    settings: str,
    found: str | None,
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pip.conf").write_text(settings)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    if found is None and "index-url" in (
        Path("/etc/pip.conf").read_text() if Path("/etc/pip.conf").exists() else ""
    ):
        pytest.skip("this machine has a mirror in /etc/pip.conf")
    assert setup.mirror() == found


def test_uv_on_path_must_be_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert getuv.present() is None
    script(tmp_path / "bin", "uv", "echo uv 0.4.30")
    assert getuv.present() is None
    script(tmp_path / "bin", "uv", "echo uv 0.9.1 '(abc 2025-01-01)'")
    assert getuv.present() == str(tmp_path / "bin" / "uv")
    assert getuv.cache() == own_cache
    assert "--hash=sha256:" in getuv.PINS.read_text()


def test_the_cache_is_the_programs_own(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    from govcloud.engine import store

    assert store.home().parent == getuv.cache()


def test_uv_that_cannot_be_fetched_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, own_cache: Path, tmp_path: Path
) -> None:
    script(tmp_path, "python", "echo 'no route to the index' >&2; exit 1")
    monkeypatch.setattr(getuv.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(packages.Stop, match="no route to the index"):
        getuv.fetch()
    assert not list(own_cache.glob(".uv-*"))


def test_without_pip_and_venv_the_package_that_brings_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getuv, "_has", lambda module: False)
    assert getuv.lacks() in (["python3-venv"], ["python3-pip"])
    monkeypatch.setattr(getuv, "_has", lambda module: module == "pip")
    assert getuv.lacks() == []


# -- make and CI ------------------------------------------------------------------------------------


def test_make_lists_its_commands() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    for name in ("demo", "test", "lint", "bench", "soak", "clean"):
        assert f"make {name} " in done.stdout


@pytest.mark.parametrize(
    ("failing", "code", "shown"),
    [
        ("none", 0, ["set-up", "tests", "demo"]),
        ("test", 1, ["set-up", "tests", "demo"]),
        ("demo", 1, ["set-up", "tests", "demo"]),
        ("setup", 1, ["set-up"]),
    ],
)
def test_ci_tries_every_part_and_ends_as_they_did(
    tmp_path: Path, failing: str, code: int, shown: list[str]
) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    script(tmp_path / "bin", "make", f'echo "making $1"; [ "$1" != {failing} ]')
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == code, done.stdout + done.stderr
    table = done.stdout.partition("== times\n")[2]
    assert [line.split()[0] for line in table.splitlines()] == shown
    assert ("FAILED" in table) is bool(code)


# -- the wheel --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("govcloud-*.whl"))


def test_the_wheel_carries_everything(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("stacks", "playbooks", "inventory"):
        shipped = {f"govcloud/share/{name}/{path}" for path in share.files(ROOT / name)}
        assert shipped and shipped <= names, shipped - names
    for name in ("go.mod", "go.sum", "engine.go", "go.txt"):
        assert f"govcloud/engine/recipe/{name}" in names
    assert any(name.startswith("govcloud/ledger/migrations/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    # A sample that was tried in place has a ledger beside it, which nobody else should get.
    assert not [
        n for n in names if "__pycache__" in n or "/.govcloud/" in n or n.startswith(("tests", "tools"))
    ]


def test_the_program_in_the_wheel_finds_what_it_ships(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    # -P keeps the current folder off the import path.
    python = [sys.executable, "-P", "-c"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = "import sys; from govcloud.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run(
        [*python, command, "init", "w", "--sample", "hainan"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "w" / "stacks" / "network.py").is_file()
    # It was the wheel's copy, not this checkout's, that answered.
    command = "from govcloud import share; print(share.shipped('stacks'))"
    where = subprocess.run([*python, command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert where.stdout.strip() == str(tmp_path / "site" / "govcloud" / "share" / "stacks")
