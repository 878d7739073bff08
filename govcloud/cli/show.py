"""`govcloud show`: all that the ledger knows of one entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from ..report.waived import documents as waiver_documents
from ..report.waived import words as waiver_words
from .browse import document
from .common import App, console, emit, json_option
from .completing import complete_entry
from .past import as_of_option, place, show_at
from .viewing import age, cell, counted, entry_named, open_view

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger.blame import Blamed
    from ..ledger.browsing import Referrer, Seen, View
    from ..ledger.evidence import Evidence
    from ..ledger.hosts import HostFacts

# So many of those who refer to an entry are named; the others are counted.
MOST_NAMED = 12


@click.command()
@click.argument("entry", metavar="KIND/NAME", shell_complete=complete_entry)
@as_of_option
@json_option
@click.pass_obj
def show(app: App, entry: str, as_of: str | None, as_json: bool) -> None:
    """Show one entry: fields with who says them, stack, what was seen, who refers to it, evidence."""
    from ..ledger import blame, building, evidence
    from ..ledger.entries import last_revision
    from ..ledger.hosts import facts_of

    if as_of is not None:
        show_at(app, entry, as_of, as_json)
        return
    with open_view(app) as view:
        found = entry_named(view, entry)
        now = last_revision(view.connection)
        blamed = blame.blame(view.connection, *found.key, now) or []
        claims = blame.claims_at(view.connection, now, *found.key)
        identity = view.identities([found.uid])[found.uid]
        observed = building.all_observed(view.connection, uid=found.uid)
        built = building.all_applied(view.connection, uid=found.uid).values()
        referrers = view.referrers(found.kind, [found.name])
        waived = _waivers(view, referrers)
        targets = _targets(view, found) if not as_json else {}
        measured = latest(evidence.of(view.connection, found.subject))
        said = facts_of(view.connection, found.uid)
    if not as_json:
        facts = [("built   ", "green", one.scope) for one in built]
        facts += [("seen    ", "cyan", f"{one.status}, {age(one.at)} ago") for one in observed]
        facts += [("says    ", "cyan", line) for line in _said(said)]
        facts += [("waived  ", "yellow", waiver_words(one)) for one in waived]
        _show(found, identity, blamed, targets, facts, _grouped(referrers), measured)
        return
    emit(
        document(found, identity)
        | {
            "claims": [
                {"claimant": c.claimant, "line": c.line, "fields": sorted(c.fields or ())} for c in claims
            ],
            "pins": sorted(b.field for b in blamed if b.pinned),
            "applied": [{"scope": a.scope, "incarnation": a.incarnation} for a in built],
            "observed": observed,
            "facts": said and {"at": said.at, "run": said.run, **said.values},
            "referred_by": sorted({f"{r.kind}/{r.name}" for r in referrers}),
            "referrers": [
                {"kind": kind, "field": field, "count": len(names), "first": names[:MOST_NAMED]}
                for (kind, field), names in _grouped(referrers).items()
            ],
            "evidence": measured,
            "waivers": waived,
        }
    )


def _waivers(view: View, referrers: Sequence[Referrer]) -> list[dict[str, Any]]:
    """The waivers that name the entry as what they are for."""
    names = [r.name for r in referrers if (r.kind, r.field) == ("waiver", "subjects")]
    return waiver_documents([w for name in names if (w := view.find("waiver", name))], date.today())


def _said(said: HostFacts | None) -> list[str]:
    """What a host said of itself, in two lines or none: the machine, and its addresses."""
    if said is None:
        return []
    one = said.values
    system = " ".join(str(one[k]) for k in ("distribution", "distribution_version") if one.get(k))
    parts = [system, f"kernel {one['kernel']}" if one.get("kernel") else "", str(one.get("architecture", ""))]
    parts += [f"{one['cpus']} CPU{'s' if one['cpus'] != 1 else ''}"] if one.get("cpus") else []
    parts += [f"{one['memory_mib']:,} MiB"] if one.get("memory_mib") else []
    parts += [f"Python {one['python']}"] if one.get("python") else []
    lines = [f"{', '.join(filter(None, parts))}; {age(said.at)} ago, run {said.run}"]
    there = {name: found for name, found in sorted(one.get("interfaces", {}).items()) if found}
    lines += ["; ".join(f"{name} {', '.join(found)}" for name, found in there.items())] if there else []
    return lines


def latest(rows: Sequence[Evidence]) -> list[Evidence]:
    """The newest figure of each probe; ``rows``: newest first."""
    newest: dict[str, Evidence] = {}
    for row in rows:
        newest.setdefault(row.name, row)
    return [newest[name] for name in sorted(newest)]


def _targets(view: View, entry: Seen) -> dict[str, str]:
    """Chinese titles of what the entry refers to, by field; of lists none, for they are long."""
    from ..model import fields

    infos = fields(entry.kind)
    single = [(f, k, n) for _, f, k, n in view.referred([entry.uid]) if f in infos and not infos[f].many]
    titles: dict[str, str] = {}
    for field, kind, name in single:
        target = view.find(kind, name)
        if target is not None and target.title:
            titles[field] = target.title
    return titles


def _grouped(referrers: Sequence[Referrer]) -> dict[tuple[str, str], list[str]]:
    """Names by (kind, field), each in order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in sorted(referrers, key=lambda r: (r.kind, r.field, r.name)):
        groups.setdefault((one.kind, one.field), []).append(one.name)
    return groups


