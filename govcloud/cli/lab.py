"""`govcloud lab`: the province in network namespaces on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, GovcloudError
from .common import App, console, emit, json_option, nearest

if TYPE_CHECKING:
    from ..lab.client import LabClient
    from ..model.resources import RealObject
    from ..workspace import Workspace


@click.group()
def lab() -> None:
    """The province in network namespaces on this machine."""


@lab.command()
@json_option
@click.pass_obj
def up(app: App, as_json: bool) -> None:
    """Start the lab's agent, which makes and holds everything; `apply` fills the lab.

    Nothing to do when it is up. What a crashed agent left is swept away first.
    """
    from ..lab.control import up as start

    outcome = start(app.workspace.root, app.workspace.environment)
    missing = _missing(app.workspace) if outcome.changed else 0
    if as_json:
        emit(
            {
                "started": outcome.changed,
                "pid": outcome.pid,
                "delay": outcome.delay,
                "swept": outcome.swept,
                "missing": missing,
                "milliseconds": round(outcome.milliseconds),
            }
        )
        return
    out = console()
    for line in outcome.swept:
        out.print(f"left by a former lab: {line}")
    if outcome.changed:
        out.print(f"the lab is up: agent {outcome.pid}, started in {outcome.milliseconds:.0f} ms")
    else:
        out.print(f"the lab is up already: agent {outcome.pid}")
    if missing:
        out.print(f"it is empty: {missing} objects that were built before are gone; `govcloud apply` heals")


def _missing(workspace: Workspace) -> int:
    """What the ledger holds as built and a new lab has not: seen now, so that the next plan heals it."""
    url = workspace.ledger_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return 0
    from ..ledger import open_ledger
    from ..run.drift import look

    report = look(workspace, open_ledger(workspace))
    return sum(1 for finding in report.findings if finding.status == "missing")


@lab.command()
@json_option
@click.pass_obj
def down(app: App, as_json: bool) -> None:
    """End the lab and everything in it; nothing is left behind. Works after a crash too."""
    from ..lab.control import down as end

    outcome = end(app.workspace.root, app.workspace.environment)
    if as_json:
        emit(
            {
                "ended": outcome.changed,
                "swept": outcome.swept,
                "left": [],
                "milliseconds": round(outcome.milliseconds),
            }
        )
        return
    out = console()
    for line in outcome.swept:
        out.print(f"swept: {line}")
    if outcome.changed:
        out.print(f"the lab is down, nothing is left; {outcome.milliseconds:.0f} ms")
    else:
        out.print("the lab was not up; nothing to do")


@lab.command()
@json_option
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """Nodes with their processes and addresses, and the lines between them, as they really are."""
    from ..lab.client import LabDown

    client = _client(app)
    try:
        hello, objects = client.hello(), client.list()
    except LabDown:
        if as_json:
            emit({"up": False})
        else:
            console().print("the lab is not up; `govcloud lab up` starts it")
        return
    # What carries nobody's identity is told apart, interfaces of the nodes among it.
    nodes = [item for item in objects if "pid" in item.facts]
    nodes.sort(key=lambda item: (item.type, str(item.properties["name"])))
    links = sorted((i for i in objects if i.type == "Link"), key=lambda i: str(i.properties["name"]))
    names = {n.identity.object_id: n.properties["name"] for n in nodes if n.identity}
    unmanaged = [item for item in objects if item.identity is None]
    if as_json:
        emit(
            {
                "up": True,
                "pid": hello["pid"],
                "keeper": hello["keeper"],
                "delay": hello["delay"],
                "nodes": [_node_document(n) for n in nodes],
                "links": [_link_document(item, names) for item in links],
                "unmanaged": [
                    {
                        "node": item.facts.get("node_name", ""),
                        "interface": item.properties.get("interface", ""),
                        "type": item.type,
                        "object": item.handle,
                    }
                    for item in unmanaged
                ],
            }
        )
        return
    _show(nodes, [_link_document(item, names) for item in links], unmanaged)


def _node_document(node: RealObject) -> dict[str, Any]:
    return {
        "kind": node.type.lower(),
        "name": node.properties["name"],
        "id": node.identity.object_id if node.identity else "",
        "pid": node.facts["pid"],
        "addresses": node.facts["addresses"],
        "processes": node.facts["processes"],
    }


def _link_document(link: RealObject, names: dict[str, Any]) -> dict[str, Any]:
    p = link.properties
    return {
        "name": p["name"],
        "id": link.identity.object_id if link.identity else "",
        "a": names.get(p["a"], p["a"]),
        "b": names.get(p["b"], p["b"]),
        "a_interface": p["a_interface"],
        "b_interface": p["b_interface"],
        "bandwidth_mbps": p["bandwidth_mbps"],
        "delay_ms": p["delay_ms"],
        "up": link.facts["up"],
    }


def _show(nodes: list[RealObject], links: list[dict[str, Any]], unmanaged: list[RealObject]) -> None:
    from .tables import print_table

    out = console()
    if not nodes:
        out.print("the lab is up and empty; `govcloud apply` fills it")
        return
    rows = [
        (
            str(node.properties["name"]),
            node.type.lower(),
            str(node.facts["pid"]),
            str(len(node.facts["addresses"])),
            ", ".join(_chief(node.facts["addresses"])),
        )
        for node in nodes
    ]
    print_table(out, ("node", "kind", "pid", "interfaces", "addresses"), rows, right=("pid", "interfaces"))
    if links:
        lines = [
            (
                link["name"],
                link["a"],
                link["b"],
                str(link["bandwidth_mbps"]).removesuffix(".0"),
                f"{link['delay_ms']:g}",
                "up" if link["up"] else "down",
                f"{link['a_interface']}, {link['b_interface']}",
            )
            for link in links
        ]
        out.print()
        heads = ("link", "a", "b", "Mbit/s", "ms", "state", "interfaces")
        print_table(out, heads, lines, right=("Mbit/s", "ms"))
    for item in unmanaged:
        told = f"{item.facts.get('node_name', '')} {item.properties.get('interface', '')}".strip()
        name = f"{item.type.lower()} {item.properties.get('name', '')} ({item.handle})"
        out.print(f"not of the ledger: {told if item.type == 'Interface' else name}")


def _chief(addresses: dict[str, list[str]]) -> list[str]:
    """A router's own addresses, where it has them; those of the lines to it are in the links."""
    return addresses.get("lo") or [a for _, found in sorted(addresses.items()) for a in found]


