"""What can be asked for: the eight templates, their parameters, and the form that comes of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pexpect
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.ledger import entries
from govcloud.ledger.connection import Connection
from govcloud.model.catalogue import Catalogue
from govcloud.policy import Case, judge
from govcloud.request import templates
from govcloud.request.document import Document, Item, read
from govcloud.request.expanding import expand
from govcloud.request.writing import text_of
from govcloud.source import examine
from govcloud.workspace import Workspace
from tests.conftest import GOVCLOUD, Result
from tests.recorded import INVENTORY, TARGET, reading, record_hainan
from tests.test_json_keys import keys_of
from tests.warm import Warm

pytestmark = pytest.mark.xdist_group("recorded-hainan")
Cli = Callable[..., Result]
Made = dict[tuple[str, str], dict[str, Any]]

# A sane request of each, by a unit that has projects on both clouds.
SANE: dict[str, dict[str, Any]] = {
    "web-application": {
        "title": "健康门户",
        "audience": ["public"],
        "cloud": "government",
        "network": "cloud-app",
        "flavor": "small",
        "instances": 2,
        "balanced": True,
        "platforms": ["haiyiban"],
    },
    "virtual-machine": {
        "title": "测试机",
        "cloud": "government",
        "network": "cloud-app",
        "flavor": "small",
        "instances": 3,
        "disk_gib": 100,
    },
    "database": {
        "title": "主数据库",
        "project": "bigdata",
        "network": "cloud-data",
        "flavor": "medium",
        "size_gib": 500,
        "application": "haizhengtong",
    },
    "network-segment": {"title": "新网段", "cloud": "government", "gateway": "cloud-border"},
    "hosting": {"title": "托管服务器", "rack": "haikou-dc-a02", "network": "dc-service", "height": 4},
    "recovery": {
        "application": "haizhengtong",
        "primary": "hzt-1",
        "cloud": "recovery",
        "network": "dr-app",
        "rpo_s": 600,
    },
    "private-line": {"title": "专线", "zone": "extranet", "region": "haikou", "bandwidth_mbps": 1000},
    "component": {
        "title": "统一排队叫号",
        "kind_of": "other",
        "application": "haizhengtong",
        "interface": "排队叫号接口规范",
    },
}


@pytest.fixture(scope="module")
def hainan(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Path:
    return record_hainan(tmp_path_factory, warm)


@pytest.fixture(scope="module")
def ledger(hainan: Path) -> Iterator[tuple[Workspace, Connection]]:
    with reading(hainan) as found:
        yield found


def form(*items: tuple[str, dict[str, Any]], unit: str = "bigdata", name: str = "wish") -> Document:
    made = [Item(template, parameters) for template, parameters in items]
    return Document(name=name, unit=unit, applicant=f"{unit}-information-officer", reason="所需", items=made)


def made(ledger: tuple[Workspace, Connection], *items: tuple[str, dict[str, Any]], **more: Any) -> Made:
    return expand(*ledger, form(*items, **more))


def problems(ledger: tuple[Workspace, Connection], *items: tuple[str, dict[str, Any]], **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        made(ledger, *items, **more)
    return "\n".join(map(str, caught.value.problems))


# -- the eight ------------------------------------------------------------------------------------------


def test_the_catalogue_has_what_people_ask_for(ledger: tuple[Workspace, Connection]) -> None:
    known = templates.catalogue(ledger[0])
    assert list(known) == sorted(SANE)
    for one in known.values():
        assert one.zh and one.en and one.what
        for name, parameter in one.asked.items():
            assert parameter.zh and parameter.help, name
            assert not (parameter.required and parameter.many and parameter.default == []), name


def test_a_sane_request_for_everything_is_without_fault_and_denied_by_no_rule(
    ledger: tuple[Workspace, Connection],
) -> None:
    items = [(template, {"part": template.partition("-")[0]} | said) for template, said in SANE.items()]
    asked = made(ledger, *items)
    assert {kind for kind, _ in asked} == {
        *("application", "backup", "circuit", "component", "dataset", "endpoint", "instance"),
        *("load_balancer", "network", "protection", "security_group", "server", "volume"),
    }
    assert all(name.startswith("wish-") for _, name in asked)
    accepted = {key: entry.fields for key, entry in entries.current(ledger[1]).items()}
    request = {"unit": "bigdata", "applicant": "bigdata-information-officer", "reason": "所需"}
    whole = accepted | asked | {("request", "wish"): request}
    catalogue, findings = examine(whole)
    assert findings == []
    before = {(f.rule, f.subject) for f in judge(Case(Catalogue.of(accepted)))}
    denied = [f for f in judge(Case(catalogue)) if f.verdict == "deny" and (f.rule, f.subject) not in before]
    assert denied == []


def test_what_a_request_makes_refers_to_it(ledger: tuple[Workspace, Connection]) -> None:
    asked = made(ledger, ("web-application", SANE["web-application"]), unit="health")
    assert asked["quota", "wish"] == {
        "project": "wish",
        "instances": 2,
        "vcpus": 4,
        "memory_mib": 8192,
        "disk_gib": 80,
        "request": "wish",
    }
    assert asked["project", "wish"]["demand"] == "request/wish"
    recovery = made(ledger, ("recovery", SANE["recovery"]))
    assert recovery["protection", "wish"]["request"] == "wish"


def test_addresses_are_the_allocators(hainan: Path, cli: Cli) -> None:
    """Machines and the load balancer before them get addresses of both versions in the plan."""
    path = hainan / "requests" / "addresses.yaml"
    done = cli("request", "new", "web-application", *said("web-application"), *WHO, "--out", path, cwd=hainan)
    assert done.code == 0, done
    plan = cli("request", "submit", path, "--dry-run", cwd=hainan)
    assert plan.code == 0, plan
    (line,) = [one for one in plan.out.splitlines() if "+ load_balancer/" in one]
    assert "ipv4: 10.0.10." in line and "ipv6: 3fff:461:1:10::" in line


# -- parameters -----------------------------------------------------------------------------------------


def test_the_sample_of_a_county_has_room_for_a_network(tmp_path: Path, cli: Cli) -> None:
    """Its nodes stand at sites, and a plan of addresses has room there."""
    county = tmp_path / "lingao"
    shutil.copytree(INVENTORY / "lingao", county, ignore=shutil.ignore_patterns(".govcloud"))
    for path in county.rglob("*.yaml"):
        path.write_text(TARGET.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    nodes = county / "network/nodes.csv"
    nodes.write_text(nodes.read_text(encoding="utf-8").replace(",lab,", ",,"), encoding="utf-8")
    people = county / "organisation.yaml"
    people.write_text(people.read_text(encoding="utf-8").split("roles:")[0], encoding="utf-8")
    assert cli("apply", "--yes", cwd=county).code == 0
    head = ("--name", "wards", "--unit", "lingao-health", "--applicant", "he-xiaoyan", "--reason", "所需")
    wish = ("--set", "title=病区网段", "--set", "site=lingao-hall")
    assert cli("request", "new", "network-segment", *head, *wish, cwd=county).code == 0
    asked = cli("request", "submit", "requests/wards.yaml", "--dry-run", cwd=county)
    assert "+ network/wards  ipv4: 10.24." in asked.out and ", ipv6: 3fff:461:24" in asked.out, asked


def test_what_the_ledger_has_one_of_is_the_default(ledger: tuple[Workspace, Connection]) -> None:
    asked = made(ledger, ("virtual-machine", SANE["virtual-machine"]))
    assert asked["instance", "wish-1"]["image"] == "linux-2024"
    # The unit's one project on that cloud; a unit without any gets one.
    assert asked["instance", "wish-1"]["project"] == "bigdata"
    assert ("project", "wish") not in asked
    assert ("project", "wish") in made(ledger, ("virtual-machine", SANE["virtual-machine"]), unit="health")


def test_a_balancer_is_recorded_only_where_somebody_says_so(ledger: tuple[Workspace, Connection]) -> None:
    """None is built, and the name leads to the first machine: nobody gets one by default."""
    said = {key: value for key, value in SANE["web-application"].items() if key != "balanced"}
    plain = made(ledger, ("web-application", said))
    assert [key for key in plain if key[0] == "load_balancer"] == []
    assert plain["endpoint", "wish"]["instance"] == "wish-1" and ("instance", "wish-2") in plain
    asked = templates.catalogue(ledger[0])["web-application"].asked
    assert "is not built" in asked["balanced"].help and "to the first" in asked["instances"].help


def test_what_could_be_several_is_asked_for(ledger: tuple[Workspace, Connection]) -> None:
    said = {k: v for k, v in SANE["virtual-machine"].items() if k not in ("cloud", "flavor")}
    told = problems(ledger, ("virtual-machine", said))
    assert "`cloud` is missing: 政务云, name of a cloud (government, recovery)" in told
    assert "`flavor` is missing: 规格, name of a flavor (large, medium, small)" in told


def test_several_projects_are_told_and_none_can_be_said(hainan: Path, tmp_path: Path, cli: Cli) -> None:
    more = hainan / "more.yaml"
    more.write_text("projects: {bigdata-2: {cloud: government, unit: bigdata}}\n")
    try:
        assert cli("apply", "--yes", cwd=hainan).code == 0
        with reading(hainan) as ledger:
            wish = ("virtual-machine", SANE["virtual-machine"])
            assert "`project`: several fit: bigdata or bigdata-2" in problems(ledger, wish)
            none = made(ledger, (wish[0], wish[1] | {"project": "-"}))
            assert none["instance", "wish-1"]["project"] == "wish"
    finally:
        more.unlink()
        assert cli("apply", "--yes", cwd=hainan).code == 0


def test_items_of_a_request_share_what_it_makes(ledger: tuple[Workspace, Connection]) -> None:
    web = {k: v for k, v in SANE["web-application"].items() if k != "platforms"}
    base = {"part": "db", "title": "库", "network": "cloud-data", "flavor": "medium", "size_gib": 100}
    asked = made(
        ledger, ("web-application", web), ("database", base | {"application": "wish"}), unit="health"
    )
    assert asked["instance", "wish-db"]["project"] == "wish"
    assert asked["dataset", "wish-db"]["application"] == "wish"
    quotas = [fields for (kind, _), fields in asked.items() if kind == "quota"]
    # Two quotas of one project add up to just what is asked for.
    assert {q["project"] for q in quotas} == {"wish"}
    assert sum(q["disk_gib"] for q in quotas) == 2 * 40 + 80 + 100


def test_free_entries_stand_beside_items(ledger: tuple[Workspace, Connection]) -> None:
    document = msgspec.structs.replace(
        form(("virtual-machine", SANE["virtual-machine"])),
        entries={"volumes": {"archive": {"project": "bigdata", "size_gib": 7, "instance": "wish-1"}}},
    )
    assert expand(*ledger, document)["volume", "archive"]["size_gib"] == 7


@settings(max_examples=40)
@given(title=st.text(min_size=1, max_size=60))
def test_a_text_stays_a_text(ledger: tuple[Workspace, Connection], title: str) -> None:
    """Whatever it holds, it is refused, or the same entries come of it with the text in their titles."""
    plain = made(ledger, ("virtual-machine", SANE["virtual-machine"]))
    try:
        asked = made(ledger, ("virtual-machine", SANE["virtual-machine"] | {"title": title}))
    except InputError:
        return
    assert asked.keys() == plain.keys()
    for key, fields in asked.items():
        assert fields.keys() == plain[key].keys()
        assert {f: v for f, v in fields.items() if f != "title"} == {
            f: v for f, v in plain[key].items() if f != "title"
        }
        if "title" in fields:
            assert fields["title"] == plain[key]["title"].replace("测试机", title)


# -- a workspace's own templates ------------------------------------------------------------------------

OWN = """\
zh: 打印机
en: Printer
what: A printer.
parameters:
  room: {type: ref, kinds: [room], required: true, zh: 房间, help: Where it stands.}
  lines: {type: integer, min: 1, max: 3, default: 2, zh: 线路, help: How many.}
