"""The nearest valid name, and values in messages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

# Comparisons that one run may spend on guesses: a file with 100,000 wrong names must not take minutes.
BUDGET = 20_000_000
LONGEST = 100


class Hints:
    """Guesses what was meant, within a budget for one run."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget

    def nearest(self, word: str, words: Collection[str]) -> str | None:
        """The nearest of ``words``; None where nothing is near or the budget is spent."""
        self._budget -= len(words)
        if self._budget < 0 or len(word) > LONGEST:
            return None
        from rapidfuzz import fuzz, process

        found = process.extractOne(word, words, scorer=fuzz.ratio, score_cutoff=60)
        return found[0] if found else None

    def did_you_mean(self, word: str, words: Collection[str], *, otherwise: str = "") -> str:
        """``did you mean 'x'?``, or ``otherwise`` where nothing is near."""
        guess = self.nearest(word, words)
        return f"did you mean {guess!r}?" if guess is not None else otherwise


def shown(value: Any) -> str:
    """A value as a message shows it: short, on one line."""
    if isinstance(value, str):
        text = value if len(value) <= 40 else value[:37] + "..."
        return repr(text)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python writes out
        return "a very long number"
    return text if len(text) <= 40 else text[:37] + "..."


def one_of(words: Collection[Any]) -> str:
    """``a, b or c``; a long list is cut."""
    every = [str(w) for w in words]
    if len(every) > 24:
        return ", ".join(every[:24]) + ", ..."
    return every[0] if len(every) == 1 else ", ".join(every[:-1]) + " or " + every[-1]
