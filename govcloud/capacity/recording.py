"""A review kept as dated evidence: entries of kind inspection, type utilisation, which rules C-07 and C-08
read."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import InputError, Problem
from ..source.files import plural_of
from .reviewing import Judged

COLUMNS = ("type", "subject", "date", "finding", "severity", "cpu_percent", "memory_percent", "document")
SEVERITY = {"overloaded": "medium", "idle": "low", "oversized": "low", "fine": "none"}
# A name's length (RFC 1123), as entries are named.
LONGEST = 63


def inspections(judged: Iterable[Judged], day: date, document: str) -> dict[str, dict[str, Any]]:
    """An inspection of each instance whose samples say something, by name.

    ``document``: what the samples are, so that somebody can look again.
    """
    out: dict[str, dict[str, Any]] = {}
    for one in judged:
        if one.verdict not in SEVERITY or one.measured is None:
            continue
        fields: dict[str, Any] = {
            "type": "utilisation",
            "subject": f"instance/{one.instance}",
            "date": day.isoformat(),
            "severity": SEVERITY[one.verdict],
            "document": document,
        }
        if one.verdict != "fine":
            fields["finding"] = f"{one.verdict}: {one.why}"
        for what, used in (("cpu_percent", one.measured.cpu), ("memory_percent", one.measured.memory)):
            if used is not None:
                fields[what] = used.mean
        out[name_of(one.instance, day)] = fields
    return out


def name_of(instance: str, day: date) -> str:
    """The name of an inspection."""
    return shortened(f"use-{day:%Y%m%d}-{instance}")


def shortened(name: str) -> str:
    """A name as entries and requests may have; one too long ends with a digest of the whole."""
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def text_of(path: Path, found: dict[str, dict[str, Any]]) -> str:
    """The file's text: a table for ``.csv``, else YAML. Raises ``InputError`` for a table of another name."""
    if path.suffix.lower() == ".csv":
        if plural_of(path.name) != "inspections":
            words = f"--record: a table says by its name what it holds; {path.name} is none of inspections"
            hint = "call it inspections.csv or inspections-2026-11.csv, or write YAML"
            raise InputError([Problem(words)], hint=hint)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("name", *COLUMNS))
        for name, fields in found.items():
            writer.writerow((name, *(fields.get(column, "") for column in COLUMNS)))
        return out.getvalue()
    import yaml

    body: str = yaml.safe_dump({"inspections": found}, allow_unicode=True, sort_keys=False, width=110)
    return f"# Written by `govcloud capacity review --record`.\n\n{body}"
