"""Worlds that take several runs to make: made once, and each test gets a copy of its own."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import GOVCLOUD
from tests.request.county import County, copied, template
from tests.request.office import form, machine, office
from tests.store_province import Province

# One who is told: nobody listens there, so what is told waits.
CHANNEL = {"name": "duty", "webhook": "http://127.0.0.1:9/hook", "events": ["gate"]}
DISK = {"volumes": {"web-data": {"project": "p", "size_gib": 10, "instance": "web-1"}}}


@pytest.fixture(scope="session")
def lease_template(tmp_path_factory: pytest.TempPathFactory) -> Province:
    """An office with the request `web` in use: a machine with a disk, until 2999-01-01. Records only: what
    is decided is the same, and no engine is started."""
    root = tmp_path_factory.mktemp("leased")
    made = office(root / "place", notify=[CHANNEL])
    made.tables["networks"]["app"]["ipv4"] = "192.0.2.0/24"
    made.tables["profiles"]["leases"] = {"values": {}, "invented": True}
    made.write()
    file = form(made, "web", machine("web-1", ipv4="auto") | DISK, until="2999-01-01")
    around = os.environ | {"XDG_CONFIG_HOME": str(root / "config")}
    for words in (["apply", "--yes"], ["request", "submit", str(file)], ["request", "apply", "web", "--yes"]):
        done = subprocess.run(
            [str(GOVCLOUD), *words], cwd=made.root, env=around, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done
    return made


@pytest.fixture
def leased(
    lease_template: Province,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Province:
    """A copy of it in the test's own folder."""
    config = tmp_path_factory.mktemp("leased") / "config"
    shutil.copytree(lease_template.root, tmp_path, dirs_exist_ok=True)
    shutil.copytree(lease_template.root.parent / "config", config)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    return Province(tmp_path, copy.deepcopy(lease_template.tables), dict(lease_template.settings))


@pytest.fixture(scope="session")
def people_template(tmp_path_factory: pytest.TempPathFactory) -> County:
    """The county, where nobody signs, and a third unit with somebody in it; `portal` is in use."""
    made = template(tmp_path_factory.mktemp("people") / "county")
    made.tables["profiles"]["approvals"] = {"values": {"needs": "none"}}
    made.tables["units"]["water"] = {"region": "qionghai"}
    made.person("neighbour", "water", "staff", "plan")
    made.accept()
    made.submit("portal", "--replace", until="2999-01-01")
    made.good("request", "apply", "portal", "--yes", by="builder")
    return made


@pytest.fixture
def people(people_template: County, tmp_path: Path, cli) -> Iterator[County]:  # type: ignore[no-untyped-def]
    """A copy of it."""
    with copied(people_template, tmp_path / "people", cli) as made:
        yield made
