"""Who owns what: each test is a story of people with files, told through the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import province

from govcloud.ledger import open_ledger
from govcloud.ledger.claims import ClaimChanges, change_claims
from govcloud.workspace import open_workspace

from .people import FILES, alone, ended, granted, team

Cli = Callable[..., Any]


def test_the_stale_checkout(cli: Cli, tmp_path: Path) -> None:
    """Ben has not pulled. Applying his files would undo what Anna did, so he cannot."""
    anna, ben = team(tmp_path, cli, "anna", "ben")
    anna.applies()
    assert ben.planned() == {}

    anna.writes("cities.yaml", "regions:\n  sanya: {level: city, parent: hainan}\n")
    anna.pushes("Sanya")
    anna.applies()

    # Sanya is in no file of his. It is not withdrawn, and he is told why.
    for command in (["plan"], ["apply", "--yes"], ["plan", "--out", "x.plan"]):
        refused = ben.types(*command)
        assert refused.code == 5, refused
        assert "does not hold the last accepted commit" in refused.err
        assert "applying it would undo colleagues' work" in refused.err
        assert "hint: `git pull` first, then plan again" in refused.err
    assert ben.types("show", "region/sanya").code == 0

    ben.pulls()
    assert ben.planned() == {}
    ben.writes("zones.yaml", "zones:\n  extranet: {role: extranet, title: 政务外网}\n")
    ben.pushes("a title")
    assert ben.planned() == {"zone/extranet": "update"}
    ben.applies()
    assert anna.types("show", "region/sanya").code == 0
    # And now it is Anna who has to pull.
    assert anna.types("plan").code == 5


def test_a_commit_that_nobody_else_has_is_no_leave_either(cli: Cli, tmp_path: Path) -> None:
    """Both went on from the same commit. Neither holds the other's."""
    anna, ben = team(tmp_path, cli, "anna", "ben")
    anna.applies()
    anna.writes("a.yaml", "regions:\n  sanya: {level: city, parent: hainan}\n")
    ben.writes("b.yaml", "regions:\n  danzhou: {level: city, parent: hainan}\n")
    ben.git("add", "--all")
    ben.git("commit", "--quiet", "--message", "Danzhou")
    anna.pushes("Sanya")
    anna.applies()
    assert ben.types("apply", "--yes").code == 5
    ben.pulls()
    assert ben.planned() == {"region/danzhou": "create"}
    ben.applies()
    assert {e["name"] for e in ben.types("ls", "region", "--json").json} == {
        "hainan",
        "haikou",
        "sanya",
        "danzhou",
    }


def test_what_is_in_no_commit_is_applied_with_a_warning(cli: Cli, tmp_path: Path) -> None:
    """Ben's plan at the same commit would take Anna's city back: she is told to commit it."""
    anna, ben = team(tmp_path, cli, "anna", "ben")
    assert "not as in commit" not in anna.applies().err
    anna.writes("城市.yaml", "regions:\n  sanya: {level: city, parent: hainan}\n")
    warned = anna.applies().err
    assert "warning: 城市.yaml not as in commit" in warned
    assert "commit and push, or a colleague's next plan takes this back" in warned
    assert ben.planned() == {"region/sanya": "delete"}


def test_the_colleague(cli: Cli, tmp_path: Path) -> None:
    """Two people change different files. Each sees only their own change, and neither waits."""
    anna, ben = team(tmp_path, cli, "anna", "ben")
    anna.applies()
    anna.writes("places.yaml", FILES["places.yaml"].replace("city,", "city, title: 海口,"))
    ben.writes("zones.yaml", "zones:\n  extranet: {role: extranet, title: 政务外网}\n")
    assert anna.planned() == {"region/haikou": "update"}
    assert ben.planned() == {"zone/extranet": "update"}

    # Anna's plan lies on a desk, waiting for somebody to read it.
    assert anna.types("plan", "--out", "anna.plan").code == 0
    ben.pushes("a title")
    ben.applies()

    # Ben's change is no matter to hers: with his commit in her files, her plan does what it said.
    anna.pulls()
    anna.applies("anna.plan")
    assert anna.types("show", "region/haikou", "--json").json["fields"]["title"] == "海口"
    assert anna.types("show", "zone/extranet", "--json").json["fields"]["title"] == "政务外网"
    anna.pushes("a title for Haikou")
    assert anna.types("plan", "--detailed-exitcode").code == 0


