"""Searching the ledger: words in Chinese or English and addresses, the best first, and why each was found.

The database finds whatever contains every word, in one pass over the JSON text, roughly ordered; the
first of those are judged exactly here. Where nothing is found, names and titles nearly alike are.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..ledger.browsing import Seen, View, Where, json_like, like

# So many rows that contain the words are judged; the database has ordered them by what it can see.
JUDGED = 2000
# Names and titles that are compared where nothing contains the words, and how alike they must be (0 to 100).
COMPARED, ALIKE = 200_000, 70
# Words and characters that are looked for at once: each word is a condition of its own, and a database
# takes neither conditions nor texts without end (SQLite: 1,000 deep, 50,000 bytes).
MOST_WORDS, MOST_CHARACTERS = 32, 1000
# Characters shown around a match.
AROUND = 24

# Why an entry was found, the best first.
REASONS = (
    "name",
    "name begins",
    "title",
    "code",
    "title begins",
    "title contains",
    "name contains",
    "kind",
    "field contains",
)
# Names of fields that contain a word, and are taken out before it is looked for.
MOST_KEYS = 5
# Fields whose exact value is as good as a name.
CODES = frozenset({"code", "domain", "host", "serial", "number", "credit_code", "filing", "label", "mac"})


class Match(msgspec.Struct, frozen=True):
    """Where a word was found: the field (``name`` too), its text, and which part of that it is."""

    field: str
    text: str
    start: int
    end: int


class Hit(msgspec.Struct, frozen=True):
    """An entry that was found; ``rank``: 0 is the best; ``reason``: one of ``REASONS`` (of another name
    ``alias`` in place of ``title``), or in words."""

    kind: str
    name: str
    title: str
    rank: int
    reason: str
    matches: list[Match]


class Found(msgspec.Struct, frozen=True):
    """``hits``: the best first. ``total``: how many there are. ``alike``: nothing contained the words,
    these are nearly alike."""

    hits: list[Hit]
    total: int
    alike: bool = False


def search(view: View, text: str, *, kind: str | None = None, limit: int = 20) -> Found:
    """Entries that contain every word of a text, or hold the address that it is.

    Raises ``InputError`` for more words or characters than are looked for at once.
    """
    words = list(dict.fromkeys(unicodedata.normalize("NFKC", text).split()))
    if not words:
        return Found([], 0)
    _bound(words)
    hits = list(_addressed(view, words, kind)) if len(words) == 1 else []
    known = {(hit.kind, hit.name) for hit in hits}
    entries, total = _containing(view, words, kind)
    if len(words) == 1 and (whole := _whole_address(words[0])) is not None:
        # 10.4.168.1 is not 10.4.168.10, though the text contains it.
        entries = [e for e in entries if any(whole.search(text.lower()) for text in _texts(e.fields))]
        total = len(entries)
    judged = [hit for e in entries if e.key not in known and (hit := judge(e, words)) is not None]
    # Of two that are found alike the one is better of which the word says more.
    hits += sorted(judged, key=lambda hit: (hit.rank, _length(hit), len(hit.name), hit.name, hit.kind))
    if hits:
        return Found(hits[:limit], max(len(hits), total))
    alike = list(_alike(view, " ".join(words), kind, limit))
    return Found(alike, len(alike), alike=True)


def _bound(words: Sequence[str]) -> None:
    for number, most, of_what in (
        (len(words), MOST_WORDS, "words"),
        (sum(map(len, words)), MOST_CHARACTERS, "characters"),
    ):
        if number > most:
            message = f"{number:,} {of_what} are too many to look for at once; {most:,} are the most"
            raise InputError([Problem(message)], hint="fewer words find more; --kind narrows it down")


def _length(hit: Hit) -> int:
    return len(hit.title) if hit.reason.startswith("title") else len(hit.name)


# -- words --------------------------------------------------------------------------------------------


def _containing(view: View, words: Sequence[str], kind: str | None) -> tuple[list[Seen], int]:
    """The first rows that contain every word, and how many there are in all."""

    whole = " ".join(words)
    conditions, values = ["a.until IS NULL"], dict[str, Any]()
    if kind is not None:
        conditions.append("a.kind = :kind")
        values["kind"] = kind
    for n, word in enumerate(words):
        values[f"part{n}"] = f"%{like(word)}%"
        either = [f"a.name LIKE :part{n} ESCAPE '!'", _says(word, n, values)]
        # A kind's own name finds all of it: "机房 海口".
        for m, meant in enumerate(_kinds_called(word)):
            values[f"meant{n}_{m}"] = meant
            either.append(f"a.kind = :meant{n}_{m}")
        conditions.append(f"({' OR '.join(either)})")
    # Roughly: what is certain to be good comes before what must be looked at.
    order = {
        "name": whole.lower(),
        "begins": f"{like(whole)}%",
        "titled": f'%"title":"{json_like(whole)}"%',
        "titling": f'%"title":"{json_like(whole)}%',
        "title": f'%"title":"%{json_like(whole)}%',
        "alias": f'%"aliases":[%"{json_like(whole)}"%',
        "meant": next(iter(_kinds_called(whole)), ""),
    }
    rank = (
        "CASE WHEN a.name = :name THEN 0 WHEN a.name LIKE :begins ESCAPE '!' THEN 1 "
        "WHEN lower(a.fields) LIKE :titled ESCAPE '!' OR lower(a.fields) LIKE :alias ESCAPE '!' THEN 2 "
        "WHEN lower(a.fields) LIKE :titling ESCAPE '!' THEN 3 "
        "WHEN lower(a.fields) LIKE :title ESCAPE '!' THEN 4 WHEN a.kind = :meant THEN 5 ELSE 6 END"
    )
    where = " AND ".join(conditions)
    found = view.entries(f"{where} ORDER BY {rank}, length(a.name), a.name LIMIT {JUDGED}", **values, **order)
    return found, len(found) if len(found) < JUDGED else view.count(where, **values)


def _kinds_called(word: str) -> list[str]:
    from ..model import KINDS

    return [kind for kind, cls in KINDS.items() if word in (kind, cls.PLURAL, cls.ZH)]


def _says(word: str, number: int, values: dict[str, Any]) -> str:
    """The condition that an entry's values contain a word: the names of its fields do not count."""
    keys = _keys_with(word.lower())
    text, part = "a.fields", f"%{json_like(word)}%"
    if len(keys) <= MOST_KEYS:
        for m, key in enumerate(keys):
            values[f"key{number}_{m}"] = f'"{key}":'
            text = f"replace({text}, :key{number}_{m}, '')"
    else:
        # A word so short that many names contain it must begin a value.
        part = f'%:"{json_like(word)}%'
    values[f"json{number}"] = part
    return f"lower({text}) LIKE :json{number} ESCAPE '!'"


