"""`govcloud ipv6 status`: how far a rollout is, by evidence, against its dated targets."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, GovcloudError
from ..printable import visible
from .common import App, console, emit, json_option
from .redacting import redacted
from .tables import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from ..rollout.situation import Situation
    from ..rollout.telling import By

# Members that are not as they should be and are named one by one; --json has all.
MOST = 20
BAR = 20


@click.command("status")
@click.argument("rollout", metavar="[ROLLOUT]", required=False, default="")
@click.option(
    "--by",
    type=click.Choice(["level", "city", "unit"]),
    default="level",
    show_default=True,
    help="Count by it.",
)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it, too.")
@json_option
@click.pass_obj
@redacted
def status(app: App, rollout: str, by: By, svg: Path | None, as_json: bool) -> int:
    """Tell how far a rollout is: the share done against dated targets, wave by wave, and who went back.

    Done is a member with good and young evidence of all that it must show. Exits with 3 where a member went
    back and nobody says why, or a target's date is over and it is not met.
    """
    from ..access import enforce, sight
    from ..ledger import open_ledger
    from ..rollout.situation import situation
    from ..rollout.telling import status_document

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    with ledger.read() as connection:
        hidden = sight(app.workspace, ledger, connection)
        now = situation(connection, rollout, now=time.time(), hidden=hidden)
    document = status_document(now, by, date.today())
    if svg is not None:
        _draw(svg, now, app.workspace.environment)
    if as_json:
        emit(document)
    else:
        _show(console(), now, document, svg)
    back = any(one.state == "regressed" and not one.explained for one in now.progress.values())
    missed = any(target["state"] == "missed" for target in document["targets"])
    return int(Exit.CHANGES if back or missed else Exit.OK)


def _draw(path: Path, now: Situation, environment: str) -> None:
    from ..rollout import picture
    from ..rollout.board import board

    drawn = picture.svg(board(now, environment=environment, at=time.time()))
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise GovcloudError(f"{path}: {error.strerror or error}") from None


def _show(out: Console, now: Situation, document: dict[str, Any], svg: Path | None) -> None:
    title = f" ({visible(document['title'])})" if document["title"] else ""
    done = f"{document['done']} of {document['members']} members done"
    out.print(f"{now.name}{title}: {done}, {document['done_percent']:g} %", markup=False)
    for target in document["targets"]:
        words = {"met": "met", "missed": "missed", "ahead": "still ahead"}[target["state"]]
        out.print(f"  {target['percent']:g} % by {target['by']}: {words}", markup=False)
    out.print()
    heads = ("wave", "members", "done", "under way", "open", "stale", "went back", "")
    print_table(out, heads, [_row(one["wave"], one) for one in document["waves"]], right=heads[1:7])
    out.print()
    heads = (document["by"], *heads[1:])
    rows = [_row(_name(one), one) for one in document["groups"]]
    print_table(out, heads, rows, right=heads[1:7])
    told = [one for one in document["each"] if one["state"] not in ("done", "open")]
    if told:
        out.print()
    for one in told[:MOST]:
        why = f": {one['why']}" if one["why"] else ""
        explained = f" (explained: {one['explained']})" if one["explained"] else ""
        state = {"regressed": "went back"}.get(one["state"], one["state"])
        out.print(visible(f"{one['member']} {state}{why}{explained}"), markup=False)
    if len(told) > MOST:
        out.print(f"and {len(told) - MOST} more; --json has all")
    if svg is not None:
        out.print(f"drawn to {svg}", markup=False)


def _name(one: dict[str, Any]) -> str:
    name = one["name"] or "(not said)"
    return visible(f"{name} {one['title']}".rstrip())


def _row(name: str, one: dict[str, Any]) -> list[str]:
    filled = round(BAR * one["done_percent"] / 100)
    bar = "█" * filled + "░" * (BAR - filled)
    states = [str(one[state]) for state in ("done", "under_way", "open", "stale", "regressed")]
    return [visible(name), str(one["members"]), *states, f"{bar} {one['done_percent']:g} %"]
