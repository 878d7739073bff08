"""Shared components by what they do: what somebody is about to build may be there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..ledger.browsing import Seen, View, Where
from ..ledger.connection import Connection
from ..ledger.entries import among
from ..model.catalogue import Catalogue
from ..policy import Case

# How much each part of a component counts where a word is found in it, of 100.
_WEIGHTS = {"title": 100, "aliases": 100, "name": 90, "type": 85, "interface": 60, "goal": 60, "note": 60}
# Below this a word is not taken for another one; a component is found where every word is.
LEAST = 70.0
# Words of so many characters are looked for as they stand: anything is like two letters.
SHORT = 2
STANDING = ("running", "rebuilding", "building")


@dataclass(frozen=True)
class Found:
    """A component, how well it fits (0 to 100), and by which of its parts; and who uses it."""

    entry: Seen
    score: float
    by: tuple[str, ...]
    users: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether anybody may use it now, or soon."""
        return bool(self.entry.get("offered")) and self.entry.get("status") in STANDING


def components(view: View, *, type: str = "", everything: bool = False) -> list[Found]:
    """Components of a type or of all, by type and name; without ``everything`` those that are offered."""
    entries = [one for one in view.listing(Where(kind="component")) if type in ("", one.get("type"))]
    users = _users(view, [one.name for one in entries])
    out = [Found(one, 0.0, (), users.get(one.name, ())) for one in entries]
    out.sort(key=lambda one: (str(one.entry.get("type")), one.entry.name))
    return [one for one in out if everything or one.usable]


def find(view: View, words: Sequence[str], *, type: str = "", everything: bool = False) -> list[Found]:
    """Components that fit the words, the best first."""
    synonyms = words_of_types(view.connection)
    out = []
    for one in components(view, type=type, everything=everything):
        scored = [_score(word.casefold(), one.entry, synonyms) for word in words if word.strip()]
        if scored and all(score >= LEAST for score, _ in scored):
            by = tuple(dict.fromkeys(part for _, part in scored))
            mean = sum(score for score, _ in scored) / len(scored)
            out.append(Found(one.entry, round(mean, 1), by, one.users))
    text = " ".join(words).casefold()
    # Of those that are of the same sort the one whose title is nearest.
    return sorted(out, key=lambda one: (-one.score, -_like(text, one.entry.title.casefold()), one.entry.name))


def words_of_types(connection: Connection) -> Mapping[str, list[str]]:
    """By what words people look for a component of each type: ``profile/component-words``."""
    said = among(connection, [("profile", "component-words")])
    catalogue = Catalogue.of({key: entry.fields for key, entry in said.items()})
    values = Case(catalogue).values("component-words")
    return {type_: words for type_, words in values.items() if isinstance(words, list)}


def _score(word: str, entry: Seen, synonyms: Mapping[str, list[str]]) -> tuple[float, str]:
    """How well a word fits the best part of a component, and which part that is."""
    best = (0.0, "")
    for part, weight in _WEIGHTS.items():
        for text in _texts(entry, part, synonyms):
            best = max(best, (_like(word, text.casefold()) * weight / 100, part))
    return best


def _texts(entry: Seen, part: str, synonyms: Mapping[str, list[str]]) -> Iterable[str]:
    if part == "name":
        return (entry.name,)
    if part == "type":
        type_ = str(entry.get("type"))
        return (type_, *synonyms.get(type_, ()))
    value = entry.fields.get(part) or ()
    return (value,) if isinstance(value, str) else value


def _like(word: str, text: str) -> float:
    """How far a word stands in a text, or (as a compound) has it in itself, 0 to 100."""
    # A few Latin letters stand in many a word.
    if word in text or (len(text) >= (4 if text.isascii() else 2) and text in word):
        return 100.0
    if len(word) <= SHORT or len(text) <= SHORT:
        return 0.0
    from rapidfuzz import fuzz

    return float(fuzz.partial_ratio(word, text)) if len(word) <= len(text) else float(fuzz.ratio(word, text))


def _users(view: View, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The applications that say they use each of these."""
    out: dict[str, set[str]] = {}
    for one in view.referrers("component", names):
        if one.kind == "application" and one.field == "components":
            out.setdefault(one.to, set()).add(one.name)
    return {name: tuple(sorted(users)) for name, users in out.items()}
