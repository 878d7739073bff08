"""Plays on real hosts: who is down keeps nobody, canaries, previews, facts, files put back byte for byte."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.province import small
from tests.province.conftest import made
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-plays"), pytest.mark.timeout(600)]

# Every file that plays manage on a host, with bytes, mode and owner; not what daemons write themselves.
LOOK = (
    "for f in $(find /run/govcloud -path /run/govcloud/ansible -prune -o -path /run/govcloud/.kept -prune "
    "-o -path /run/govcloud/data -prune -o -type f ! -name '*.log' ! -name '.daemons.json' ! -name '*.ready' "
    "! -name '*.pid' -print | sort) /etc/resolv.conf; do sha256sum $f; stat -c '%n %a %u:%g' $f; done"
)
CANARIES = {"border", "app-dr"}


@pytest.fixture(scope="module")
def routing() -> str:
    """The quicker way: what is tried here is not how routers learn their routes."""
    return "static"


@pytest.fixture(scope="module")
def built(routing: str) -> Iterator[Place]:
    with place() as where:
        made(where, routing)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


def rename(where: Place, domain: str) -> None:
    """Another name of the zone: every host has it in its resolver, so every host is configured."""
    small.write(where.root, routing="static")
    path = where.root / "network.yaml"
    path.write_text(path.read_text().replace('"gov.example"', f'"{domain}"'))


def newest(where: Place) -> str:
    return str(where.ask("runs", "list")[0]["id"])


def played(where: Place, run: str) -> dict[str, Any]:
    """What the ledger keeps of a run's play."""
    stages = where.ask("runs", "show", run)["stages"]
    found: dict[str, Any] = next(s for s in stages if s["kind"] == "play")
    return found


def to_configure(where: Place) -> set[str]:
    return {h for s in where.ask("plan")["stages"] if s["kind"] == "play" for h in s["hosts"]}


def everything(where: Place) -> list[str]:
    """All of the ledger, as the database writes it."""
    with sqlite3.connect(where.root / ".govcloud" / "ledger.db") as connection:
        return list(connection.iterdump())


def test_hosts_that_fail_or_are_down_keep_no_other_and_resume_does_the_rest(province: Place) -> None:
    # The only name server cannot write its file: Ansible ends its playbook there. Another is out of reach.
    province.on(
        "dns-1", "sh", "-c", "rm /run/govcloud/dns/dnsmasq.conf; mkdir /run/govcloud/dns/dnsmasq.conf"
    )
    province.on("town", "sh", "-c", "rm -rf /run/govcloud/ansible; echo x > /run/govcloud/ansible")
    rename(province, "one.example")
    said = province.type("apply", "--yes", expect=1).out
    assert "8 of 10 hosts are configured, 1 failed, 1 could not be reached: town" in said
    run = newest(province)
    stage = played(province, run)
    assert stage["status"] == "failed"
    detail = stage["detail"]
    assert (detail["failed"], detail["unreachable"], detail["untouched"]) == (["dns-1"], ["town"], [])
    assert detail["not_done"] == ["dns-1", "town"]
    assert "dns-1: The name server, with the ledger's zones: dns: " in detail["error"]
    assert to_configure(province) == {"dns-1", "town"}
    # Nor are they as they were before: where the files go back, they are configured like the others.
    small.write(province.root, routing="static")
    assert to_configure(province) == small.HOSTS
    rename(province, "one.example")
    # What comes after the name server in the playbook was done on the others.
    assert "www.one.example" in province.on("app-1", "cat", "/run/govcloud/web/services.json").out

    province.on("dns-1", "rmdir", "/run/govcloud/dns/dnsmasq.conf")
    province.on("town", "rm", "/run/govcloud/ansible")
    times = province.on("app-1", "stat", "-c", "%y", "/run/govcloud/ansible").out
    province.type("runs", "resume", run)
    assert played(province, run)["detail"]["changed"] == 2
    assert province.on("app-1", "stat", "-c", "%y", "/run/govcloud/ansible").out == times, "left alone"
    assert "Nothing to do" in province.type("plan").out


