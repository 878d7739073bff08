"""`govcloud ls`: the ledger in one place (一站式浏览)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option
from .completing import complete_field, complete_filter, complete_kind
from .past import as_of_option, number_of
from .viewing import cell, kind_named, open_view

if TYPE_CHECKING:
    from ..ledger.browsing import Seen, View
    from ..report.filters import Filters

# Kinds of columns that are shown only where they are asked for.
ASIDE = ("title", "source", "invented", "inferred", "aliases", "was")
# What people look for first, where entries have it: whose it is and where it stands.
FIRST = ("unit", "status")
# Fields that a list shows beside the title unless others are asked for.
SHOWN = 6


@click.command()
@click.argument("kind", required=False, shell_complete=complete_kind)
@click.argument("filters", nargs=-1, metavar="[NAME|FIELD=VALUE]...", shell_complete=complete_filter)
@click.option("--sort", metavar="FIELD", shell_complete=complete_field, help="By a field; -FIELD: backwards.")
@click.option(
    "--columns", metavar="A,B,C", shell_complete=complete_field, help="These fields, in this order."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many entries.")
@as_of_option
@click.option("--coverage", is_flag=True, help="Count entries by the row of a document they come from.")
@click.option("--files", is_flag=True, help="With --coverage: of the workspace's files, not of the ledger.")
@click.option("--protected", is_flag=True, help="The protection catalogue (保障目录) of now.")
@json_option
@click.pass_obj
def ls(
    app: App,
    kind: str | None,
    filters: tuple[str, ...],
    sort: str | None,
    columns: str | None,
    limit: int | None,
    as_of: str | None,
    coverage: bool,
    files: bool,
    protected: bool,
    as_json: bool,
) -> None:
    """List the accepted entries of KIND; without KIND: how many there are of each.

    \b
    NAME         this name; * and ? stand for any characters, as in 'web-*'
    FIELD=VALUE  the field has this value; a list has it among others
    FIELD!=VALUE it has not
    FIELD~TEXT   it contains the text, in capitals or not
    """
    if protected:
        from .protected import show_protected

        if kind is not None or as_of or coverage or files:
            raise InputError([Problem("--protected lists the catalogue of now: no KIND, nothing beside it")])
        show_protected(app, as_json=as_json)
        return
    if coverage or files:
        from .coverage import show_coverage

        if kind is not None or as_of:
            raise InputError([Problem("--coverage counts every entry of now: no KIND, no --as-of")])
        show_coverage(app, files=files, as_json=as_json)
        return
    if kind is None:
        if sort or columns or limit:
            raise InputError([Problem("--sort, --columns and --limit want a KIND")])
        _show_counts(_counts(app, as_of), as_json)
        return
    from ..report import filters as filtering

    name = kind_named(kind)
    wanted = filtering.read(name, filters)
    chosen = [filtering.field_named(name, c.strip()) for c in columns.split(",")] if columns else []
    backwards = (sort or "").startswith("-")
    order = filtering.field_named(name, sort.removeprefix("-")) if sort else ""
    with open_view(app) as view:
        # Sorting wants all of them before the first is known.
        found = _entries(view, wanted, as_of, None if sort else limit)
        wants_identity = as_json or {"stack", "uid"} & {*chosen, order}
        identities = view.identities(e.uid for e in found) if wants_identity else {}
    if order:
        found.sort(key=lambda e: _order(_value(e, order, identities)), reverse=backwards)
        found = found[:limit]
    if as_json:
        emit([document(e, identities[e.uid], chosen) for e in found])
    elif not found:
        click.echo(f"No {name} is accepted{' with these values' if wanted else ''}.")
    else:
        _table(name, found, chosen, identities)


def document(entry: Seen, identity: tuple[int, str | None], chosen: Sequence[str] = ()) -> dict[str, Any]:
    """An entry as JSON; ``identity``: (incarnation, stack); ``chosen``: these fields, or none for all."""
    incarnation, stack = identity
    fields = {f: v for f, v in entry.fields.items() if f in chosen} if chosen else entry.fields
    return {
        "kind": entry.kind,
        "name": entry.name,
        "uid": entry.uid,
        "incarnation": incarnation,
        "stack": stack,
        "since": entry.since,
        "fields": fields,
    }


def _entries(view: View, wanted: Filters, as_of: str | None, limit: int | None) -> list[Seen]:
    from ..report import filters as filtering

    return list(filtering.select(view, wanted, most=limit, at=number_of(view.connection, as_of)))


def _counts(app: App, as_of: str | None) -> dict[str, int]:
    with open_view(app) as view:
        return view.counts(at=number_of(view.connection, as_of))


def _show_counts(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        emit(counts)
        return
    if not counts:
        click.echo("The ledger is empty; `govcloud apply` records what the files say.")
        return
    from ..model import KINDS
    from .tables import print_table

    # A kind that only a newer release knows is counted too.
    titles = {kind: cls.ZH for kind, cls in KINDS.items()}
    kinds = [kind for kind in titles if kind in counts] + sorted(counts.keys() - titles)
    rows = [(kind, titles.get(kind, ""), str(counts[kind])) for kind in kinds]
    print_table(console(), ("kind", "种类", "entries"), rows, right=("entries",))


def _value(entry: Seen, field: str, identities: dict[str, tuple[int, str | None]]) -> Any:
    if field == "stack":
        return identities[entry.uid][1]
    return getattr(entry, field) if field in ("name", "uid") else entry.fields.get(field)


def _order(value: Any) -> tuple[int, Any]:
    """Figures by size, texts with their figures by size, what is not said last."""
    import re

    if isinstance(value, bool | int | float):
        return 0, float(value)
    if value in (None, "", [], {}):
        return 2, 0
    parts = re.split(r"(\d+)", cell(value))
    return 1, [(part if n % 2 == 0 else part.zfill(20)) for n, part in enumerate(parts)]


def _table(
    kind: str, found: list[Seen], chosen: Sequence[str], identities: dict[str, tuple[int, str | None]]
) -> None:
    """The fields that were asked for, or those that most entries have; as many as a terminal holds."""
    from ..model import fields
    from .tables import print_table

    columns = [c for c in chosen if c != "name"]
    if not chosen:
        from collections import Counter

        used = Counter(f for e in found for f in e.fields if f not in ASIDE)
        first = [f for f in FIRST if f in used]
        often = {*first, *[f for f, _ in used.most_common() if f not in first][: SHOWN - len(first)]}
        columns = [f for f in fields(kind) if f in often]
        if any("title" in e.fields for e in found):
            columns = ["title", *columns]
    rows = [(e.name, *(cell(_value(e, c, identities)) for c in columns)) for e in found]
    print_table(console(), ("name", *columns), rows)
