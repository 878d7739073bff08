"""Findings of ``govcloud check`` as people read them on a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .common import console

if TYPE_CHECKING:
    from ..policy import Check
    from ..report.checked import Report, Told

COLOURS = {"deny": "red", "target": "magenta", "require": "yellow", "flag": "cyan"}
# Of one rule so many are shown where no rule was asked for.
MOST = 5


def show(report: Report, checks: Sequence[Check], *, whole: bool, listed: bool) -> None:
    """Print findings rule by rule, and how many there are.

    ``whole``: all, however many a rule has; ``listed``: False where only the last line is wanted.
    """
    from rich.text import Text

    from ..report.checked import waiver_words
    from .tables import print_line

    out = console()
    sentences = {check.id: check.sentence for check in checks}
    by_rule: dict[str, list[Told]] = {}
    for one in report.found if listed else ():
        by_rule.setdefault(one.finding.rule, []).append(one)
    for rule, those in by_rule.items():
        words = f"  {sentences[rule]}  "
        source = _source(those[0].finding.source)
        print_line(out, Text.assemble((rule, "bold"), words, (source, "dim")))
        shown = those if whole else those[:MOST]
        for one in shown:
            finding = one.finding
            colour = "dim" if finding.waiver else COLOURS[finding.verdict]
            where = f"  {one.where}".rstrip()
            said = f"{finding.subject}: {finding.message}"
            print_line(out, Text.assemble("  ", (one.word, colour), f"  {said}", (where, "dim")))
            if finding.witness:
                print_line(out, Text(f"      by {' '.join(finding.witness)}", "dim"))
            if finding.waiver:
                print_line(out, Text(f"      {waiver_words(one)}", "dim"))
            elif finding.cure:
                print_line(out, Text(f"      cure: {finding.cure}"))
        if len(those) > len(shown):
            more = f"  ... and {len(those) - len(shown)} more: `govcloud check --rule {rule}` shows them"
            print_line(out, Text(more, "dim"))
    out.print(report.sentence, markup=False)


def _source(source: str) -> str:
    """Documents and lines; the words there are told with ``--json``."""
    return re.sub(r" \[[^]]*\](〔[^〕]*〕)?", "", source)
