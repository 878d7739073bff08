"""Shared components: what there is, what fits what somebody is about to build, edits that keep all else."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud.ledger.browsing import View
from govcloud.request.components import find
from govcloud.source.editing import CannotEdit, with_entry
from tests.conftest import GOVCLOUD, Result
from tests.recorded import reading, record_hainan
from tests.test_json_keys import keys_of
from tests.warm import Warm

pytestmark = pytest.mark.xdist_group("recorded-hainan")
Cli = Callable[..., Result]
MORE = """\
# Systems of the county.
applications:
  county-portal:   # the first
    title: 县门户
    unit: qionghai-gov
    status: running
    rebuilds: [identity]   # for now
  county-hall:
    title: 县大厅
    unit: qionghai-gov
    status: running
    components:
      - e-licence   # since 2023
# the end
"""


@pytest.fixture(scope="module")
def hainan(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Path:
    root = record_hainan(tmp_path_factory, warm)
    (root / "more.yaml").write_text(MORE, encoding="utf-8")
    assert warm.run(GOVCLOUD, ["apply", "--yes"], root, dict(os.environ), 240).returncode == 0
    return root


@pytest.fixture
def files(hainan: Path) -> Callable[[], str]:
    """The files as they were, and how they changed since."""
    table = hainan / "applications" / "components.csv"
    kept = table.read_bytes()
    (hainan / "components.yaml").unlink(missing_ok=True)
    (hainan / "more.yaml").write_text(MORE, encoding="utf-8")

    def changed() -> str:
        now = (hainan / "more.yaml").read_text(encoding="utf-8")
        lines = [*difflib.ndiff(MORE.splitlines(), now.splitlines())]
        lines += difflib.ndiff(kept.decode().splitlines(), table.read_text(encoding="utf-8").splitlines())
        return "\n".join(line for line in lines if line[0] in "+-")

    yield changed
    table.write_bytes(kept)


def test_what_is_offered_is_listed_with_who_uses_it(hainan: Path, cli: Cli) -> None:
    found = cli("component", "list", "--json", cwd=hainan).json["components"]
    assert set(found[0]) == keys_of("component list")["components"]
    names = {one["name"]: one for one in found}
    assert names["e-licence"]["users"] == ["county-hall"]
    assert names["identity"]["application"] == "business-middle-platform"
    # Planned ones are offered by nobody yet.
    assert "unified-identity" not in names
    everything = cli("component", "list", "--all", "--type", "identity", "--json", cwd=hainan).json[
        "components"
    ]
    assert {"unified-identity", "identity"} <= {one["name"] for one in everything}
    assert {one["type"] for one in everything} == {"identity"}
    wrong = cli("component", "list", "--type", "identiy", cwd=hainan)
    assert wrong.code == 2 and "did you mean identity?" in wrong.err


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["身份认证"], "identity"),
        (["身分认证"], "identity"),
        (["统一登录", "身份"], "identity"),
        (["电子签章"], "e-seal"),
        (["缴费"], "non-tax-payment"),
        (["业务中台"], "business-middle-platform"),
        (["blockchain"], "blockchain"),
        (["RPA", "推荐"], "recommendation"),
        (["地图"], "geospatial-service"),
    ],
)
def test_a_component_is_found_by_what_it_is_for(hainan: Path, words: list[str], first: str) -> None:
    with reading(hainan) as (_, connection):
        found = find(View(connection), words)
    assert found[0].entry.name == first
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert all(70 <= score <= 100 for score in scores)


def test_what_nobody_offers_is_not_found(hainan: Path, cli: Cli) -> None:
    none = cli("component", "find", "登月", cwd=hainan)
    assert (none.code, none.out) == (1, "no component\n")
    some = cli("component", "find", "身份认证", "--json", cwd=hainan).json["components"]
    assert some[0]["by"] == ["title"] and some[0]["score"] == 100
    assert set(some[0]) == keys_of("component find WORDS")["components"]
    with reading(hainan) as (_, connection):
        view = View(connection)
        # Every word has to fit.
        assert find(view, ["身份认证", "登月"]) == []
        # Two letters are in many a word.
        assert find(view, ["email"], type="intelligence") == []


def test_reuse_changes_one_line_and_takes_the_own_part_out(
    hainan: Path, files: Callable[[], str], cli: Cli
) -> None:
    done = cli("component", "reuse", "identity", "--application", "county-portal", "--json", cwd=hainan)
    assert done.json == {"file": "more.yaml", "entry": "application/county-portal"}
    assert files().splitlines() == [
        "-     rebuilds: [identity]   # for now",
        "+     rebuilds: []   # for now",
        "+     components: [identity]",
    ]
    assert "uses component/identity already" in (
        cli("component", "reuse", "identity", "--application", "county-portal", cwd=hainan).err
    )
    assert cli("validate", cwd=hainan).code == 0


def test_a_list_of_one_value_a_line_goes_on(hainan: Path, files: Callable[[], str], cli: Cli) -> None:
    assert cli("component", "reuse", "e-seal", "--application", "county-hall", cwd=hainan).code == 0
    assert files() == "+       - e-seal"


def test_a_table_without_that_column_is_left_as_it_is(
    hainan: Path, files: Callable[[], str], cli: Cli
) -> None:
    assert cli("component", "reuse", "identity", "--application", "personal-code", cwd=hainan).code == 0
    assert cli("component", "reuse", "e-seal", "--application", "personal-code", cwd=hainan).code == 0
    assert files() == ""
    said = "applications:\n  personal-code:\n    components: [identity, e-seal]\n"
    assert (hainan / "components.yaml").read_text() == said


def test_a_component_is_added_to_a_file_or_a_table(hainan: Path, files: Callable[[], str], cli: Cli) -> None:
    add = (
        "component",
        "add",
        "queue",
        "--type",
        "other",
        "--title",
        "统一排队叫号",
        "--unit",
        "service-centre",
    )
    assert cli(*add, "--interface", "排队: 接口", "--file", "more.yaml", cwd=hainan).code == 0
    assert files().splitlines() == [
        *("+ ", "+ components:", "+   queue:", "+     title: 统一排队叫号", "+     type: other"),
        *("+     unit: service-centre", "+     interface: '排队: 接口'"),
    ]
    again = cli(*add, cwd=hainan)
    assert again.code == 2 and "more.yaml:" in again.err and "component/queue is there already" in again.err

    table = ("--file", "applications/components.csv")
    other = ("component", "add", "calls", *add[3:])
    assert cli(*other, *table, cwd=hainan).code == 0
    assert files().splitlines()[-1].startswith("+ calls,统一排队叫号,other,,service-centre,")
    lacks = cli("component", "add", "calls-2", *add[3:], "--version", "1", *table, cwd=hainan)
    assert lacks.code == 2 and "the table has no column for `version`" in lacks.err
    assert cli("validate", cwd=hainan).code == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"--unit": "servce-centre"}, "no unit is called 'servce-centre' (did you mean 'service-centre'?)"),
        ({"--application": "haiyibam"}, "no application is called 'haiyibam' (did you mean 'haiyiban'?)"),
        ({"--type": "seel"}, "no type of component is called 'seel' (did you mean seal?)"),
        ({"--file": "../outside.yaml"}, "expected a YAML or CSV file of the workspace"),
        ({"--file": "nowhere/components.yaml"}, "there is no such folder"),
        ({"--file": "requests/components.yaml"}, "no file of entries would be read there (components.yaml"),
        ({"--file": "govcloud.yaml"}, "no file of entries would be read there"),
        ({"--file": ".hidden.yaml"}, "no file of entries would be read there"),
        ({"--status": "runing"}, "--status"),
        ({"NAME": "Der Dienst"}, "'Der Dienst' cannot be a name"),
    ],
)
def test_what_cannot_be_added_is_told_and_nothing_written(
    hainan: Path, files: Callable[[], str], cli: Cli, options: dict[str, str], told: str
) -> None:
    said = {"--type": "seal", "--title": "章", "--unit": "bigdata"} | options
    name = said.pop("NAME", "chop")
    (hainan / "requests").mkdir(exist_ok=True)
    done = cli("component", "add", name, *(word for pair in said.items() for word in pair), cwd=hainan)
    assert done.code == 2 and told in done.err, done
    assert files() == "" and not (hainan / "components.yaml").exists()


FIELDS = {"title": "章", "type": "seal"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "components:\n  x:\n    title: 章\n    type: seal\n"),
        ("# only this\n", "# only this\n\ncomponents:\n  x:\n    title: 章\n    type: seal\n"),
        (
            "components:\n    a: {type: seal}\n\n# z\nzones: {}\n",
            "components:\n    a: {type: seal}\n    x:\n      title: 章\n      type: seal\n\n# z\nzones: {}\n",
        ),
        (
            "components:\n  a: {type: seal}",
            "components:\n  a: {type: seal}\n  x:\n    title: 章\n    type: seal\n",
        ),
    ],
)
def test_an_entry_stands_behind_the_others_of_its_kind(before: str, after: str) -> None:
    assert with_entry(before.encode(), "a.yaml", "component", "x", FIELDS).decode() == after


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ("components: {a: {type: seal}}\n", "a.yaml"),
        ("components:\n  x: {type: seal}\n", "a.yaml"),
        ("components: [\n", "a.yaml"),
        ("- a\n", "a.yaml"),
        ("components: {}\n", "a.yaml.j2"),
        ("name,title\na,b\n", "components.csv"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_told(before: str, path: str) -> None:
    with pytest.raises(CannotEdit):
        with_entry(before.encode(), path, "component", "x", FIELDS)
