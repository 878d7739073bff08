"""``govcloud check``: what the files say, held against the rules, before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, GovcloudError, InputError, Problem
from .common import App, json_option
from .completing import complete_rule

if TYPE_CHECKING:
    from ..plan.remembering import Quick
    from ..policy import Check, Finding
    from ..report.checked import Report
    from ..source import Key, Loaded
    from .check_since import Past

Merged = Mapping["Key", Mapping[str, Any]]


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
@click.option("--since", metavar="REV", help="Only what is new since a revision, as `diff` names them.")
@click.option("--coverage", is_flag=True, help="Which rules are decided, and what the others lack.")
@click.option("--self-test", is_flag=True, help="Run the examples of all rules, the site's own too.")
@json_option
@click.option("--markdown", is_flag=True, help="Write Markdown, for a merge request.")
@click.option("--sarif", is_flag=True, help="Write SARIF 2.1.0, for the code scanning of a forge.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write that to this file instead.")
@click.pass_obj
def check(
    app: App,
    rules: tuple[str, ...],
    as_of: str | None,
    since: str | None,
    coverage: bool,
    self_test: bool,
    as_json: bool,
    markdown: bool,
    sarif: bool,
    out: str | None,
) -> int:
    """Judge the files by the rules of their province; nothing is asked of any machine, nothing is written.

    What others say (requests, orders, other workspaces) is taken from the ledger, where there is one. Each
    finding names the rule, the entry and its place, the source, the way that proves it, and what cures it.

    \b
    Exit codes: 4 where something is denied and nobody waived it · 3 where a dated target is missed, or
    something is required · 0 where all is well, or only flagged · 2 where the files are wrong
    """
    day = _day(as_of)
    _fits(rules, as_of, since, coverage, self_test, as_json, markdown, sarif, out)
    from ..source.reading import collector_paused

    with collector_paused():
        if coverage or self_test:
            return _of_the_rules(app, rules, coverage, as_json, markdown)
        quick = _remembered(app, day) if not rules and since is None else None
        past: Past | None = None
        cured: list[Finding] = []
        if quick is not None:
            findings, checks, catalogue, loaded = quick
        else:
            loaded, merged, past = _read(app, as_json or markdown or sarif, since)
            findings, checks, catalogue = _judge(merged, rules, day)
            if past is not None:
                findings, cured = past.compared(findings, checks, merged, day)
            elif not rules:
                _remember(app, findings, day)
        from ..report.checked import Report, told

        number = past.revision if past is not None else None
        report = Report(told(findings, loaded, catalogue), day, number, cured)
        text = _written(app, report, checks, as_json, markdown, sarif)
        if text is not None and out is None:
            click.echo(text, nl=False)
        elif text is not None:
            _write(out, text)
        if text is None or out is not None:
            from .check_telling import show

            show(report, checks, whole=bool(rules), listed=text is None)
    return int(exit_code(findings))


def exit_code(findings: Sequence[Finding]) -> Exit:
    """What the worst finding that nobody waived comes to."""
    verdicts = {finding.verdict for finding in findings if not finding.waiver}
    if "deny" in verdicts:
        return Exit.DENIED
    return Exit.CHANGES if verdicts & {"target", "require"} else Exit.OK


def _fits(
    rules: tuple[str, ...],
    as_of: str | None,
    since: str | None,
    coverage: bool,
    self_test: bool,
    as_json: bool,
    markdown: bool,
    sarif: bool,
    out: str | None,
) -> None:
    """Raises ``InputError`` for options that do not go together."""
    problems = []
    if as_json + markdown + sarif > 1:
        problems.append(Problem("expected one of --json, --markdown and --sarif"))
    if coverage and self_test:
        problems.append(Problem("expected --coverage or --self-test, not both"))
    for word, given in (("--coverage", coverage), ("--self-test", self_test)):
        no = {"--sarif": sarif, "--as-of": as_of is not None, "--since": since is not None}
        no |= {"--out": out is not None}
        no |= {"--rule": coverage and bool(rules), "--markdown": self_test and markdown}
        problems += [Problem(f"{word} and {other} do not go together") for other in no if given and no[other]]
    if out is not None and not (as_json or markdown or sarif or coverage or self_test):
        problems.append(Problem("--out needs --json, --markdown or --sarif"))
    if problems:
        raise InputError(problems, hint="`govcloud check --help`")


def _day(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        problem = Problem(f"--as-of: {text!r} is no day of the calendar")
        raise InputError([problem], hint="a day as YYYY-MM-DD") from None


def _read(app: App, quiet: bool, since: str | None = None) -> tuple[Loaded, Merged, Past | None]:
    """The files, the entries as all claimants together say them, and those of a revision where one is asked
    for. Raises ``InputError``."""
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
        past = None
        if since is not None:
            from .check_since import past_at

            past = past_at(connection, since, hidden, {(c.kind, c.name) for c in loaded.claims})
    if unseen:
        # Who has the files knows what is in them; of the rest, what may not be read is not judged either.
        said = {(claim.kind, claim.name) for claim in loaded.claims}
        merged = {key: fields for key, fields in merged.items() if key in said or key not in unseen}
    return loaded, merged, past


def _remembered(app: App, day: date) -> Quick | None:
    """The findings from what is remembered of the accepted entries, and of what changed; None: judge all."""
    from ..access import sight
    from ..ledger import open_ledger
    from ..plan.remembering import quickly

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        if sight(app.workspace, ledger, connection):
            return None
        return quickly(app.workspace, ledger, connection, day)


def _remember(app: App, findings: Sequence[Finding], day: date) -> None:
    """Keep what was found for the next time, where its reader may see everything."""
    from ..access import sight
    from ..ledger import open_ledger
    from ..plan.remembering import remember

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        if not sight(app.workspace, ledger, connection):
            remember(app.workspace, connection, findings, day)


def _judge(merged: Merged, rules: Sequence[str], day: date) -> tuple[list[Finding], list[Check], Any]:
    """Findings, the rules that were asked, and the entries that they read."""
    from ..model.catalogue import Catalogue
    from ..policy import Case
    from ..policy.expressions import asked, found_by
    from ..policy.registry import read

    checks = asked(Catalogue.of(merged, {"rule"}), rules)
    catalogue = Catalogue.of(merged, read(checks))
    case = Case(catalogue, day)
    checks = [check for check in checks if rules or check.binds(case)]
    return found_by(checks, case), checks, catalogue


def _written(
    app: App, report: Report, checks: Sequence[Check], as_json: bool, markdown: bool, sarif: bool
) -> str | None:
    """The findings in the form that was asked for; None: as people read them on a terminal."""
    if markdown:
        from ..report.checked import markdown as written

        return written(report, {check.id: check for check in checks}, app.workspace.environment)
    if as_json:
        from ..report.checked import document

        return _json(document(report))
    if sarif:
        from ..report.sarif import document as as_sarif

        return _json(as_sarif(report.found, checks))
    return None


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write(out: str | None, text: str) -> None:
    assert out is not None
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise GovcloudError(f"{out} cannot be written: {error.strerror}", hint="another FILE") from None


def _of_the_rules(app: App, rules: Sequence[str], coverage: bool, as_json: bool, markdown: bool) -> int:
    """What is asked about the rules themselves."""
    from ..model.catalogue import Catalogue
    from ..policy import expressions
    from ..policy.standing import own as ledgers_own
    from . import check_rules

    loaded, merged, _ = _read(app, as_json or markdown)
    catalogue = Catalogue.of(merged, {"rule"})
    if coverage:
        mine = [*ledgers_own(), *expressions.own(catalogue).values()]
        return check_rules.show_coverage(mine, as_json=as_json, markdown=markdown)
    from ..policy import selftest

    checks = {check.id: check for check in expressions.asked(catalogue, rules)}
    every = {**selftest.shipped(), **selftest.of_site(catalogue, merged, loaded)}
    examples = {id: every[id] for id in checks if id in every}
    return check_rules.self_test(examples, checks, as_json)
