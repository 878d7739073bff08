"""`govcloud history`, `diff` and `blame`: what the ledger held, what changed, and who said it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, nearest
from .completing import complete_entry
from .past import as_of_option, by_whom, dated, missing, never, place, subject, value

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger.blame import Blamed
    from ..ledger.entries import Key
    from ..ledger.history import Change, Version
    from ..ledger.revisions import Counted, Revision

VERBS = ("created", "changed", "renamed", "withdrawn")
SIGNS = {"created": "+", "changed": "~", "renamed": "~", "withdrawn": "-"}
STYLES = {"+": "green", "~": "yellow", "-": "red"}
# Changes that a difference shows unless everything is asked for.
MOST = 50


@click.command()
@click.argument("entry", required=False, metavar="[KIND/NAME]", shell_complete=complete_entry)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The newest N; 0: all.",
    metavar="N",
)
@click.option("--since", metavar="REV", help="What came after this revision or time.")
@click.option("--actor", metavar="NAME", help="What this actor did.")
@json_option
@click.pass_obj
def history(
    app: App, entry: str | None, limit: int, since: str | None, actor: str | None, as_json: bool
) -> None:
    """Revisions, newest first; or all that happened to one entry, renames and earlier namesakes too.

    REV: a number, HEAD, HEAD~2, @2026-11-22T10:00, a run's id or the beginning of a commit.
    """
    from ..ledger import history as past
    from ..ledger import revisions
    from .viewing import open_view

    key = subject(entry) if entry is not None else None
    with open_view(app) as view:
        connection = view.connection
        after = past.resolve(connection, since) if since is not None else 0
        if actor is not None and actor not in (known := revisions.actors(connection)):
            guess = nearest(actor, known)
            hint = f"did you mean {guess}?" if guess else "actors: " + (", ".join(known[:12]) or "none yet")
            raise InputError([Problem(f"{actor!r} made no revision")], hint=hint)
        # One more than is shown tells whether there are more.
        most = limit + 1 if limit else None
        if key is None:
            listed = revisions.listed(connection, limit=most, since=after, actor=actor)
            more = bool(limit) and len(listed) > limit
            _show_revisions(listed[:limit] if more else listed, more, as_json)
            return
        life = [v for v in past.versions(connection, *key) if v.change.uid not in view.hidden]
        if not life:
            raise never(view, key)
    life = [v for v in life if v.revision.number > after and (actor is None or v.revision.actor == actor)]
    more = bool(limit) and len(life) > limit
    _show_life(key, life[:limit] if more else life, more, as_json)


def _show_revisions(listed: Sequence[Counted], more: bool, as_json: bool) -> None:
    if as_json:
        import msgspec

        emit(
            [
                msgspec.structs.asdict(c.revision)
                | {"created": c.created, "changed": c.changed, "withdrawn": c.withdrawn}
                for c in listed
            ]
        )
        return
    if not listed:
        click.echo("No revision.")
        return
    from ..ledger.revisions import when
    from .tables import print_table

    rows = [
        (
            str(c.revision.number),
            when(c.revision.at),
            c.revision.actor,
            c.revision.run or "",
            (c.revision.git_commit or "")[:10],
            *(str(n or "") for n in (c.created, c.changed, c.withdrawn)),
            c.revision.message,
        )
        for c in listed
    ]
    numbers = ("created", "changed", "withdrawn")
    heads = ("revision", "when", "by", "run", "commit", *numbers, "message")
    print_table(console(), heads, rows, right=("revision", *numbers))
    if more:
        click.echo("and older ones; --limit N shows more")


def _show_life(key: Key, life: Sequence[Version], more: bool, as_json: bool) -> None:
    if as_json:
        emit([{"revision": v.revision} | _document(v.change) for v in life])
        return
    if not life:
        click.echo(f"Nothing happened to {key[0]}/{key[1]} there.")
        return
    from rich.text import Text

    from .tables import print_line

    out = console()
    uids = list(dict.fromkeys(v.change.uid for v in life))
    last = ""
    for version in life:
        uid = version.change.uid
        if uid != last and len(uids) > 1:
            print_line(out, Text(f"uid {uid}", "bold"))
        last = uid
        print_line(out, Text(f"{dated(version.revision)} {by_whom(version.revision)}"), 2)
        _show_change(out, version.change, whole=True)
    if more:
        click.echo("and older ones; --limit N shows more")


@click.command()
@click.argument("old", metavar="REV")
@click.argument("new", metavar="[REV]", default="HEAD")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Entries of this kind; may be repeated.")
@click.option("--only", metavar="KIND/NAME", shell_complete=complete_entry, help="This one entry.")
@click.option("--summary", is_flag=True, help="Counts by kind instead of the changes.")
@click.option("--full", is_flag=True, help="Show every change, also of a long list.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 where they differ.")
@json_option
@click.pass_obj
def diff(
    app: App,
    old: str,
    new: str,
    kinds: tuple[str, ...],
    only: str | None,
    summary: bool,
    full: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """What leads from one revision to another (by default the newest).

    REV: a number, HEAD, HEAD~2, @2026-11-22T10:00, a run's id or the beginning of a commit. 0 is the
    empty ledger.
    """
    from ..ledger import history as past
    from ..ledger import revisions
    from .viewing import kind_named, open_view

    wanted = [kind_named(kind) for kind in kinds]
    key = subject(only) if only is not None else None
    with open_view(app) as view:
        connection = view.connection
        ends = [past.resolve(connection, old), past.resolve(connection, new)]
        found = past.differences(connection, *ends, kinds=wanted, only=key)
        changes = [change for change in found if change.uid not in view.hidden]
        known = revisions.of(connection, set(ends))
    between = [known[number] for number in ends]
    if as_json:
        document: dict[str, Any] = {"old": between[0], "new": between[1]} | _counted(changes)
        emit(document if summary else document | {"changes": [_document(c) for c in changes]})
    else:
        _show_diff(between, changes, summary, full)
    return int(Exit.CHANGES if exit_code and changes else Exit.OK)


def _counted(changes: Sequence[Change]) -> dict[str, Any]:
    """How many changes of each verb, in all and by kind."""
    kinds: dict[str, dict[str, int]] = {}
    for (kind, verb), count in sorted(Counter((c.kind, c.verb) for c in changes).items()):
        kinds.setdefault(kind, dict.fromkeys(VERBS, 0))[verb] = count
    totals: Counter[str] = Counter(c.verb for c in changes)
    return {"summary": {verb: totals[verb] for verb in VERBS}, "kinds": kinds}


def _show_diff(between: Sequence[Revision], changes: Sequence[Change], summary: bool, full: bool) -> None:
    from rich.text import Text

    from .tables import print_line, print_table

    out = console()
    print_line(out, Text(f"{dated(between[0])} → {dated(between[1])}", "bold"), 2)
    if not changes:
        out.print("Nothing differs.")
        return
    counts = _counted(changes)
    if summary:
        rows = [
            (kind, *(str(n or "") for n in by_verb.values())) for kind, by_verb in counts["kinds"].items()
        ]
        print_table(out, ("kind", *VERBS), rows, right=VERBS)
    else:
        shown = changes if full else changes[:MOST]
        for change in shown:
            _show_change(out, change)
        if len(shown) < len(changes):
            out.print(f"  and {len(changes) - len(shown)} more; --full shows them")
    parts = [f"{count} {verb}" for verb, count in counts["summary"].items() if count]
    print_line(out, Text(", ".join(parts) + ".", "bold"))


def _show_change(out: Console, change: Change, *, whole: bool = False) -> None:
    """A change with the fields that differ; ``whole``: also what a created entry said."""
    from rich.text import Text

    from .tables import print_line

    sign = SIGNS[change.verb]
    was = f" (was {change.was})" if change.was else ""
    print_line(out, Text(f"  {sign} {change.subject}{was}", STYLES[sign]), 4)
    lines = [f"{c.field}: {value(c.before)} → {value(c.after)}" for c in change.changes]
    if whole and change.verb == "created":
        lines = [f"{field}: {value(held)}" for field, held in change.fields.items()]
    for line in lines:
        print_line(out, Text(f"      {line}", STYLES[sign]), 8)


def _document(change: Change) -> dict[str, Any]:
    return {
        "verb": change.verb,
        "uid": change.uid,
        "kind": change.kind,
        "name": change.name,
        "was": change.was,
        "changes": change.changes,
        "fields": change.fields,
    }


@click.command()
@click.argument("entry", metavar="KIND/NAME", shell_complete=complete_entry)
@as_of_option
@json_option
@click.pass_obj
def blame(app: App, entry: str, as_of: str | None, as_json: bool) -> None:
    """Each field of an entry: who says it, and since when, by whom and by which run it has this value."""
    from ..ledger import blame as who
    from ..ledger import history as past
    from ..ledger import revisions
    from .viewing import open_view

    kind, name = subject(entry)
    with open_view(app) as view:
        connection = view.connection
        number = past.resolve(connection, "HEAD" if as_of is None else as_of)
        found = past.entry_at(connection, number, kind, name)
        if found is None or found.uid in view.hidden:
            raise missing(view, (kind, name), number)
        blamed = who.blame(connection, kind, name, number) or []
        revision = revisions.of(connection, {number})[number]
    if as_json:
        emit({"kind": kind, "name": name, "as_of": number, "fields": [_blamed(b) for b in blamed]})
        return
    from rich.text import Text

    from .tables import print_line, print_table

    out = console()
    print_line(out, Text.assemble((entry, "bold"), (f"  as of {dated(revision)}", "dim")), 2)
    from ..ledger.revisions import when

    rows = [
        (
            b.field,
            value(b.value),
            _owner(b),
            str(b.since.number),
            when(b.since.at),
            b.since.actor,
            b.since.run or "",
            (b.since.git_commit or "")[:10],
        )
        for b in blamed
    ]
    heads = ("field", "value", "said by", "since", "when", "by", "run", "commit")
    print_table(out, heads, rows, right=("since",))
    if any(b.pinned for b in blamed):
        line = "Pinned: the pin outranks the files until they say the same."
        print_line(out, Text(line, "yellow"))


def _owner(blamed: Blamed) -> str:
    if blamed.owner is None:
        return "nobody now"
    under = f" over {', '.join(map(place, blamed.under))}" if blamed.under else ""
    return place(blamed.owner) + under


def _blamed(blamed: Blamed) -> dict[str, Any]:
    def claim(one: Any) -> dict[str, Any]:
        return {"claimant": one.claimant, "line": one.line}

    return {
        "field": blamed.field,
        "value": blamed.value,
        "owner": claim(blamed.owner) if blamed.owner else None,
        "under": [claim(one) for one in blamed.under],
        "pinned": blamed.pinned,
        "since": blamed.since,
    }
