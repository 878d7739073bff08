"""A county whose people decide on requests in three stages, each with a key and a token of their own."""

from __future__ import annotations

import copy
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from govcloud.ledger import Ledger, approvals, entries, open_ledger, requests
from govcloud.ledger.approvals import Approval
from govcloud.plan.guards.standing import Standing, of_request
from govcloud.plan.stages import EntryChange
from govcloud.request import deciding
from govcloud.signatures import OwnKey
from govcloud.workspace import Workspace, open_workspace
from tests.access.office import token_digest
from tests.conftest import GOVCLOUD, Result

Cli = Callable[..., Any]
# Who is there: unit, duty, permissions.
PEOPLE = {
    "admin": ("bigdata", "staff", ("administer", "plan", "apply")),
    "clerk": ("health", "staff", ("plan",)),
    "officer": ("health", "information_officer", ("plan", "approve")),
    "manager": ("health", "business_manager", ("plan", "approve")),
    "county-officer": ("county", "information_officer", ("plan", "approve")),
    "province-1": ("bigdata", "business_manager", ("plan", "approve")),
    "province-2": ("bigdata", "principal", ("plan", "approve")),
    "guard": ("bigdata", "security_officer", ("plan", "approve")),
    "builder": ("bigdata", "staff", ("plan", "apply")),
}
STAGES = {
    "officer-of-unit": {"duty": "information_officer"},
    "manager-of-unit": {"duty": "business_manager"},
    "province": {"of": "management"},
    "security": {"of": "named", "unit": "bigdata", "duty": "security_officer"},
}
CHAINS = {
    "usual": {"order": 1, "stages": ["officer-of-unit", "manager-of-unit", "province"]},
    "recovery": {"order": 2, "types": ["recovery"], "stages": ["security", "province"]},
}


