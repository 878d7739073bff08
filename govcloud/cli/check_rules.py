"""``check --coverage`` and ``check --self-test``: the rules themselves, and whether examples hold."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import console, emit

if TYPE_CHECKING:
    from ..policy import Check
    from ..policy.selftest import Example
    from ..policy.standing import Standing

# A page of a terminal, and of a merge request.
WIDTH = 100


def show_coverage(own: Sequence[Check], *, as_json: bool, markdown: bool) -> int:
    """Print which rules are decided and what the others lack. ``own``: those that stand in no document."""
    from ..policy.standing import standings
    from ..report import rulebook

    table = standings()
    if as_json:
        emit(rulebook.document(table, own))
    elif markdown:
        click.echo(rulebook.markdown(table, own), nl=False)
    else:
        _print_coverage(table, own)
    return int(Exit.OK)


def _print_coverage(table: Sequence[Standing], own: Sequence[Check]) -> None:
    from rich.text import Text

    from ..report.rulebook import GROUPS, totals
    from .tables import print_line, print_table

    out = console()
    heads = ("rule", "verdict", "judges", "where", "what")
    rows = []
    for one in table:
        where = ", ".join(one.provinces) or "everywhere"
        judges = one.each or ("the whole" if one.verdict else "")
        rows.append([one.id, one.verdict or "-", judges, where])
    for check in own:
        judges = check.each.KIND if check.each else "the whole"
        rows.append([check.id, check.verdict, judges, "everywhere"])
    whats = [*(one.sentence for one in table), *(check.sentence for check in own)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(heads) - 1)]
    room = WIDTH - sum(widths) - 2 * len(widths)
    print_table(out, heads, [[*row, _short(what, room)] for row, what in zip(rows, whats, strict=True)])
    lacking = [one for one in table if not one.decided]
    if lacking:
        out.print()
        print_line(
            out,
            Text("not counted as decided, and what is lacking", "bold"),
        )
        for one in lacking:
            for line in textwrap.wrap(one.lacks, WIDTH - 8, initial_indent=f"  {one.id}  ".ljust(8)[:8]):
                print_line(out, Text(line if line.startswith("  ") else f"        {line}"))
    out.print()
    for letter, (decided, total) in totals(table).items():
        print_line(out, Text(f"{letter}  {decided:>3} of {total:>3}  {GROUPS[letter]}"))
    decided = sum(one.decided for one in table)
    extra = f", and {len(own)} more of the ledger, of standards and of the site" if own else ""
    print_line(out, Text(f"{decided} of {len(table)} rules are decided{extra}", "bold"))


def _short(text: str, room: int) -> str:
    """A sentence in so many cells; what is cut ends with an ellipsis."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + "…"


def self_test(examples: Mapping[str, Sequence[Example]], checks: Mapping[str, Check], as_json: bool) -> int:
    """Run every example; exit code 1 where one does not hold. ``checks``: the rules that they are of."""
    from rich.text import Text

    from ..policy.selftest import run
    from .tables import print_line

    failed = [(example, found) for example, found in run(examples, checks) if found]
    count = sum(map(len, examples.values()))
    without = sorted(id for id in checks if id not in examples)
    if as_json:
        emit(
            {
                "rules": len(examples),
                "examples": count,
                "without": without,
                "failed": [
                    {
                        "rule": example.rule,
                        "expected": "passes" if example.passes else "fails",
                        "path": example.path,
                        "line": example.line,
                        "found": found,
                    }
                    for example, found in failed
                ],
            }
        )
    else:
        out = console()
        for example, found in failed:
            place = f"  {example.path}:{example.line}" if example.line else f"  {example.path}"
            expected = "should pass" if example.passes else "should fail"
            print_line(out, Text.assemble((example.rule, "bold"), f"  {expected}: {found}", (place, "dim")))
        if without:
            print_line(out, Text(f"without examples: {', '.join(without)}", "yellow"))
        what = f"{len(failed)} do not hold" if failed else "all hold"
        of = f"{count} {_s('example', count)} of {len(examples)} {_s('rule', len(examples))}"
        print_line(out, Text(f"{of}: {what}", "bold"))
    return int(Exit.FAILED if failed else Exit.OK)


def _s(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
