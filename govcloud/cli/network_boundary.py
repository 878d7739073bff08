"""`govcloud network boundary`: what may cross a boundary, and what its devices let pass."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, nearest, unwatched

if TYPE_CHECKING:
    from rich.console import Console

    from ..model.catalogue import Catalogue
    from ..plan.boundaries import Drawn, Post, Rule

ARROWS = {"out": "→", "in": "←"}
WHAT = {"tcp": "TCP", "udp": "UDP", "echo": "echo"}


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--files", "from_files", is_flag=True, help="From the files, and not from what is accepted.")
@click.option("--nft", is_flag=True, help="Print the table of nftables of each of its nodes.")
@json_option
@click.pass_obj
def boundary(app: App, name: str | None, from_files: bool, nft: bool, as_json: bool) -> int:
    """Show the flows that cross a boundary, both ways, and what its devices let pass. Without a name: all.

    Nothing is asked of any device, and nothing is changed. Exit code 3 where a flow crosses that is not
    declared, or something declared cannot be kept.
    """
    from ..access import enforce, require_sight_of_all
    from ..devices.loading import accepted, proposed
    from ..ledger import open_ledger
    from ..plan.boundaries import Ground

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    # Flows, hosts and rules name each other.
    require_sight_of_all(app.workspace, ledger)
    catalogue = proposed(app.workspace, ledger) if from_files else accepted(ledger)
    ground = Ground(catalogue)
    found, others = ground.boundaries, [] if name else ground.findings
    if name is not None:
        found = [one for one in found if one.name == name]
        if not found:
            raise _unknown(name, catalogue, from_files)
    documents = [_document(one) for one in found]
    with unwatched():
        if nft:
            closed = [post.node for post in ground.closed_posts] if name is None else []
            texts = _rulesets(catalogue, found, closed)
            if as_json:
                emit([{"node": node, "ruleset": text} for node, text in texts.items()])
            else:
                sys.stdout.write("".join(f"# {node}\n{text}" for node, text in texts.items()))
        elif as_json:
            emit({"boundaries": documents, "findings": others})
        elif name is None:
            _list(documents, others)
        else:
            _show(documents[0])
        sys.stdout.flush()
    told = others or any(d["findings"] for d in documents)
    return int(Exit.CHANGES if told and not nft else Exit.OK)


def _unknown(name: str, catalogue: Catalogue, from_files: bool) -> InputError:
    names = list(catalogue.table("boundary"))
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else ""
    if not hint and not from_files:
        hint = "`--files` looks at what the files say; `govcloud apply` accepts it"
    return InputError([Problem(f"there is no boundary {name!r}", hint=hint)])


def _rulesets(catalogue: Catalogue, found: list[Drawn], closed: list[str]) -> dict[str, str]:
    """The whole table of each node, which may stand on other boundaries too."""
    from ..plan.gather import routing
    from ..plan.hosts import host_variables

    nodes = sorted({*closed, *(post.node for drawn in found for post in drawn.posts)})
    hosts = host_variables(catalogue, routing=routing(catalogue)) if nodes else {}
    return {node: hosts[node].vars["govcloud_boundary"]["ruleset"] for node in nodes}


def _document(drawn: Drawn) -> dict[str, Any]:
    said = drawn.boundary
    return {
        "name": drawn.name,
        "private_network": said.private_network,
        "zone": said.zone,
        "drawn_on": said.drawn_on,
        "cleaned_on": said.cleaned_on,
        "closed": drawn.closed,
        "flows": [
            {
                "flow": one.flow,
                "direction": one.direction,
                "start": one.start,
                "endpoint": one.endpoint,
                "declared": one.declared,
                "passes": not one.refused,
                "waits": one.waits,
                "reason": one.refused,
            }
            for one in drawn.crossings
        ],
        "nodes": [_post(post) for post in drawn.posts],
        "findings": drawn.findings,
    }


def _post(post: Post) -> dict[str, Any]:
    return {
        "node": post.node,
        "interfaces": list(post.interfaces),
        "rules": [_rule(rule, flows) for rule, flows in post.rules.items()],
    }


def _rule(rule: Rule, flows: list[str]) -> dict[str, Any]:
    return {
        "direction": rule.direction,
        "ip_version": rule.version,
        "protocol": rule.protocol,
        "source": rule.source,
        "destination": rule.destination,
        "port": rule.port,
        "flows": flows,
    }


def _list(documents: list[dict[str, Any]], others: list[str]) -> None:
    """``others``: what no boundary tells."""
    from rich.text import Text

    from .tables import print_line, print_table

    out = console()
    if not documents:
        out.print("There are no boundaries.")
        for words in others:
            print_line(out, Text(f"! {words}", "yellow"), 2)
        return
    rows = []
    for one in documents:
        passing = sum(1 for flow in one["flows"] if flow["passes"])
        rules = sum(len(node["rules"]) for node in one["nodes"])
        rows.append(
            (
                one["name"],
                one["private_network"],
                one["zone"] or "-",
                ", ".join(node["node"] for node in one["nodes"]) or "-",
                one["drawn_on"] or "-",
                one["cleaned_on"] or "-",
                f"{passing} of {len(one['flows'])}",
                str(rules),
            )
        )
    heads = ("boundary", "private network", "zone", "at", "drawn", "cleaned", "flows pass", "rules")
    print_table(out, heads, rows, right=("flows pass", "rules"))
    for one in documents:
        _findings(out, one)
    for words in others:
        print_line(out, Text(f"! {words}", "yellow"), 2)


def _show(one: dict[str, Any]) -> None:
    from rich.text import Text

    from .tables import print_line, print_table

    out = console()
    zone = f"zone/{one['zone']}" if one["zone"] else "everything else"
    print_line(
        out, Text(f"boundary {one['name']}: private_network/{one['private_network']} | {zone}", "bold")
    )
    cleaned = f"cleaned on {one['cleaned_on']}" if one["cleaned_on"] else "not cleaned yet (N-10)"
    drawn = f"drawn on {one['drawn_on']}" if one["drawn_on"] else "not drawn"
    print_line(out, Text(f"{drawn}, {cleaned}"))
    if one["closed"]:
        print_line(out, Text(f"nothing crosses it: {one['closed']}", "yellow"))
    if one["flows"]:
        out.print()
        rows = []
        for flow in one["flows"]:
            passes = Text("passes", "green") if flow["passes"] else Text("stopped", "red")
            passes = Text("waits", "yellow") if flow["waits"] else passes
            way = f"{ARROWS[flow['direction']]} {flow['direction']}"
            rows.append((flow["flow"], way, flow["start"], f"endpoint/{flow['endpoint']}", passes))
        print_table(out, ("flow", "way", "from", "to", ""), rows)
    for node in one["nodes"]:
        out.print()
        looks = ", ".join(node["interfaces"]) or "no interface"
        print_line(out, Text(f"at {node['node']}, {looks} towards the private network:", "bold"), 2)
        _rules(out, node["rules"])
    _findings(out, one)


def _rules(out: Console, rules: list[dict[str, Any]]) -> None:
    from .tables import print_table

    if rules:
        rows = [
            (
                f"{ARROWS[rule['direction']]} {rule['direction']}",
                rule["source"],
                rule["destination"],
                WHAT[rule["protocol"]] + (f" {rule['port']}" if rule["port"] else ""),
                ", ".join(rule["flows"]),
            )
            for rule in rules
        ]
        print_table(out, ("way", "from", "to", "what", "for"), rows)
        out.print("and what answers; everything else is counted and dropped")
    else:
        out.print("nothing passes; everything is counted and dropped")


def _findings(out: Console, one: dict[str, Any]) -> None:
    from rich.text import Text

    from .tables import print_line

    for words in one["findings"]:
        print_line(out, Text(f"! boundary {one['name']}: {words}", "yellow"), 2)
