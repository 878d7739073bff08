"""Secrets that go to hosts of a real lab: handed over, changed, withdrawn, and never left on the way."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary import Searcher, watched
from tests.province.ordinary import UID, becoming
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("secrets-lab")]

# One network with a router and two servers: as little as a play needs.
BASE = """
targets: {lab: {driver: lab, routing: static}}
regions: {here: {level: province}}
zones: {extranet: {role: extranet}}
sites: {hall: {region: here, role: datacentre}}
rooms: {room: {site: hall}}
racks: {rack: {room: room}}
nodes:
  gate: {region: here, zone: extranet, role: core, target: lab, loopback4: 10.9.255.1}
networks:
  lan: {gateway: gate, interface: lan, site: hall, ipv4: 10.9.1.0/24}
servers:
  db: {rack: rack, network: lan, ipv4: 10.9.1.10, target: lab}
  web: {rack: rack, network: lan, ipv4: 10.9.1.11, target: lab}
"""
SECRETS = """
secrets:
  db-password: {origin: command, command: [cat, ../outside/db-password]}
  web-key: {origin: file, path: ../outside/web-key, exact: true}
secret_files:
  db-on-db: {secret: db-password, hosts: [server/db], path: db/password}
  db-on-web: {secret: db-password, hosts: [server/web], path: web/db.password}
  web-key: {secret: web-key, hosts: [server/web], path: web/tls.key}