@dataclass
class County:
    """Its workspace, the folder with everybody's keys, and the files as data."""

    root: Path
    keys: Path
    cli: Cli
    tables: dict[str, Any]
    settings: dict[str, Any]

    def key(self, name: str) -> str:
        """Make a key; gives its public part. (`ssh-keygen` for each would take longer than the tests.)"""
        made = Ed25519PrivateKey.generate()
        file = self.keys / name
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        file.chmod(0o600)
        public = f"{OwnKey(made).public} {name}"
        self.keys.joinpath(f"{name}.pub").write_text(public + "\n")
        return public

    def person(self, name: str, unit: str, duty: str, *permissions: str) -> None:
        self.tables["persons"][name] = {
            "unit": unit,
            "duty": duty,
            "token_digest": token_digest(f"{name}-secret"),
            "ssh_keys": [self.key(name)],
        }
        if permissions:
            self.tables["roles"][f"of-{name}"] = {"permissions": list(permissions), "persons": [name]}

    def write(self) -> None:
        self.root.mkdir(exist_ok=True)
        settings = {"version": 1, "environment": "tiny", **self.settings}
        (self.root / "govcloud.yaml").write_text(yaml.safe_dump(settings))
        tables = {kind: table for kind, table in self.tables.items() if table}
        (self.root / "base.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))

    def run(self, *arguments: str | Path, by: str = "", **options: Any) -> Any:
        env = {"GOVCLOUD_TOKEN": f"{by}-secret"} if by else {}
        return self.cli(*arguments, cwd=self.root, env=env | options.pop("env", {}), **options)

    def good(self, *arguments: str | Path, by: str = "", **options: Any) -> Any:
        done = self.run(*arguments, by=by, **options)
        assert done.code == 0, done
        return done

    def accept(self) -> None:
        """What the files say, with the words where limits want some."""
        self.write()
        done = self.run("apply", "--yes", by="admin")
        if done.code == 4 and "--confirm" in done.err:
            done = self.run("apply", "--confirm", done.err.split('--confirm "')[1].split('"')[0], by="admin")
        assert done.code == 0, done

    def submit(self, name: str = "portal", *options: str, by: str = "clerk", **said: Any) -> Any:
        """Ask for an application; gives the row."""
        form = {
            "name": name,
            "unit": "health",
            "applicant": by,
            "reason": "people ask for it",
            "entries": {"applications": {name: {"unit": "health"}}},
        }
        file = self.root.parent / f"{name}.yaml"
        file.write_text(yaml.safe_dump(form | said))
        return self.good("request", "submit", file, *options, "--json", by=by).json["request"]

    def approve(self, by: str, *arguments: str | Path, name: str = "portal", key: str = "") -> Any:
        file = self.keys / (key or by)
        return self.run("request", "approve", name, "--key", file, "--yes", *arguments, by=by)

    def decided(self, name: str = "portal") -> None:
        """All three stages sign."""
        for who in ("officer", "manager", "province-1"):
            done = self.approve(who, name=name)
            assert done.code == 0, done

    # -- the same, in this process: as the commands do it, without a process for each ------------------

    @property
    def workspace(self) -> Workspace:
        return open_workspace(str(self.root))

    def own_key(self, name: str) -> OwnKey:
        """The private key of somebody."""
        key = load_ssh_private_key((self.keys / name).read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return OwnKey(key)

    def signed(
        self,
        ledger: Ledger,
        by: str,
        name: str = "portal",
        *,
        key: str = "",
        giver: str = "",
        account: str = "",
    ) -> Approval:
        """What somebody signs for the stage that is open; nothing is kept."""
        with ledger.read() as connection:
            made = deciding.draft(connection, by, f"{by}@desk", name, "", giver)
        return approvals.sealed(made.approval, made.message, self.own_key(key or by))

    def sign(self, ledger: Ledger, by: str, name: str = "portal", **said: str) -> Standing:
        """Somebody signs the stage that is open, and it is kept."""
        one = self.signed(ledger, by, name, **said)
        return deciding.decide(self.workspace, ledger, name, one, one.account)

    def standing(self, ledger: Ledger, name: str = "portal") -> Standing:
        """How the request stands."""
        with ledger.read() as connection:
            return of_request(connection, requests.get(connection, name))[1]

    def put(self, ledger: Ledger, *changes: tuple[str, str, dict[str, Any] | None]) -> None:
        """Accept (kind, name, fields) at once, as a run's Record does; None takes an entry away."""
        with ledger.write() as connection:
            known = entries.among(connection, [(kind, name) for kind, name, _ in changes])
            number = entries.open_revision(connection, actor="", run=None, commit=None, message="")
            made = []
            for kind, name, fields in changes:
                before = known.get((kind, name))
                uid = before.uid if before else entries.uid_for("tiny", kind, name, 0)
                verb: Any = "delete" if fields is None else "update" if before else "create"
                made.append(EntryChange(verb, uid, kind, name, fields=fields or {}))
            entries.accept(connection, number, (c for c in made if c.verb != "delete"))
            entries.withdraw(connection, number, (c.uid for c in made if c.verb == "delete"))

    def change_person(self, ledger: Ledger, name: str, **fields: Any) -> None:
        self.put(ledger, ("person", name, self.tables["persons"][name] | fields))

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Straight into the database, behind the program's back."""
        with sqlite3.connect(self.root / ".govcloud" / "ledger.db") as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = open_ledger(open_workspace(str(self.root)))
        try:
            yield ledger
        finally:
            ledger.close()


def county(root: Path, cli: Cli, **settings: Any) -> County:
    """The county, accepted, with its chains; roles are in force."""
    root.mkdir(exist_ok=True)
    keys = root / "keys"
    keys.mkdir()
    tables: dict[str, Any] = {
        "regions": {"hainan": {"level": "province"}, "qionghai": {"level": "county", "parent": "hainan"}},
        "units": {
            "bigdata": {"region": "hainan", "type": "management"},
            "county": {"region": "qionghai", "level": "county", "type": "government"},
            "health": {"region": "qionghai", "level": "county", "parent": "county"},
        },
        "persons": {},
        "roles": {},
        "delegations": {},
        "applications": {},
        "profiles": {"rules": {"values": {"gate": "none"}}},
        "approval_stages": {name: dict(stage) for name, stage in STAGES.items()},
        "approval_chains": {name: dict(chain) for name, chain in CHAINS.items()},
    }
    made = County(root / "place", keys, cli, tables, settings)
    for name, (unit, duty, permissions) in PEOPLE.items():
        made.person(name, unit, duty, *permissions)
    made.write()
    made.good("apply", "--yes")
    return made


@contextmanager
def copied(template: County, place: Path, cli: Cli) -> Iterator[County]:
    """A copy of a county for one test, with a configuration folder of its own: it is the same ledger, and
    what this user has seen of it elsewhere is another test's."""
    shutil.copytree(template.root.parent, place)
    before = os.environ["XDG_CONFIG_HOME"]
    os.environ["XDG_CONFIG_HOME"] = str(place / "config")
    try:
        yield County(
            place / "place",
            place / "keys",
            cli,
            copy.deepcopy(template.tables),
            dict(template.settings),
        )
    finally:
        os.environ["XDG_CONFIG_HOME"] = before


def template(root: Path) -> County:
    """A county with the request `portal` submitted; made once, for copies."""
    root.mkdir()

    def run(*arguments: str | Path, cwd: Path, env: dict[str, str]) -> Any:
        around = os.environ | {"XDG_CONFIG_HOME": str(root / "config")} | env
        words = [str(GOVCLOUD), *map(str, arguments)]
        return Result(subprocess.run(words, cwd=cwd, env=around, capture_output=True, text=True))

    made = county(root, run)
    made.submit()
    return made
