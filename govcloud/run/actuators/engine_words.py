"""What an engine says when something goes wrong, as people are to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Words:
    """The engine's error messages of one update. ``names``: what an object is called, by its id."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._words: list[str] = []

    def diagnostic(self, diagnostic: Any) -> None:
        """One message of the engine."""
        # A provider's error comes with a Python traceback behind it, which is for the log alone.
        text = diagnostic.message.split(":\n  File ")[0].strip()
        subject = self._names.get((diagnostic.urn or "").rpartition("::")[2], "")
        for noise in ("<{%reset%}>", "<{%fg 1%}>", "error: ", "Unexpected <class 'Exception'>: "):
            text = text.replace(noise, "")
        if text and "resource monitor shut down" not in text and text != "update failed":
            self._words.append(f"{subject}: {text}" if subject else text)

    def words(self, error: Exception) -> str:
        """The engine's own words for a failure."""
        if self._words:
            return "\n".join(dict.fromkeys(self._words))
        return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