def _keys_with(word: str) -> list[str]:
    """The names of fields that contain a word; of mappings' keys nobody knows."""
    from ..model import KINDS

    names = {name for cls in KINDS.values() for name in cls.__struct_fields__}
    return sorted(name for name in names if word in name) if word.isascii() else []


def judge(entry: Seen, words: Sequence[str]) -> Hit | None:
    """How well an entry fits all the words; None where one of them is only in how its JSON is written."""
    whole = " ".join(words)
    best = _rank(entry, whole)
    ranks = [best] if best is not None and len(words) == 1 else [_rank(entry, word) for word in words]
    if best is None and any(rank is None for rank in ranks):
        return None
    if best is not None:
        rank, match = best
        matches = [match] if match else []
    else:
        found = [one for one in ranks if one is not None]
        # As good as its worst word, and after what has the words together.
        rank = max(r for r, _ in found)
        matches = [m for _, m in found if m]
    reason = REASONS[rank]
    if best is not None and matches and matches[0].field == "aliases":
        reason = reason.replace("title", "alias")
    penalty = 0 if best is not None else 1
    return Hit(entry.kind, entry.name, entry.title, rank * 2 + penalty, reason, matches)


def _rank(entry: Seen, word: str) -> tuple[int, Match | None] | None:
    """(index into ``REASONS``, where) for the best way in which a word fits; None where it does not."""
    wanted = word.lower()
    name, title = entry.name, entry.title
    at = name.find(wanted)
    if name == wanted:
        return 0, Match("name", name, 0, len(name))
    if at == 0:
        return 1, Match("name", name, 0, len(wanted))
    low = title.lower()
    if title and low == wanted:
        return 2, Match("title", title, 0, len(title))
    if code := next((f for f in CODES if str(entry.fields.get(f, "")).lower() == wanted), None):
        held = str(entry.fields[code])
        return 3, Match(code, held, 0, len(held))
    if title and (place := low.find(wanted)) >= 0:
        return 4 if place == 0 else 5, _excerpt("title", title, place, len(wanted))
    # Documents call an entry by its other names as by its title.
    others = entry.fields.get("aliases") or ()
    fits = [(alias.lower(), alias) for alias in others if wanted in alias.lower()]
    if fits:
        rank, _, alias = min(
            ((2 if low == wanted else 4 if low.startswith(wanted) else 5), n, alias)
            for n, (low, alias) in enumerate(fits)
        )
        return rank, _excerpt("aliases", alias, alias.lower().find(wanted), len(wanted))
    if at > 0:
        return 6, Match("name", name, at, at + len(wanted))
    if entry.kind in _kinds_called(word):
        return 7, None
    for field, value in entry.fields.items():
        for text in _texts(value):
            if (place := text.lower().find(wanted)) >= 0:
                return 8, _excerpt(field, text, place, len(wanted))
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield str(key)
            yield from _texts(held)
    elif isinstance(value, list):
        for held in value:
            yield from _texts(held)
    elif not isinstance(value, bool) and value is not None:
        yield str(value)