def test_two_workspaces_with_one_ledger(cli: Cli, tmp_path: Path) -> None:
    """A bureau keeps places, another one zones. Neither has the other's files, or misses them."""
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    state = f"file://{tmp_path}/state"
    places = alone(tmp_path / "places", cli, ledger=ledger, state=state, workspace="places")
    (places.folder / "zones.yaml").unlink()
    zones = alone(tmp_path / "zones", cli, ledger=ledger, state=state, workspace="zones")
    (zones.folder / "places.yaml").unlink()
    places.applies()
    assert zones.planned() == {"zone/extranet": "create"}
    zones.applies()
    assert places.planned() == {}
    assert zones.owners("region/haikou")["level"] == "file@places:places.yaml:3"
    assert places.owners("zone/extranet") == {"role": "file@zones:zones.yaml:2"}
    # Whose file it is stands in the sentence too.
    zones.writes("more.yaml", "regions:\n  haikou: {title: 海口}\n")
    zones.applies()
    zones.writes("more.yaml", "regions:\n  haikou: {title: 海口, level: county}\n")
    refused = zones.types("plan")
    assert refused.code == 2, refused
    words = "`level` of region/haikou is said by places.yaml:3 of the workspace places too"
    assert f"more.yaml:2:30: {words}" in refused.err


