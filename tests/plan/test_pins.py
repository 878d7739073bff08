"""Going back to an accepted past, and staying there until the files agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province, records

Cli = Callable[..., Any]


def fields(cli: Cli, place: Province, subject: str) -> Any:
    return cli("show", subject, "--json", cwd=place.root).json["fields"]


@pytest.fixture
def place(cli: Cli, tmp_path: Path) -> Iterator[Province]:
    """Two revisions: a region gets another title, one is new, one is gone, one is renamed."""
    made = records(tmp_path / "w")
    regions = made.tables["regions"]
    regions |= {"old": {"level": "city"}, "first": {"level": "city", "title": "一"}}
    assert cli("apply", "--yes", cwd=made.write().root).code == 0
    regions["here"]["title"] = "新名"
    regions["new"] = {"level": "city"}
    del regions["old"]
    regions["second"] = regions.pop("first") | {"was": "first"}
    assert cli("apply", "--yes", cwd=made.write().root).code == 0
    yield made


def names(cli: Cli, place: Province) -> set[str]:
    return {e["name"] for e in cli("ls", "region", "--json", cwd=place.root).json}


def test_everything_goes_back_and_stays_until_the_files_agree(cli: Cli, place: Province) -> None:
    uid = cli("show", "region/second", "--json", cwd=place.root).json["uid"]
    done = cli("revert", "1", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert names(cli, place) == {"here", "there", "old", "first"}
    assert "title" not in fields(cli, place, "region/here")
    assert cli("show", "region/first", "--json", cwd=place.root).json["uid"] == uid

    # The files still say otherwise: the next plan does nothing, and says why.
    again = cli("plan", "--json", cwd=place.root).json
    assert again["changes"] == 0
    assert again["pinned"]["region/here"] == "pin:1"
    told = cli("plan", cwd=place.root).out
    assert "5 entries are pinned and say otherwise than the files" in told
    assert "`govcloud revert --release`" in told
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert names(cli, place) == {"here", "there", "old", "first"}

    # They agree again, one by one: each pin ends by itself.
    del place.tables["regions"]["here"]["title"]
    plan = cli("plan", "--json", cwd=place.write().root).json
    assert plan["changes"] == 0
    assert "region/here" not in plan["pinned"]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["regions"]["here"]["title"] = "再改"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert fields(cli, place, "region/here")["title"] == "再改"


def test_only_one_entry_goes_back(cli: Cli, place: Province) -> None:
    done = cli("revert", "1", "--only", "region/here", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert "title" not in fields(cli, place, "region/here")
    assert names(cli, place) == {"here", "there", "new", "second"}
    assert list(cli("plan", "--json", cwd=place.root).json["pinned"]) == ["region/here"]


def test_a_renamed_entry_is_found_by_either_name(cli: Cli, place: Province) -> None:
    uid = cli("show", "region/second", "--json", cwd=place.root).json["uid"]
    assert cli("revert", "1", "--only", "region/second", "--yes", cwd=place.root).code == 0
    assert cli("show", "region/first", "--json", cwd=place.root).json["uid"] == uid
    assert (
        cli(
            "revert",
            "--release",
            "--only",
            "region/first",
            "--only",
            "region/second",
            "--yes",
            cwd=place.root,
        ).code
        == 0
    )
    assert cli("show", "region/second", "--json", cwd=place.root).json["uid"] == uid


def test_release_lets_the_files_speak(cli: Cli, place: Province) -> None:
    assert cli("revert", "1", "--yes", cwd=place.root).code == 0
    done = cli("revert", "--release", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert names(cli, place) == {"here", "there", "new", "second"}
    assert fields(cli, place, "region/here")["title"] == "新名"
    assert cli("plan", "--json", cwd=place.root).json["pinned"] == {}


def test_a_later_pin_takes_the_place_of_an_earlier(cli: Cli, place: Province) -> None:
    place.tables["regions"]["here"]["title"] = "三"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert cli("revert", "1", "--only", "region/here", "--yes", cwd=place.root).code == 0
    assert cli("revert", "2", "--only", "region/here", "--yes", cwd=place.root).code == 0
    assert fields(cli, place, "region/here")["title"] == "新名"
    assert cli("plan", "--json", cwd=place.root).json["pinned"] == {"region/here": "pin:2"}
    # And back to what the files say: nothing is pinned, for they agree.
    assert cli("revert", "4", "--only", "region/here", "--yes", cwd=place.root).code == 0
    assert cli("plan", "--json", cwd=place.root).json["pinned"] == {}


def test_a_plan_file_of_a_revert_is_carried_out_with_its_pins(cli: Cli, place: Province) -> None:
    file = place.root / "back.plan"
    out = cli("revert", "1", "--out", file, cwd=place.root)
    assert out.code == 0, out
    assert names(cli, place) == {"here", "there", "new", "second"}
    done = cli("apply", file, "--yes", cwd=place.root)
    assert done.code == 0, done
    assert names(cli, place) == {"here", "there", "old", "first"}


def test_what_cannot_be_reverted_is_told(cli: Cli, place: Province) -> None:
    for arguments, words in [
        (["revert"], "expected either a revision to go back to or --release"),
        (["revert", "1", "--release"], "expected either"),
        (["revert", "99"], "99"),
        (["revert", "1", "--only", "region/nobody"], "no region was called 'nobody' at revision 1"),
        (["revert", "1", "--only", "here"], "should be KIND/NAME"),
        (["revert", "--release", "--only", "region/here"], "region/here is not pinned"),
    ]:
        refused = cli(*arguments, "--yes", cwd=place.root)
        assert refused.code == 2, refused
        assert words in refused.err
    assert cli("revert", "2", "--yes", cwd=place.root).code == 0  # nothing changed since: nothing to do
    # What goes back must still fit: something new refers to what would be no more.
    place.tables["regions"]["below"] = {"level": "county", "parent": "new"}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    refused = cli("revert", "1", "--only", "region/new", "--yes", cwd=place.root)
    assert refused.code == 2, refused
    assert "no region is called 'new'" in refused.err


def test_what_is_built_goes_back_with_its_entry(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path / "w", nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["nodes"]["r1"]["role"] = "border"
    place.node("r3")
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    done = cli("revert", "1", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert set(place.objects()) == {"Node/r1", "Node/r2", "Link/r1-r2"}
    assert place.objects()["Node/r1"].properties["role"] == "core"
    assert cli("plan", "--json", cwd=place.root).json["changes"] == 0
