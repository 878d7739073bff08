"""An office with a ledger: who works there, with which tokens and keys, and what they may do."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

Cli = Callable[..., Any]


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class Office:
    """A workspace whose people each have a token that is their name with `-secret`."""

    root: Path
    cli: Cli
    tables: dict[str, dict[str, Any]]

    def write(self) -> None:
        self.root.mkdir(exist_ok=True)
        (self.root / "govcloud.yaml").write_text("version: 1\nenvironment: office\n")
        tables = {kind: table for kind, table in self.tables.items() if table}
        (self.root / "base.yaml").write_text(yaml.safe_dump(tables, sort_keys=False, allow_unicode=True))

    def run(self, *arguments: str | Path, by: str = "", env: dict[str, str] | None = None) -> Any:
        """A command, typed by somebody who shows their token."""
        shown = {"GOVCLOUD_TOKEN": f"{by}-secret"} if by else {}
        return self.cli(*arguments, cwd=self.root, env=shown | (env or {}))

    def person(self, name: str, *permissions: str, **fields: Any) -> None:
        """One more person; with permissions they get a role of their own."""
        told = fields or {"token_digest": token_digest(f"{name}-secret")}
        self.tables["persons"][name] = {"unit": "bureau", "duty": "staff", **told}
        if permissions:
            self.tables["roles"][f"of-{name}"] = {"permissions": list(permissions), "persons": [name]}

    def apply(self, by: str = "", **options: Any) -> Any:
        self.write()
        return self.run("apply", "--yes", by=by, **options)

    def log(self, by: str = "") -> list[Any]:
        found: list[Any] = self.run("audit", "log", "--json", by=by).json
        return found


@pytest.fixture
def office(tmp_path: Path, cli: Cli) -> Office:
    """Before any role: everything is open."""
    made = Office(
        tmp_path / "office",
        cli,
        {
            "regions": {"here": {"level": "city"}},
            "units": {"bureau": {"region": "here"}},
            "persons": {},
            "roles": {},
            "delegations": {},
            "applications": {},
            "components": {},
            "programmes": {},
        },
    )
    made.write()
    return made


@pytest.fixture
def locked(office: Office) -> Office:
    """Roles are in force: an administrator, a planner, somebody who applies, and one with none."""
    office.person("admin", "administer", "plan", "apply", "read_classified")
    office.person("planner", "plan")
    office.person("builder", "plan", "apply")
    office.person("reader")
    done = office.apply()
    assert done.code == 0, done
    return office


def ssh_key(folder: Path, name: str, kind: str = "ed25519") -> str:
    """Make a key; gives its public part."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{name}@office", "-f", str(folder / name)],
        check=True,
    )
    return (folder / f"{name}.pub").read_text().strip()