@lab.command(name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def exec_(app: App, node: str, command: tuple[str, ...]) -> None:
    """Run a command inside a node: `lab exec web-1 -- ip address`. Its exit code is passed on."""
    # Everything after NODE is the command's own, so click leaves the separating `--` in it.
    argv = command[1:] if command[0] == "--" else command
    if not argv:
        raise click.UsageError("Missing the command after `--`.")
    client = _client(app)
    found = _named(client, node)
    _become([*client.exec_argv(found.facts["pid"]), *argv], client)


@lab.command()
@click.argument("node", required=False)
@click.pass_obj
def shell(app: App, node: str | None) -> None:
    """A shell in a node; without one, a shell from which plain Ansible reaches all nodes.

    The latter is in the lab's user namespace, with the host's files and processes; for root, who
    needs no user namespace, it is an ordinary shell. `lab down` ends both.
    """
    client = _client(app)
    prefix = client.exec_argv(_named(client, node).facts["pid"]) if node else client.prefix()
    if not node:
        client.hello()  # says so when the lab is not up
    _become([*prefix, os.environ.get("SHELL") or "/bin/sh"], client)


def _client(app: App) -> LabClient:
    from ..lab.client import LabClient

    return LabClient(app.workspace.root, app.workspace.environment)


def _named(client: LabClient, name: str) -> RealObject:
    """The node, server or instance of that hostname. Raises ``GovcloudError`` with the nearest name."""
    nodes = {str(item.properties["name"]): item for item in client.nodes()}
    if name in nodes:
        return nodes[name]
    guess = nearest(name, nodes)
    hint = f"did you mean {guess!r}?" if guess else "`govcloud lab status` lists them"
    error = GovcloudError(f"no node in the lab is called {name!r}", hint=hint)
    error.exit_code = Exit.INPUT
    raise error


def _become(argv: list[str], client: LabClient) -> None:
    """Replace this process by a command of the lab, so that its exit code and signals are its own."""
    client.close()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, {**os.environ, **client.marker})
    except OSError as error:
        raise GovcloudError(f"{argv[0]}: {error.strerror}") from None
