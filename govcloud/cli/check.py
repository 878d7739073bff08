"""``govcloud check``: what the files say, held against the rules, before anything changes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option
from .completing import complete_rule

if TYPE_CHECKING:
    from ..policy import Finding
    from ..source import Key, Loaded, Place

COLOURS = {"deny": "red", "target": "magenta", "require": "yellow", "flag": "cyan"}
WORDS = {"deny": "denied", "target": "target missed", "require": "required", "flag": "flagged"}
# Of one rule so many are shown where no rule was asked for.
MOST = 5


@click.command()
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="ID",
    shell_complete=complete_rule,
    help="This rule alone, as N-15; may be repeated.",
)
@click.option("--as-of", metavar="DATE", help="Judge dated targets and evidence as of this day, YYYY-MM-DD.")
@json_option
@click.pass_obj
def check(app: App, rules: tuple[str, ...], as_of: str | None, as_json: bool) -> int:
    """Judge the files by the rules of their province; nothing is asked of any machine, nothing is written.

    What others say (requests, orders, other workspaces) is taken from the ledger, where there is one. Each
    finding names the rule, the entry and its place, the source, the way that proves it, and what cures it.
    Exit code 3 where something is denied or misses a dated target, 2 where the files are wrong.
    """
    day = _day(as_of)
    from ..model.catalogue import Catalogue
    from ..policy import Case, chosen, judge
    from ..policy.registry import read
    from ..source.reading import collector_paused

    kinds = read(chosen(rules))
    with collector_paused():
        loaded, merged = _read(app, as_json)
        findings = judge(Case(Catalogue.of(merged, kinds), day), rules)
        places = _Places(loaded)
        if as_json:
            emit({"as_of": day.isoformat(), "findings": [places.document(f) for f in findings]})
        else:
            _show(findings, places, day, whole=bool(rules))
    return int(Exit.CHANGES if any(f.stops for f in findings) else Exit.OK)


def _day(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        problem = Problem(f"--as-of: {text!r} is no day of the calendar")
        raise InputError([problem], hint="a day as YYYY-MM-DD") from None


def _read(app: App, quiet: bool) -> tuple[Loaded, Mapping[Key, Mapping[str, Any]]]:
    """The files, and the entries as all claimants together say them. Raises ``InputError``."""
    from ..access import sight
    from ..access.sight import keys_of
    from ..ledger import open_ledger
    from ..plan.together import together
    from .progress import reading

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection, reading(quiet=quiet) as progress:
        hidden = sight(app.workspace, ledger, connection)
        unseen = keys_of(connection, hidden)
        loaded, merged = together(app.workspace, connection, progress)
    if unseen:
        # Who has the files knows what is in them; of the rest, what may not be read is not judged either.
        said = {(claim.kind, claim.name) for claim in loaded.claims}
        merged = {key: fields for key, fields in merged.items() if key in said or key not in unseen}
    return loaded, merged


class _Places:
    """Where in the files a finding is to be looked at."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def of(self, finding: Finding) -> Place:
        """The place of the field, else of the entry; empty where no file says it."""
        kind, _, name = finding.subject.partition("/")
        return self._loaded.position(kind, name, finding.field or None)

    def document(self, finding: Finding) -> dict[str, Any]:
        """A finding as ``--json`` writes it."""
        place = self.of(finding)
        return {
            "rule": finding.rule,
            "verdict": finding.verdict,
            "strength": finding.strength,
            "entry": finding.subject,
            "field": finding.field,
            "path": place.path,
            "line": place.line,
            "message": finding.message,
            "witness": list(finding.witness),
            "source": finding.source,
            "cure": finding.cure,
            "waiver": finding.waiver,
        }


def _show(findings: Sequence[Finding], places: _Places, day: date, *, whole: bool) -> None:
    from rich.text import Text

    from ..policy import decided
    from .tables import print_line

    out = console()
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, those in by_rule.items():
        words = f"  {decided()[rule].sentence}  "
        print_line(out, Text.assemble((rule, "bold"), words, (_source(those[0].source), "dim")))
        shown = those if whole else those[:MOST]
        for finding in shown:
            word = "waived" if finding.waiver else WORDS[finding.verdict]
            colour = "dim" if finding.waiver else COLOURS[finding.verdict]
            place = places.of(finding)
            where = f"  {place.path}:{place.line}" if place.line else f"  {place.path}".rstrip()
            said = f"{finding.subject}: {finding.message}"
            print_line(out, Text.assemble("  ", (word, colour), f"  {said}", (where, "dim")))
            if finding.witness:
                print_line(out, Text(f"      by {' '.join(finding.witness)}", "dim"))
            if finding.waiver:
                print_line(out, Text(f"      {finding.waiver}", "dim"))
            elif finding.cure:
                print_line(out, Text(f"      cure: {finding.cure}"))
        if len(those) > len(shown):
            more = f"  ... and {len(those) - len(shown)} more: `govcloud check --rule {rule}` shows them"
            print_line(out, Text(more, "dim"))
    counts = Counter("waived" if f.waiver else f.verdict for f in findings)
    told = [f"{counts[v]} {WORDS.get(v, v)}" for v in (*WORDS, "waived") if counts[v]]
    total = f"{len(findings)} {'finding' if len(findings) == 1 else 'findings'}"
    what = f"{total}: {', '.join(told)}" if told else "no findings"
    out.print(f"as of {day.isoformat()}: {what}", markup=False)


def _source(source: str) -> str:
    """Documents and lines; the words there are told with ``--json``."""
    return re.sub(r" \[[^]]*\](〔[^〕]*〕)?", "", source)
