"""`govcloud ls` and `govcloud show`: the ledger in one place (一站式浏览)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option, nearest

if TYPE_CHECKING:
    from ..ledger.entries import Accepted, Key


@click.command()
@click.argument("kind", required=False)
@click.argument("filters", nargs=-1, metavar="[FIELD=VALUE]...")
@json_option
@click.pass_obj
def ls(app: App, kind: str | None, filters: tuple[str, ...], as_json: bool) -> None:
    """List the accepted entries of KIND, those whose fields have these values. Without KIND: counts."""
    from ..ledger import entries, open_ledger

    with open_ledger(app.workspace).read() as connection:
        known = entries.current(connection)
    if kind is None:
        _counts(known, as_json)
        return
    name = kind_named(kind)
    wanted = [_filter(name, text) for text in filters]
    found = [e for (k, _), e in sorted(known.items()) if k == name and all(_fits(e, f, v) for f, v in wanted)]
    if as_json:
        emit([_document(e) for e in found])
        return
    if not found:
        click.echo(f"No {name} is accepted{' with these values' if wanted else ''}.")
        return
    _table(name, found)


@click.command()
@click.argument("entry", metavar="KIND/NAME")
@json_option
@click.pass_obj
def show(app: App, entry: str, as_json: bool) -> None:
    """Show one entry: fields with who says them, stack, what was seen, who refers to it, evidence."""
    from ..ledger import building, entries, evidence, open_ledger

    kind, slash, name = entry.partition("/")
    kind = kind_named(kind)
    if not slash:
        raise InputError([Problem(f"{entry!r} should be KIND/NAME, for example {kind}/NAME")])
    with open_ledger(app.workspace).read() as connection:
        known = entries.current(connection)
        found = known.get((kind, name))
        if found is None:
            guess = nearest(name, [n for k, n in known if k == kind])
            hint = f"did you mean {kind}/{guess}?" if guess else f"`govcloud ls {kind}` lists them"
            raise InputError([Problem(f"no {kind} is called {name!r}")], hint=hint)
        claims = [c for c in entries.claims(connection) if (c.kind, c.name) == (kind, name)]
        observed = building.all_observed(connection, uid=found.uid)
        built = [a for a in building.all_applied(connection).values() if a.uid == found.uid]
        measured = _latest(evidence.of(connection, f"{kind}/{name}"))
    document = _document(found) | {
        "claims": [{"claimant": c.claimant, "line": c.line, "fields": sorted(c.fields)} for c in claims],
        "applied": [{"scope": a.scope, "incarnation": a.incarnation} for a in built],
        "observed": observed,
        "referred_by": _referring(known, kind, name),
        "evidence": measured,
    }
    if as_json:
        emit(document)
    else:
        _show(document, found)


def kind_named(word: str) -> str:
    """A kind by its name, its plural or its Chinese title. Raises ``InputError`` with the nearest."""
    from ..model import KINDS, PLURALS

    titles = {cls.ZH: k for k, cls in KINDS.items()}
    found = word if word in KINDS else PLURALS.get(word) or titles.get(word)
    if found is None:
        guess = nearest(word, [*KINDS, *PLURALS])
        hint = f"did you mean {guess}?" if guess else "kinds: " + ", ".join(KINDS)
        raise InputError([Problem(f"there is no kind {word!r}")], hint=hint)
    return found


def _filter(kind: str, text: str) -> tuple[str, str]:
    from ..model import fields

    field, equals, value = text.partition("=")
    known = [*fields(kind), "name", "stack"]
    if not equals or field not in known:
        guess = nearest(field, known)
        hint = f"did you mean {guess}=…?" if guess else "fields: " + ", ".join(known)
        raise InputError([Problem(f"{text!r} should be FIELD=VALUE with a field of {kind}")], hint=hint)
    return field, value


def _fits(entry: Accepted, field: str, value: str) -> bool:
    if field in ("name", "stack"):
        return str(getattr(entry, field)) == value
    from ..model import fields

    held: Any = entry.fields.get(field, fields(entry.kind)[field].default)
    if isinstance(held, bool):
        return str(held).lower() == value.lower()
    if isinstance(held, list):
        return value in [str(v) for v in held]
    return str(held) == value


def _document(entry: Accepted) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "uid": entry.uid,
        "incarnation": entry.incarnation,
        "stack": entry.stack,
        "since": entry.since,
        "fields": entry.fields,
    }


def _counts(known: dict[Key, Accepted], as_json: bool) -> None:
    from collections import Counter

    from ..model import KINDS

    counts = Counter(kind for kind, _ in known)
    if as_json:
        emit(dict(sorted(counts.items())))
        return
    if not counts:
        click.echo("The ledger is empty; `govcloud apply` records what the files say.")
        return
    from rich.table import Table

    table = Table("kind", "种类", "entries", box=None)
    for kind, cls in KINDS.items():
        if counts[kind]:
            table.add_row(kind, cls.ZH, str(counts[kind]))
    console().print(table)


def _table(kind: str, found: list[Accepted]) -> None:
    """The fields that most entries have, as many as a terminal holds."""
    from collections import Counter

    from rich.table import Table

    used = Counter(f for e in found for f in e.fields if f not in ("title", "source", "invented", "was"))
    columns = [f for f, _ in used.most_common(6)]
    table = Table("name", "title", *columns, box=None, header_style="bold")
    for entry in found:
        cells = [_cell(entry.fields.get(c, "")) for c in columns]
        table.add_row(entry.name, str(entry.fields.get("title", "")), *cells)
    console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _latest(rows: list[Any]) -> list[Any]:
    """The newest figure of each probe."""
    newest: dict[str, Any] = {}
    for row in rows:
        newest.setdefault(row.name, row)
    return list(newest.values())


def _referring(known: dict[Key, Accepted], kind: str, name: str) -> list[str]:
    from ..model.catalogue import references, split_ref

    out = []
    for (k, n), entry in known.items():
        for info, value in references(k, entry.fields):
            if info.ref is not None and split_ref(info.ref, value) == (kind, name):
                out.append(f"{k}/{n}")
                break
    return sorted(out)


def _show(document: dict[str, Any], entry: Accepted) -> None:
    from ..model import KINDS, fields

    out = console()
    title = entry.fields.get("title", "")
    out.print(f"[bold]{entry.kind}/{entry.name}[/bold]  {title}  [dim]{KINDS[entry.kind].ZH}[/dim]")
    where = f", stack {entry.stack}" if entry.stack else ""
    out.print(
        f"[dim]uid {entry.uid}, incarnation {entry.incarnation}{where}, since revision {entry.since}[/dim]"
    )
    said = {f: c for c in document["claims"] for f in c["fields"]}
    for name, info in fields(entry.kind).items():
        if name in entry.fields:
            claim = said.get(name)
            who = f"{claim['claimant'].removeprefix('file:')}:{claim['line']}" if claim else ""
            out.print(f"  {name:16} {_cell(entry.fields[name]):40} [dim]{info.doc.zh}  {who}[/dim]")
    for one in document["applied"]:
        out.print(f"  [green]built[/green]   {one['scope']}")
    for one in document["observed"]:
        out.print(f"  [cyan]seen[/cyan]    {one.status}, {_age(one.at)} ago")
    if document["referred_by"]:
        out.print(f"  referred to by {', '.join(document['referred_by'][:12])}")
    for one in document["evidence"]:
        mark = "[green]✓[/green]" if one.ok else "[red]✗[/red]"
        figure = f"{one.value:.2f} {one.unit}" if one.value is not None else ""
        reason = "" if one.ok else f"  {one.detail.get('reason', '')}"
        origin = f"run {one.run}" if one.run else "by hand"
        out.print(f"  {mark} {one.name}  {figure}  [dim]{_age(one.at)} ago, {origin}[/dim]{reason}")


def _age(at: float) -> str:
    seconds = max(0.0, time.time() - at)
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
