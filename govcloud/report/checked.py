"""Findings with their places, for programs and for merge requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from ..model.catalogue import Catalogue
from ..model.governance import Waiver
from ..policy import Check, Finding
from ..source import Loaded, Place
from .markup import code, inline

WORDS = {"deny": "denied", "target": "target missed", "require": "required", "flag": "flagged"}
ORDER = (*WORDS, "waived")
# Rows of a table in a comment; forges refuse one of more than 65,536 characters.
MOST_ROWS = 100
MOST_DETAILS = 60_000


@dataclass(frozen=True)
class Told:
    """A finding, where it is to be looked at, and the waiver that lets it pass, where one does."""

    finding: Finding
    files: Loaded
    waiver: Waiver | None = None

    @cached_property
    def place(self) -> Place:
        """Its field, else its entry; empty where no file says it. Looked for when somebody asks."""
        kind, _, name = self.finding.subject.partition("/")
        return self.files.position(kind, name, self.finding.field or None)

    @property
    def word(self) -> str:
        """What it comes to, in a word."""
        return "waived" if self.finding.waiver else WORDS[self.finding.verdict]

    @property
    def where(self) -> str:
        """``file:line``, as far as it is known."""
        return f"{self.place.path}:{self.place.line}" if self.place.line else self.place.path


@dataclass(frozen=True)
class Report:
    """What was found on a day. ``since``: the revision after which it is new; then ``cured`` was found there,
    and is no more."""

    found: list[Told]
    as_of: date
    since: int | None = None
    cured: Sequence[Finding] = ()

    @property
    def sentence(self) -> str:
        """``as of 2026-11-01: 2 findings: 1 denied, 1 flagged``."""
        told = counts(one.finding for one in self.found)
        day = f"as of {self.as_of.isoformat()}"
        if self.since is None:
            return f"{day}: {told}"
        return f"{day}, new since revision {self.since}: {told}; {len(self.cured)} cured"


def told(findings: Iterable[Finding], loaded: Loaded, catalogue: Catalogue) -> list[Told]:
    """Each finding with the files that it is in, and with its waiver."""
    out = []
    for finding in findings:
        waiver = catalogue.find("waiver", finding.waiver.partition("/")[2]) if finding.waiver else None
        out.append(Told(finding, loaded, waiver if isinstance(waiver, Waiver) else None))
    return out


def waiver_words(one: Told) -> str:
    """``waiver/x: why; granted by wu-jing until 2026-12-31``; empty where nothing waives it."""
    if not one.finding.waiver:
        return ""
    if one.waiver is None:
        return one.finding.waiver
    document = f", {one.waiver.document}" if one.waiver.document else ""
    granted = f"granted by {one.waiver.granted_by} until {one.waiver.ends_on}{document}"
    return f"{one.finding.waiver}: {one.waiver.reason}; {granted}"


def counts(findings: Iterable[Finding]) -> str:
    """``5 findings: 2 denied, 3 flagged``."""
    found = list(findings)
    kinds = Counter("waived" if f.waiver else f.verdict for f in found)
    parts = [f"{kinds[v]} {WORDS.get(v, v)}" for v in ORDER if kinds[v]]
    total = f"{len(found)} {'finding' if len(found) == 1 else 'findings'}"
    return f"{total}: {', '.join(parts)}" if parts else "no findings"


def document(report: Report) -> dict[str, Any]:
    """The report as ``--json`` writes it; ``since`` is null where everything was asked for."""
    cured = [
        {
            "rule": one.rule,
            "verdict": one.verdict,
            "entry": one.subject,
            "field": one.field,
            "message": one.message,
        }
        for one in report.cured
    ]
    return {
        "as_of": report.as_of.isoformat(),
        "since": report.since,
        "findings": [_document(one) for one in report.found],
        "cured": cured,
    }


def _document(one: Told) -> dict[str, Any]:
    """A finding; ``waived`` is null where no waiver lets it pass."""
    finding, waiver = one.finding, one.waiver
    return {
        "rule": finding.rule,
        "verdict": finding.verdict,
        "strength": finding.strength,
        "entry": finding.subject,
        "field": finding.field,
        "path": one.place.path,
        "line": one.place.line,
        "message": finding.message,
        "witness": list(finding.witness),
        "source": finding.source,
        "cure": finding.cure,
        "waiver": finding.waiver,
        "waived": waiver
        and {
            "reason": waiver.reason,
            "granted_by": waiver.granted_by,
            "document": waiver.document,
            "ends_on": waiver.ends_on,
        },
    }


def markdown(report: Report, checks: Mapping[str, Check], environment: str) -> str:
    """The findings as Markdown, for a comment on a merge request: a table, and the rules folded under it."""
    sentence = report.sentence
    out = [f"### Rules for `{environment}`", "", f"**{sentence[0].upper()}{sentence[1:]}**", ""]
    if not report.found:
        return "\n".join(out)
    # The worst first: what has no room is what matters least.
    found = sorted(
        report.found, key=lambda one: ORDER.index("waived" if one.finding.waiver else one.finding.verdict)
    )
    out += ["| verdict | rule | entry | what | where |", "|---|---|---|---|---|"]
    for one in found[:MOST_ROWS]:
        finding = one.finding
        cells = (
            one.word,
            code(finding.rule, cell=True),
            code(finding.subject, cell=True),
            inline(finding.message, cell=True),
            code(one.where, cell=True),
        )
        out.append(f"| {' | '.join(cells)} |")
    if len(found) > MOST_ROWS:
        out += ["", f"… and {len(found) - MOST_ROWS} more: `govcloud check` shows them"]
    by_rule: dict[str, list[Told]] = {}
    for one in found[:MOST_ROWS]:
        by_rule.setdefault(one.finding.rule, []).append(one)
    size = sum(map(len, out))
    for rule, those in by_rule.items():
        lines = list(_details(rule, those, checks))
        size += sum(map(len, lines))
        if size > MOST_DETAILS:
            out += ["", "The details of the other rules have no room here: `govcloud check` shows them"]
            break
        out += lines
    return "\n".join([*out, ""])


def _details(rule: str, those: Sequence[Told], checks: Mapping[str, Check]) -> Iterable[str]:
    check = checks.get(rule)
    yield from ("", f"<details><summary>{rule}: {len(those)}</summary>", "")
    if check is not None:
        yield from (inline(check.sentence), "", f"Source: {inline(check.source)}", "")
    for one in those:
        finding = one.finding
        yield f"- {code(finding.subject)}: {inline(finding.message)}"
        if finding.witness:
            yield f"  - by {code(' '.join(finding.witness))}"
        if finding.waiver:
            yield f"  - waived: {inline(waiver_words(one))}"
        elif finding.cure:
            yield f"  - cure: {inline(finding.cure)}"
    yield from ("", "</details>")
