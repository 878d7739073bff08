"""`govcloud network render`: the configuration of a device as the play would bring it there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option, nearest, unwatched

if TYPE_CHECKING:
    from ..devices.rendering import Rendered, Renderer

PLATFORMS = ("linux", "huawei_vrp", "h3c_comware")
# What stands in a configuration beside letters.
LINES = "\n\t"


@click.command()
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--all", "every", is_flag=True, help="Every node.")
@click.option("--platform", type=click.Choice(PLATFORMS), help="As if the node ran this.")
@click.option("--files", "from_files", is_flag=True, help="From the files, and not from what is accepted.")
@click.option(
    "--out", metavar="FILE|DIR", help="Write to a file; with --all to a folder, a file each (NODE.cfg)."
)
@click.option(
    "--diff",
    "running",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The commands that lead from this running configuration to the rendered one.",
)
@json_option
@click.pass_obj
def render(
    app: App,
    node: str | None,
    every: bool,
    platform: str | None,
    from_files: bool,
    out: str | None,
    running: Path | None,
    as_json: bool,
) -> int:
    """Write the configuration of a node, from the ledger: what a play brings there.

    Nothing is asked of the node, and nothing is changed. With --diff, exit code 3 when commands are left.
    """
    _refuse(node, every, out, running)
    from ..access import enforce, require_sight_of_all
    from ..devices.loading import accepted, proposed
    from ..devices.rendering import Renderer
    from ..ledger import open_ledger
    from ..plan.gather import routing

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    # Routes and descriptions name neighbours, and theirs.
    require_sight_of_all(app.workspace, ledger)
    catalogue = proposed(app.workspace, ledger) if from_files else accepted(ledger)
    renderer = Renderer(app.workspace, catalogue, routing(catalogue))
    names = renderer.nodes if every else [_known(renderer, node or "", from_files)]
    if not names:
        raise InputError([Problem("there are no nodes")], hint="`govcloud apply` accepts what the files say")
    found = [renderer.render(name, platform or "") for name in names]
    if running is not None:
        return _compare(found[0], running, out, as_json)
    if out is not None:
        _write(found, Path(out), every)
    if as_json:
        documents = [_document(one) for one in found]
        emit(documents if every else documents[0])
    elif out is None:
        with unwatched():
            for one in found:
                if every:
                    sys.stdout.write(f"# -- node/{one.node} ({one.platform})\n")
                sys.stdout.write(visible(one.text, keep=LINES))
            sys.stdout.flush()
    else:
        console().print(f"{len(found)} written to {out}", markup=False)
    return int(Exit.OK)


def _refuse(node: str | None, every: bool, out: str | None, running: Path | None) -> None:
    """Raises ``InputError`` for options that do not go together."""
    if bool(node) == every:
        raise InputError([Problem("name one node, or say --all")], hint="`govcloud ls node` lists them")
    if running is not None and every:
        raise InputError([Problem("--diff compares one node's running configuration")], hint="name the node")
    if every and out is not None and Path(out).is_file():
        raise InputError(
            [Problem("--all writes a file a node, and this is a file", out)], hint="name a folder"
        )


def _known(renderer: Renderer, name: str, from_files: bool) -> str:
    name = name.removeprefix("node/")
    if name in renderer.nodes:
        return name
    near = nearest(name, renderer.nodes)
    where = "the files" if from_files else "what is accepted"
    hint = f"did you mean {near}?" if near else "`govcloud ls node` lists them"
    raise InputError([Problem(f"no node {name!r} in {where}", hint=hint)])


def _document(one: Rendered) -> dict[str, object]:
    return {
        "node": one.node,
        "platform": one.platform,
        "files": [{"path": path, "content": content} for path, content in one.files.items()],
        "commands": list(one.commands),
    }


def _write(found: list[Rendered], place: Path, every: bool) -> None:
    from ..files import write_atomically

    if every:
        place.mkdir(parents=True, exist_ok=True)
    for one in found:
        file = place / f"{one.node}.cfg" if every or place.is_dir() else place
        write_atomically(file, one.text.encode(), 0o644)


def _compare(one: Rendered, running: Path, out: str | None, as_json: bool) -> int:
    """Tell the commands that are left; exit code 3 where there are any."""
    from ..devices.comparing import commands

    try:
        text = running.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
        raise InputError([Problem(str(words), str(running))]) from None
    left = commands(one.platform, text, one.text)
    if out is not None:
        from ..files import write_atomically

        write_atomically(Path(out), "".join(f"{line}\n" for line in left).encode(), 0o644)
    if as_json:
        emit({"node": one.node, "platform": one.platform, "commands": left})
    elif out is None:
        with unwatched():
            sys.stdout.write("".join(f"{visible(line)}\n" for line in left))
            sys.stdout.flush()
    return int(Exit.CHANGES if left else Exit.OK)
