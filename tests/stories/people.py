"""People of a story: each with a checkout of the same files, all of them in front of one ledger."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from govcloud.ledger import Ledger, entries, open_ledger
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims, claims_on
from govcloud.ledger.entries import Key
from govcloud.source import merge
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]

# What all stories begin with: a province with two cities, said by two files.
FILES = {
    "places.yaml": "regions:\n  hainan: {level: province}\n  haikou: {level: city, parent: hainan}\n",
    "zones.yaml": "zones:\n  extranet: {role: extranet}\n",
}


@dataclass
class Person:
    """Somebody with a folder of files."""

    name: str
    folder: Path
    cli: Cli

    def types(self, *arguments: str | Path) -> Any:
        """A command, typed in the own folder."""
        return self.cli(*arguments, cwd=self.folder)

    def writes(self, file: str, text: str) -> None:
        """Put a text into a file."""
        place = self.folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def applies(self, *arguments: str | Path) -> Any:
        """Apply, which has to go well."""
        done = self.types("apply", *arguments, "--yes")
        assert done.code == 0, done
        return done

    def planned(self) -> dict[str, str]:
        """What their plan would do in the ledger: the verb by ``kind/name``."""
        plan = self.types("plan", "--json")
        assert plan.code == 0, plan
        records = [s for s in plan.json["stages"] if s["kind"] == "record"]
        return {f"{c['kind']}/{c['name']}": c["verb"] for s in records for c in s["changes"]}

    def owners(self, subject: str) -> dict[str, str]:
        """Who says each field of an entry: claimant and line, by field."""
        told = self.types("blame", subject, "--json")
        assert told.code == 0, told
        return {f["field"]: f"{f['owner']['claimant']}:{f['owner']['line']}" for f in told.json["fields"]}

    def git(self, *words: str) -> str:
        """A git command in their folder."""
        who = ["-c", f"user.name={self.name}", "-c", f"user.email={self.name}@example.org"]
        argv = ["git", "-C", str(self.folder), *who, *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def pushes(self, message: str) -> None:
        """Commit everything and push it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")

    def pulls(self) -> None:
        """Take what others pushed; what is written here and not committed stays."""
        self.git("pull", "--quiet", "--rebase", "--autostash", "origin", "main")


def alone(folder: Path, cli: Cli, **settings: str) -> Person:
    """One person with a folder, and a ledger in it."""
    person = Person("anna", folder, cli)
    lines = "".join(f"{key}: {value}\n" for key, value in settings.items())
    person.writes("govcloud.yaml", f"version: 1\nenvironment: tiny\n{lines}")
    for file, text in FILES.items():
        person.writes(file, text)
    return person


def team(folder: Path, cli: Cli, *names: str) -> list[Person]:
    """People with a clone each of one repository, whose settings name one ledger and one state."""
    origin, shared = folder / "origin.git", folder / "shared"
    shared.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(origin)], check=True)
    people = [Person(name, folder / name, cli) for name in names]
    for person in people:
        subprocess.run(["git", "clone", "--quiet", str(origin), str(person.folder)],
                       check=True, capture_output=True)  # fmt: skip
    first = people[0]
    first.writes(
        "govcloud.yaml",
        f"version: 1\nenvironment: tiny\nledger: sqlite:///{shared}/ledger.db\nstate: file://{shared}/state\n",
    )
    first.writes(".gitignore", ".govcloud/\n")
    for file, text in FILES.items():
        first.writes(file, text)
    first.pushes("a province")
    for person in people[1:]:
        person.pulls()
    return people


# -- what a later release does at somebody's request --------------------------------------------------


class Entry(msgspec.Struct, frozen=True):
    """An entry as a request wants it."""

    uid: str
    kind: str
    name: str
    fields: dict[str, Any]
    incarnation: int = 1
    stack: str | None = None


def granted(folder: Path, request: str, wanted: dict[Key, dict[str, Any]]) -> None:
    """A request's claims are accepted, in a revision of their own."""
    _revise(folder, [ClaimRow(*key, f"request:{request}", 0, fields) for key, fields in wanted.items()], ())


def ended(folder: Path, request: str, keys: Iterable[Key]) -> None:
    """A request's claims end; what nobody else claims is withdrawn with them."""
    _revise(folder, [], [(*key, f"request:{request}") for key in keys])


def _revise(folder: Path, said: list[ClaimRow], over: Iterable[tuple[str, str, str]]) -> None:
    workspace = open_workspace(str(folder))
    ledger: Ledger = open_ledger(workspace, create=True)
    gone = list(over)
    keys = {row.key for row in said} | {(kind, name) for kind, name, _ in gone}
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="request desk", run=None, commit=None, message="")
        change_claims(connection, number, ClaimChanges(said=tuple(said), ended=tuple(gone)))
        merged = merge(claims_on(connection, keys))
        known = entries.among(connection, keys)
        former = entries.former_names(connection, [key for key in keys if key not in known])
        changes = []
        for key, fields in merged.items():
            uid = entries.uid_for(workspace.environment, *key, former.get(key, 0))
            changes.append(Entry(known[key].uid if key in known else uid, *key, fields))
        entries.accept(connection, number, changes)
        entries.withdraw(connection, number, [known[key].uid for key in keys - merged.keys() if key in known])
    ledger.close()
