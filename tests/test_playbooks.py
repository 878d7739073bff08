"""The playbook on real namespaces, and its modules on their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chain import chain
from namespaces import Province
from playing import PLAYBOOK, Played, play

from govcloud.plan.hosts import HostVars, Routing, host_variables

LIBRARY = PLAYBOOK.parent / "library"


@dataclass
class Site:
    """A province that the playbook has run on once."""

    routing: Routing
    province: Province
    hosts: dict[str, HostVars]
    folder: Path
    first: Played

    def play(self, *options: str) -> Played:
        return play(self.province, self.hosts, self.folder, *options)

    def shell(self, host: str, script: str) -> str:
        return self.province.on(host, ["sh", "-c", script]).stdout


BACKENDS = [pytest.param(b, marks=pytest.mark.xdist_group(f"site-{b}")) for b in ("ospf", "static")]


def running(routing: Routing, folder: Path) -> Iterator[Site]:
    hosts = host_variables(chain(), routing=routing)
    with Province(chain()) as province:
        yield Site(routing, province, hosts, folder, play(province, hosts, folder))


@pytest.fixture(scope="module")
def ospf_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from running("ospf", tmp_path_factory.mktemp("ospf"))


@pytest.fixture(scope="module")
def static_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from running("static", tmp_path_factory.mktemp("static"))


@pytest.fixture(params=BACKENDS)
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found


@pytest.mark.lab
def test_the_first_run_configures_every_host(site: Site) -> None:
    assert site.first.code == 0, site.first.words
    assert site.first.touched == set(site.hosts)


@pytest.mark.lab
def test_a_second_run_finds_nothing_to_do(site: Site) -> None:
    again = site.play()
    assert again.code == 0, again.words
    assert again.touched == set(), again.differences


@pytest.mark.lab
def test_addresses_are_where_the_ledger_puts_them(site: Site) -> None:
    shown = json.loads(site.shell("r4", "ip -json address show dev to-r3"))
    found = {f"{a['local']}/{a['prefixlen']}" for a in shown[0]["addr_info"] if a["scope"] == "global"}
    assert found == {"10.254.0.5/31", "2001:db8:fe:2::1/127"}


@pytest.mark.lab
def test_daemons_run_only_where_they_are_wanted(site: Site) -> None:
    running = site.shell("r2", "ps -e -o comm=").split()
    wanted = {"zebra", "ospfd", "ospf6d"} if site.routing == "ospf" else set()
    assert wanted == set(running) & {"zebra", "ospfd", "ospf6d"}
    assert "dnsmasq" in site.shell("dns-1", "ps -e -o comm=").split()


@pytest.mark.lab
def test_the_page_names_its_application_over_both_ip_versions(site: Site) -> None:
    script = (
        "import sys, urllib.request as u\n"
        "for a in ('10.4.0.11', '[2001:db8:4::11]'):\n"
        "    r = u.Request(f'http://{a}/', headers={'Host': 'www.gov.example'})\n"
        "    print(u.build_opener(u.ProxyHandler({})).open(r, timeout=3).read().decode())\n"
    )
    pages = site.province.on("app-1", [sys.executable, "-c", script]).stdout
    for words in ("政务门户", "政务局", "portal", "app-1"):
        assert pages.count(words) >= 2, pages


@pytest.mark.lab
@pytest.mark.xdist_group("site-ospf")
def test_what_people_broke_is_told_by_a_check_and_mended_by_a_run(ospf_site: Site) -> None:
    site = ospf_site
    site.shell("r4", "ip address del 10.4.0.1/24 dev app; ip address add 192.0.2.1/24 dev service")
    site.shell("r4", "ip route add 198.51.100.0/24 via 10.254.0.4")
    site.shell("desk", "ip -6 route del default; echo nameserver 192.0.2.53 > /etc/resolv.conf")
    site.province.end_daemon("app-1", "web", "serve")
    site.shell("dns-1", "echo '192.0.2.9 www.gov.example' >> /run/govcloud/dns/records")

    told = site.play("--check", "--diff")
    assert told.code == 0, told.words
    assert told.touched == {"r4", "desk", "app-1", "dns-1"}
    found = {(d["what"], d["value"], d["state"]) for d in told.differences["r4"]}
    assert found == {
        ("address", "10.4.0.1/24", "missing"),
        ("address", "192.0.2.1/24", "extra"),
        ("route", "10.254.0.4", "extra"),
    }
    assert [(d["value"], d["state"]) for d in told.differences["app-1"]] == [("serve", "missing")]
    assert ("dnsmasq", "changed") in [(d["value"], d["state"]) for d in told.differences["dns-1"]]
    assert "192.0.2.1" in site.shell("r4", "ip address show dev service"), "a check changes nothing"

    mended = site.play()
    assert mended.code == 0, mended.words
    assert mended.touched == told.touched
    assert "192.0.2.1" not in site.shell("r4", "ip address show dev service")
    assert "192.0.2.9" not in site.shell("dns-1", "cat /run/govcloud/dns/records")


@pytest.mark.lab
@pytest.mark.xdist_group("site-ospf")
def test_a_dearer_line_restarts_only_the_daemons_that_read_its_cost(ospf_site: Site) -> None:
    site = ospf_site
    listed = "ps -e -o comm=,pid= | grep -E 'zebra|ospf'"
    before = dict(line.split() for line in site.shell("r3", listed).splitlines())
    link = next(i for i in site.hosts["r3"].vars["govcloud_routing"]["interfaces"] if i["name"] == "to-r4")
    link["cost"] += 1
    assert site.play("--limit", "r3,r2").touched == {"r3"}
    after = dict(line.split() for line in site.shell("r3", listed).splitlines())
    assert {name for name in before if before[name] != after[name]} == {"ospfd", "ospf6d"}


@pytest.mark.lab
def test_routers_move_from_daemons_to_static_routes_or_back(site: Site) -> None:
    """The last one of a site: it leaves two routers moved."""
    other: Routing = "static" if site.routing == "ospf" else "ospf"
    hosts = host_variables(chain(), routing=other)
    moved = play(site.province, hosts, site.folder, "--limit", "r1,r2")
    assert moved.code == 0, moved.words
    assert ("zebra" in site.shell("r2", "ps -e -o comm=")) == (other == "ospf")
    routes = json.loads(site.shell("r2", "ip -json route show proto 171"))
    assert bool(routes) == (other == "static")


def test_a_connection_without_a_process_is_refused_before_anything_runs(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    host = {"ansible_connection": "community.docker.nsenter", "ansible_nsenter_pid": 1}
    inventory.write_text(json.dumps({"all": {"children": {"routers": {"hosts": {"r1": host}}}}}))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), str(PLAYBOOK)],
        capture_output=True,
        text=True,
        env=os.environ | {"ANSIBLE_HOME": str(tmp_path / "ansible")},
    )
    assert done.returncode != 0
    assert "needs ansible_nsenter_pid" in done.stdout
    assert "Addresses, static routes" not in done.stdout


# The modules on their own


def call(module: str, folder: Path, **arguments: Any) -> dict[str, Any]:
    given = folder / "arguments.json"
    given.write_text(json.dumps(arguments))
    done = subprocess.run(
        [sys.executable, str(LIBRARY / f"{module}.py"), str(given)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def service(tmp_path: Path) -> Iterator[dict[str, Any]]:
    daemon = {"name": "idle", "argv": ["sh", "-c", "exec sleep 60"]}
    files = [{"name": "a.conf", "content": "one\n"}]
    arguments = {"name": "demo", "root": str(tmp_path / "root"), "files": files, "daemons": [daemon]}
    yield arguments
    call("lab_service", tmp_path, name="demo", root=str(tmp_path / "root"), state="absent", stop_s=0.2)


def wait_for(what: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not what():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)


def pid_of(service: dict[str, Any]) -> int:
    return int(json.loads((Path(service["root"]) / "demo" / ".daemons.json").read_text())["idle"]["pid"])


def test_a_service_starts_once_and_again_when_its_file_changes(
    tmp_path: Path, service: dict[str, Any]
) -> None:
    assert call("lab_service", tmp_path, **service)["changed"]
    first = pid_of(service)
    assert not call("lab_service", tmp_path, **service)["changed"]
    assert pid_of(service) == first
    service["files"][0]["content"] = "two\n"
    told = call("lab_service", tmp_path, **service, _ansible_check_mode=True, _ansible_diff=True)
    assert told["changed"] and told["diff"][0]["after"] == "two\n"
    assert pid_of(service) == first, "a check restarts nothing"
    assert call("lab_service", tmp_path, **service)["changed"]
    assert pid_of(service) != first
    assert (Path(service["root"]) / "demo" / "a.conf").read_text() == "two\n"


def test_a_daemon_goes_on_where_it_can_read_a_file_again(tmp_path: Path, service: dict[str, Any]) -> None:
    told = tmp_path / "told"
    program = f"trap 'cat records >> {told}' HUP; touch ready; while :; do sleep 0.05; done"
    daemon = {"argv": ["sh", "-c", program], "ready": str(tmp_path / "root" / "demo" / "ready")}
    service["daemons"][0] |= daemon | {"reloads": ["records"]}
    service["files"].append({"name": "records", "content": "one\n"})
    call("lab_service", tmp_path, **service)
    first = pid_of(service)
    assert not call("lab_service", tmp_path, **service)["changed"]
    service["files"][1]["content"] = "two\n"
    assert call("lab_service", tmp_path, **service, _ansible_check_mode=True)["changed"]
    assert call("lab_service", tmp_path, **service)["changed"]
    wait_for(lambda: told.exists() and told.read_text() == "two\n")
    assert pid_of(service) == first
    assert not call("lab_service", tmp_path, **service)["changed"]
    # Whoever was stopped between the file and the signal gives it the next time.
    record = Path(service["root"]) / "demo" / ".daemons.json"
    known = json.loads(record.read_text())
    known["idle"]["loaded"] = "something else"
    record.write_text(json.dumps(known))
    assert call("lab_service", tmp_path, **service)["changed"]
    wait_for(lambda: told.read_text() == "two\ntwo\n")
    # What it reads at its start alone starts it anew.
    service["files"][0]["content"] = "other\n"
    assert call("lab_service", tmp_path, **service)["changed"]
    assert pid_of(service) != first


def test_a_stranger_with_the_same_process_id_is_left_alone(tmp_path: Path, service: dict[str, Any]) -> None:
    call("lab_service", tmp_path, **service)
    os.kill(pid_of(service), signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = Path(service["root"]) / "demo" / ".daemons.json"
        known = json.loads(record.read_text())
        known["idle"]["pid"] = stranger.pid
        record.write_text(json.dumps(known))
        assert call("lab_service", tmp_path, **service)["changed"]
        assert stranger.poll() is None
        assert pid_of(service) != stranger.pid
    finally:
        stranger.kill()
        stranger.wait()


def test_a_daemon_that_ends_at_once_fails_with_its_own_words(tmp_path: Path, service: dict[str, Any]) -> None:
    service["daemons"][0]["argv"] = ["sh", "-c", "echo 'bad line 3' >&2; exit 7"]
    answer = call("lab_service", tmp_path, **service)
    assert answer["failed"]
    assert "code 7" in answer["msg"] and "bad line 3" in answer["msg"]


def test_a_daemon_that_is_never_ready_fails_and_is_stopped(tmp_path: Path, service: dict[str, Any]) -> None:
    service["daemons"][0]["ready"] = str(tmp_path / "never")
    answer = call("lab_service", tmp_path, **service, ready_s=0.1)
    assert answer["failed"] and "is not up after 0.1 s" in answer["msg"]
    assert json.loads((Path(service["root"]) / "demo" / ".daemons.json").read_text()) == {}


def test_an_absent_service_leaves_nothing(tmp_path: Path, service: dict[str, Any]) -> None:
    call("lab_service", tmp_path, **service)
    pid = pid_of(service)
    gone = {"name": "demo", "root": service["root"], "state": "absent"}
    assert call("lab_service", tmp_path, **gone)["changed"]
    assert not (Path(service["root"]) / "demo").exists()
    limit = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < limit:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.02)
    assert time.monotonic() < limit
    assert not call("lab_service", tmp_path, **gone)["changed"]


def test_the_machines_own_resolver_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("mine\n")
    arguments = {"servers": ["2001:db8::53"], "search": ["gov.example"], "path": str(path)}
    answer = call("resolv_conf", tmp_path, **arguments, private=True)
    assert answer["failed"] and path.read_text() == "mine\n"
    assert call("resolv_conf", tmp_path, **arguments)["changed"]
    assert path.read_text().splitlines()[:2] == ["search gov.example", "nameserver 2001:db8::53"]
    assert not call("resolv_conf", tmp_path, **arguments)["changed"]


@pytest.mark.parametrize("module", ["lab_service", "resolv_conf", "network_state"])
def test_a_wrong_argument_is_named(tmp_path: Path, module: str) -> None:
    answer = call(module, tmp_path, colour="red")
    assert answer["failed"] and "colour" in answer["msg"]


def test_an_interface_that_is_not_there_is_named(tmp_path: Path) -> None:
    interfaces = [{"name": "nowhere0", "addresses": ["192.0.2.1/32"]}]
    answer = call("network_state", tmp_path, interfaces=interfaces, _ansible_check_mode=True)
    assert answer["failed"] and "nowhere0" in answer["msg"]
