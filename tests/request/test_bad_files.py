"""A request's file that is wrong, or that reaches for what it must not: a sentence with its place, each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from govcloud.errors import InputError
from govcloud.ledger.connection import Connection
from govcloud.model import KINDS
from govcloud.request.document import Document, read
from govcloud.request.expanding import expand
from govcloud.request.ground import Ground
from govcloud.request.parameters import Form
from govcloud.request.templates import Template, catalogue
from govcloud.source import templatefile
from govcloud.workspace import Workspace
from tests.conftest import Result
from tests.recorded import reading, record_hainan
from tests.request.test_templates import SANE
from tests.warm import Warm

pytestmark = pytest.mark.xdist_group("recorded-hainan")
Cli = Callable[..., Result]
Ledger = tuple[Workspace, Connection]

GOOD = """\
name: wish
unit: bigdata
applicant: bigdata-information-officer
items:
  - template: virtual-machine
    parameters:
      title: 测试机
      cloud: government
      network: cloud-app
      flavor: small
      instances: 2
"""


ITEMS = GOOD[GOOD.index("items:") :]
MANY = ", ".join(f"v{n}: {{size_gib: 1}}" for n in range(600))


@pytest.fixture(scope="module")
def hainan(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Path:
    return record_hainan(tmp_path_factory, warm)


@pytest.fixture(scope="module")
def ledger(hainan: Path) -> Iterator[Ledger]:
    with reading(hainan) as found:
        yield found


def faults(ledger: Ledger, folder: Path, text: str) -> list[str]:
    """What is told of a file, with its places; none where it can be submitted."""
    path = folder / "wish.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        expand(*ledger, read(path))
    except InputError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


def test_the_good_one_is_good(ledger: Ledger, tmp_path: Path) -> None:
    assert faults(ledger, tmp_path, GOOD) == []


# Each: what is said otherwise than in the good one, and what is told.
FORM = {
    "a misspelt field": (
        "unit: ",
        "unti: ",
        "2:1: no field is called 'unti' (did you mean",
    ),
    "a field of an item": ("parameters:", "paramters:", "6:5: no field is called 'paramters'"),
    "a name that is none": ("name: wish", "name: Der Wunsch", "1:7: `name`: expected a name of at most 63"),
    "a day in no calendar": (
        "items:",
        "until: 2027-02-30\nitems:",
        "4:8: `until`: no calendar has 2027-02-30",
    ),
    "an end before its beginning": (
        *("items:", "starts_on: 2027-05-01\nuntil: 2027-04-01\nitems:"),
        "5:8: `until`: 2027-04-01 is before `starts_on`, 2027-05-01",
    ),
    "a newer version": (
        "name: wish",
        "version: 2\nname: wish",
        "`version` is 2, which a newer release writes",
    ),
    "a key twice": ("unit: bigdata\n", "unit: bigdata\nunit: health\n", "3:1: 'unit' is written twice"),
    "a parameter twice": (
        *("      instances: 2\n", "      instances: 2\n      instances: 9\n"),
        "12:7: 'instances' is written twice in the same mapping",
    ),
    "a tag": ("title: 测试机", "title: !!python/object/apply:os.system [id]", "tags are not used here"),
    "no YAML": ("items:", "items: [", "wish.yaml:"),
    "a list": (GOOD, "- a\n", "1:1: expected a mapping of fields, got a list"),
    "nothing": (GOOD, "", "`name` is missing"),
    "NUL": ("测试机", '"a\\0b"', "NUL"),
    "an alias inside of itself": ("title: 测试机", "title: &a [*a]", "stands inside of what it names"),
    "entries of no kind": (
        *("items:", "entries: {volums: {a: {size_gib: 1}}}\nitems:"),
        "4:11: no kind is called 'volums' (did you mean 'volumes'?)",
    ),
    "entries of another form": (
        "items:",
        "entries: {volumes: [a]}\nitems:",
        "4:20: `volumes`: expected a mapping",
    ),
    "nothing asked for": (ITEMS, "", "wish.yaml:1:1: asks for nothing"),
}

VALUES = {
    "an unknown template": (
        *("virtual-machine", "virtual-maschine"),
        "5:15: no template is called 'virtual-maschine' (did you mean 'virtual-machine'?)",
    ),
    "an unknown parameter": (
        *("instances: 2", "instanzes: 2"),
        "11:7: virtual-machine: no parameter is called 'instanzes' (did you mean 'instances'?)",
    ),
    "a missing parameter": (
        *("      title: 测试机\n", ""),
        "5:5: virtual-machine: `title` is missing: 用途, a text of one line (What the machines are for.)",
    ),
    "a negative quantity": (
        "instances: 2",
        "instances: -2",
        "11:18: virtual-machine: `instances`: expected a whole",
    ),
    "none": ("instances: 2", "instances: 0", "from 1 to 50, got 0"),
    "an absurd quantity": ("instances: 2", "instances: 1000000000000", "from 1 to 50, got 1000000000000"),
    "half a machine": ("instances: 2", "instances: 1.5", "expected a whole number, got 1.5"),
    "a number that is a text": ("instances: 2", 'instances: "2"', "expected a whole number, got '2'"),
    "truth for a number": ("instances: 2", "instances: true", "expected a whole number, got true"),
    "not a number": ("instances: 2", "instances: .nan", "11:18: '.nan' is not a number"),
    "more than a request may make": (
        *(
            "items:",
            f"entries:\n  volumes: {{{MANY}}}\nitems:",
        ),
        "asks for 600 entries and more, and 500 may be",
    ),
    "a list for a text": (
        "title: 测试机",
        "title: [测试机]",
        "7:14: virtual-machine: `title`: expected a text",
    ),
    "a mapping for a text": (
        "title: 测试机",
        "title: {a: b}",
        "`title`: expected a text of one line, got a mapping",
    ),
    "a text that is too long": ("测试机", "测" * 200, "expected at most 120 characters, got 200"),
    "a name of nothing": (
        "flavor: small",
        "flavor: smal",
        "10:15: virtual-machine: `flavor`: no flavor is called",
    ),
    "a network of another cloud": (
        *("network: cloud-app", "network: dr-app"),
        "network/dr-app has `cloud` 'recovery', expected 'government' (these fit: cloud-app or cloud-data)",
    ),
    "a project of another unit": (
        *("instances: 2", "instances: 2\n      project: service-centre"),
        "12:16: virtual-machine: `project`: project/service-centre is of unit/service-centre",
    ),
    "a part that is no name": (
        "title: 测试机",
        "title: x\n      part: ../up",
        "`part`: '../up' cannot be a name",
    ),
    "a unit that is none": (
        "unit: bigdata",
        "unit: bigdat",
        "2:7: `unit`: no unit is called 'bigdat' (did you mean",
    ),
    "an applicant who is nobody": (
        *("applicant: bigdata-information-officer", "applicant: bigdata-information-oficer"),
        "3:12: `applicant`: no person is called 'bigdata-information-oficer' (did you mean",
    ),
    "a programme that is none": (
        "items:",
        "programme: nothing\nitems:",
        "4:12: `programme`: no programme is called",
    ),
}


@pytest.mark.parametrize("case", FORM | VALUES)
def test_what_is_wrong_is_told_with_its_place(ledger: Ledger, tmp_path: Path, case: str) -> None:
    was, becomes, told = (FORM | VALUES)[case]
    assert was in GOOD
    found = faults(ledger, tmp_path, GOOD.replace(was, becomes, 1))
    assert any(told in one for one in found), found
    assert all(one.startswith("wish.yaml") for one in found), found


def test_everything_is_told_at_once(ledger: Ledger, tmp_path: Path) -> None:
    text = GOOD
    for was, becomes in (("unit: bigdata", "unit: x"), ("small", "smal"), ("instances: 2", "instances: -1")):
        text = text.replace(was, becomes)
    assert len(faults(ledger, tmp_path, text)) >= 3


def test_a_huge_file_is_not_read(ledger: Ledger, tmp_path: Path) -> None:
    (told,) = faults(ledger, tmp_path, GOOD + "#" * (1 << 20))
    assert told == "wish.yaml: the file is larger than 512 KiB; split it"


def test_a_bomb_of_aliases_is_told(ledger: Ledger, tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("the aliases unfold to more" in one for one in faults(ledger, tmp_path, "\n".join(lines)))


def test_a_pipe_is_no_request(hainan: Path, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "wish.yaml")
    with pytest.raises(InputError, match="1 problem") as caught:
        read(tmp_path / "wish.yaml")
    assert "not a regular file" in str(caught.value.problems[0])


# -- nothing that is asked for becomes anything else ----------------------------------------------------

ATTACKS = [
    "{{ 7 * 7 }}",
    "{% for i in range(9) %}x{% endfor %}",
    "{# a comment #}",
    "${{ secrets.token }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ lookup('pipe', 'id') }}",
    "a\nroles: {boss: {permissions: [approve]}}",
    "a\r\nb",
    "a\u2028b",
    "a\u202eb",
    "a\x1b[2Jb",
]


@pytest.mark.parametrize("template", sorted(SANE))
def test_no_parameter_of_a_template_takes_an_expression(ledger: Ledger, template: str) -> None:
    """Of every sort, in every place, also where a list of it is taken."""
    known = catalogue(ledger[0])[template]
    for number, (name, parameter) in enumerate(known.asked.items()):
        # Each by three of them, all of them in turn.
        for attack in (ATTACKS * 2)[number % len(ATTACKS) :][:3]:
            said = SANE[template] | {name: [attack] if parameter.many else attack}
            form = Form(known, Ground(ledger[1]), document())
            told = [fault for fault in form.filled(said)[1] if fault.parameter == name]
            assert told and told[0].message, (name, attack)
    # And that is what a request is refused for.
    last = {"template": template, "parameters": said}
    with pytest.raises(InputError):
        expand(*ledger, document(items=[last]))


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "field", ["name", "title", "reason", "programme", "unit", "applicant", "entries", "key"]
)
def test_nor_does_anything_beside_them(ledger: Ledger, field: str, attack: str) -> None:
    wish: dict[str, object] = {"entries": {"volumes": {"a": {"project": "bigdata", "size_gib": 1}}}}
    if field == "entries":
        wish = {"entries": {"volumes": {"a": {"project": "bigdata", "size_gib": 1, "note": attack}}}}
    elif field == "key":
        wish = {"entries": {"volumes": {attack: {"project": "bigdata", "size_gib": 1}}}}
    else:
        wish |= {field: attack}
    # Past the pattern of a name, as one would come that no file said.
    base = Document(name="wish", unit="bigdata", applicant="bigdata-information-officer")
    with pytest.raises(InputError) as caught:
        expand(*ledger, msgspec.structs.replace(base, **wish))
    assert any("is one" in str(p) or "not to be seen" in str(p) for p in caught.value.problems)


BREAKERS = (
    *("a: b", "- a", "a # b", "'", '"', "[", "{a: b}", "&a", "*a", "!x", "| a", "> a", "%", "@", "`", "~"),
    *(
        "null",
        "yes",
        "1",
        "2026-01-01",
        "=1+1",
        "-- ",
        "'); drop table accepted; --",
        "  a  ",
        "\\",
        "}}",
        "%}",
    ),
)


@pytest.mark.parametrize("text", BREAKERS)
def test_what_breaks_yaml_is_a_text_like_any_other(ledger: Ledger, tmp_path: Path, text: str) -> None:
    wish = yaml.safe_load(GOOD)
    wish["items"][0]["parameters"]["title"] = text
    path = tmp_path / "wish.yaml"
    path.write_text(yaml.safe_dump(wish, allow_unicode=True))
    assert expand(*ledger, read(path))["instance", "wish-1"]["title"] == f"{text}1"


def document(**more: object) -> Document:
    base = {"name": "wish", "unit": "bigdata", "applicant": "bigdata-information-officer"}
    return msgspec.convert(base | more, Document)


# -- what a request must not make -----------------------------------------------------------------------

FORBIDDEN = sorted(
    {
        *(
            "role",
            "person",
            "delegation",
            "unit",
            "region",
            "profile",
            "rule",
            "waiver",
            "review",
            "inspection",
        ),
        *(
            "evaluation",
            "freeze",
            "target",
            "secret",
            "secret_file",
            "request",
            "node",
            "link",
            "zone",
            "cloud",
        ),
        *("site", "programme", "budget", "wave", "rollout", "dns_zone", "address_plan", "interface", "stage"),
    }
    & KINDS.keys()
)


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_nobody_asks_for_who_decides_or_by_what(ledger: Ledger, kind: str) -> None:
    asked = document(entries={KINDS[kind].PLURAL: {"mine": {"title": "x"}}})
    with pytest.raises(InputError) as caught:
        expand(*ledger, asked)
    assert f"entries of the kind {kind} are not made by requests" in str(caught.value.problems[0])


def test_the_list_of_kinds_is_the_provinces(hainan: Path, cli: Cli) -> None:
    """It is what was accepted that counts; a profile takes kinds away, and never gives itself."""
    more = hainan / "more.yaml"
    more.write_text("profiles: {request-entries: {values: {kinds: [instance, profile]}}}\n")
    try:
        assert cli("apply", "--yes", cwd=hainan).code == 0
        with reading(hainan) as ledger:
            for table, kind in (("volumes", "volume"), ("profiles", "profile")):
                with pytest.raises(InputError) as caught:
                    expand(*ledger, document(entries={table: {"mine": {}}}))
                assert f"the kind {kind} are not made" in str(caught.value.problems[0])
    finally:
        more.unlink()
        assert cli("apply", "--yes", cwd=hainan).code == 0


OTHERS = {
    "an entry that is there": (
        {"instances": {"hyb-1": {"project": "bigdata", "flavor": "small"}}},
        "instance/hyb-1 is there already; a request makes what is new",
    ),
    "one for another unit": (
        {"applications": {"mine": {"unit": "health"}}},
        "application/mine would be of unit/health, and unit/bigdata asks",
    ),
    "one for nobody": (
        {"applications": {"mine": {"title": "无主"}}},
        "application/mine would be of no unit that is known, and unit/bigdata asks",
    ),
    "a server for nobody": (
        {"servers": {"mine": {"rack": "haikou-dc-a02", "network": "dc-service"}}},
        "server/mine would be of no unit that is known",
    ),
    "a server of one's own in everybody's cloud": (
        {"servers": {"mine": {"unit": "bigdata", "cloud": "government", "cores": 512, "memory_gib": 4096}}},
        "server/mine: `cloud` is not said by requests",
    ),
    "a server in a pool": (
        {"servers": {"mine": {"unit": "bigdata", "pool": 3}}},
        "server/mine: `pool` is not said by requests",
    ),
    "a line for nobody": (
        {"circuits": {"mine": {"zone": "extranet", "bandwidth_mbps": 10}}},
        "circuit/mine would be of no unit that is known",
    ),
    "one in another's project": (
        {"volumes": {"mine": {"project": "service-centre", "size_gib": 1}}},
        "volume/mine would be of unit/service-centre, and unit/bigdata asks",
    ),
    "a door to another's system": (
        {"endpoints": {"mine": {"application": "personal-code", "instance": "hyb-1", "dns_zone": "gov-hainan",
                                "host": "x"}}},
        "endpoint/mine would be of unit/service-centre",
    ),
    "a name that is taken": (
        {"endpoints": {"mine": {"application": "haizhengtong", "instance": "hzt-1", "dns_zone": "gov-hainan",
                                "host": "HZT"}}},
        "endpoint/mine: `host`: HZT in dns_zone/gov-hainan is the name of endpoint/",
    ),
    "another unit's name, at another port": (
        {"endpoints": {"mine": {"application": "haizhengtong", "instance": "hzt-1", "dns_zone": "gov-hainan",
                                "host": "jg", "port": 8443}}},
        "endpoint/mine: `host`: jg in dns_zone/gov-hainan is the name of endpoint/",
    ),
    "another's machine behind one's own name": (
        {"endpoints": {"mine": {"application": "haiyiban", "instance": "jg-1", "dns_zone": "gov-hainan",
                                "host": "x"}}},
        "endpoint/mine uses instance/jg-1, which is of unit/service-centre",
    ),
    "a machine that serves another's system": (
        {"instances": {"mine": {"project": "bigdata", "flavor": "small", "application": "personal-code"}}},
        "instance/mine uses application/personal-code, which is of unit/service-centre",
    ),
    "addresses for another": (
        {"prefixes": {"mine": {"prefix": "10.77.0.0/16", "holder": "unit/health"}}},
        "prefix/mine would be of unit/health, and unit/bigdata asks",
    ),
    "addresses for another's project": (
        {"prefixes": {"mine": {"prefix": "10.77.0.0/16", "holder": "project/service-centre"}}},
        "prefix/mine would be of unit/service-centre, and unit/bigdata asks",
    ),
    "addresses for nobody": (
        {"prefixes": {"mine": {"prefix": "10.77.0.0/16", "holder": "region/haikou"}}},
        "prefix/mine would be of no unit that is known",
    ),
    "a copy of another's data": (
        {"backups": {"mine": {"subject": "application/personal-code", "unit": "bigdata"}}},
        "backup/mine uses application/personal-code, which is of unit/service-centre",
    ),
    "a reference to nothing": (
        {"volumes": {"mine": {"project": "bigdat", "size_gib": 1}}},
        "volume/mine: `project`: no project is called 'bigdat' (did you mean 'bigdata'?)",
    ),
    "a field that is none": (
        {"volumes": {"mine": {"project": "bigdata", "size": 1}}},
        "volume/mine: no field is called 'size'",
    ),
    "a value that is none": (
        {"volumes": {"mine": {"project": "bigdata", "size_gib": -1}}},
        "volume/mine: `size_gib`: expected a whole number > 0, got -1",
    ),
    "a name that is none": (
        {"volumes": {"../../etc": {"project": "bigdata", "size_gib": 1}}},
        "'../../etc' cannot be a name",
    ),
    "a marker that removes": (
        {"volumes": {"mine": {"$delete": True}}},
        "`$delete` removes what a lower layer says",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_nothing_of_others_is_made_used_or_changed(ledger: Ledger, case: str) -> None:
    entries, told = OTHERS[case]
    with pytest.raises(InputError) as caught:
        expand(*ledger, document(entries=entries))
    assert any(told in str(one) for one in caught.value.problems), caught.value.problems


def test_what_is_shared_may_be_another_units(ledger: Ledger) -> None:
    """A platform that it is part of, and what it cannot work without (`personal-code` is of another unit)."""
    mine = {"unit": "bigdata", "platforms": ["personal-code"]}
    needs = {"application": "mine", "needs": "personal-code"}
    asked = document(entries={"applications": {"mine": mine}, "dependencies": {"mine": needs}})
    assert set(expand(*ledger, asked)) == {("application", "mine"), ("dependency", "mine")}


def test_a_name_has_several_ports_and_one_endpoint_at_each(ledger: Ledger) -> None:
    """Of one unit; a name that somebody may not see is told of without whose it is."""
    mine = {"application": "haizhengtong", "instance": "hzt-1", "dns_zone": "gov-hainan", "host": "hzt"}
    assert len(expand(*ledger, document(entries={"endpoints": {"mine": mine | {"port": 8443}}}))) == 1
    twice = {"mine": mine | {"host": "new"}, "more": mine | {"host": "new"}}
    with pytest.raises(InputError, match="2 problems") as caught:
        expand(*ledger, document(entries={"endpoints": twice}))
    assert "is the name of endpoint/more, port 80" in str(caught.value.problems[0])
    with pytest.raises(InputError) as caught:
        hidden = {("endpoint", "haizhengtong")}
        expand(*ledger, document(entries={"endpoints": {"mine": mine}}), hidden=hidden)
    assert "hzt in dns_zone/gov-hainan is the name of others" in str(caught.value.problems[0])


def test_addresses_are_for_ones_own(ledger: Ledger) -> None:
    """Its unit's, or those of a network that the same request makes, which is nobody's yet."""
    network = {"gateway": "cloud-border", "interface": "mine", "cloud": "government", "ipv4": "10.77.1.0/24"}
    prefixes = {
        "units": {"prefix": "10.78.0.0/16", "holder": "unit/bigdata"},
        "nets": {"prefix": "10.77.1.0/24", "holder": "network/mine"},
    }
    assert len(expand(*ledger, document(entries={"networks": {"mine": network}, "prefixes": prefixes}))) == 3


def test_what_may_not_be_seen_is_not_there(ledger: Ledger) -> None:
    """Neither by its name nor by a hint; a name of it cannot be taken either."""
    said = SANE["recovery"]
    hidden = {("application", "haizhengtong"), ("instance", "hzt-1")}
    with pytest.raises(InputError) as caught:
        expand(*ledger, document(items=[{"template": "recovery", "parameters": said}]), hidden=hidden)
    told = "\n".join(map(str, caught.value.problems))
    assert "no application is called 'haizhengtong' (`govcloud ls" in told
    assert "no instance is called 'hzt-1'" in told and "'hzt-1'?" not in told
    taken = document(entries={"applications": {"haizhengtong": {"unit": "bigdata"}}})
    with pytest.raises(InputError) as caught:
        expand(*ledger, taken, hidden=hidden)


def test_a_form_with_very_many_items_is_refused_unread(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_: list[str] = []

    def reads(template: Template, *more: Any) -> Form:
        read_.append(template.zh)
        return Form(template, *more)

    monkeypatch.setattr("govcloud.request.expanding.Form", reads)
    item = {"template": "virtual-machine", "parameters": SANE["virtual-machine"] | {"instances": 50}}
    with pytest.raises(InputError, match="1 problem") as caught:
        expand(*ledger, document(items=[item] * 2500))
    assert "has 2500 items, and 500 may be" in str(caught.value.problems[0]) and not read_
    # Nor are further ones read once there are too many entries, or faults.
    parts = [item | {"parameters": item["parameters"] | {"part": f"p{n}"}} for n in range(40)]
    with pytest.raises(InputError, match="1 problem") as caught:
        expand(*ledger, document(items=parts))
    assert "entries and more, and 500 may be" in str(caught.value.problems[0]) and len(read_) < 10
    read_.clear()
    wrong = {"template": "virtual-machine", "parameters": dict.fromkeys("abcdefgh", 1)}
    with pytest.raises(InputError) as caught:
        expand(*ledger, document(items=[wrong] * 400))
    told = "\n".join(map(str, caught.value.problems))
    assert "only the first 200 faults are told" in told and len(read_) < 40


def test_a_template_is_compiled_once(ledger: Ledger) -> None:
    """And what fits its parameters is looked for once, however many items are made from it."""
    templatefile._code_of.cache_clear()
    said = SANE["virtual-machine"]
    parts = [{"template": "virtual-machine", "parameters": {**said, "part": f"p{n}"}} for n in range(20)]
    expand(*ledger, document(items=parts))
    assert templatefile._code_of.cache_info().misses < 10


def test_two_items_that_make_the_same_are_told(ledger: Ledger, tmp_path: Path) -> None:
    twice = GOOD + GOOD[GOOD.index("  - template") :]
    found = faults(ledger, tmp_path, twice)
    assert "wish.yaml:12:5: instance/wish-1 is asked for twice, first by items[0]" in found[0]
    assert (
        faults(ledger, tmp_path, GOOD + twice[len(GOOD) :].replace("title: ", "part: two\n      title: "))
        == []
    )


def test_a_file_with_faults_cannot_be_submitted(hainan: Path, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "wish.yaml"
    path.write_text(GOOD.replace("instances: 2", "instances: -2"))
    done = cli("request", "submit", path, cwd=hainan)
    assert done.code == 2 and "wish.yaml:11:18" in done.err and "from 1 to 50, got -2" in done.err
