"""`govcloud secrets …`: where values are kept, whether they are there, how keys change. None is shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit, InputError, Problem
from .common import App, console, emit, json_option, yes_option

if TYPE_CHECKING:
    from ..ledger.connection import Connection
    from ..model.secret import Secret
    from ..references import Reference, VaultSettings
    from ..workspace import Workspace


@click.group()
def secrets() -> None:
    """Secrets by reference: what the ledger has of them, and what keeps the rest."""


@secrets.command("list")
@json_option
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """List the accepted secrets: where each is kept, and who gets it. Fetches nothing."""
    from ..ledger import open_ledger
    from ..printable import visible

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        rows = _rows(connection)
    if as_json:
        emit(rows)
        return
    from .tables import print_table

    table = [(r["name"], visible(r["kept"]), ", ".join(r["files"]), ", ".join(r["targets"])) for r in rows]
    print_table(console(), ("secret", "kept in", "files", "targets"), table)


@secrets.command()
@json_option
@click.pass_obj
def check(app: App, as_json: bool) -> int:
    """Fetch every accepted secret and tell whether it is there; exit 3 where one is not.

    Also the passphrase of the state and the key of versions. No value is shown.
    """
    from ..ledger import open_ledger
    from ..printable import visible

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        found = _fetched(app.workspace, connection)
    if as_json:
        emit(found)
    else:
        for one in found:
            click.echo(f"{one['name']}: {visible(one['trouble']) or 'there'}")
    return int(Exit.CHANGES if any(one["trouble"] for one in found) else Exit.OK)


@secrets.command()
@click.argument("name")
@json_option
@yes_option
@click.pass_obj
def allow(app: App, name: str, as_json: bool, yes: bool) -> None:
    """Let the command of the secret NAME run, as it stands in the files now.

    `plan` runs no command that is not accepted: a change that is looked at could bring any. NAME may also be
    `secrets.vault`, `secrets.passphrase`, `secrets.former_passphrase` or `secrets.version_key` of
    govcloud.yaml: its command, or the vault's address with who logs in there.
    """
    from ..printable import visible
    from ..references import VaultSettings
    from ..secrets.allowing import allow as keep
    from ..secrets.allowing import to_allow

    setting = to_allow(app.workspace.settings.secrets).get(name)
    what = setting or _command_of(app.workspace, name)
    command = [] if isinstance(what, VaultSettings) else what.command
    if not as_json:
        words = _vault_words(what) if isinstance(what, VaultSettings) else f"runs: {command!r}"
        click.echo(visible(f"{name if setting else f'secret/{name}'} {words}"))
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise DeniedError("nobody is there to confirm it", hint="`--yes` confirms it beforehand")
        if not click.confirm("Allow it?"):
            raise DeniedError("not confirmed; nothing was done")
    keep(app.workspace.environment, name, what)
    if as_json:
        emit({"secret": name, "command": command})
    else:
        click.echo("allowed, for you, until it is another one")


@secrets.command("rotate-passphrase")
@json_option
@click.pass_obj
def rotate_passphrase(app: App, as_json: bool) -> None:
    """Encrypt the engine's state with the new passphrase, stack by stack. May be typed again.

    In govcloud.yaml `secrets.passphrase` names the new one, `secrets.former_passphrase` the old one.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.rekeying import rekey

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "administer")
    done = rekey(app.workspace, ledger, (lambda _: None) if as_json else lambda s: click.echo(f"{s}: done"))
    if as_json:
        emit(done)
        return
    already = f", {len(done.already)} had it already" if done.already else ""
    one = len(done.changed) == 1
    click.echo(
        f"{len(done.changed)} stack{'' if one else 's'} {'has' if one else 'have'} the new one{already}"
    )
    click.echo("next: take `former_passphrase` out of govcloud.yaml")


@secrets.command("rotate-version-key")
@json_option
@click.pass_obj
def rotate_version_key(app: App, as_json: bool) -> None:
    """Make a new key of versions for this user: the next plan takes every secret to its hosts once more."""
    from ..access import enforce
    from ..ledger import audit, open_ledger
    from ..secrets.versions import renew

    if app.workspace.settings.secrets.version_key is not None:
        raise InputError(
            [Problem("`secrets.version_key` in govcloud.yaml names the key")],
            hint="change it where it is kept",
        )
    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "administer")
    renew(app.workspace.environment)
    with ledger.write() as connection:
        audit.append(connection, str(identity), "version key renewed", {})
    if as_json:
        emit({"renewed": True})
    else:
        click.echo("a new key of versions; `govcloud plan` shows who gets their secrets once more")


def _command_of(workspace: Workspace, name: str) -> Reference:
    """The command of a secret in the files. Raises ``InputError`` where there is none."""
    from ..source import load, merge

    loaded = load(workspace)
    fields = merge(loaded.claims, layers=loaded.layers).get(("secret", name))
    if fields is None:
        raise InputError([Problem(f"no secret is called {name!r}")], hint="`govcloud ls secret` lists them")
    reference = _typed(fields).reference()
    if reference.origin != "command":
        raise InputError([Problem(f"secret/{name} is kept in {reference.words()}: it runs no command")])
    return reference


def _vault_words(vault: VaultSettings) -> str:
    """What a vault is given, and by what that is fetched."""
    given = vault.token or vault.secret_id
    assert given is not None
    source = f"what {given.command!r} writes" if given.origin == "command" else given.words()
    return f"sends to {vault.address}: {source}"


def _typed(fields: dict[str, Any]) -> Secret:
    import msgspec

    from ..model.secret import Secret

    return msgspec.convert(fields, Secret)


def _rows(connection: Connection) -> list[dict[str, Any]]:
    from ..ledger import entries

    files = entries.current(connection, kind="secret_file")
    targets = entries.current(connection, kind="target")
    rows = []
    for (_, name), entry in sorted(entries.current(connection, kind="secret").items()):
        own = [f for f in files.values() if f.fields["secret"] == name]
        rows.append(
            {
                "name": name,
                "kept": _typed(entry.fields).reference().words(),
                "files": sorted(f"{host}:{f.fields['path']}" for f in own for host in f.fields["hosts"]),
                "targets": sorted(t.name for t in targets.values() if t.fields.get("credentials") == name),
            }
        )
    return rows


def _fetched(workspace: Workspace, connection: Connection) -> list[dict[str, str]]:
    """``name`` and ``trouble`` (empty: it is there) of each."""
    from ..ledger import entries
    from ..plan.fetching import Fetching, withdraw_variables
    from ..secrets.passphrase import current
    from ..secrets.resolving import Unresolved
    from ..secrets.versions import version_key

    withdraw_variables(workspace, connection)
    fetching = Fetching(workspace, connection)
    known = {name: _typed(e.fields) for (_, name), e in entries.current(connection, kind="secret").items()}
    found = fetching.versions(dict(sorted(known.items())))
    out = [{"name": f"secret/{name}", "trouble": one.trouble} for name, one in found.items()]
    for name, fetch in (("the passphrase of the state", current), ("the key of versions", version_key)):
        try:
            fetch(workspace, fetching.resolver)
            out.append({"name": name, "trouble": ""})
        except Unresolved as error:
            hint = f" ({error.hint})" if error.hint else ""
            out.append({"name": name, "trouble": f"{error.message}{hint}"})
    return out
