"""A hall full of servers that are only recorded, and people with keys who may and may not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.access.office import Office, office, ssh_key, token_digest

__all__ = ["hall", "office"]

SERVERS = 30


@dataclass
class Hall:
    """An office whose servers stand in one hall; everybody has a token, some have a key."""

    office: Office
    keys: Path

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        return self.office.tables

    def run(self, *arguments: str | Path, by: str = "builder") -> Any:
        return self.office.run(*arguments, by=by)

    def apply(self, *arguments: str, by: str = "builder") -> Any:
        self.office.write()
        return self.run("apply", *arguments, by=by)

    def plan(self) -> Any:
        self.office.write()
        return self.run("plan", "--json").json

    def phrase(self) -> str:
        """What the plan of now wants to be typed."""
        found: str = self.plan()["guards"]["phrase"]
        return found

    def keep(self, count: int) -> None:
        """Let only so many servers be in the files."""
        self.tables["servers"] = {f"s{n}": {"rack": "rack"} for n in range(count)}

    def servers(self) -> int:
        """How many there are in the ledger."""
        return len(self.run("ls", "server", "--json").json)

    def newest(self) -> Any:
        """The newest run, as `runs show` tells it."""
        id = self.run("runs", "list", "--json").json[0]["id"]
        return self.run("runs", "show", id, "--json").json

    def approve(self, target: str, *arguments: str, by: str = "chief", key: str = "") -> Any:
        file = self.keys / (key or by)
        return self.run("approve", target, "--key", file, "--yes", *arguments, by=by)

    def policy(self, **values: Any) -> None:
        """What `profile/limits` says from the next revision on."""
        self.tables.setdefault("profiles", {})["limits"] = {"values": values}


@pytest.fixture
def hall(office: Office, tmp_path: Path) -> Hall:
    """Thirty servers are accepted; four people have roles, two of them may approve."""
    keys = tmp_path / "keys"
    keys.mkdir()

    def join(name: str, *permissions: str) -> None:
        token = token_digest(f"{name}-secret")
        office.person(name, *permissions, token_digest=token, ssh_keys=[ssh_key(keys, name)])

    join("admin", "administer", "plan", "apply", "read_classified")
    join("builder", "plan", "apply")
    join("chief", "plan", "approve", "apply")
    join("deputy", "plan", "approve")
    join("medic", "plan", "apply", "emergency")
    made = Hall(office, keys)
    made.tables.update(
        sites={"hall": {"region": "here", "role": "datacentre"}},
        rooms={"room": {"site": "hall"}},
        racks={"rack": {"room": "room", "units": 60}},
        freezes={},
        profiles={},
    )
    made.keep(SERVERS)
    done = made.apply("--yes", by="")
    assert done.code == 0, done
    return made
