"""Small workspaces for the tests of sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from govcloud.errors import InputError
from govcloud.source import Loaded, load, merge
from govcloud.workspace import Workspace, open_workspace

# A province that is whole: tests add one thing that is wrong.
BASE = """\
regions:
  hainan: {level: province}
  haikou: {level: city, parent: hainan}
units: {bureau: {region: hainan}}
zones: {extranet: {role: extranet}}
sites: {dc: {region: haikou, role: datacentre}}
rooms: {hall: {site: dc}}
racks: {r1: {room: hall}}
nodes:
  core: {region: hainan, zone: extranet, role: core, loopback4: 10.0.0.1}
  edge: {region: haikou, zone: extranet, role: border}
networks:
  lan: {gateway: edge, interface: eth1, ipv4: 10.1.0.0/24, ipv6: "fd00:1::/64"}
"""


def make(root: Path, **files: str | bytes) -> Workspace:
    """A workspace with these files; ``a_yaml="…"`` is written as ``a.yaml``."""
    root.mkdir(exist_ok=True)
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: test\n")
    for name, content in files.items():
        path = root / ".".join(name.rsplit("_", 1))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_workspace(str(root))


def lay(root: Path, layers: str, **files: str) -> Workspace:
    """A workspace with layers in rising rank; ``site__a_yaml="…"`` is ``layers/site/a.yaml``."""
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        path = "/".join(f"layers/{name}".split("__")) if "__" in name else name
        place = root / ".".join(path.rsplit("_", 1))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    (root / "govcloud.yaml").write_text(f"version: 1\nenvironment: test\nlayers: [{layers}]\n")
    return open_workspace(str(root))


def merged(workspace: Workspace) -> dict[tuple[str, str], dict[str, object]]:
    """What the layers of a workspace without faults say together, by (kind, name)."""
    files = loaded(workspace)
    return merge(files.claims, layers=files.layers)


def faults(workspace: Workspace) -> list[str]:
    """Every problem as a user sees it; empty where all is well."""
    try:
        load(workspace)
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


def only_fault(workspace: Workspace) -> str:
    """The one problem that there is."""
    found = faults(workspace)
    assert len(found) == 1, found
    return found[0]


def loaded(workspace: Workspace) -> Loaded:
    """The workspace loaded, or a failure that shows every problem."""
    try:
        return load(workspace)
    except InputError as error:
        pytest.fail("\n".join(map(str, error.problems)))


def said(workspace: Workspace) -> dict[tuple[str, str], dict[str, object]]:
    """Fields by (kind, name) of a workspace without faults."""
    return {(c.kind, c.name): c.fields for c in loaded(workspace).claims}
