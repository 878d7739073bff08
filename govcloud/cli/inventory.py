"""`govcloud inventory`: the ledger as an Ansible inventory, also for plain `ansible -i`."""

from __future__ import annotations

from typing import Any

import click

from .common import App, emit, json_option


@click.command()
@click.option("--list", "list_all", is_flag=True, help="All groups and hosts (what Ansible asks for).")
@click.option("--host", metavar="NAME", help="One host's variables.")
@json_option
@click.pass_obj
def inventory(app: App, list_all: bool, host: str | None, as_json: bool) -> None:
    """Hosts with their groups and variables, as Ansible's dynamic inventory.

    `ansible -i inventory.sh all -m ping` works with a script of one line in the workspace:
    `exec govcloud inventory "$@"`.
    """
    # Ansible always says --list, and reads nothing but JSON: there is no other answer.
    del list_all, as_json
    document = document_of(app)
    if host is not None:
        emit(document["_meta"]["hostvars"].get(host, {}))
    else:
        emit(document)


def document_of(app: App) -> dict[str, Any]:
    """The inventory of what is accepted, with connections to what is there."""
    from ..access import require_sight_of_all
    from ..ledger import open_ledger
    from ..plan.builder import reachable_hosts
    from ..plan.gather import built_catalogue, routing
    from ..plan.hosts import inventory_document
    from ..run.reach import Reach

    ledger = open_ledger(app.workspace)
    require_sight_of_all(app.workspace, ledger)
    with ledger.read() as connection:
        catalogue = built_catalogue(connection)
    hosts = reachable_hosts(catalogue, routing(catalogue))
    known = {h: {"groups": v.groups, "vars": v.vars} for h, v in hosts.items()}
    reach = Reach(app.workspace, known) if hosts else None
    connections = reach.connections() if reach else {}
    return inventory_document(
        {h: v for h, v in hosts.items() if h in connections},
        {h: connections[h] for h in hosts if h in connections},
    )
