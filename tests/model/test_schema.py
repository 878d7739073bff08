"""The JSON Schema takes what `govcloud validate` takes, and refuses what one file alone shows to be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from govcloud.cli.schema import SETTINGS, settings_schema
from govcloud.model import KINDS, FieldInfo, fields
from govcloud.model.schema import entry_schema, file_schema
from govcloud.source.convert import shape
from govcloud.workspace import Settings

ROOT = Path(__file__).parents[2]
HAINAN = ROOT / "inventory" / "hainan"


class Texts(yaml.SafeLoader):
    """YAML as the program reads it: dates are texts."""


Texts.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith(("timestamp", "merge")) or "merge" in tag]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def wrong(schema: dict[str, Any], text: str) -> list[str]:
    """Where a YAML text departs from a schema, as `path: message`."""
    found = Draft202012Validator(schema).iter_errors(yaml.load(text, Loader=Texts))
    return sorted(f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in found)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return file_schema()


def test_schemas_are_schemas(whole: dict[str, Any]) -> None:
    for schema in (whole, file_schema(required=True), file_schema(overlay=True), settings_schema()):
        assert validator_for(schema) is Draft202012Validator
        Draft202012Validator.check_schema(schema)


def test_every_kind_and_field_is_in_it(whole: dict[str, Any]) -> None:
    assert set(whole["properties"]) == {cls.PLURAL for cls in KINDS.values()}
    for kind in KINDS:
        told = whole["$defs"][kind]["properties"]
        assert list(told) == list(fields(kind))
        for name, info in fields(kind).items():
            assert told[name]["title"] == info.doc.zh
            assert told[name]["description"].startswith(info.doc.en)


def yaml_files() -> list[Path]:
    # Templates (*.j2) and settings are no files of entries.
    found = (p for p in sorted(HAINAN.rglob("*.yaml")) if ".govcloud" not in p.parts)
    return [p for p in found if p.name != "govcloud.yaml"]


@pytest.mark.parametrize("path", yaml_files(), ids=lambda p: str(p.relative_to(HAINAN)))
def test_sample_fits(path: Path, whole: dict[str, Any]) -> None:
    overlay = path.relative_to(HAINAN).parts[0] == "layers"
    schema = file_schema(overlay=True) if overlay else whole
    assert wrong(schema, path.read_text(encoding="utf-8")) == []


def test_settings_of_the_sample_fit() -> None:
    assert wrong(settings_schema(), (HAINAN / "govcloud.yaml").read_text(encoding="utf-8")) == []
    assert wrong(settings_schema(), "environment: Hainan\ncolour: red\n") == [
        ": Additional properties are not allowed ('colour' was unexpected)",
        "environment: 'Hainan' does not match '^[a-z][a-z0-9-]{0,30}$'",
    ]
    assert wrong(settings_schema(), "language: zh\n") == [": 'environment' is a required property"]


def test_every_setting_is_explained() -> None:
    assert set(SETTINGS) == set(Settings.__struct_fields__)
    for zh, en in SETTINGS.values():
        assert re.search(r"[\u4e00-\u9fff]", zh) and en.endswith(".")


# What is wrong -> the place that the schema names.
BROKEN = {
    "serverz: {}": "",
    "servers: [a, b]": "servers",
    "servers: {Web: {rack: r1}}": "servers",
    "servers: {web: r1}": "servers/web",
    "servers: {web: {rak: r1}}": "servers/web",
    "servers: {web: {rack: 7}}": "servers/web/rack",
    "servers: {web: {rack: server/r1}}": "servers/web/rack",
    "nodes: {n: {role: edge}}": "nodes/n/role",
    "links: {l: {bandwidth_mbps: 0}}": "links/l/bandwidth_mbps",
    "links: {l: {bandwidth_mbps: fast}}": "links/l/bandwidth_mbps",
    "flows: {f: {start: web-1}}": "flows/f/start",
    "flows: {f: {ip_versions: [5]}}": "flows/f/ip_versions/0",
    "flows: {f: {measures: reach}}": "flows/f/measures",
    "applications: {a: {mlps: 5}}": "applications/a/mlps",
    "applications: {a: {classified: 'yes'}}": "applications/a/classified",
    "applications: {a: {needs: [haikou]}}": "applications/a/needs/0",
    "drills: {d: {date: 2020/1/1}}": "drills/d/date",
    "applications: {a: {due: 2020}}": "applications/a/due",
    "applications: {a: {figures: {users: many}}}": "applications/a/figures/users",
    "servers: {web: $delete}": "servers/web",
    "servers: {web: {rack: $delete}}": "servers/web/rack",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_is_refused_where_it_is(text: str, whole: dict[str, Any]) -> None:
    assert [one.partition(":")[0] for one in wrong(whole, text)] == [BROKEN[text]]


def test_what_the_schema_refuses_validate_refuses(tmp_path: Path, cli: Callable[..., Any]) -> None:
    for number, one in enumerate(BROKEN):
        (tmp_path / f"f{number}.yaml").write_text(one)
    (tmp_path / "govcloud.yaml").write_text("environment: test\n")
    told = cli("validate", "--json")
    assert told.code == 2
    places = {problem["path"] for problem in told.json["problems"]}
    assert places == {f"f{number}.yaml" for number in range(len(BROKEN))}


def test_what_says_little_is_right(whole: dict[str, Any]) -> None:
    for text in ("", "servers:", "servers: {}", "servers: {web: }", "servers: {web: {unit: ''}}"):
        assert wrong(whole, text) == []


def values_for(info: FieldInfo) -> st.SearchStrategy[Any]:
    """Values that fit a field, and some that do not, with no preference for either."""
    odd = st.sampled_from(
        [True, 7, -1, 0.5, "", "x", "2020", "2020-02-30T10:00", None, [], ["x"], [7], {}, {"x": 1}]
    )
    words = [get_args(t) for t in (info.type, *get_args(info.type)) if get_origin(t) is Literal]
    picked = st.sampled_from([w for group in words for w in group] or ["x"])
    # The form of a reference is the schema's to know; the program tells it later, with the names.
    name = f"{info.ref.kinds[0]}/x" if info.ref and len(info.ref.kinds) > 1 else "x"
    if info.ref is not None:
        return st.sampled_from([name, [name], [name, name], 7, None, {}])
    return st.one_of(odd, picked, st.lists(picked, max_size=2), st.integers(-2, 70_000))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_schema_and_program_agree(kind: str, data: st.DataObject) -> None:
    infos = fields(kind)
    chosen = data.draw(st.lists(st.sampled_from(list(infos)), unique=True, max_size=3))
    entry = {name: data.draw(values_for(infos[name])) for name in chosen}
    try:
        shape(kind).convert([entry])
        takes = True
    except msgspec.ValidationError:
        takes = False
    assert Draft202012Validator(entry_schema(kind)).is_valid(entry) == takes, entry


def test_required_fields_on_request() -> None:
    schema = file_schema(["server"], required=True)
    assert wrong(schema, "servers: {web: {unit: u}}") == ["servers/web: 'rack' is a required property"]
    assert wrong(schema, "servers: {web: }") == ["servers/web: None is not of type 'object'"]
    assert wrong(file_schema(["server"]), "nodes: {}") != []


def test_a_layer_removes(whole: dict[str, Any]) -> None:
    schema = file_schema(overlay=True)
    right = "servers: {web: {rack: $delete}, old: {$delete: true}}\nflows: {f: {measures: $delete}}"
    assert wrong(schema, right) == []
    assert wrong(whole, right) != []
    assert len(wrong(schema, "servers: {web: {$delete: 'yes'}, b: {rack: 7}}")) == 2
    told = entry_schema("server", overlay=True)["properties"]["rack"]
    assert told["title"] == "机柜"


def test_references_and_rules_are_told() -> None:
    told = entry_schema("flow")["properties"]["start"]
    assert told["x-references"] == ["node", "server", "instance"]
    assert told["description"].endswith("Kind/name of node, server, instance. Required.")
    told = entry_schema("circuit")["properties"]["bandwidth_mbps"]
    assert told["x-rules"] == ["N-11", "N-12"]
    assert "Read by N-11, N-12." in told["description"]
    assert (told["type"], told["minimum"], told["default"]) == ("number", 0, 0)
    assert "default" not in entry_schema("application")["properties"]["mlps"]


def test_schema_command(cli: Callable[..., Any], tmp_path: Path) -> None:
    told = cli("schema")
    assert told.code == 0 and told.json == file_schema()
    assert cli("schema", "servers").json == file_schema(["server"])
    assert cli("schema", "--settings").json == settings_schema()
    assert cli("schema", "--overlay").json == file_schema(overlay=True)
    assert cli("schema", "node", "--required").json == file_schema(["node"], required=True)
    done = cli("schema", "--out", "editor/govcloud.json", "--json")
    assert json.loads((tmp_path / "editor" / "govcloud.json").read_text(encoding="utf-8")) == file_schema()
    assert done.json == {
        "file": "editor/govcloud.json",
        "bytes": (tmp_path / "editor" / "govcloud.json").stat().st_size,
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nod"], "there is no kind 'nod'"),
        (["node", "--settings"], "--settings is about govcloud.yaml alone"),
        (["--overlay", "--required"], "a layer's file says what differs"),
    ],
)
def test_schema_command_refuses(arguments: list[str], says: str, cli: Callable[..., Any]) -> None:
    told = cli("schema", *arguments)
    assert told.code == 2 and says in told.err and told.out == ""


def test_schema_where_nothing_can_be_written(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = cli("schema", "--out", "file/schema.json")
    assert told.code == 1 and told.err.startswith("error: file/schema.json: ")