def _show(
    entry: Seen,
    identity: tuple[int, str | None],
    blamed: Sequence[Blamed],
    targets: dict[str, str],
    facts: Sequence[tuple[str, str, str]],
    groups: dict[tuple[str, str], list[str]],
    evidence: Sequence[Evidence],
) -> None:
    from rich.text import Text

    from ..model import KINDS
    from .tables import print_line

    out = console()
    title = f"  {entry.title}" if entry.title else ""
    print_line(out, Text.assemble((entry.subject, "bold"), title, (f"  {KINDS[entry.kind].ZH}", "dim")))
    said = {b.field: ("pinned by " if b.pinned else "") + place(b.owner) for b in blamed if b.owner}
    # Mostly one file says it all: then it is told once.
    only = next(iter(said.values())) if len(set(said.values())) == 1 else ""
    incarnation, stack = identity
    where = f", stack {stack}" if stack else ""
    words = f"uid {entry.uid}, incarnation {incarnation}{where}, since revision {entry.since}"
    print_line(out, Text(words + (f", {only}" if only else ""), "dim"), 2)
    _show_fields(out, entry, {} if only else said, targets)
    for what, style, text in facts:
        print_line(out, Text.assemble("  ", (what, style), text))
    for (kind, field), names in groups.items():
        more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        named = ", ".join(f"{kind}/{name}" for name in names[:MOST_NAMED])
        print_line(out, Text(f"  {field} of {counted(len(names), kind)}: {named}{more}"), 4)
    for one in evidence:
        figure = f"{one.value:.2f} {one.unit}" if one.value is not None else ""
        origin = f"run {one.run}" if one.run else "by hand"
        line = Text.assemble(
            "  ",
            ("✓", "green") if one.ok else ("✗", "red"),
            f" {one.name:32} {figure:>10}  ",
            (f"{age(one.at)} ago, {origin}", "dim"),
            "" if one.ok else f"  {one.detail.get('reason', '')}",
        )
        print_line(out, line, 4)
    for way, versions in _ways(evidence).items():
        print_line(out, Text(f"  way over {' and '.join(versions)}: {' › '.join(way)}"), 4)


def _ways(rows: Sequence[Evidence]) -> dict[tuple[str, ...], list[str]]:
    """The ways that probes took, and over which versions of IP."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        way, version = row.detail.get("path"), f"IPv{row.detail.get('ip_version')}"
        if way and version not in ways.setdefault(tuple(way), []):
            ways[tuple(way)].append(version)
    return ways


def _show_fields(out: Console, entry: Seen, said: dict[str, str], targets: dict[str, str]) -> None:
    """A line a field: its value, the title of what it names, what it is called in Chinese, who says it."""
    from rich.text import Text

    from ..model import fields
    from .tables import print_line

    known = {name: info for name, info in fields(entry.kind).items() if name in entry.fields}
    names = max((len(name) for name in known), default=0)
    values = {
        name: Text("  ".join(filter(None, (cell(entry.fields[name]), cell(targets.get(name))))))
        for name in known
    }
    # Long values stand alone; the others make a column.
    width = max((v.cell_len for v in values.values() if v.cell_len <= 32), default=0)
    for name, info in known.items():
        value = values[name]
        blank = " " * (width - value.cell_len)
        note = "  ".join(filter(None, (info.doc.zh, said.get(name, ""))))
        line = Text.assemble(f"  {name:{names}}  ", value, blank, (f"  {note}", "dim"))
        print_line(out, line, names + 4)
