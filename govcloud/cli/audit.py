"""`govcloud audit`: the chain of what was done, who signs it, and copies that went their own ways."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..errors import Exit, GovcloudError, InputError, Problem
from .common import App, console, emit, json_option

if TYPE_CHECKING:
    from ..ledger.audit import Event
    from ..ledger.verifying import Wrote

T = TypeVar("T", int, str)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def audit() -> None:
    """Read and check the chain of what was done."""


@audit.command()
@click.option("--heads", type=FILE, multiple=True, help="Check against FILE instead of the heads kept here.")
@click.option("--key", type=FILE, multiple=True, help="Trust the public keys in FILE and no others.")
@click.option("--strict", is_flag=True, help="Fail on what cannot be told, too.")
@json_option
@click.pass_obj
def verify(app: App, heads: tuple[Path, ...], key: tuple[Path, ...], strict: bool, as_json: bool) -> int:
    """Follow the chain from its first row to its last, and hold it against its signed heads.

    Every approval is verified too: its signature, its key's days, and that who signed could decide then.
    Works offline, with public keys alone. Exits with 1 where something was changed.
    """
    from ..ledger import keys, open_ledger, verifying
    from ..plan.guards import proving

    ledger = open_ledger(app.workspace)
    trusted = [public for file in key for public in keys.read_public(file)]
    report = verifying.verify(ledger, heads=heads, trusted=trusted)
    with ledger.read() as connection:
        report.wrong += proving.faults(connection)
    good = report.ok and not (strict and report.warnings)
    if as_json:
        emit(
            {
                "rows": report.rows,
                "ok": good,
                "wrong": report.wrong,
                "warnings": report.warnings,
                "epoch": report.epoch,
                "heads": report.heads,
                "unsigned": [{"first": a, "last": b} for a, b in report.unsigned],
                "lost": report.lost,
                "quarantined": report.quarantined,
                "keys": report.keys,
                "writers": report.writers,
                "places": report.places,
                "seconds": report.seconds,
            }
        )
        return int(Exit.OK if good else Exit.FAILED)
    from rich.text import Text

    from .tables import print_line

    out = console()
    for sentence in report.wrong:
        print_line(out, Text(sentence, "red"))
    for sentence in report.warnings:
        print_line(out, Text(f"warning: {sentence}", "yellow"))
    if len(report.writers) > 1:
        for writer in report.writers:
            print_line(out, Text(_vouches(writer)))
    if report.lost:
        print_line(out, Text(f"{report.lost} heads are of rows that a former site kept to itself"))
    if report.quarantined:
        words = f"{report.quarantined} rows of other sites are in quarantine: `govcloud audit quarantine`"
        print_line(out, Text(words))
    if report.ok:
        signed = f", {report.heads} heads signed by {', '.join(report.keys)}" if report.keys else ""
        print_line(out, Text(f"{report.rows} rows: the chain holds{signed}."))
    return int(Exit.OK if good else Exit.FAILED)


@audit.command()
@click.option("--since", metavar="WHEN", help="From this day (2026-11-22) or time (2026-11-22T08:00) on.")
@click.option("--actor", metavar="PART", help="Only what somebody did whose name holds PART.")
@click.option("--action", metavar="PART", help="Only actions that hold PART.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many."
)
@json_option
@click.pass_obj
def log(
    app: App, since: str | None, actor: str | None, action: str | None, limit: int, as_json: bool
) -> None:
    """Read the trail, oldest first."""
    from ..ledger import audit as chain
    from ..ledger import open_ledger

    begin = _moment(since) if since else None
    with open_ledger(app.workspace).read() as connection:
        found = chain.log(connection, since=begin, actor=actor, action=action, limit=limit)
    if as_json:
        emit(found)
    elif found:
        _table(found)
    else:
        click.echo("No row is like that.")


@audit.command()
@click.option("--reason", required=True, help="What happened: who reads the trail in a year wants to know.")
@json_option
@click.pass_obj
def epoch(app: App, reason: str, as_json: bool) -> None:
    """Begin a new epoch: after a failover or a restore, on the copy that goes on."""
    from ..access import enforce
    from ..ledger import audit as chain
    from ..ledger import open_ledger

    if not reason.strip() or len(reason) > 2000:
        raise InputError([Problem("--reason should be a sentence, of at most 2000 characters")])
    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "administer")
    with ledger.read() as connection:
        _known(chain.head(connection)[0])
    with ledger.write() as connection:
        fork = chain.begin_epoch(connection, str(identity), reason.strip())
    if as_json:
        emit(fork)
    else:
        click.echo(f"epoch {fork.epoch} begins after row {fork.after}")


@audit.command()
@click.argument("other")
@click.option("--quarantine", is_flag=True, help="Keep their rows beside ours; they are never merged.")
@click.option("--site", help="What to call the other one; otherwise its file or host.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Show so many rows.")
@json_option
@click.pass_obj
def compare(app: App, other: str, quarantine: bool, site: str | None, limit: int, as_json: bool) -> int:
    """Find where OTHER, a copy of this ledger (its file or URL), went its own way, and what it wrote since.

    Exits with 3 when it has rows that are not here.
    """
    from ..access import enforce, who
    from ..ledger import forks, open_ledger

    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "administer") if quarantine else who(app.workspace, ledger)
    with forks.other_ledger(other) as there:
        with ledger.read() as here:
            found = forks.compare(here, there, (site or _called(other))[:200], most=limit)
        if quarantine and found.theirs:
            with ledger.write() as here:
                forks.quarantine(here, there, found, str(identity))
    if as_json:
        emit(
            {
                "site": found.site,
                "common": found.common,
                "ours": found.ours,
                "theirs": found.theirs,
                "forked": found.forked,
                "quarantined": quarantine,
                "broken": found.broken,
                "rows": found.rows,
            }
        )
    else:
        click.echo(
            f"both have the first {found.common} rows; since then {found.ours} here, {found.theirs} there"
        )
        for sentence in found.broken:
            click.echo(sentence)
        if found.rows:
            _table(found.rows)
        if found.theirs > len(found.rows):
            click.echo(f"and {found.theirs - len(found.rows)} more")
        if found.theirs:
            hint = "kept in quarantine: `govcloud audit quarantine`"
            click.echo(hint if quarantine else "`--quarantine` keeps them beside ours")
    return int(Exit.CHANGES if found.theirs else Exit.OK)


@audit.command()
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True)
@json_option
@click.pass_obj
def quarantine(app: App, limit: int, as_json: bool) -> None:
    """List what other sites wrote after a fork. It stands beside the trail and counts for nothing."""
    from ..ledger import forks, open_ledger

    with open_ledger(app.workspace).read() as connection:
        found = forks.quarantined(connection, limit=limit)
    if as_json:
        emit(found)
        return
    if not found:
        click.echo("Nothing is in quarantine.")
        return
    for site in dict.fromkeys(kept.site for kept in found):
        click.echo(f"of {site}:")
        _table([kept.event for kept in found if kept.site == site])


@audit.command("rotate-key")
@click.option("--to", type=FILE, help="Hand over to the public key in FILE; otherwise to a new one.")
@click.option("--keep-old", is_flag=True, help="The present key signs on, beside the other.")
@json_option
@click.pass_obj
def rotate_key(app: App, to: Path | None, keep_old: bool, as_json: bool) -> None:
    """Hand the trail over to another key, signed by the one that has it.

    With --to and --keep-old a colleague's key is let in; `audit key` prints theirs.
    """
    from ..access import enforce
    from ..ledger import audit as chain
    from ..ledger import heads, keys, open_ledger
    from ..signatures import fingerprint

    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "administer")
    if to is None and (ledger.audit_key or keep_old):
        words = "`audit_key` in govcloud.yaml names the key" if ledger.audit_key else "--keep-old needs --to"
        raise InputError([Problem(words)], hint="hand over to a public key with --to FILE")
    with ledger.read() as connection:
        name = _known(chain.ledger_id(connection))
        before = ledger.outside.signs(name).public
        new = keys.read_public(to)[0] if to else keys.renew(name).public
        given = heads.hand_over(ledger.outside, connection, new, keeps=keep_old)
    keys.trust(name, new, instead_of="" if keep_old else before)
    if to is None:
        keys.adopt(name)
        ledger.outside.signer = None
    with ledger.write() as connection:
        data = {"to": given, "keeps": keep_old, "from": fingerprint(before)}
        chain.append(connection, str(identity), chain.HANDED, data)
    if as_json:
        emit({"to": given, "keeps": keep_old})
    else:
        click.echo(f"the trail is handed over to {given}")


@audit.command()
@click.argument("file", type=FILE)
@json_option
@click.pass_obj
def trust(app: App, file: Path, as_json: bool) -> None:
    """Pin the public keys in FILE for this ledger, in your own configuration: you have compared them."""
    from ..ledger import audit as chain
    from ..ledger import keys, open_ledger
    from ..signatures import fingerprint

    with open_ledger(app.workspace).read() as connection:
        name = _known(chain.ledger_id(connection))
    keys.trust(name, *keys.read_public(file))
    pinned = [fingerprint(public) for public in keys.trusted(name)]
    if as_json:
        emit({"trusted": pinned})
    else:
        click.echo("trusted: " + ", ".join(pinned))


@audit.command()
@json_option
@click.pass_obj
def key(app: App, as_json: bool) -> None:
    """Print the public key with which you sign the heads; one is made where there is none."""
    from ..ledger import audit as chain
    from ..ledger import open_ledger
    from ..signatures import fingerprint

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        public = ledger.outside.signs(_known(chain.ledger_id(connection))).public
    if as_json:
        emit({"public": public, "fingerprint": fingerprint(public)})
    else:
        click.echo(public)


def _vouches(writer: Wrote) -> str:
    """One of several writers, as people read it."""
    mine = " (this workspace)" if writer.own else ""
    begin = f"joined at row {writer.joined}" if writer.joined > 1 else "began the trail"
    trust = {"pinned": "", "seen": ", pinned when first met", "new": ", met now", "not": ", not trusted"}
    where = {
        "here": f"vouches for {_rows(writer.rows)} up to row {writer.upto}",
        "elsewhere": f"vouches for {_rows(writer.rows)} up to row {writer.upto}, its heads are not here",
        "none": f"has {_rows(writer.rows)} to its name, and no head",
    }
    return (
        f"writer {writer.writer}{mine} {begin} as {writer.actor}, {where[writer.heads]}; "
        f"key {', '.join(writer.keys)}{trust[writer.trust]}"
    )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _known(trail: T) -> T:
    """The number of its rows, or which ledger it is. Raises ``GovcloudError`` where there is no trail."""
    if not trail:
        raise GovcloudError("there is no trail yet", hint="the first `govcloud apply` begins it")
    return trail


def _called(other: str) -> str:
    """What to call another ledger: never with the password that its URL may hold."""
    from urllib.parse import urlsplit

    if "://" in other and not other.startswith("sqlite:"):
        parts = urlsplit(other)
        return f"{parts.hostname or 'localhost'}{parts.path}"
    return Path(other.removeprefix("sqlite:///")).name


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise InputError([Problem(f"--since {text!r} should read 2026-11-22 or 2026-11-22T08:00")]) from None


def _table(events: list[Event]) -> None:
    from .tables import print_table

    rows = [
        (
            str(e.seq),
            str(e.epoch),
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(e.at)),
            e.actor,
            e.action,
            # Who wrote it is told by `verify`; it is in every row.
            ", ".join(f"{k} {v}" for k, v in e.data.items() if k not in ("began_by", "place", "writer"))
            if e.action != "writer joined"
            else f"writer {e.data['writer']}, key {e.data['key']}",
        )
        for e in events
    ]
    print_table(console(), ("row", "epoch", "when", "who", "what", "about"), rows, right=("row", "epoch"))
