"""A site's own role and play: beside the shipped ones, with variables of its own from the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import yaml

from govcloud.share import shipped
from tests.province.conftest import made
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-plays"), pytest.mark.timeout(600)]

PLAY = {"name": "What this site adds", "hosts": "routers", "gather_facts": False, "roles": ["banner"]}
TASK = {
    "name": "A banner",
    "ansible.builtin.copy": {
        "content": "{{ govcloud_site.banner }} ({{ govcloud_entry }})\n",
        "dest": "{{ govcloud_root }}/banner",
        "mode": "0644",
    },
}


@pytest.fixture(scope="module")
def province() -> Iterator[Place]:
    """A small province whose site has a role of its own, built in one go."""
    with place() as where:
        made(where, "static")
        books = where.root / "playbooks"
        shutil.copytree(shipped("playbooks"), books, dirs_exist_ok=True)
        plays = yaml.safe_load((books / "site.yml").read_text())
        (books / "site.yml").write_text(yaml.safe_dump([*plays, PLAY], sort_keys=False))
        tasks = books / "roles" / "banner" / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(yaml.safe_dump([TASK]))
        say(where, "海南省电子政务外网")
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


def say(where: Place, banner: str) -> None:
    profile = {"profiles": {"site": {"values": {"banner": banner}}}}
    (where.root / "site.yaml").write_text(yaml.safe_dump(profile, allow_unicode=True))


def test_a_sites_own_role_runs_with_its_own_variables(province: Place) -> None:
    assert province.on("city", "cat", "/run/govcloud/banner").out == "海南省电子政务外网 (node/city)\n"
    # It has the routers alone, and nothing of what is shipped is missing.
    assert province.on("app-1", "ls", "/run/govcloud").out.split().count("banner") == 0
    assert province.ask("plan")["changes"] == 0
    say(province, "另一个")
    plan = province.ask("plan")
    (play,) = [stage for stage in plan["stages"] if stage["kind"] == "play"]
    assert "city" in play["hosts"]
    province.type("apply", "--yes")
    assert province.on("city", "cat", "/run/govcloud/banner").out == "另一个 (node/city)\n"
