"""What only the planner can find wrong is told with its place in the files, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import province

Cli = Callable[..., Any]


def test_two_heirs_and_an_object_without_ground(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path / "w", nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    nodes = place.tables["nodes"]
    nodes["x"] = nodes.pop("r1") | {"was": "r1"}
    nodes["y"] = dict(nodes["x"])
    place.tables["links"]["r1-r2"]["a"] = "x"
    refused = cli("plan", cwd=place.write().root)
    assert refused.code == 2, refused
    line = place.line_of("y:") + list(nodes["y"]).index("was") + 1
    assert f"base.yaml:{line}:10: node/x and node/y both say `was: r1`" in refused.err

    del nodes["y"]
    place.edge()
    place.tables["nodes"]["x"]["target"] = "other"
    place.tables["targets"]["other"] = {"driver": "store", "path": "other.db"}
    refused = cli("plan", cwd=place.write().root)
    assert refused.code == 2, refused
    assert "server/web is to be built by 'shelf', but its `network`, network/lan, is built by" in refused.err
    assert f"base.yaml:{place.line_of('web:') + 2}:" in refused.err
