"""The browsing commands as users type them: lists, trees, searches, portraits, exports, completion."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.model import KINDS, fields
from govcloud.report.portrait import GRADE, TOLD, USE
from tests.browsing import PROVINCE

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small province, recorded."""
    root = tmp_path_factory.mktemp("browse")
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    tables = {KINDS[kind].PLURAL: table for kind, table in PROVINCE.items()}
    (root / "base.yaml").write_text(yaml.safe_dump(tables, allow_unicode=True), encoding="utf-8")
    done = subprocess.run([GOVCLOUD, "apply", "--yes"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done
    return root


# -- ls and show ----------------------------------------------------------------------------------------


def test_ls_by_name_and_by_part(cli: Cli, place: Path) -> None:
    def listed(*arguments: str) -> list[str]:
        return [e["name"] for e in cli("ls", "server", *arguments, "--json", cwd=place).json]

    assert listed("web-*", "unit=bigdata") == ["web-1", "web-10"]
    assert listed("title~服务器") == ["web-1", "web-2"]
    assert listed("--sort", "name") == ["db_1", "web-1", "web-2", "web-10"]
    assert listed("--sort", "-name", "--limit", "2") == ["web-10", "web-2"]
    # What is not said comes last.
    assert listed("--sort", "title")[-1] == "web-10"
    (only,) = cli("ls", "server", "web-1", "--columns", "ipv4,机柜", "--json", cwd=place).json
    assert only["fields"] == {"ipv4": "10.1.0.11", "rack": "rack-1"}
    text = cli("ls", "server", "--columns", "ipv4,stack,uid", cwd=place).out.splitlines()
    assert re.split(r"\s{2,}", text[0]) == ["name", "ipv4", "stack", "uid"]


def test_ls_as_of_takes_the_same_filters(cli: Cli, place: Path) -> None:
    now = cli("ls", "server", "web-*", "rack=rack-1", "--json", cwd=place).json
    then = cli("ls", "server", "web-*", "rack=rack-1", "--as-of", "1", "--json", cwd=place).json
    assert then == now != []
    assert cli("ls", "--as-of", "1", "--json", cwd=place).json == cli("ls", "--json", cwd=place).json


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ls", "server", "--sort", "titel"], "did you mean title?"),
        (["ls", "server", "--columns", "rack,colour"], "server has no field 'colour'"),
        (["ls", "application", "status=runing"], "did you mean running?"),
        (["ls", "--limit", "3"], "want a KIND"),
        (["ls", "server", "--coverage"], "no KIND"),
        (["show", "server/web-3"], "did you mean server/web-"),
        (["show", "government"], "did you mean cloud/government?"),
        (["tree", "place", "haiko"], "did you mean region/haikou?"),
        (["tree", "place", "person/chen"], "nothing stands beneath a person"),
        (["tree", "unit", "nobody-at-all"], "the tree by unit has no 'nobody-at-all'"),
        (["tree", "planet"], "is not one of"),
        (["search", "x", "--kind", "servr"], "did you mean server"),
        (["search", *(f"w{n}" for n in range(5000))], "5,000 words are too many to look for at once"),
        (["search", "机" * 40_000], "40,000 characters are too many"),
        (["portrait", "portall"], "did you mean application/portal?"),
        (["export", "csv"], "--out is missing"),
        (["export", "xlsx", "server"], "--out FILE.xlsx"),
        (["export", "json", "--json"], "wants --out"),
        (["export", "csv", "server", "--filter", "rak=1"], "did you mean rack=…?"),
        (["completion", "cmd"], "is not one of"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_wrong_words_are_told(cli: Cli, place: Path, arguments: list[str], words: str) -> None:
    result = cli(*arguments, cwd=place)
    assert result.code == 2, result
    assert words in result.err


def test_ls_shows_whose_it_is_and_where_it_stands(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    common = {
        "unit": "u", "aliases": ["x"], "inferred": ["unit"], "mlps": 2, "user_count": 3, "unit_count": 2,
        "opened_on": "2020-01-01", "assessed_on": "2020-01-01", "mlps_filing": "f",
    }  # fmt: skip
    applications = {f"a{n}": common | ({"status": "running"} if n == 0 else {}) for n in range(3)}
    tables = {
        "regions": {"r": {"level": "city"}},
        "units": {"u": {"region": "r"}},
        "applications": applications,
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(tables, allow_unicode=True), encoding="utf-8")
    assert cli("apply", "--yes").code == 0
    heads = cli("ls", "application").out.splitlines()[0].split()
    assert {"unit", "status"} <= set(heads)
    assert {"inferred", "aliases"}.isdisjoint(heads)
    assert "aliases" in cli("ls", "application", "--columns", "aliases").out


@pytest.mark.parametrize("width", [41, 60, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    from govcloud.cli.tables import print_line, print_table

    file = io.StringIO()
    out = Console(file=file, width=width, force_terminal=True, color_system=None, soft_wrap=True)
    print_line(out, Text("  主管单位名称  " + "海南省大数据管理局 " * 9), 18)
    print_table(out, ("name", *(f"column{n}" for n in range(9))), [("一号机房", *["某某某某某某某"] * 9)])
    lines = file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith(" " * 18 + "海") or "海南省" in line for line in lines[1:])
    assert "no room here for:" in file.getvalue()


def test_show_says_who_refers_to_it(cli: Cli, place: Path) -> None:
    shown = cli("show", "unit/bigdata", "--json", cwd=place).json
    groups = {(g["kind"], g["field"]): (g["count"], g["first"]) for g in shown["referrers"]}
    assert groups["server", "unit"] == (2, ["web-1", "web-10"])
    assert groups["unit", "parent"] == (1, ["health"])
    assert "server/web-10" in shown["referred_by"]
    assert shown["pins"] == []
    text = cli("show", "unit/bigdata", cwd=place).out
    assert "unit of 2 servers: server/web-1, server/web-10" in text
    # What a field names is told by its Chinese name too.
    assert re.search(r"region +hainan  海南省", text)


def test_a_long_list_is_cut_for_people_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    regions = {f"r{n:02}": {"level": "county", "parent": "top"} for n in range(30)}
    tables = {"regions": {"top": {"level": "province"}} | regions}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(tables))
    assert cli("apply", "--yes").code == 0
    assert "parent of 30 regions: region/r00, " in cli("show", "region/top").out
    assert "and 18 more" in cli("show", "region/top").out
    assert len(cli("show", "region/top", "--json").json["referred_by"]) == 30
    # In a tree too, and there is a way to see them.
    assert "… and 10 regions" in cli("tree", "place").out
    assert "region/r29" in cli("tree", "place", "--most", "30").out


# -- coverage -------------------------------------------------------------------------------------------


def test_coverage_of_ledger_and_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (tmp_path / "base.yaml").write_text(
        "source_rows:\n"
        "  s000-001: {document: '000', line: '4', tag: base, text: 一}\n"
        "  s000-002: {document: '000', line: '5', tag: base, text: 二}\n"
        "regions:\n  a: {level: city, source: '000:L4 S000-001'}\n"
    )
    # The files are counted before anything is recorded.
    expected = {"rows": {"S000-001": 1}, "missing": ["S000-002"], "entries": 1, "unknown": []}
    assert cli("ls", "--coverage", "--files", "--json").json == expected
    assert cli("ls", "--coverage", "--json").json == {"rows": {}, "missing": [], "entries": 0, "unknown": []}
    assert cli("apply", "--yes").code == 0
    assert cli("ls", "--coverage", "--json").json == expected
    assert "without an entry: S000-002" in cli("ls", "--coverage").out


# -- tree, search, portrait -------------------------------------------------------------------------------


def test_tree_is_drawn_whole_in_a_pipe(cli: Cli, place: Path) -> None:
    text = cli("tree", "place", "--depth", "5", cwd=place).out
    assert "region/hainan  海南省  province  · " in text
    assert re.search(r"^ +│? +[├└]── rack/rack-1  · 1 server$|rack/rack-1 .*servers?$", text, re.MULTILINE)
    assert "server/web-1  门户服务器  10.1.0.11" in text
    document = cli("tree", "application", "portal", "--json", cwd=place).json
    (top,) = document["branches"]
    assert (document["shape"], top["kind"], top["name"], top["title"]) == (
        "application", "application", "portal", "政务门户",
    )  # fmt: skip
    assert {c["label"] for c in top["children"]} == {"", "needs", "needed by"}


def test_no_line_of_a_tree_is_cut(cli: Cli, tmp_path: Path) -> None:
    """In a pipe a line is as long as it is; on a terminal it goes on, between words, under its guides."""
    words = [f"word{n:02}" for n in range(60)]
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    regions = {
        "top": {"level": "province", "title": " ".join(words)},
        "below": {"level": "city", "parent": "top", "title": "很长的名称" * 40},
        "aside": {"level": "city", "parent": "top"},
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"regions": regions}), encoding="utf-8")
    assert cli("apply", "--yes").code == 0
    for depth in ("0", "3"):
        lines = cli("tree", "place", "--depth", depth).out.splitlines()
        assert lines[0].startswith(f"region/top  {' '.join(words)}  province")
        assert len(lines) == (1 if depth == "0" else 3)
    assert f"└── region/below  {'很长的名称' * 40}  city" in lines
    narrow = cli("tree", "place", env={"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}).out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", narrow)
    assert set(re.findall(r"word\d\d", plain)) == set(words)
    from rich.cells import cell_len

    assert max(map(cell_len, plain.splitlines())) <= 60
    assert plain.count("很长的名称"[0]) == 40


def test_search_shows_why(cli: Cli, place: Path) -> None:
    document = cli("search", "10.9.0.21", "--json", cwd=place).json
    assert [h["name"] for h in document["hits"]] == ["portal-1", "app"]
    match = document["hits"][1]["matches"][0]
    assert match["text"][match["start"] : match["end"]] == "10.9.0.0/24"
    text = cli("search", "服务器", "Backup", cwd=place).out
    assert "server/web-2" in text
    assert "server/web-1 " not in text
    assert "nearly so called" in cli("search", "identiy", cwd=place).out
    assert "Nothing contains 'qqqq'" in cli("search", "qqqq", cwd=place).out


def test_another_name_counts_like_a_title(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    units = {f"a{n}": {"region": "r", "title": f"办事大厅{n}"} for n in range(5)}
    units |= {f"noted{n}": {"region": "r", "source": "办事 海好办 一网"} for n in range(5)}
    units["z-called"] = {"region": "r", "title": "政务服务平台", "aliases": ["一件事", "海好办"]}
    units["z-part"] = {"region": "r", "title": "别的", "aliases": ["原海好办平台"]}
    tables = {"regions": {"r": {"level": "city"}}, "units": units}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(tables, allow_unicode=True), encoding="utf-8")
    assert cli("apply", "--yes").code == 0
    hits = cli("search", "海好办", "--json").json["hits"]
    assert [(h["name"], h["reason"]) for h in hits[:2]] == [
        ("z-called", "alias"),
        ("z-part", "alias contains"),
    ]
    match = hits[1]["matches"][0]
    assert match["field"] == "aliases"
    assert match["text"][match["start"] : match["end"]] == "海好办"
    assert {h["reason"] for h in hits[2:]} == {"field contains"}


def test_an_address_is_not_a_part_of_another(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    titles = {
        "exact": "in a sentence 10.4.168.1.",
        "port": "at 10.4.168.1:443",
        "longer": "10.4.168.10, 10.4.168.12",
        "before": "110.4.168.1",
        "deeper": "10.4.168.1.9",
        "six": "入口3fff::1，",
        "six-longer": "3fff::12 and 3fff::1:2 and a3fff::1",
    }
    regions = {name: {"level": "city", "title": title} for name, title in titles.items()}
    racks = {f"r{n}": {"room": "room"} for n in range(3)}
    servers = {f"s{n}": {"rack": "r1", "ipv4": f"10.4.168.{n}"} for n in (1, 10, 11, 100)}
    tables = {
        "regions": regions,
        "sites": {"site": {"region": "exact", "role": "datacentre"}},
        "rooms": {"room": {"site": "site"}},
        "racks": racks,
        "servers": servers,
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(tables, allow_unicode=True), encoding="utf-8")
    assert cli("apply", "--yes").code == 0

    def found(word: str) -> list[str]:
        document = cli("search", word, "--json").json
        names = [hit["name"] for hit in document["hits"]]
        assert document["total"] == len(names)
        return sorted(names)

    assert found("10.4.168.1") == ["exact", "port", "s1"]
    assert found("3fff::1") == ["six"]
    # What is no address is a part of a text as ever.
    assert "s100" in found("10.4.168.")


def test_so_many_words_as_are_allowed_are_looked_for(cli: Cli, place: Path) -> None:
    from govcloud.report.search import MOST_WORDS

    # Names of fields that contain a word make the longest conditions.
    words = ["na", "ti", "ip", "un", "ra", "id"] + [f"e{n}" for n in range(MOST_WORDS - 6)]
    assert "Nothing contains" in cli("search", *words, cwd=place).out
    # A word that is said again is the same word.
    assert "server/web-1" in cli("search", *["服务器"] * 500, cwd=place).out


def test_portrait_is_one_screen(cli: Cli, place: Path) -> None:
    text = cli("portrait", "portal", cwd=place).out
    for words in (
        "政务门户",
        "unit/bigdata  省大数据管理局",
        "principal 陈明远; information officer nobody; business manager 王晓岚",
        "2 instances (4 vCPU, 8 GiB memory, 80 GiB disk)",
        "IPv6: 3fff:1::21",
        "www.gov.example:80",
        "MLPS 3",
        "level 5, RPO 60 s",
        "never measured",
        "identity 统一身份认证",
        "records 健康档案",
        "not recorded",
        "certificate/www  expired on 2020-01-31",
    ):
        assert words in text
    assert len(text.splitlines()) <= 50
    document = cli("portrait", "application/portal", "--json", cwd=place).json
    assert set(document) == {
        "name", "title", "uid", "since", "status", "owner", "holds", "networks", "endpoints", "certificates",
        "grade", "recovery", "use", "serves", "dependencies", "cost", "evaluation", "findings", "others",
    }  # fmt: skip


# -- what others wrote -------------------------------------------------------------------------------------

STEERING = "门\x1b[1A\x1b[2K\x9b2K\u202e\u2028\x07\x7f\x85\nerver/fake"


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Entries whose texts would steer a terminal."""
    root = tmp_path_factory.mktemp("steered")
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    tables: dict[str, Any] = {
        "regions": {"top": {"level": "province", "title": STEERING}},
        "units": {"bureau": {"region": "top", "title": STEERING}},
        "applications": {"portal": {"unit": "bureau", "title": STEERING}, "other": {"unit": "bureau"}},
        "dependencies": {"both": {"application": "portal", "needs": "other", "title": STEERING}},
    }
    for title in ("as it was", STEERING):
        tables["applications"]["other"]["title"] = title
        (root / "base.yaml").write_text(yaml.safe_dump(tables))
        done = subprocess.run([GOVCLOUD, "apply", "--yes"], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done
        assert all(line.isprintable() for line in done.stdout.split("\n"))
    return root


@pytest.mark.parametrize(
    "command",
    [
        "ls application",
        "show application/portal",
        "show region/top",
        "show application/portal --as-of 1",
        "tree place",
        "tree unit",
        "tree application",
        "search portal",
        "search erver",
        "search prtal",
        "portrait portal",
        "portrait other",
        "history application/portal",
        "diff 1 2",
        "blame application/portal",
    ],
)
def test_no_text_of_an_entry_steers_the_terminal(cli: Cli, steered: Path, command: str) -> None:
    result = cli(*command.split(), cwd=steered)
    assert result.code == 0, result
    assert [line for line in result.out.split("\n") if not line.isprintable()] == []
    assert not any(line.startswith("erver/fake") for line in result.out.split("\n"))
    # It is told and not dropped.
    assert r"门\x1b[1A" in result.out


def test_json_and_export_keep_texts_as_they_are(cli: Cli, steered: Path) -> None:
    assert cli("show", "region/top", "--json", cwd=steered).json["fields"]["title"] == STEERING


def test_portrait_tells_said_from_default(cli: Cli, tmp_path: Path) -> None:
    """A kind's default is no fact: `planned` and `not classified` are told where somebody said them."""
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (tmp_path / "base.yaml").write_text(
        "applications:\n"
        "  silent: {title: 无言}\n"
        "  plain: {status: planned, classified: false, cryptography: unknown}\n"
        "dependencies:\n"
        "  plain-silent: {application: plain, needs: silent}\n"
        "  silent-plain: {application: silent, needs: plain, strength: hard}\n"
    )
    assert cli("apply", "--yes", cwd=tmp_path).code == 0
    silent = cli("portrait", "silent", cwd=tmp_path).out
    assert "status not recorded" in silent and "classified (涉密): not recorded" in silent
    assert "planned" not in silent and "not classified" not in silent
    plain = cli("portrait", "plain", cwd=tmp_path).out
    assert "planned" in plain and "not classified (非涉密)" in plain
    told = {name: cli("portrait", name, "--json", cwd=tmp_path).json for name in ("silent", "plain")}
    assert (told["silent"]["status"], told["plain"]["status"]) == ("", "planned")
    assert set(told["silent"]["grade"].values()) == {None}
    assert told["plain"]["grade"]["classified"] is False
    assert [d["strength"] for d in told["plain"]["dependencies"]["needs"]] == [None]
    assert [d["strength"] for d in told["silent"]["dependencies"]["needs"]] == ["hard"]


def test_portrait_asks_for_fields_that_kinds_have(cli: Cli, tmp_path: Path) -> None:
    for kind, names in TOLD.items():
        assert set(names) <= set(fields(kind)), kind
    assert {*GRADE, *USE} <= set(fields("application"))
    # So the days of what was found are told.
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (tmp_path / "base.yaml").write_text(
        "applications: {one: {title: 某系统}}\n"
        "reviews: {secret: {type: secrecy, subject: application/one, date: 2024-05-01, passed: false}}\n"
    )
    assert cli("apply", "--yes", cwd=tmp_path).code == 0
    assert "review secrecy 2024-05-01: not passed" in cli("portrait", "one", cwd=tmp_path).out


# -- export ---------------------------------------------------------------------------------------------


def test_export_to_stdout_and_to_files(cli: Cli, place: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("export", "csv", "server", cwd=place).out)))
    assert [row["name"] for row in rows] == ["db_1", "web-1", "web-10", "web-2"]
    zh = cli("export", "csv", "server", "--headers", "zh", "--filter", "web-1", cwd=place).out
    assert zh.splitlines()[0].startswith("标识,名称,机柜")
    assert len(zh.splitlines()) == 2
    written = cli("export", "csv", "--out", tmp_path / "tables", "--json", cwd=place).json["files"]
    assert {w["kind"] for w in written} == set(PROVINCE)
    assert sum(w["entries"] for w in written) == sum(map(len, PROVINCE.values()))
    # Files under the same roof as any: they are read, and say the same.
    (tmp_path / "tables" / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    assert cli("validate", "--json", cwd=tmp_path / "tables").json["entries"] == sum(
        map(len, PROVINCE.values())
    )
    assert cli("export", "json", "unit", cwd=place).json["units"]["health"]["title"] == "市卫生健康委"
    assert cli("export", "xlsx", "--out", tmp_path / "all.xlsx", cwd=place).code == 0


def test_what_a_table_cannot_hold_is_told(cli: Cli, place: Path) -> None:
    result = cli("export", "csv", "profile", cwd=place)
    assert result.code == 1
    assert "1 of profile have no form in a table" in result.err


# -- completion -----------------------------------------------------------------------------------------


def complete(place: Path, *words: str) -> list[str]:
    """What Bash is offered for the last word."""
    done = subprocess.run(
        [GOVCLOUD],
        cwd=place,
        env=os.environ
        | {
            "_GOVCLOUD_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.removeprefix("plain,") for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tre"], ["tree"]),
        (["ls", "pers"], ["person"]),
        (["ls", "server", "ra"], ["rack="]),
        (["ls", "server", "rack=rack-1"], ["rack=rack-1", "rack=rack-10"]),
        # Bash takes words apart at the sign.
        (["ls", "server", "rack", "=", "rack-1"], ["rack-1", "rack-10"]),
        (["ls", "server", "web-1"], ["web-1", "web-10"]),
        (["ls", "application", "classified=t"], ["classified=true"]),
        (["ls", "server", "--sort", "ti"], ["title"]),
        (["export", "csv", "server", "--filter", "rac"], ["rack="]),
        (["show", "clou"], ["cloud/"]),
        (["show", "server/web-1"], ["server/web-1", "server/web-10"]),
        (["portrait", "po"], ["portal"]),
        (["tree", "place", "hai"], ["haikou", "hainan"]),
        (["show", "nothing/x"], []),
        (["blame", "server/web-1"], ["server/web-1", "server/web-10"]),
        (["history", "clou"], ["cloud/"]),
        (["diff", "1", "--only", "unit/hea"], ["unit/health"]),
        (["explain", "server.ipv"], ["server.ipv4", "server.ipv6"]),
        (["init", "x", "--sample", "hai"], ["hainan"]),
        (["generate", "liao"], ["liaoning"]),
        (["check", "--rule", "N-2"], ["N-20", "N-21", "N-22", "N-23", "N-24"]),
        (["nothing", "x"], []),
    ],
    ids=" ".join,
)
def test_completion(place: Path, words: list[str], offered: list[str]) -> None:
    assert complete(place, "govcloud", *words) == offered


def test_completion_outside_a_workspace_offers_kinds_alone(tmp_path: Path) -> None:
    assert complete(tmp_path, "govcloud", "ls", "serve") == ["server"]
    assert complete(tmp_path, "govcloud", "show", "server/w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    result = cli("completion", shell)
    assert result.code == 0, result
    assert "_GOVCLOUD_COMPLETE" in result.out
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=result.out, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        "ls server rack=rack-1",
        "search 门户",
        "tree place",
        "portrait portal",
        "show server/web-1",
        "export json",
    ],
)
def test_reading_is_light(place: Path, command: str) -> None:
    """None of the commands that read import what they do not need."""
    heavy = ("pulumi", "ansible", "dbos", "sqlalchemy", "openpyxl", "alembic", "psycopg")
    code = (
        "import sys; from govcloud.cli.common import run_safely; from govcloud.cli.main import govcloud\n"
        f"code = run_safely(govcloud, {command.split()!r})\n"
        f"print(code, sorted(set({heavy!r}) & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert done.stderr.strip() == "0 []"
