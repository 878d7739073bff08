"""`govcloud ipv6 plan`: the waves of a rollout, and who is in them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option
from .redacting import redacted
from .tables import print_table

if TYPE_CHECKING:
    from ..rollout.situation import Situation


@click.command("plan")
@click.argument("rollout", metavar="[ROLLOUT]", required=False, default="")
@click.option("--markdown", is_flag=True, help="Write Markdown, for people who decide.")
@json_option
@click.pass_obj
@redacted
def plan(app: App, rollout: str, markdown: bool, as_json: bool) -> int:
    """Show the waves of a rollout: nobody before what carries it, and what each member gets.

    Whether the address plans have room for all of them is tried, too. Nothing is written.
    """
    from ..access import enforce, sight
    from ..ledger import open_ledger
    from ..rollout import room, telling
    from ..rollout.situation import situation

    if markdown and as_json:
        raise InputError([Problem("expected --markdown or --json, not both")])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    with ledger.read() as connection:
        whole = situation(connection, rollout, now=time.time())
        hidden = sight(app.workspace, ledger, connection)
        seen = situation(connection, rollout, now=time.time(), hidden=hidden) if hidden else whole
    wanted = room.check_room(app.workspace, ledger, whole)
    if as_json:
        emit(telling.plan_document(seen, wanted))
    elif markdown:
        click.echo(telling.markdown(seen), nl=False)
    else:
        _show(seen, wanted)
    return int(Exit.OK)


def _show(now: Situation, wanted: int) -> None:
    from ..rollout.telling import member_document

    out = console()
    rollout = now.course.rollout
    title = f" ({visible(rollout.title)})" if rollout.title else ""
    members, waves = len(now.progress), len(now.course.waves)
    out.print(f"{now.name}{title}: {members} members in {waves} waves", markup=False)
    for number, wave in enumerate(now.course.waves, 1):
        found = now.of(wave)
        done = sum(one.state == "done" for one in found)
        out.print(f"\n{number}. {wave.name}: {len(found)} members, {done} done", markup=False)
        rows = []
        for one in found:
            document = member_document(now, one)
            gets = f"{document['gets']}: auto" if document["gets"] else document["address"]
            rows.append([one.member.subject, gets, ", ".join(document["carried_by"]), one.state])
        print_table(out, ("member", "gets", "carried by", "state"), rows)
    if now.course.left:
        out.print(f"\nin no wave: {', '.join(now.course.left)}", markup=False)
    if wanted:
        out.print(f"\n{wanted} addresses and prefixes are still to be given; the plans have room for them.")
    following = next((w for w in now.course.waves if not all(one.lets_pass for one in now.of(w))), None)
    if following is not None:
        out.print(f"next: govcloud ipv6 run {now.name} {following.name}", markup=False)
