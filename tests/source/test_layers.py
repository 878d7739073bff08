"""Layers: what is laid over what, what is removed, and who outranks whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.source import join, merge
from govcloud.source.layers import layer_of, overlay
from govcloud.workspace import open_workspace
from tests.conftest import Result

from .helpers import BASE, faults, lay, loaded, merged, only_fault

SERVERS = "servers:\n  s: {rack: r1, network: lan, ipv4: 10.1.0.5, title: t}\n"
VALUES = "profiles: {p: {values: {a: 1, b: {c: 2, d: [1, 2]}}, title: old}}"


@dataclass
class Said:
    """A claim as the ledger keeps it."""

    kind: str
    name: str
    fields: dict[str, Any] | None
    claimant: str
    line: int = 0


def test_maps_merge_lists_and_values_replace_markers_remove(tmp_path: Path) -> None:
    workspace = lay(
        tmp_path,
        "site, night",
        a_yaml=VALUES,
        site__a_yaml="profiles: {p: {values: {a: $delete, b: {d: [9]}}, title: new}}",
        night__x_yaml="profiles: {p: {title: $delete, values: {e: 5}}, q: {title: own}}",
    )
    assert merged(workspace) == {
        ("profile", "p"): {"values": {"b": {"c": 2, "d": [9]}, "e": 5}},
        ("profile", "q"): {"title": "own"},
    }
    files = loaded(workspace)
    assert files.layers == ("site", "night")
    assert files.counts == {"profile": 2}
    # The claims keep what each file says, markers too; the base's own dict is not written to.
    assert next(c.fields for c in files.claims if c.claimant == "file:a.yaml")["title"] == "old"
    assert [c.fields["title"] for c in files.claims if c.claimant == "file:layers/night/x.yaml"] == [
        "$delete",
        "own",
    ]


def test_an_entry_is_removed_and_may_come_again(tmp_path: Path) -> None:
    base = "profiles: {p: {title: a, values: {x: 1}}, q: {}}"
    once = lay(tmp_path, "one", a_yaml=base, one__a_yaml="profiles: {p: {$delete: true}}")
    assert list(merged(once)) == [("profile", "q")]
    assert loaded(once).counts == {"profile": 1}
    again = lay(tmp_path, "one, two", two__a_yaml="profiles: {p: {title: b}}")
    assert merged(again)["profile", "p"] == {"title": "b"}


def test_the_order_of_layers_is_that_of_the_settings(tmp_path: Path) -> None:
    files = {"a__x_yaml": "profiles: {p: {title: a}}", "b__x_yaml": "profiles: {p: {title: b}}"}
    assert merged(lay(tmp_path, "a, b", **files))["profile", "p"] == {"title": "b"}
    assert merged(lay(tmp_path, "b, a", **files))["profile", "p"] == {"title": "a"}


def test_tables_overlay_too(tmp_path: Path) -> None:
    workspace = lay(
        tmp_path,
        "site",
        a_yaml=BASE,
        servers_csv="name,rack,title\nweb-1,r1,one\nweb-2,r1,two\n",
        site__servers_csv="name,title\nweb-1,$delete\nweb-2,other\n",
    )
    said = merged(workspace)
    assert said["server", "web-1"] == {"rack": "r1"}
    assert said["server", "web-2"] == {"rack": "r1", "title": "other"}


def test_layers_that_are_not_in_force_are_noted_and_not_read(tmp_path: Path) -> None:
    workspace = lay(
        tmp_path, "here, gone", a_yaml=VALUES, other__a_yaml="nonsense: [", here__a_yaml="", layers_yaml=""
    )
    (tmp_path / "layers" / "stray.yaml").write_text("nonsense: [")
    assert [str(note) for note in loaded(workspace).notes] == [
        "layers/other: `layers` in govcloud.yaml does not name this layer; not read",
        "layers/stray.yaml: a file in no layer: its place is layers/NAME/; not read",
        "layers/gone: `layers` in govcloud.yaml names it, but there is no such folder",
    ]
    assert sorted(loaded(workspace).files) == ["a.yaml", "layers.yaml", "layers/here/a.yaml"]


def test_other_settings_are_judged_anew(tmp_path: Path) -> None:
    files = {"a_yaml": BASE, "x__a_yaml": "nodes: {core: {$delete: true}}"}
    loaded(lay(tmp_path, "", **files))
    loaded(lay(tmp_path, "x"))
    loaded(lay(tmp_path, ""))
    (tmp_path / "layers" / "x" / "a.yaml").write_text("nodes: {edge: {$delete: true}}")
    loaded(lay(tmp_path, ""))
    # The network's gateway went.
    assert only_fault(lay(tmp_path, "x")).startswith("a.yaml:13:18: network/lan: `gateway`: no node is")


WRONG: dict[str, tuple[str, str]] = {
    "an entry that is not there": (
        "nodes: {cor: {$delete: true}}",
        (
            "layers/x/a.yaml:1:24: no lower layer has a node called 'cor' that could be removed "
            "(did you mean 'core'?)"
        ),
    ),
    "a field that is not there": (
        "nodes:\n  core: {title: $delete}",
        (
            "layers/x/a.yaml:2:17: node/core: no lower layer says `title` that could be removed "
            "(remove it here too)"
        ),
    ),
    "a key that is not there": (
        "profiles: {p: {values: {aa: $delete}}}",
        (
            "layers/x/a.yaml:1:24: profile/p: no lower layer says `values.aa` that could be removed "
            "(did you mean 'a'?)"
        ),
    ),
    "a field that is needed": (
        "rooms: {hall: {site: $delete}}",
        "layers/x/a.yaml:1:22: room/hall: `site` is missing (站点: The site it is in.)",
    ),
    "removed and said": (
        "rooms: {hall: {$delete: true, title: x}}",
        (
            "layers/x/a.yaml:1:25: room/hall: expected `$delete: true` and no other field "
            "(an entry that is removed says nothing else)"
        ),
    ),
    "removed in another way": (
        "rooms: {hall: {$delete: 1}}",
        (
            "layers/x/a.yaml:1:25: room/hall: expected `$delete: true` and no other field "
            "(an entry that is removed says nothing else)"
        ),
    ),
    "in a list": (
        "profiles: {p: {values: {l: [$delete]}}}",
        "layers/x/a.yaml:1:28: profile/p: `l`: a list is replaced as a whole ",
    ),
    "a field that nobody knows": (
        "rooms: {hall: {sit: $delete}}",
        "layers/x/a.yaml:1:16: room/hall: no field is called 'sit' (did you mean 'site'?)",
    ),
    "new and not complete": (
        "rooms: {other: {title: x}}",
        "layers/x/a.yaml:1:9: room/other: `site` is missing (站点: The site it is in.)",
    ),
    "a wrong type": (
        "nodes: {core: {role: boss}}",
        "layers/x/a.yaml:1:22: node/core: `role`: expected one of ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_layer(tmp_path: Path, case: str) -> None:
    written, told = WRONG[case]
    workspace = lay(tmp_path, "x", a_yaml=BASE, p_yaml="profiles: {p: {values: {a: 1}}}", x__a_yaml=written)
    for _ in range(2):
        assert only_fault(workspace).startswith(told)


def test_markers_mean_nothing_outside_of_layers(tmp_path: Path) -> None:
    workspace = lay(
        tmp_path, "", a_yaml=BASE, b_yaml="rooms:\n  x: {site: dc, title: $delete}\n  y: {$delete: true}\n"
    )
    hint = "(files of a layer stand in `layers/NAME/`; a text is written otherwise)"
    assert faults(workspace) == [
        f"b.yaml:2:24: room/x: `$delete` removes what a lower layer says {hint}",
        f"b.yaml:3:16: room/y: `$delete` removes what a lower layer says {hint}",
    ]


def test_within_a_layer_a_field_has_one_owner(tmp_path: Path) -> None:
    workspace = lay(
        tmp_path,
        "x",
        a_yaml=VALUES,
        x__a_yaml="profiles: {p: {title: a}}",
        x__b_yaml="profiles: {p: {title: a}}",
    )
    assert only_fault(workspace) == (
        "layers/x/b.yaml:1:23: `title` of profile/p is said by layers/x/a.yaml:1 too "
        "(a field has one owner: remove it from one of the two)"
    )
    lay(tmp_path, "x", x__b_yaml="profiles: {p: {$delete: true}}")
    assert only_fault(workspace) == (
        "layers/x/a.yaml:1:12: profile/p is removed by layers/x/b.yaml:1 "
        "(a layer either removes an entry or says something of it)"
    )
    lay(tmp_path, "x", x__a_yaml="profiles: {p: {$delete: true}}")
    assert only_fault(workspace) == (
        "layers/x/b.yaml:1:25: profile/p is removed by layers/x/a.yaml:1 too (remove it once)"
    )


def test_faults_in_the_base_do_not_make_removals_wrong(tmp_path: Path) -> None:
    workspace = lay(tmp_path, "x", a_yaml="profiles: {p: [", x__a_yaml="profiles: {p: {$delete: true}}")
    assert only_fault(workspace).startswith("a.yaml:2:1: not YAML")


@pytest.mark.parametrize(
    ("layers", "told"),
    [("a, a", "2:13: `layers` names 'a' twice"), ("../x", "2:10: `layers`: expected a folder's name of")],
)
def test_layers_in_the_settings(tmp_path: Path, layers: str, told: str) -> None:
    (tmp_path / "govcloud.yaml").write_text(f"environment: test\nlayers: [{layers}]\n")
    with pytest.raises(InputError) as caught:
        open_workspace(str(tmp_path))
    assert told in str(caught.value.problems[0])


def test_ranks() -> None:
    layers = ["a", "b"]
    ranks = {
        "file:x.yaml": 0,
        "file:layersx/a/y.yaml": 0,
        "file:layers/a/x.yaml": 1,
        "file:layers/b/deep/x.yaml": 2,
        "file:layers/c/x.yaml": -1,
        "request:7": 0,
        "pin:12": 3,
    }
    assert {claimant: layer_of(claimant, layers) for claimant in ranks} == ranks


def test_what_a_request_says_is_no_layers_to_change() -> None:
    request = Said("profile", "p", {"title": "asked for"}, "request:7")
    other = Said("profile", "p", {"title": "mine", "values": {"a": 1}}, "file:layers/x/a.yaml", 3)
    said, found = join([request], [other], layers=["x"])
    assert said["profile", "p"] == {"title": "asked for", "values": {"a": 1}}
    assert [str(f.problem()) for f in found] == [
        (
            "layers/x/a.yaml:3: `title` of profile/p is said by request:7 too "
            "(a field has one owner: remove it from one of the two)"
        ),
    ]
    removal = Said("profile", "p", {"$delete": True}, "file:layers/x/a.yaml", 3)
    said, found = join([request], [removal], layers=["x"])
    assert said["profile", "p"] == {"title": "asked for"}
    assert [str(f.problem()) for f in found] == [
        "layers/x/a.yaml:3: profile/p is said by request:7 (what no file says, no file can remove)"
    ]


def test_pins_outrank_everything_and_stand_for_the_whole_entry() -> None:
    files = [
        Said("profile", "p", {"title": "file", "values": {"a": 1}}, "file:a.yaml"),
        Said("profile", "q", {"title": "file"}, "file:a.yaml"),
        Said("profile", "p", {"title": "layer"}, "file:layers/x/a.yaml"),
    ]
    pins = [
        Said("profile", "p", {"title": "pinned"}, "pin:4"),
        Said("profile", "q", None, "pin:4"),
        Said("profile", "r", {"title": "again"}, "pin:4"),
        Said("profile", "gone", None, "pin:4"),
    ]
    for sources in ((files, pins), (pins, files)):
        assert merge(*sources, layers=["x"]) == {
            ("profile", "p"): {"title": "pinned"},
            ("profile", "r"): {"title": "again"},
        }


def test_the_command_line_reads_layers(tmp_path: Path, cli: Callable[..., Result]) -> None:
    lay(tmp_path, "x", a_yaml=VALUES, x__a_yaml="profiles: {p: {$delete: true}, q: {}, r: {}}", y__a_yaml="")
    done = cli("validate", "--json", cwd=tmp_path)
    assert done.json["kinds"] == {"profile": 2}
    assert done.json["notes"][0]["path"] == "layers/y"


KEYS = st.sampled_from("abcd")
VALUE = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(KEYS, VALUE, max_size=4)


@settings(max_examples=200, deadline=None)
@given(FIELDS, FIELDS, FIELDS)
def test_overlays(lower: dict[str, Any], upper: dict[str, Any], top: dict[str, Any]) -> None:
    absent: list[tuple[str, ...]] = []
    assert overlay(lower, {}, absent) == lower
    assert overlay({}, upper, absent) == upper
    once = overlay(lower, upper, absent)
    assert overlay(once, upper, absent) == once
    # Two layers one after the other are the same as both laid over each other first.
    assert overlay(once, top, absent) == overlay(lower, overlay(upper, top, absent), absent) or any(
        not isinstance(a, type(b)) for a, b in conflicting(lower, upper, top)
    )
    assert absent == []
    emptied = overlay(lower, dict.fromkeys(lower, "$delete"), absent)
    assert emptied == {}
    assert absent == []


def conflicting(*trees: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Pairs of values that stand at one place of two trees."""
    pairs = []
    for one in trees:
        for other in trees:
            for key in one.keys() & other.keys():
                pairs.append((one[key], other[key]))
                if isinstance(one[key], dict) and isinstance(other[key], dict):
                    pairs += conflicting(one[key], other[key])
    return pairs
