"""`govcloud ls` and `govcloud show`: the ledger in one place (一站式浏览)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option, nearest
from .past import as_of_option, known_at, show_at

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger.entries import Accepted, Key


@click.command()
@click.argument("kind", required=False)
@click.argument("filters", nargs=-1, metavar="[FIELD=VALUE]...")
@as_of_option
@json_option
@click.pass_obj
def ls(app: App, kind: str | None, filters: tuple[str, ...], as_of: str | None, as_json: bool) -> None:
    """List the accepted entries of KIND, those whose fields have these values. Without KIND: counts."""
    from ..ledger import entries, open_ledger

    name = kind_named(kind) if kind is not None else None
    wanted = [_filter(name, text) for text in filters] if name is not None else []
    with open_ledger(app.workspace).read() as connection:
        known = known_at(connection, as_of, kind=name) if as_of else entries.current(connection, kind=name)
    if name is None:
        _counts(known, as_json)
        return
    found = [e for _, e in sorted(known.items()) if all(_fits(e, f, v) for f, v in wanted)]
    if as_json:
        emit([_document(e) for e in found])
        return
    if not found:
        click.echo(f"No {name} is accepted{' with these values' if wanted else ''}.")
        return
    _table(name, found)


@click.command()
@click.argument("entry", metavar="KIND/NAME")
@as_of_option
@json_option
@click.pass_obj
def show(app: App, entry: str, as_of: str | None, as_json: bool) -> None:
    """Show one entry: fields with who says them, stack, what was seen, who refers to it, evidence."""
    from ..ledger import building, entries, evidence, open_ledger

    if as_of:
        show_at(app, entry, as_of, as_json)
        return
    kind, slash, name = entry.partition("/")
    ledger = open_ledger(app.workspace)
    if not slash:
        with ledger.read() as connection:
            called = [f"{k}/{n}" for k, n in sorted(entries.current(connection)) if n == entry]
        hint = f"did you mean {', '.join(called)}?" if called else "`govcloud ls KIND` lists names"
        raise InputError([Problem(f"{entry!r} should be KIND/NAME")], hint=hint)
    kind = kind_named(kind)
    with ledger.read() as connection:
        known = entries.current(connection)
        found = known.get((kind, name))
        if found is None:
            guess = nearest(name, [n for k, n in known if k == kind])
            hint = f"did you mean {kind}/{guess}?" if guess else f"`govcloud ls {kind}` lists them"
            raise InputError([Problem(f"no {kind} is called {name!r}")], hint=hint)
        claims = entries.claims(connection, of=(kind, name))
        observed = building.all_observed(connection, uid=found.uid)
        built = building.all_applied(connection, uid=found.uid).values()
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
    if isinstance(held, int | float):
        try:
            return held == float(value)
        except ValueError:
            return False
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
    from .tables import print_table

    rows = [(kind, cls.ZH, str(counts[kind])) for kind, cls in KINDS.items() if counts[kind]]
    print_table(console(), ("kind", "种类", "entries"), rows, right=("entries",))


def _table(kind: str, found: list[Accepted]) -> None:
    """The fields that most entries have, as many as a terminal holds."""
    from collections import Counter

    from ..model import fields
    from .tables import print_table

    used = Counter(f for e in found for f in e.fields if f not in ("title", "source", "invented", "was"))
    often = {f for f, _ in used.most_common(6)}
    columns = [f for f in fields(kind) if f in often]
    if any("title" in e.fields for e in found):
        columns = ["title", *columns]
    rows = [(e.name, *(_cell(e.fields.get(c, "")) for c in columns)) for e in found]
    print_table(console(), ("name", *columns), rows)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _latest(rows: list[Any]) -> list[Any]:
    """The newest figure of each probe."""
    newest: dict[str, Any] = {}
    for row in rows:
        newest.setdefault(row.name, row)
    return [newest[name] for name in sorted(newest)]


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
    from rich.text import Text

    from ..model import KINDS
    from .tables import print_line

    out = console()
    title = f"  {entry.fields['title']}" if "title" in entry.fields else ""
    subject = Text(f"{entry.kind}/{entry.name}", "bold")
    out.print(Text.assemble(subject, title, (f"  {KINDS[entry.kind].ZH}", "dim")))
    said = {f: _place(c) for c in document["claims"] for f in c["fields"]}
    # Mostly one file says it all: then it is told once.
    only = said[next(iter(said))] if len(set(said.values())) == 1 else ""
    where = f", stack {entry.stack}" if entry.stack else ""
    identity = f"uid {entry.uid}, incarnation {entry.incarnation}{where}, since revision {entry.since}"
    print_line(out, Text(identity + (f", {only}" if only else ""), "dim"), 2)
    _show_fields(out, entry, {} if only else said)
    for one in document["applied"]:
        out.print(Text.assemble("  ", ("built   ", "green"), one["scope"]))
    for one in document["observed"]:
        out.print(Text.assemble("  ", ("seen    ", "cyan"), f"{one.status}, {_age(one.at)} ago"))
    if document["referred_by"]:
        print_line(out, Text(f"  referred to by {_some(document['referred_by'])}"), 4)
    for one in document["evidence"]:
        figure = f"{one.value:.2f} {one.unit}" if one.value is not None else ""
        origin = f"run {one.run}" if one.run else "by hand"
        line = Text.assemble(
            "  ",
            ("✓", "green") if one.ok else ("✗", "red"),
            f" {one.name:32} {figure:>10}  ",
            (f"{_age(one.at)} ago, {origin}", "dim"),
            "" if one.ok else f"  {one.detail.get('reason', '')}",
        )
        print_line(out, line, 4)
    for way, versions in _ways(document["evidence"]).items():
        print_line(out, Text(f"  way over {' and '.join(versions)}: {' › '.join(way)}"), 4)


def _ways(rows: list[Any]) -> dict[tuple[str, ...], list[str]]:
    """The ways that probes took, and over which versions of IP."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        way, version = row.detail.get("path"), f"IPv{row.detail.get('ip_version')}"
        if way and version not in ways.setdefault(tuple(way), []):
            ways[tuple(way)].append(version)
    return ways


def _show_fields(out: Console, entry: Accepted, said: dict[str, str]) -> None:
    """A line a field: its value, what it is called in Chinese, and who says it."""
    from rich.text import Text

    from ..model import fields
    from .tables import print_line

    known = {name: info for name, info in fields(entry.kind).items() if name in entry.fields}
    names = max((len(name) for name in known), default=0)
    values = {name: Text(_cell(entry.fields[name])) for name in known}
    # Long values stand alone; the others make a column.
    width = max((v.cell_len for v in values.values() if v.cell_len <= 32), default=0)
    for name, info in known.items():
        value = values[name]
        blank = " " * (width - value.cell_len)
        note = "  ".join(filter(None, (info.doc.zh, said.get(name, ""))))
        line = Text.assemble(f"  {name:{names}}  ", value, blank, (f"  {note}", "dim"))
        print_line(out, line, names + 4)


def _place(claim: dict[str, Any]) -> str:
    claimant = str(claim["claimant"]).removeprefix("file:")
    return f"{claimant}:{claim['line']}" if claim["line"] else claimant


def _some(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _age(at: float) -> str:
    seconds = max(0.0, time.time() - at)
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