def test_a_canary_that_fails_stops_the_play_and_the_others_stay(province: Place) -> None:
    policy = {"whole": 0, "canaries": 2, "batches": ["50%"], "stop_percent": 0}
    (province.root / "plays.yaml").write_text(f"profiles: {{plays: {{values: {json.dumps(policy)}}}}}\n")
    assert to_configure(province) == set()
    province.type("apply", "--yes")
    rename(province, "two.example")
    shown = province.type("plan").out
    assert "canaries first: border, app-dr; one that fails stops the play" in shown
    assert "then 2 batches of 5, 3 hosts; stops after one of which more than 0 % failed" in shown
    stage = next(s for s in province.ask("plan")["stages"] if s["kind"] == "play")
    assert set(stage["batches"][0]) == CANARIES and stage["canaries"] == 2
    assert sorted(h for batch in stage["batches"] for h in batch) == sorted(small.HOSTS)

    # The file of names that is the host's own is gone: the role refuses to write the machine's.
    province.on("border", "umount", "/etc/resolv.conf")
    before = {host: province.on(host, "sh", "-c", LOOK).out for host in ("desk", "city", "app-1")}
    province.type("apply", "--yes", expect=1)
    run = newest(province)
    detail = played(province, run)["detail"]
    assert detail["batches"][0] == {
        "hosts": 2,
        "canaries": True,
        "done": 1,
        "failed": ["border"],
        "unreachable": [],
        "untouched": 0,
    }
    assert set(detail["untouched"]) == small.HOSTS - CANARIES
    assert "8 were not touched; stopped: the canary border failed" in detail["error"]
    assert "is the machine's own here" in detail["error"]
    assert {h: province.on(h, "sh", "-c", LOOK).out for h in before} == before

    mend = "touch /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf"
    province.on("border", "sh", "-c", mend)
    province.type("runs", "resume", run)
    detail = played(province, run)["detail"]
    assert [batch["done"] for batch in detail["batches"]] == [2, 5, 3]
    assert detail["changed"] == 9, "the canary that had come through is left alone"
    assert "Nothing to do" in province.type("plan").out
    (province.root / "plays.yaml").unlink()
    province.type("apply", "--yes")


def test_a_preview_tells_what_would_change_and_changes_nothing(province: Place) -> None:
    province.on("app-1", "sh", "-c", "echo '# by hand' >> /run/govcloud/web/serve.py")
    small.write(province.root, routing="static", title="新门户")
    rows = everything(province)
    files = province.on("app-1", "sh", "-c", LOOK).out
    pids = province.on("app-1", "cat", "/run/govcloud/web/.daemons.json").out
    told = province.ask("preview", expect=0)
    found = {one["host"]: one for one in told["hosts"]}
    assert found["app-1"]["status"] == "changes"
    changed = {f["path"]: f["lines"] for t in found["app-1"]["tasks"] for f in t["files"]}
    assert "-# by hand" in changed["/run/govcloud/web/serve.py"]
    assert any(
        line.startswith("+") and "\\u65b0" in line for line in changed["/run/govcloud/web/services.json"]
    )
    words = province.type("preview", "app-1", "--detailed-exitcode", expect=3).out
    assert "/run/govcloud/web/serve.py" in words and "      -# by hand" in words
    assert "changed: daemon web serve" in words
    assert "configures no host 'app-9'" in province.type("preview", "app-9", expect=2).err
    assert province.on("app-1", "sh", "-c", LOOK).out == files
    assert province.on("app-1", "cat", "/run/govcloud/web/.daemons.json").out == pids
    assert everything(province) == rows
    assert not list((province.root / ".govcloud" / "plays").iterdir())
    province.type("apply", "--yes")
    assert province.ask("preview")["hosts"] == []