entries:
  datasets:
    "{{ name }}-{{ i }}":
      for: i in range(lines)
      title: "{{ of.room.title }} · {{ i }}"
      unit: "{{ request.unit }}"
"""


@pytest.fixture
def own(hainan: Path) -> Iterator[Path]:
    folder = hainan / "requests" / "templates"
    folder.mkdir(parents=True)
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_a_workspace_adds_templates_and_lays_its_own_over(own: Path, hainan: Path) -> None:
    own.joinpath("printer.yaml").write_text(OWN)
    own.joinpath("component.yaml").write_text(OWN.replace("打印机", "自己的"))
    with reading(hainan) as ledger:
        known = templates.catalogue(ledger[0])
        assert set(known) == {*SANE, "printer"} and known["component"].zh == "自己的"
        asked = made(ledger, ("printer", {"room": "haikou-dc-a"}))
        assert [fields["title"] for fields in asked.values()] == ["一号机房 · 0", "一号机房 · 1"]


@pytest.mark.parametrize(
    ("was", "becomes", "line", "told"),
    [
        ("{{ of.room.title }} · {{ i }}", "{{ ''.__class__ }}", 11, "unsafe"),
        ("{{ of.room.title }} · {{ i }}", "{{ nothing }}", 11, "'nothing' is undefined"),
        ("{{ of.room.title }} · {{ i }}", "{% for", 11, "not a template"),
        ("range(lines)", "range(lines", 10, "not a template"),
        ("i in range(lines)", "every line", 10, "`for` is written as"),
        ("datasets", "datasats", 8, "no kind is called 'datasats' (did you mean 'datasets'?)"),
        ("kinds: [room]", "kinds: [rom]", 5, "no kind is called 'rom' (did you mean 'room'?)"),
        ("type: integer", "type: intger", 6, "expected"),
        ("range(lines)", "range(10**9)", 10, "a range longer than"),
        ("{{ name }}-{{ i }}", "printer-{{ i }}", 0, "names that a template makes begin with the request's"),
    ],
)
def test_a_template_with_a_fault_is_told_with_its_line(
    own: Path, hainan: Path, was: str, becomes: str, line: int, told: str
) -> None:
    assert was in OWN
    own.joinpath("printer.yaml").write_text(OWN.replace(was, becomes))
    with reading(hainan) as ledger, pytest.raises(InputError) as caught:
        made(ledger, ("printer", {"room": "haikou-dc-a"}))
    (first, *_) = caught.value.problems
    assert told in str(first), first
    if line:
        assert (first.path, first.line) == ("requests/templates/printer.yaml", line), first


# -- request templates, request new ---------------------------------------------------------------------

WHO = ("--name", "wish", "--applicant", "bigdata-information-officer", "--reason", "群众查询")


def said(template: str) -> list[str]:
    """The options that say what is sane."""
    out = []
    for key, value in SANE[template].items():
        text = ",".join(value) if isinstance(value, list) else str(value)
        out += ["--set", f"{key}={text}"]
    return out


def test_templates_are_listed_and_explained(hainan: Path, cli: Cli) -> None:
    listed = cli("request", "templates", "--json", cwd=hainan)
    assert [one["name"] for one in listed.json["templates"]] == sorted(SANE)
    one = cli("request", "templates", "database", cwd=hainan)
    assert "size_gib" in one.out and "integer 1..65536 GiB" in one.out and "must be said" in one.out
    wrong = cli("request", "templates", "databse", cwd=hainan)
    assert wrong.code == 2 and "did you mean 'database'?" in wrong.err


@pytest.mark.parametrize("template", sorted(SANE))
def test_a_form_of_each_template_can_be_read_again(
    hainan: Path, tmp_path: Path, ledger: tuple[Workspace, Connection], template: str
) -> None:
    document = form((template, SANE[template]))
    known = templates.catalogue(ledger[0])
    text = text_of(document, known, [dict.fromkeys(known[template].asked, "x: {y}") | SANE[template]])
    path = tmp_path / "wish.yaml"
    path.write_text(text, encoding="utf-8")
    assert read(path) == document
    # Each comment behind `#` is what its template says, and every parameter is there.
    assert all(f"{name}:" in text for name in known[template].parameters)


def test_what_is_missing_is_told_at_once_where_nobody_can_be_asked(hainan: Path, cli: Cli) -> None:
    done = cli("request", "new", "database", "--set", "titel=x", "--set", "size_gib=much", cwd=hainan)
    assert done.code == 2
    for words in (
        *("the request's `name` is missing", "the request's `reason` is missing", "`title` is missing"),
        *("no parameter is called 'titel' (did you mean 'title'?)", "`size_gib`: expected a whole number"),
    ):
        assert words in done.err, words
    assert not (hainan / "requests" / "request.yaml").exists()


def test_a_form_is_written_once_and_more_is_added_to_it(hainan: Path, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "wish.yaml"
    new = ("request", "new", "virtual-machine", *said("virtual-machine"), *WHO, "--out", path)
    done = cli(*new, "--json", cwd=hainan)
    assert done.code == 0, done
    assert set(done.json) == set(keys_of("request new"))
    assert "instance/wish-3" in done.json["entries"]
    assert read(path) == msgspec.convert(done.json["request"], Document)
    text = path.read_text(encoding="utf-8")
    assert "# 云主机数" in text and "# image: linux-2024" in text

    again = cli(*new, cwd=hainan)
    assert again.code == 5 and "is there already" in again.err
    assert cli(*new, "--force", cwd=hainan).code == 0

    path.write_text(text + "until: 2027-12-31   # as agreed\n", encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    other = ("request", "new", "hosting", *said("hosting"), "--add", path)
    assert "items 1" not in (told := cli(*other, cwd=hainan).out), told
    after = path.read_text(encoding="utf-8")
    assert len(read(path).items) == 2 and read(path).until == "2027-12-31"
    # Nothing but lines that are new.
    kept = [line for line in after.splitlines() if line in before.splitlines()]
    assert [line for line in before.splitlines() if line not in kept] == []

    head = cli(*other, "--name", "else", cwd=hainan)
    assert head.code == 2 and "--name and --add do not go together" in head.err


def test_parameters_come_from_a_file_and_options_outrank_it(hainan: Path, tmp_path: Path, cli: Cli) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(SANE["virtual-machine"], allow_unicode=True), encoding="utf-8")
    path = tmp_path / "wish.yaml"
    done = cli(
        *("request", "new", "virtual-machine", "--from", values, "--set", "instances=1", *WHO, "--out", path),
        cwd=hainan,
    )
    assert done.code == 0, done
    assert read(path).items[0].parameters["instances"] == 1
    values.write_text("title: x\ntitle: y\n")
    wrong = cli("request", "new", "virtual-machine", "--from", values, *WHO, cwd=hainan)
    assert wrong.code == 2 and "values.yaml:2:1: 'title' is written twice" in wrong.err


def test_a_terminal_is_asked_for_what_is_missing(hainan: Path, tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    child = pexpect.spawn(
        sys.executable,
        [str(GOVCLOUD), "request", "new", "virtual-machine", *WHO, "--out", str(path)],
        cwd=str(hainan),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 160),
    )
    for question, answer in (
        ("用途.*title: ", "测试机"),
        ("one of: government, recovery.*cloud: ", "goverment"),
        ("did you mean 'government'.*cloud: ", "government"),
        ("network: ", "cloud-app"),
        ("flavor: ", "{{ 7 * 7 }}"),
        ("begins an expression.*flavor: ", "small"),
    ):
        child.expect(question)
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert read(path).items == [
        Item(
            "virtual-machine",
            {"title": "测试机", "cloud": "government", "network": "cloud-app", "flavor": "small"},
        )
    ]
