"""The nearest word, for whoever mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The nearest of ``words``, or None where nothing is near.

    A word that is nearly the same comes before one that merely contains it.
    """
    from rapidfuzz import fuzz, process

    choices = list(words)
    found = process.extractOne(word, choices, scorer=fuzz.ratio, score_cutoff=60) or process.extractOne(
        word, choices, score_cutoff=60
    )
    return found[0] if found else None