"""


def value() -> str:
    """A value that every encoding writes in another way."""
    return f'cnry-{secrets.token_hex(9)}-"Wq8Zt/+x&'


class Guarded:
    """A lab whose secrets lie outside of the place that is searched."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self.outside = where.folder / "outside"
        self.outside.mkdir()
        self.owner = where.folder.stat().st_uid
        self.put("db-password", value())
        # Of several lines, as keys are.
        self.put("web-key", f"-----BEGIN-----\n{value()}\n-----END-----\n")

    def put(self, name: str, content: str) -> str:
        path = self.outside / name
        path.touch(0o600)
        path.write_text(content)
        os.chown(path, self.owner, self.owner)
        return content

    def get(self, name: str) -> str:
        return (self.outside / name).read_text()

    def write(self, *parts: str) -> None:
        file = self.where.root / "base.yaml"
        file.write_text("".join(parts))
        os.chown(file, self.owner, self.owner)

    def file(self, host: str, path: str) -> tuple[str, str]:
        """(mode and owner, content) of a file on a host, read there."""
        shown = self.where.on(host, "stat", "-c", "%a %u", f"/run/govcloud/{path}").out.strip()
        return shown, self.where.on(host, "cat", f"/run/govcloud/{path}").out

    def apply(self, *words: str, expect: int = 0) -> str:
        """Apply, with an eye on every child; what it said."""
        process = subprocess.Popen(
            [*self.where.become, "govcloud", "apply", "--yes", *words],
            cwd=self.where.root,
            env=self.where.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        line = self.get("web-key").splitlines()[1]
        with (
            watched(process, self.get("db-password").encode()) as one,
            watched(process, line.encode()) as two,
        ):
            out, _ = process.communicate(timeout=280)
        assert process.returncode == expect, out
        assert one.found + two.found == []
        assert any("ansible-playbook" in words for words in one.seen), one.seen
        return out

    def traces(self, *more: str) -> dict[str, list[str]]:
        """Where the values (and ``more``) stand in the workspace, the home and temporary files."""
        out: dict[str, list[str]] = {}
        for one in (self.get("db-password"), self.get("web-key").splitlines()[1], *more):
            searcher = Searcher(one.strip().encode())
            for root in (self.where.root, self.where.home, self.where.tmp):
                out |= {f"{root.name}/{p}": forms for p, forms in searcher.in_tree(root).items()}
        return out


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with place() as where:
        where.type("init", str(where.root), "--environment", "guarded")
        made = Guarded(where)
        made.write(BASE)
        where.type("lab", "up")
        yield made


def test_values_reach_their_hosts_and_nothing_else(guarded: Guarded) -> None:
    guarded.write(BASE, SECRETS)
    where = guarded.where
    # A command that nobody has accepted or allowed is not run by who only looks.
    shown = where.type("plan").out
    assert "secret/db-password cannot be fetched: its command, cat, is a new one" in shown
    refused = where.type("apply", "--yes", expect=1).err
    assert "nothing was done" in refused and "govcloud secrets allow db-password" in refused
    where.type("secrets", "allow", "db-password", "--yes")
    planned = where.ask("plan")["secrets"]
    assert planned["db-password"]["hosts"] == ["db", "web"] and planned["db-password"]["first"]
    assert guarded.get("db-password") not in where.type("plan", "--out", "plan.json").out
    out = guarded.apply("plan.json")
    assert guarded.get("db-password") not in out
    assert guarded.file("db", "db/password") == ("600 0", guarded.get("db-password"))
    assert guarded.file("web", "web/db.password") == ("600 0", guarded.get("db-password"))
    assert guarded.file("web", "web/tls.key") == ("600 0", guarded.get("web-key"))
    assert guarded.traces() == {}
    assert "Nothing to do" in where.type("plan").out


def test_a_new_value_shows_and_replaces_the_old_one(guarded: Guarded) -> None:
    former = guarded.get("db-password")
    guarded.put("db-password", value())
    where = guarded.where
    shown = where.type("plan", expect=(0, 3)).out
    assert "~ secret/db-password: new version, for 2 hosts: db, web" in shown
    assert "tls" not in shown and "web-key" not in shown
    previewed = where.type("preview").out
    assert "changed: file db db/password" in previewed
    assert guarded.get("db-password") not in previewed and former not in previewed
    assert guarded.file("db", "db/password")[1] == former, "a preview changes nothing"
    assert guarded.traces(former) == {}
    guarded.apply()
    for host, path in (("db", "db/password"), ("web", "web/db.password")):
        assert guarded.file(host, path) == ("600 0", guarded.get("db-password"))
    assert guarded.traces(former) == {}
    for host in ("db", "web"):
        assert former not in where.on(host, "grep", "-r", "", "/run/govcloud").out
    assert "Nothing to do" in where.type("plan").out


def test_a_source_that_is_gone_is_told_and_hinders_only_who_needs_it(guarded: Guarded) -> None:
    where, key = guarded.where, guarded.outside / "web-key"
    hidden = key.rename(guarded.outside / "hidden")
    try:
        shown = where.type("plan").out
        assert "secret/web-key cannot be fetched" in shown and "nothing needs it now" in shown
        assert "Nothing to do" in shown
        # Now its host is to be configured for another reason.
        guarded.write(BASE.replace("10.9.1.11", "10.9.1.12"), SECRETS)
        shown = where.type("plan").out
        assert "apply needs it and will not begin" in shown
        refused = where.type("apply", "--yes", expect=1).err
        assert "secret/web-key: file" in refused and "nothing was done" in refused
    finally:
        hidden.rename(key)
        guarded.write(BASE, SECRETS)


def test_a_value_that_changes_after_planning_is_planned_again(guarded: Guarded) -> None:
    where = guarded.where
    guarded.put("db-password", value())
    where.type("plan", "--out", "old.json")
    guarded.put("db-password", value())
    refused = where.type("apply", "--yes", "old.json", expect=5).err
    assert "plan" in refused
    guarded.apply()
    assert guarded.file("db", "db/password")[1] == guarded.get("db-password")


def test_a_failing_run_tells_why_and_leaves_no_trace(guarded: Guarded) -> None:
    where = guarded.where
    guarded.put("db-password", value())
    # A folder is in the way of the file.
    where.on("db", "sh", "-c", "rm /run/govcloud/db/password; mkdir /run/govcloud/db/password")
    out = guarded.apply(expect=1)
    assert "Is a directory" in out and "/run/govcloud/db/password" in out, out
    assert guarded.traces() == {}
    assert guarded.file("web", "web/db.password")[1] == guarded.get("db-password")
    where.on("db", "rmdir", "/run/govcloud/db/password")
    run = where.ask("runs", "list")[0]["id"]
    where.type("runs", "resume", run)
    assert guarded.file("db", "db/password") == ("600 0", guarded.get("db-password"))
    assert guarded.traces() == {}


def test_ansible_at_its_most_talkative_says_nothing(guarded: Guarded) -> None:
    guarded.put("db-password", value())
    where = guarded.where
    log = where.root / "ansible.log"
    where.env |= {"ANSIBLE_DEBUG": "1", "ANSIBLE_VERBOSITY": "4", "ANSIBLE_LOG_PATH": str(log)}
    try:
        guarded.apply()
    finally:
        for name in ("ANSIBLE_DEBUG", "ANSIBLE_VERBOSITY", "ANSIBLE_LOG_PATH"):
            del where.env[name]
    assert "EXEC" in log.read_text(), "it did talk"
    assert guarded.traces() == {}


def test_what_is_withdrawn_is_taken_away(guarded: Guarded) -> None:
    where = guarded.where
    guarded.write(
        BASE, SECRETS.replace("  web-key: {secret: web-key, hosts: [server/web], path: web/tls.key}\n", "")
    )
    guarded.apply()
    where.on("web", "test", "!", "-e", "/run/govcloud/web/tls.key")
    guarded.write(BASE)
    guarded.apply()
    for host, path in (("db", "db/password"), ("web", "web/db.password")):
        where.on(host, "test", "!", "-e", f"/run/govcloud/{path}")
    assert "Nothing to do" in where.type("plan").out
    assert list((where.root / ".govcloud" / "handing").iterdir()) == []
    assert Path(where.root / ".govcloud").stat().st_mode & 0o777 == 0o700


def test_an_ordinary_users_hosts_get_theirs() -> None:
    with place(becoming, owner=UID if os.geteuid() == 0 else -1) as where:
        where.env.pop("XDG_RUNTIME_DIR", None)
        where.type("init", str(where.root), "--environment", "theirs")
        made = Guarded(where)
        made.write(BASE, SECRETS)
        where.type("lab", "up")
        where.type("secrets", "allow", "db-password", "--yes")
        made.apply()
        # Root of the user namespace: the user themselves, seen from outside.
        assert made.file("db", "db/password") == ("600 0", made.get("db-password"))
        assert made.traces() == {}
