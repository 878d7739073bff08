"""A device over SSH is brought to what the ledger says, by the command line, from nothing on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from govcloud.devices.comparing import commands
from tests.devices.device import Device, listening
from tests.devices.world import COMWARE, VRP, write

Cli = Callable[..., Any]
pytestmark = [pytest.mark.xdist_group("devices"), pytest.mark.timeout(300)]


@pytest.fixture(params=[(VRP, "core", 2), (COMWARE, "county", 1)], ids=["vrp-8", "comware"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Device, Path, dict[str, str]]]:
    """A device, the workspace that it is in, and what the client needs to log in."""
    platform, name, stages = request.param
    device = Device(platform, name, stages=stages)
    keys, root = tmp_path / "keys", tmp_path / "site"
    keys.mkdir()
    root.mkdir()
    with listening(device, keys) as port:
        write(root, port=port, managed=name)
        login = {"ANSIBLE_PRIVATE_KEY_FILE": str(keys / "key")}
        yield device, root, login


def test_a_device_is_configured_and_stays_so(
    site: tuple[Device, Path, dict[str, str]], cli: Cli, tmp_path: Path
) -> None:
    device, root, login = site
    name = "core" if device.platform == VRP else "county"
    # Whoever answers with a key that nobody knows is not the device.
    if device.platform == VRP:
        strange = cli("apply", "--yes", cwd=root, env=login)
        assert strange.code == 1 and "authenticity" in strange.out and device.typed == [], strange
    # Where known keys are kept is the user's own affair (libssh asks the system for the home folder).
    login["ANSIBLE_HOST_KEY_CHECKING"] = "false"
    # No lab is up, and none is needed.
    done = cli("apply", "--yes", cwd=root, env=login)
    assert done.code == 0, done
    assert "configure 1 host" in done.out and "FRR" not in done.out
    assert device.typed
    wanted = cli("network", "render", name, cwd=root).out
    assert commands(device.platform, device.config, wanted) == []
    assert device.saved == 1
    assert device.running["user-interface vty 0 4"] == {"authentication-mode aaa": {}}
    assert cli("plan", "--json", cwd=root).json["changes"] == 0
    if device.platform == COMWARE:
        return
    # What it refuses is told with the command, and in two stages nothing of it holds.
    base = root / "base.yaml"
    base.write_text(base.read_text().replace('"cost": 60', '"cost": 70'))
    before, device.refused, seen = device.config, "ospf cost", len(device.typed)
    looked = cli("preview", "--json", cwd=root, env=login).json
    (host,) = looked["hosts"]
    assert (host["host"], host["status"]) == (name, "changes")
    assert not any(line == "system-view" for line in device.typed[seen:])
    failed = cli("apply", "--yes", cwd=root, env=login)
    assert failed.code == 1 and "refused `ospf cost 70`: " in failed.out, failed
    assert (device.config, device.saved) == (before, 1)
    device.refused = ""
    resumed = cli(
        "runs", "resume", cli("runs", "list", "--json", cwd=root).json[0]["id"], cwd=root, env=login
    )
    assert resumed.code == 0, resumed
    assert "ospf cost 70" in device.config and device.saved == 2
    changed = device.typed[-10:]
    assert changed[-1] == "y" and "sysname core" not in changed
