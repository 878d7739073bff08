"""Findings as SARIF 2.1.0, which GitHub and GitLab show beside the lines of a merge request."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..policy import Check
from ..workspace import SETTINGS
from .checked import Told, waiver_words
from .markup import inline

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# A forge shows errors first; what a rule only flags is a note.
LEVELS = {"deny": "error", "target": "warning", "require": "warning", "flag": "note"}
# The way in which a finding is known again; another number where it is made otherwise.
PRINT = "govcloudFinding/v1"


def document(found: Sequence[Told], checks: Iterable[Check]) -> dict[str, Any]:
    """One run with its rules and results. ``checks``: all that were asked; those without findings too."""
    rules = list(checks)
    index = {check.id: number for number, check in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "govcloud",
                        "semanticVersion": __version__,
                        "rules": [_rule(check) for check in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": list(_results(found, index)),
            }
        ],
    }


def _rule(check: Check) -> dict[str, Any]:
    words = [check.sentence, f"Source: {check.source}"]
    if check.reads:
        words.append(f"Reads: {', '.join(check.reads)}")
    return {
        "id": check.id,
        "shortDescription": {"text": check.sentence},
        "fullDescription": {"text": f"{check.sentence} ({check.source})"},
        "help": {"text": "\n".join(words), "markdown": "\n\n".join(map(inline, words))},
        "defaultConfiguration": {"level": LEVELS[check.verdict]},
        "properties": {"tags": [check.verdict, check.strength], "waivable": check.waivable},
    }


def _results(found: Sequence[Told], index: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        finding = one.finding
        what = (finding.rule, finding.subject, finding.field)
        seen[what] += 1
        cure = f" Cure: {finding.cure}." if finding.cure else ""
        by = f" By {' '.join(finding.witness)}." if finding.witness else ""
        result: dict[str, Any] = {
            "ruleId": finding.rule,
            "ruleIndex": index[finding.rule],
            "level": LEVELS[finding.verdict],
            "message": {"text": f"{finding.subject}: {finding.message}.{by}{cure}"},
            "locations": [_location(one)],
            # Of what it is about and not of where that stands: lines move.
            "partialFingerprints": {PRINT: _digest(*what, str(seen[what]))},
            "properties": {"verdict": finding.verdict, "entry": finding.subject, "field": finding.field},
        }
        if finding.waiver:
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": waiver_words(one)}
            ]
        yield result


def _location(one: Told) -> dict[str, Any]:
    # A sheet of a workbook stands in brackets behind its file, and has no lines.
    path, sheet, _ = one.place.path.partition("[")
    region = {"startLine": max(one.place.line, 1)}
    if one.place.column and not sheet:
        region["startColumn"] = one.place.column
    if not path:
        # What no file says; a forge takes no result without a place.
        path, region = SETTINGS, {"startLine": 1}
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": region},
        "logicalLocations": [{"fullyQualifiedName": one.finding.subject, "kind": "resource"}],
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