def test_files_come_back_byte_for_byte_with_mode_and_owner_and_so_does_their_absence(
    province: Place,
) -> None:
    by_hand = (
        r"printf 'nameserver 192.0.2.1\r\n\377\000' > /etc/resolv.conf; cd /run/govcloud/web; "
        r"chmod 4754 services.json; rm serve.py"
    )
    province.on("app-1", "sh", "-c", by_hand)
    before = province.on("app-1", "sh", "-c", LOOK).out
    small.write(province.root, routing="static", title="第二门户")
    province.type("apply", "--yes")
    run = newest(province)
    after = province.on("app-1", "sh", "-c", LOOK).out
    assert after != before and "serve.py" in after and "serve.py" not in before
    kept = {f["path"]: f for f in province.ask("runs", "files", run)["files"]}
    assert set(kept) == {
        *("/etc/resolv.conf", "/run/govcloud/web/services.json", "/run/govcloud/web/serve.py")
    }
    assert not kept["/run/govcloud/web/serve.py"]["there"]
    assert kept["/run/govcloud/web/services.json"]["mode"] == "4754"
    assert "not there" in province.type("runs", "files", run).out

    assert "did you mean app-1?" in province.type("runs", "restore", run, "--host", "app-2", expect=2).err
    one = province.type("runs", "restore", run, "--host", "app-1", "--path", "/etc/resolv.conf", "--yes").out
    assert "put 1 file of 1 host back" in one
    assert "192.0.2.1" in province.on("app-1", "head", "-n1", "/etc/resolv.conf").out
    province.type("runs", "restore", run, "--host", "app-1", "--yes")
    assert province.on("app-1", "sh", "-c", LOOK).out == before
    # The web service cannot run without its program; it is not as declared, and that is told.
    assert "serve.py" not in province.on("app-1", "ps", "-e", "-o", "args").out
    (found,) = province.ask("drift", expect=3)["findings"]
    assert found["subject"] == "instance/app-1"
    assert found["fields"]["files"]["seen"] == f"put back as before run {run}"
    assert to_configure(province) == {"app-1"}

    # The restore kept what it replaced: it can be taken back in the same way.
    back = newest(province)
    province.type("runs", "restore", back, "--all", "--yes")
    there = [line for line in after.splitlines() if "resolv.conf" not in line]
    now = province.on("app-1", "sh", "-c", LOOK).out.splitlines()
    assert [line for line in now if "resolv.conf" not in line] == there
    province.type("apply", "--yes")
    assert province.on("app-1", "sh", "-c", LOOK).out == after
    assert province.ask("drift")["findings"] == []
    rows = [row for row in province.ask("audit", "log") if row["action"] == "files restored"]
    assert sorted(row["data"]["as_before"] for row in rows) == sorted([back, run, run])


def test_a_run_that_was_killed_after_a_change_still_has_what_was_before(province: Place) -> None:
    path = "/run/govcloud/web/services.json"
    before = province.on("app-1", "sha256sum", path).out
    small.write(province.root, routing="static", title="第三门户")
    process = subprocess.Popen(
        ["govcloud", "apply", "--yes", "--json"],
        cwd=province.root,
        env=province.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # The file is changed on the host, and nothing of it is written down yet.
    assert any("The applications of this machine" in line for line in process.stdout)
    process.kill()
    process.communicate()
    run = newest(province)
    assert province.on("app-1", "sha256sum", path).out != before
    assert province.ask("runs", "files", run)["files"] == []
    province.type("runs", "resume", run)
    (kept,) = province.ask("runs", "files", run)["files"]
    assert (kept["host"], kept["path"], kept["kept"]) == ("app-1", path, True)
    province.type("runs", "restore", run, "--host", "app-1", "--yes")
    assert province.on("app-1", "sha256sum", path).out == before
    province.type("apply", "--yes")


def test_what_a_host_says_of_itself_is_kept_with_its_day(province: Place) -> None:
    facts = province.ask("show", "node/city")["facts"]
    uname = province.on("city", "uname", "-r").out.strip()
    assert facts["kernel"] == uname and facts["cpus"] >= 1 and facts["memory_mib"] > 0
    assert facts["interfaces"]["lo"] == ["10.255.0.4/32", "2001:db8:ff::4/128"]
    assert facts["run"] in {run["id"] for run in province.ask("runs", "list")}
    words = province.type("show", "node/city").out
    assert f"kernel {uname}" in words and " ago, run " in words and "lo 10.255.0.4/32" in words


def test_a_changed_role_is_for_the_hosts_that_use_it(province: Place) -> None:
    # What `init` copied is the site's own.
    role = province.root / "playbooks" / "roles" / "web" / "files" / "serve.py"
    assert to_configure(province) == set()
    role.write_text(role.read_text() + "# of this site\n")
    assert to_configure(province) == {"app-1"}
    province.type("apply", "--yes")
    assert "# of this site" in province.on("app-1", "cat", "/run/govcloud/web/serve.py").out
