"""YAML files: what is read, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import BASE, faults, loaded, make, only_fault, said


def test_an_entry_becomes_a_claim_with_its_line(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    claims = {(c.kind, c.name): c for c in loaded(workspace).claims}
    haikou = claims["region", "haikou"]
    assert haikou.fields == {"level": "city", "parent": "hainan"}
    assert (haikou.claimant, haikou.line) == ("file:a.yaml", 3)


def test_numbers_are_kept_as_their_field_has_them(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml=BASE, b_yaml="rooms: {attic: {site: dc, area_m2: 5}}")
    area = said(workspace)["room", "attic"]["area_m2"]
    assert area == 5.0
    assert isinstance(area, float)


def test_empty_files_tables_and_entries_are_fine(tmp_path: Path) -> None:
    workspace = make(
        tmp_path, a_yaml="", b_yaml="# nothing\n", c_yaml="servers:\nprofiles:\n  p:\n", d_yaml="---\n"
    )
    assert said(workspace) == {("profile", "p"): {}}


def test_aliases_and_merged_mappings_are_read(tmp_path: Path) -> None:
    text = "profiles:\n  a: &a {values: {x: 1}, title: one}\n  b: {<<: *a, title: two}\n  c: *a\n"
    entries = said(make(tmp_path, a_yaml=text))
    assert entries["profile", "b"] == {"values": {"x": 1}, "title": "two"}
    assert entries["profile", "c"] == entries["profile", "a"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-01-01", "2024-01-01"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1e3", "1e3"),
        ("1.0e+3", 1000.0),
        ("-1.5", -1.5),
        ("~", None),
        ("off", False),
        ('"off"', "off"),
        ("!!str 5", "5"),
        ("|-\n        text", "text"),
    ],
)
def test_what_a_scalar_means(tmp_path: Path, written: str, read: object) -> None:
    workspace = make(tmp_path, a_yaml=f"profiles:\n  p:\n    values:\n      x: {written}\n")
    assert said(workspace)["profile", "p"]["values"] == {"x": read}


# (file, the whole problem). The place is that of the value, or of the key where the key is wrong.
WRONG = {
    "unknown kind": (
        "serverz: {web-1: {rack: r1}}",
        "a.yaml:1:1: no kind is called 'serverz' (did you mean 'servers'?)",
    ),
    "unknown field": (
        "racks:\n  r2: {room: hall, unitz: 4}",
        "a.yaml:2:20: rack/r2: no field is called 'unitz' (did you mean 'units'?)",
    ),
    "wrong choice": (
        "regions:\n  x: {level: citi}",
        (
            "a.yaml:2:14: region/x: `level`: expected one of province, city, county, town or village, "
            "got the text 'citi' (did you mean 'city'?)"
        ),
    ),
    "wrong choice in a list": (
        "flows:\n  f:\n    start: node/core\n    measures: [reach, dnz]",
        (
            "a.yaml:4:23: flow/f: `measures`: expected one of reach, dns or http, got the text 'dnz' "
            "(did you mean 'dns'?)"
        ),
    ),
    "number for a text": (
        "regions:\n  x: {level: city, code: 460100}",
        "a.yaml:2:26: region/x: `code`: expected a text, got 460100 (write it in quotes)",
    ),
    "text for a number": (
        "racks:\n  r2: {room: hall, units: many}",
        "a.yaml:2:27: rack/r2: `units`: expected a whole number > 0, got the text 'many'",
    ),
    "out of range": (
        "applications:\n  x: {unit: bureau, mlps: 5}",
        "a.yaml:2:27: application/x: `mlps`: expected a whole number from 1 to 4, got 5",
    ),
    "nothing for a text": (
        "regions:\n  x:\n    level: city\n    code:\n",
        (
            "a.yaml:4:10: region/x: `code`: expected a text, got nothing "
            "(leave the line out where nothing is to be said)"
        ),
    ),
    "not finite": (
        "rooms:\n  x: {site: dc, area_m2: .inf}",
        "a.yaml:2:26: '.inf' is not a number that can be kept (a text is written in quotes: \"...\")",
    ),
    "too large": (
        "profiles: {p: {values: {x: 99999999999999999999}}}",
        (
            "a.yaml:1:28: the number '99999999999999999999' is too large "
            '(a text is written in quotes: "...")'
        ),
    ),
    "duplicate entry": (
        "profiles:\n  p: {}\n  q: {}\n  p: {title: x}\n",
        "a.yaml:4:3: 'p' is written twice in the same mapping; first in line 2 (join the two)",
    ),
    "duplicate kind": (
        "profiles: {p: {}}\n\nprofiles: {q: {}}\n",
        "a.yaml:3:1: 'profiles' is written twice in the same mapping; first in line 1 (join the two)",
    ),
    "duplicate field": (
        "profiles:\n  p:\n    title: x\n    title: y\n",
        "a.yaml:4:5: 'title' is written twice in the same mapping (remove one of the two)",
    ),
    "key that is true": (
        "profiles:\n  on: {}\n",
        "a.yaml:2:3: the key 'on' is read as true or false, expected a text (write it in quotes: \"on\")",
    ),
    "key that is a number": (
        "profiles:\n  7: {}\n",
        "a.yaml:2:3: the key '7' is read as a number, expected a text (write it in quotes: \"7\")",
    ),
    "key that is a list": ("profiles:\n  ? [a, b]\n  : {}\n", "a.yaml:2:5: a key must be a text"),
    "bad name": (
        "profiles:\n  Haikou_: {}\n",
        (
            "a.yaml:2:3: 'Haikou_' cannot be a name ('haikou' would do: at most 63 of a-z, 0-9, `.`, `_` "
            "and `-`, with a letter or digit at both ends)"
        ),
    ),
    "fields that are none": (
        "profiles:\n  p: text\n",
        (
            "a.yaml:2:6: expected the fields of profile/p, got 'text' "
            "(each field stands on a line of its own as `field: value`)"
        ),
    ),
    "table that is a list": (
        "profiles:\n  - p\n",
        (
            "a.yaml:2:3: expected a mapping of names to fields under `profiles`, got a list "
            "(write `profiles:`, then each entry as `NAME:` with its fields below)"
        ),
    ),
    "file that is a list": (
        "- p\n",
        "a.yaml:1:1: expected a mapping of kinds, got a list (e.g. `servers:` with names below it)",
    ),
    "tag": (
        "profiles:\n  p: {title: !!python/name:os.system x}\n",
        "a.yaml:2:14: tags are not used here: 'tag:yaml.org,2002:python/name:os.system' (remove the tag)",
    ),
    "own tag on a mapping": (
        "profiles: !x {}\n",
        "a.yaml:1:11: tags are not used here: '!x' (remove the tag)",
    ),
    "tab": ("profiles:\n\tp: {}\n", "a.yaml:2:1: not YAML: a tab stands here (YAML is indented with spaces)"),
    "colon in a text": (
        "profiles:\n  p: {}\n  q: x: y\n",
        (
            "a.yaml:3:7: not YAML: mapping values are not allowed in this context "
            "(a text with `: ` in it is written in quotes; else check the indentation)"
        ),
    ),
    "two documents": (
        "profiles: {}\n---\nprofiles: {}\n",
        "a.yaml:2:1: a second document starts here, expected one in a file (remove `---`)",
    ),
    "unknown anchor": ("profiles: *x\n", "a.yaml:1:11: no anchor is called 'x'"),
    "anchor within itself": (
        "profiles: &a\n  p: *a\n",
        "a.yaml:2:6: the alias 'a' stands inside of what it names",
    ),
    "NUL": ("profiles:\n  p\0: {}\n", "a.yaml:2:4: the file holds a NUL character; it is not text"),
    "escaped NUL": ('profiles: {p: {title: "\\0"}}', "a.yaml:1:23: the text holds a NUL character"),
    "control character": (
        "profiles:\n  p: {title: 海\x07}\n",
        "a.yaml:2:15: the character U+0007 cannot stand in YAML",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    text, expected = WRONG[case]
    found = faults(make(tmp_path, a_yaml=text, base_yaml=BASE))
    assert expected in [f for f in found if f.startswith("a.yaml")]
    assert not [f for f in found if f.startswith("base.yaml")]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml=b"\xef\xbb\xbf" + "profiles: {p: {title: 海}}".encode())
    assert said(workspace) == {("profile", "p"): {"title": "海"}}


def test_every_problem_is_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    workspace = make(
        tmp_path,
        base_yaml=BASE,
        b_yaml="racks:\n  r2: {room: hell, units: 0}\n  r3: {}\nrooms: {x: {site: dc, area_m2: -1}}\n",
        a_yaml="regions: [",
    )
    assert [f.split(" ")[0] for f in faults(workspace)] == [
        "a.yaml:2:1:",
        "b.yaml:2:14:",  # no such room
        "b.yaml:2:27:",  # no units
        "b.yaml:3:3:",  # no room said
        "b.yaml:4:32:",
    ]


def test_a_broken_entry_exists_for_those_that_refer_to_it(tmp_path: Path) -> None:
    text = "sites:\n  s: {region: haikou, role: datacenter}\nrooms:\n  a: {site: s}\n  b: {site: z}\n"
    found = faults(make(tmp_path, base_yaml=BASE, a_yaml=text))
    assert [f.split(" ")[0] for f in found] == ["a.yaml:2:29:", "a.yaml:5:13:"]


@pytest.mark.parametrize(
    "broken", ["sites:\n  s: {region: haikou, role: datacentre\n", "sitez:\n  s: {}\n", "sites: [s]\n"]
)
def test_what_a_broken_file_may_hold_is_not_missed(tmp_path: Path, broken: str) -> None:
    workspace = make(tmp_path, base_yaml=BASE, b_yaml=broken, c_yaml="rooms: {a: {site: s}, b: {site: q}}\n")
    found = faults(workspace)
    assert len(found) == 2
    assert found[1].startswith("c.yaml:1:33: room/b: `site`: no site is called 'q'")


def test_aliases_cannot_fill_the_memory(tmp_path: Path) -> None:
    rows = ["profiles:", "  p:", "    values:", "      a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"      a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    fault = only_fault(make(tmp_path, a_yaml="\n".join(rows)))
    assert "the aliases unfold to more than a file may hold" in fault


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["[", "{a: ", "- ", "? ", "a: {"])
def test_deep_nesting_ends_soon(tmp_path: Path, text: str) -> None:
    found = faults(make(tmp_path, a_yaml=text * 200_000))
    assert 1 <= len(found) < 50
    assert any("nested deeper than 32 levels" in f or "not YAML" in f for f in found)


def test_faults_beyond_counting_are_summed_up(tmp_path: Path) -> None:
    text = "profiles:\n" + "".join(f"  p{n}: 1\n" for n in range(12_000))
    found = faults(make(tmp_path, a_yaml=text))
    assert len(found) == 10_001
    assert found[0] == "a.yaml: more than 10000 faults; the rest is not told"
