"""The 119 rules of the source documents, as rows: what a field's ``Doc.rules`` names.

This is the list and where each rule comes from; how one is decided is no matter of the model.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import msgspec


class Rule(msgspec.Struct, frozen=True):
    """A rule as the documents state it.

    ``strength``: flat (said without hedge), in_principle (原则上, may be waived), guidance (push
    words), dated (a target from a day on), allowance, explored (探索), derived (no sentence says it).
    ``source``: documents, lines and the words there, separated by ``;``.
    """

    id: str
    subject: str
    condition: str
    verdict: str
    strength: str
    source: str

    @property
    def sentence(self) -> str:
        """Subject, condition and verdict in one line."""
        return f"{self.subject}: {self.condition} → {self.verdict}"


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its id, in the order of the documents' groups (N, C, D, R, S, F, E, X, O)."""
    text = files(__package__).joinpath("rules.csv").read_text(encoding="utf-8")
    return {row["id"]: Rule(**row) for row in csv.DictReader(text.splitlines())}