def test_the_failed_stack(cli: Cli, tmp_path: Path) -> None:
    """The Record was done, the Stack was not. The next plan still holds it, whoever makes it."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes").code == 0
    place.remove("Node/r2")  # what the new line needs is gone, and nobody knows
    place.node("r3").link("r2", "r3")
    failed = cli("apply", "--yes", cwd=place.write().root)
    assert failed.code == 1, failed
    assert "record: done" in failed.out
    assert cli("show", "link/r2-r3").code == 0, "the ledger has accepted it"
    assert "Link/r2-r3" not in place.objects()

    def left() -> set[str]:
        stages = cli("plan", "--json").json["stages"]
        return {c["subject"] for s in stages if s["kind"] == "stack" for c in s["changes"]}

    assert "link/r2-r3" in left()
    # Somebody changes something else, and is shown both.
    place.tables["regions"]["here"]["title"] = "新名"
    place.write()
    assert "link/r2-r3" in left()
    # Whoever looks finds out what is missing, and the next run mends all of it.
    assert cli("drift").code == 3
    assert {"node/r2", "link/r2-r3"} <= left()
    assert cli("apply", "--yes").code == 0
    assert set(place.objects()) == place.wanted()
    assert left() == set()


def test_the_other_layer(cli: Cli, tmp_path: Path) -> None:
    """A ledger is bound to its layers. A layer in force outranks the base, and blame says so."""
    anna = alone(tmp_path / "w", cli, layers="[site]")
    anna.writes("layers/site/x.yaml", "regions:\n  haikou: {title: 海口, level: county}\n")
    anna.applies()
    shown = anna.types("show", "region/haikou", "--json").json["fields"]
    assert (shown["level"], shown["title"]) == ("county", "海口")
    blamed = {f["field"]: f for f in anna.types("blame", "region/haikou", "--json").json["fields"]}
    assert blamed["level"]["owner"] == {"claimant": "file:layers/site/x.yaml", "line": 2}
    assert blamed["level"]["under"] == [{"claimant": "file:places.yaml", "line": 3}]
    assert blamed["parent"]["owner"]["claimant"] == "file:places.yaml"
    text = anna.types("blame", "region/haikou").out
    assert "layers/site/x.yaml:2 over places.yaml:3" in text

    # The same files with another layer are another environment's, and touch nothing of this one.
    before = anna.types("history", "--json").json
    for layers in ("[test]", "[site, test]", "[]"):
        settings = f"version: 1\nenvironment: tiny\nlayers: {layers}\n"
        anna.writes("govcloud.yaml", settings)
        for command in (["plan"], ["apply", "--yes"], ["ls"]):
            refused = anna.types(*command)
            assert refused.code == 2, refused
            assert "the ledger is bound to layers 'site', this workspace says" in refused.err
            assert "another environment needs a ledger of its own" in refused.err
    anna.writes("govcloud.yaml", "version: 1\nenvironment: tiny\nlayers: [site]\n")
    assert anna.types("history", "--json").json == before
    # The layer says no more: what it laid over comes to light again.
    (anna.folder / "layers/site/x.yaml").unlink()
    assert anna.planned() == {"region/haikou": "update"}
    anna.applies()
    assert anna.types("show", "region/haikou", "--json").json["fields"]["level"] == "city"


def test_two_claimants_of_one_field(cli: Cli, tmp_path: Path) -> None:
    """Even where they say the same: later one of them would change alone."""
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    anna.writes("z.yaml", "regions:\n  haikou:\n    title: 海口\n    level: city\n")
    for command in (["validate"], ["plan"], ["apply", "--yes"]):
        refused = anna.types(*command)
        assert refused.code == 2, refused
        assert "z.yaml:4:12: `level` of region/haikou is said by places.yaml:3 too" in refused.err, refused
        assert "a field has one owner: remove it from one of the two" in refused.err
    assert anna.types("history", "--json").json[0]["number"] == 1, "nothing was written"
    # Different fields of one entry are two owners, and no quarrel.
    anna.writes("z.yaml", "regions:\n  haikou:\n    title: 海口\n")
    anna.applies()
    assert anna.owners("region/haikou") == {
        "level": "file:places.yaml:3",
        "parent": "file:places.yaml:3",
        "title": "file:z.yaml:2",
    }
    # One of them goes, and takes only what it said itself.
    (anna.folder / "z.yaml").unlink()
    anna.applies()
    assert set(anna.owners("region/haikou")) == {"level", "parent"}


def test_what_a_request_owns_no_file_can_withdraw(cli: Cli, tmp_path: Path) -> None:
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    granted(anna.folder, "R-1", {("region", "sanya"): {"level": "city", "parent": "hainan"}})

    # No file says it, and none misses it: not now, not after other changes, not when files go.
    assert anna.planned() == {}
    anna.writes("zones.yaml", "zones:\n  extranet: {role: extranet, title: 政务外网}\n")
    assert anna.planned() == {"zone/extranet": "update"}
    anna.applies()
    (anna.folder / "zones.yaml").unlink()
    assert anna.planned() == {"zone/extranet": "delete"}
    anna.applies()
    assert anna.types("show", "region/sanya").code == 0
    assert anna.owners("region/sanya") == {"level": "request:R-1:0", "parent": "request:R-1:0"}

    # A file may say another field of it, and none of its fields.
    anna.writes("more.yaml", "regions:\n  sanya: {level: city}\n")
    refused = anna.types("plan")
    assert refused.code == 2, refused
    assert "more.yaml:2:18: `level` of region/sanya is said by request:R-1 too" in refused.err
    anna.writes("more.yaml", "regions:\n  sanya: {title: 三亚}\n")
    assert anna.planned() == {"region/sanya": "update"}
    anna.applies()
    assert anna.owners("region/sanya")["title"] == "file:more.yaml:2"
    (anna.folder / "more.yaml").unlink()
    anna.applies()
    assert set(anna.owners("region/sanya")) == {"level", "parent"}

    # What it refers to cannot go as long as it stands.
    anna.writes("places.yaml", "regions:\n  haikou: {level: city}\n")
    refused = anna.types("plan")
    assert refused.code == 2, refused
    assert "region/sanya" in refused.err and "no region is called 'hainan'" in refused.err
    anna.writes("places.yaml", "regions:\n  hainan: {level: province}\n")

    # The request ends, and with it what it alone said.
    ended(anna.folder, "R-1", [("region", "sanya")])
    assert anna.types("show", "region/sanya").code == 2
    assert anna.planned() == {"region/haikou": "delete"}
    assert anna.types("history", "region/sanya", "--json").json[0]["verb"] == "withdrawn"


def test_a_claim_that_ends_alone_is_found_by_the_next_plan(cli: Cli, tmp_path: Path) -> None:
    """Whoever ends a claim and leaves its entry standing leaves a difference, not a secret."""
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    granted(anna.folder, "R-1", {("region", "sanya"): {"level": "city", "parent": "hainan"}})
    assert anna.planned() == {}
    with open_ledger(open_workspace(str(anna.folder))).write() as connection:
        gone = ClaimChanges(ended=(("region", "sanya", "request:R-1"),))
        change_claims(connection, 2, gone)
    assert anna.planned() == {"region/sanya": "delete"}


def test_a_pin(cli: Cli, tmp_path: Path) -> None:
    """Back to what was, whatever the files say, until they agree or somebody lets them speak."""
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    good = (anna.folder / "places.yaml").read_text()
    anna.writes("places.yaml", good.replace("haikou: {level: city", "haikou: {level: county"))
    anna.applies()
    assert anna.types("revert", "1", "--yes").code == 0
    assert anna.types("show", "region/haikou", "--json").json["fields"]["level"] == "city"
    assert anna.planned() == {}
    blamed = {f["field"]: f for f in anna.types("blame", "region/haikou", "--json").json["fields"]}
    assert blamed["level"]["pinned"]
    assert blamed["level"]["owner"]["claimant"] == "pin:1"
    assert blamed["level"]["under"] == [{"claimant": "file:places.yaml", "line": 3}]
    anna.writes("places.yaml", good)
    anna.applies()
    assert anna.owners("region/haikou")["level"] == "file:places.yaml:3"
    assert anna.types("plan", "--json").json["pinned"] == {}


def test_words_that_move_to_another_file(cli: Cli, tmp_path: Path) -> None:
    """Nothing changes but who says it: no revision, another owner."""
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    uid = anna.types("show", "region/haikou", "--json").json["uid"]
    anna.writes("places.yaml", "regions:\n  hainan: {level: province}\n")
    anna.writes("cities/haikou.yaml", "# moved\nregions:\n  haikou: {level: city, parent: hainan}\n")
    plan = anna.types("plan", "--detailed-exitcode")
    assert plan.code == 0, plan
    assert "Nothing to do" in anna.applies().out
    assert anna.types("history", "--json").json[0]["number"] == 1
    owner = "file:cities/haikou.yaml:3"
    assert anna.owners("region/haikou") == {"level": owner, "parent": owner}
    assert "cities/haikou.yaml:3" in anna.types("show", "region/haikou").out
    assert anna.types("show", "region/haikou", "--json").json["uid"] == uid
    # The file it left has nothing to say of it any more: removing that file withdraws hainan alone.
    anna.writes("places.yaml", "regions:\n  hainan: {level: province, title: 海南}\n")
    assert anna.planned() == {"region/hainan": "update"}


def test_part_of_an_entry_moves_to_another_file(cli: Cli, tmp_path: Path) -> None:
    """One field goes over to somebody else, with its value; the rest stays."""
    anna = alone(tmp_path / "w", cli)
    anna.applies()
    anna.writes("places.yaml", "regions:\n  hainan: {level: province}\n  haikou: {level: city}\n")
    anna.writes("tree.yaml", "regions:\n  haikou: {parent: hainan}\n")
    assert anna.planned() == {}
    anna.applies()
    assert anna.owners("region/haikou") == {"level": "file:places.yaml:3", "parent": "file:tree.yaml:2"}
