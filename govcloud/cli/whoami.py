"""`govcloud whoami`: for whom you are taken, and what you may do."""

from __future__ import annotations

import click

from .common import App, emit, json_option


@click.command()
@json_option
@click.pass_obj
def whoami(app: App, as_json: bool) -> None:
    """Tell for whom you are taken, by what, and what you may do."""
    from ..access import PERMISSIONS, read_roles, who
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    identity = who(app.workspace, ledger)
    with ledger.read() as connection:
        roles = read_roles(connection)
    may = [p for p in PERMISSIONS if roles.may(identity.person, p)]
    named = roles.names.get(identity.person, ())
    if as_json:
        emit(
            {
                "person": identity.person or None,
                "account": identity.account,
                "how": identity.how,
                "key": identity.key or None,
                "roles": list(named),
                "permissions": may,
                "roles_in_force": roles.inforce,
            }
        )
        return
    told = {"os": "account", "token": "token", "ssh": f"key {identity.key}"}[identity.how]
    click.echo(f"{identity.person or 'nobody the ledger knows'}, by {told}; {identity.account}")
    if not roles.inforce:
        click.echo("no role is accepted yet: everybody may do everything")
    else:
        click.echo(
            f"roles: {', '.join(named) or 'none'}; may: {', '.join(may) or 'read what is not classified'}"
        )