def _excerpt(field: str, text: str, at: int, length: int) -> Match:
    start, end = max(0, at - AROUND), at + length + AROUND
    before, after = "…" if start else "", "…" if end < len(text) else ""
    place = at - start + len(before)
    return Match(field, f"{before}{text[start:end]}{after}".replace("\n", " "), place, place + length)


# -- addresses ------------------------------------------------------------------------------------------


def _addressed(view: View, words: Sequence[str], kind: str | None) -> Iterator[Hit]:
    """Who holds the address, then the prefixes that contain it, the longest first."""
    try:
        address = ipaddress.ip_address(words[0])
    except ValueError:
        return
    holders = [(uid, field) for uid, field, _ in view.holders([str(address)])]
    entries = view.by_uid(uid for uid, _ in holders)
    for uid, field in holders:
        entry = entries.get(uid)
        if entry is not None and kind in (None, entry.kind):
            text = str(entry.fields.get(field, ""))
            yield Hit(entry.kind, entry.name, entry.title, 0, "address", [Match(field, text, 0, len(text))])
    known = {uid for uid, _ in holders}
    for _, entry, field in sorted(_prefixes(view, address), key=lambda p: (-p[0], p[1].name)):
        if entry.uid not in known and kind in (None, entry.kind):
            text = str(entry.fields[field])
            match = Match(field, text, 0, len(text))
            yield Hit(entry.kind, entry.name, entry.title, 1, "prefix", [match])


def _whole_address(word: str) -> re.Pattern[str] | None:
    """What finds an address in a text (in small letters) where it is no part of a longer one; None for a
    word that is no address."""
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None
    # A sign that ends a sentence, or that a port follows, belongs to no address.
    before, after = (
        (r"(?<![\d.])", r"(?!\.?\d)") if address.version == 4 else (r"(?<![\w:])", r"(?!\w|:\w|::)")
    )
    return re.compile(f"{before}{re.escape(word.lower())}{after}", re.ASCII)


def _prefixes(
    view: View, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> Iterator[tuple[int, Seen, str]]:
    """(length, entry, field) of every prefix that contains an address.

    A network holds its first address; so the first address of every prefix there could be is asked for.
    Prefixes and plans hold no address, and are found by their text.
    """
    nets = [ipaddress.ip_network((address, n), strict=False) for n in range(1, address.max_prefixlen)]
    firsts = {str(net.network_address + 1) for net in nets}
    holders = view.holders(firsts)
    entries = view.by_uid(uid for uid, _, _ in holders)
    for uid, field, _ in holders:
        entry = entries.get(uid)
        if entry is not None and (length := _within(entry, field, address)):
            yield length, entry, field
    for kind in ("prefix", "address_plan"):
        for entry in view.listing(Where(kind=kind)):
            if length := _within(entry, "prefix", address):
                yield length, entry, "prefix"


def _within(entry: Seen, field: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """The length of a prefix that contains the address; 0 where the field holds none such."""
    text = str(entry.fields.get(field, ""))
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        # A host's address with its length is no prefix.
        return 0
    return network.prefixlen if "/" in text and address in network else 0


# -- nearly alike -----------------------------------------------------------------------------------------


def _alike(view: View, text: str, kind: str | None, limit: int) -> Iterator[Hit]:
    from rapidfuzz import fuzz, process

    chinese = not text.isascii()
    choices = dict(view.words(chinese, kind, COMPARED))
    found = process.extract(text.lower(), choices, scorer=fuzz.ratio, score_cutoff=ALIKE, limit=limit)
    entries = view.by_uid(uid for _, _, uid in found)
    for word, score, uid in found:
        entry = entries.get(uid)
        if entry is not None:
            field = "title" if chinese else "name"
            match = Match(field, word, 0, len(word))
            rank = 100 - round(score)
            yield Hit(entry.kind, entry.name, entry.title, rank, f"{round(score)} % alike", [match])
