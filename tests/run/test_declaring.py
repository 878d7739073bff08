"""What stack programs declare gets to the engine the same way, with the SDK and without; and states begin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import province

from govcloud.model.resources import TYPES
from govcloud.plan.stages import Resource
from govcloud.run.actuators.states import lay_down
from govcloud.run.slice import Collected, NeedsSdk, only_declares

Cli = Callable[..., Any]
PROGRAMS = Path(__file__).parents[2] / "stacks"


def own(root: Path, source: str) -> None:
    """The site's own program for the network."""
    folder = root / "stacks"
    folder.mkdir(exist_ok=True)
    for program in PROGRAMS.glob("*.py"):
        (folder / program.name).write_bytes(program.read_bytes())
    (folder / "network.py").write_text(source)


def state(root: Path) -> list[dict[str, Any]]:
    """The engine's own record of the network's objects, without times and places in Python's source."""
    file = next((root / ".govcloud" / "state").rglob("stacks/**/*network-1.json"))
    found = json.loads(file.read_bytes())["checkpoint"]["latest"]["resources"]
    noise = {"created", "modified", "sourcePosition", "stackTrace", "id", "provider"}
    kept = [{k: v for k, v in r.items() if k not in noise or "index" in r["type"]} for r in found]
    for one in kept:
        for name in ("created", "modified", "sourcePosition", "stackTrace"):
            one.pop(name, None)
        # The SDK names them in the order of a set.
        one["dependencies"] = sorted(one.get("dependencies") or [])
        if "provider" in one:
            one["provider"] = one["provider"].rpartition("::")[0]
    return sorted(kept, key=lambda r: r["urn"])


def test_with_the_sdk_and_without_it_the_state_is_the_same(cli: Cli, tmp_path: Path) -> None:
    """Built by one, found the same by the other, in both directions."""
    plain = (PROGRAMS / "network.py").read_text()
    assert only_declares(plain.encode())
    by_sdk = "import pulumi\n\n" + plain
    assert not only_declares(by_sdk.encode())
    states = []
    for name, source in (("slim", plain), ("sdk", by_sdk)):
        (tmp_path / name).mkdir()
        place = province(tmp_path / name, nodes=3)
        own(place.root, source)
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
        births = {n: row.birth for n, row in place.objects().items()}
        states.append(state(place.root))
        other = by_sdk if source == plain else plain
        own(place.root, other)
        applied = cli("apply", "--yes", cwd=place.node("r9").write().root)
        assert applied.code == 0, applied
        assert {n: place.objects()[n].birth for n in births} == births
        assert set(place.objects()) == place.wanted()
    assert states[0] == states[1]
    links = [r for r in states[0] if r["type"] == "govcloud:index:Link"]
    assert links and all(len(r["dependencies"]) == 2 for r in links)
    assert all(len(r["propertyDependencies"]["a"]) == 1 for r in links)


def test_what_needs_the_sdk_gets_it(cli: Cli, tmp_path: Path) -> None:
    """An output of the SDK's is asked for, without an import that would tell."""
    place = province(tmp_path, nodes=2)
    own(
        place.root,
        "def program(slice):\n"
        "    made = [slice.declare(node) for node in slice.of('Node')]\n"
        "    made[0].id.apply(lambda id: open('told', 'w').write(id))\n"
        "    for line in slice.of('Link'):\n"
        "        slice.declare(line, depends_on=made)\n",
    )
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert set(place.objects()) == place.wanted()


def test_options_that_need_no_sdk(cli: Cli, tmp_path: Path) -> None:
    """Order and protection get to the engine's state."""
    place = province(tmp_path, nodes=2)
    own(
        place.root,
        "def program(slice):\n"
        "    first, second = slice.of('Node')\n"
        "    made = slice.declare(first, protect=True)\n"
        "    slice.declare(second, depends_on=made)\n"
        "    for line in slice.of('Link'):\n"
        "        slice.declare(line)\n",
    )
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    nodes = [r for r in state(place.root) if r["type"] == "govcloud:index:Node"]
    (guarded,) = [r for r in nodes if r.get("protect")]
    (after,) = [r for r in nodes if r.get("dependencies")]
    assert after["dependencies"] == [guarded["urn"]]


def test_what_a_program_may_import() -> None:
    assert only_declares(b"import json, os.path\nfrom itertools import chain\n")
    for source in (b"import pulumi", b"from pulumi_random import X", b"from . import x", b"import importlib"):
        assert not only_declares(source)


def resource(name: str, **inputs: Any) -> Resource:
    kind = "Link" if inputs else "Node"
    return Resource(
        type=kind, uid=name, incarnation=1, subject=f"{kind.lower()}/{name}", target="t", inputs=inputs
    )


def test_references_are_kept_apart_from_values() -> None:
    a, b = resource("a"), resource("b")
    line = resource("line", a=a.object_id, b="elsewhere.1", a_interface="x", b_interface="y")
    part = Collected("network-1", [a, b, line])
    part.declare(a)
    part.declare(line, depends_on=[part.declare(b)])
    declared = part.declarations[-1]
    assert declared.token == TYPES["Link"].token
    assert declared.references == {"a": a.object_id}
    assert declared.values["b"] == "elsewhere.1"
    assert set(declared.needs) == {a.object_id, b.object_id}
    with pytest.raises(ValueError, match="node/a is declared twice"):
        part.declare(a)
    with pytest.raises(NeedsSdk):
        part.declare(resource("c"), import_="x")
    with pytest.raises(NeedsSdk):
        part.declare(resource("d"), depends_on=["urn"])


def test_an_empty_state_is_laid_down_once_and_only_where_it_may(tmp_path: Path) -> None:
    store = tmp_path / "state" / ".pulumi"
    assert lay_down(tmp_path / "state", "e.network-1")
    file = store / "stacks" / "govcloud" / "e.network-1.json"
    assert json.loads(file.read_bytes())["checkpoint"]["stack"] == "organization/govcloud/e.network-1"
    file.write_text("known")
    assert lay_down(tmp_path / "state", "e.network-1")
    assert file.read_text() == "known"
    # One of the layout before projects, or one that the engine has only begun, is the engine's to go on with.
    (store / "meta.yaml").write_text("version: 0\n")
    assert not lay_down(tmp_path / "state", "e.network-2")
    (store / "meta.yaml").unlink()
    assert not lay_down(tmp_path / "state", "e.network-2")
    assert not (store / "stacks" / "govcloud" / "e.network-2.json").exists()
