"""`govcloud component add` and `reuse`: edits of the workspace's files, and not a byte beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, emit, json_option, nearest
from .component_list import refuse_type

if TYPE_CHECKING:
    from ..source.loaded import Loaded

FILE = "components.yaml"


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--type", "type_", required=True, metavar="TYPE", help="What it does, as identity, seal, payment."
)
@click.option("--title", required=True, metavar="TEXT", help="Its name in Chinese.")
@click.option("--unit", required=True, metavar="UNIT", help="The unit that offers it.")
@click.option("--application", metavar="NAME", help="The application it was made out of.")
@click.option("--interface", metavar="TEXT", help="The document that says how it is called.")
@click.option("--version", metavar="TEXT", help="Its version.")
@click.option("--status", type=click.Choice(["planned", "building", "running"]), help="running if left out.")
@click.option("--file", "file", default=FILE, metavar="FILE", help=f"In which file; {FILE} if left out.")
@json_option
@click.pass_obj
def add(app: App, /, name: str, type_: str, file: str, as_json: bool, **said: str | None) -> None:
    """Write a component into a file of the workspace; it is offered once that is applied."""
    from ..model import NAME_PATTERN
    from ..source import load
    from ..source.editing import CannotEdit, with_entry

    refuse_type(type_)
    import re

    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError([Problem(f"{name!r} cannot be a name", hint="letters a-z, digits, `.`, `_`, `-`")])
    loaded = load(app.workspace)
    fields = {"title": said["title"], "type": type_, "unit": said["unit"]}
    fields |= {key: value for key, value in said.items() if value and key not in fields}
    _refuse(loaded, name, {"unit": said["unit"], "application": said["application"]})
    path = _within(app, file)
    before = path.read_bytes() if path.exists() else b""
    try:
        after = with_entry(before, file, "component", name, fields)
    except CannotEdit as error:
        raise InputError(
            [Problem(str(error), file)], hint="`--file` names another; or write it there"
        ) from None
    _write(app, path, after, f"component/{name}", as_json)


@click.command()
@click.argument("component", metavar="COMPONENT")
@click.option("--application", required=True, metavar="NAME", help="The application that uses it.")
@click.option(
    "--file", "file", default=FILE, metavar="FILE", help="Where, if its own file has no room for it."
)
@json_option
@click.pass_obj
def reuse(app: App, component: str, application: str, file: str, as_json: bool) -> None:
    """Say in a file that an application uses a component, instead of one of its own (E-06)."""
    from ..source import load
    from ..source.editing import CannotEdit, Edit, edited
    from ..source.merging import merge

    loaded = load(app.workspace)
    entries = merge(loaded.claims)
    _known(entries.keys(), {"component": component, "application": application})
    said = entries["application", application]
    if component in (used := said.get("components", [])):
        raise InputError([Problem(f"application/{application} uses component/{component} already")])
    place = loaded.position("application", application, "components" if used else None)
    edits = [Edit("application", application, "components", [*used, component])]
    if component in (own := said.get("rebuilds", [])):
        edits.append(Edit("application", application, "rebuilds", [one for one in own if one != component]))
    path = app.workspace.root / place.path
    try:
        after = edited(path.read_bytes(), place.path, edits)
    except CannotEdit as error:
        told = f"let it say `components: [{', '.join([*used, component])}]`"
        if used or len(edits) > 1:
            raise InputError([Problem(str(error), place.path, place.line)], hint=told) from None
        # A table without that column: another file may say a field that this one does not.
        path = _within(app, file)
        after = _beside(path, file, application, component, told)
    _write(app, path, after, f"application/{application}", as_json)


def _beside(path: Path, file: str, application: str, component: str, told: str) -> bytes:
    from ..source.editing import CannotEdit, with_entry

    fields = {"components": [component]}
    try:
        return with_entry(
            path.read_bytes() if path.exists() else b"", file, "application", application, fields
        )
    except CannotEdit as error:
        raise InputError([Problem(str(error), file)], hint=told) from None


def _refuse(loaded: Loaded, name: str, references: dict[str, str | None]) -> None:
    """Raises ``InputError`` for a component that is there already, and for names that nobody has."""
    from ..source.merging import merge

    keys = merge(loaded.claims).keys()
    if ("component", name) in keys:
        where = loaded.position("component", name)
        raise InputError([Problem(f"component/{name} is there already", where.path, where.line)])
    _known(keys, {kind: value for kind, value in references.items() if value})


def _known(keys: Any, references: dict[str, str]) -> None:
    """Raises ``InputError`` for names that no entry of the files has, with the nearest."""
    problems = []
    for kind, name in references.items():
        if (kind, name) not in keys:
            near = nearest(name, [n for k, n in keys if k == kind])
            hint = f"did you mean {near!r}?" if near else f"`govcloud ls {kind}` lists what there is"
            problems.append(Problem(f"no {kind} is called {name!r}", hint=hint))
    if problems:
        raise InputError(problems)


def _within(app: App, file: str) -> Path:
    """A file of the workspace. Raises ``InputError`` for one that would not be read there."""
    from ..source.files import reads

    root = app.workspace.root.resolve()
    path = (root / file).resolve()
    if not path.is_relative_to(root) or not file.lower().endswith((".yaml", ".yml", ".csv")):
        raise InputError([Problem(f"--file {file}: expected a YAML or CSV file of the workspace")])
    if not path.parent.is_dir():
        raise InputError([Problem(f"--file {file}: there is no such folder")])
    if not reads(path.relative_to(root).as_posix(), app.workspace.settings.layers):
        hint = f"{FILE}, or a file beside those of the other entries"
        raise InputError([Problem(f"--file {file}: no file of entries would be read there", hint=hint)])
    return path


def _write(app: App, path: Path, content: bytes, entry: str, as_json: bool) -> None:
    from ..files import write_atomically

    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_atomically(path, content, mode=mode)
    told = str(path.relative_to(app.workspace.root.resolve()))
    if as_json:
        emit({"file": told, "entry": entry})
        return
    click.echo(f"{told} says {entry}")
    click.echo("next: govcloud plan")
