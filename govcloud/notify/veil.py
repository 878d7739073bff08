"""What a channel may not hear: the names of what is classified, and sentences that say something of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..access.sight import classified_uids
from ..ledger.among import rows_among
from ..ledger.connection import Connection

VEILED = "(classified)"
WITHHELD = "(withheld: it says something of what is classified)"
# A value says whose it is if it is long enough, and no plain word: an address, a number, a name in Chinese.
LEAST = 3


class Veil:
    """What one reader may not know of: entries by uid, and the texts that stand in them."""

    def __init__(self, connection: Connection, hidden: Iterable[str] | None = None) -> None:
        """``hidden``: uids; without it everything that is classified, now or once."""
        uids = classified_uids(connection) if hidden is None else hidden
        rows = list(
            rows_among(connection, "SELECT kind, name, fields FROM accepted WHERE uid IN :among", uids)
        )
        self._subjects = {f"{kind}/{name}" for kind, name, _ in rows}
        texts = {name for _, name, _ in rows}
        for _, _, fields in rows:
            said = msgspec.json.decode(fields)
            texts.update(t for t in _texts(said) if _telling(t))
            texts.update(t for t in (said.get("title"),) if t)
        words = sorted(map(re.escape, texts), key=len, reverse=True)
        # Chinese has no blanks between words: what stands beside a Chinese text is no matter.
        self._said = (
            re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(words)})(?![A-Za-z0-9_-])") if words else None
        )

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """A notice's body as this reader may know it."""
        names = [self._name(name) for name in body["subjects"]]
        return body | {
            "title": self.text(body["title"]),
            "words": [self.text(line) for line in body["words"]],
            "subjects": list(dict.fromkeys(names)),
            "next": self.text(body["next"]),
        }

    def _name(self, subject: str) -> str:
        if subject in self._subjects or self.text(subject) != subject:
            return f"{subject.partition('/')[0]}/{VEILED}"
        return subject

    def text(self, text: str) -> str:
        """A sentence as this reader may know it: whole, or that there was one."""
        return WITHHELD if self._said is not None and self._said.search(text) else text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _telling(text: str) -> bool:
    return len(text) >= LEAST and (not text.isascii() or any(c.isdigit() or c in ".:/@ " for c in text))
