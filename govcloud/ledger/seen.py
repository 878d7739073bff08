"""What this user has verified before: the trail's end then, and the keys of its writers as first met.

It stands in the user's configuration, beside the keys. So a trail that goes back behind what was seen is
found also where nobody else's heads are at hand, and so is a writer whose key is another than at first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..errors import GovcloudError
from ..files import write_atomically
from . import keys

if TYPE_CHECKING:
    from .headfiles import Known
    from .vouching import Vouching, Writer

FILE = "verified"


class _Past(msgspec.Struct):
    """``seq``, ``epoch``, ``hash``: the trail's last row; ``writers``: {id: fingerprints}."""

    seq: int = 0
    epoch: int = 0
    hash: str = ""
    writers: dict[str, list[str]] = {}


class Seen:
    """The past verification of one ledger; empty where there was none."""

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger
        place = keys.known_folder(ledger)
        self._past = _Past()
        try:
            if place is not None and (place / FILE).exists():
                self._past = msgspec.json.decode((place / FILE).read_bytes(), type=_Past)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise GovcloudError(
                f"{place}/{FILE} cannot be read: {error}",
                hint="without it, everything is met for the first time",
            ) from None

    def mark(self, vouching: Vouching, known: Known, wrong: list[str]) -> None:
        """Hold the trail and its writers against the past."""
        past = self._past
        if past.seq and known.left(past.epoch, past.seq) is None:
            vouching.mark(past.seq, past.hash, "the last verification by this user")
        for name, first in past.writers.items():
            writer = vouching.writers.get(name)
            if writer is None:
                wrong.append(
                    f"the writer {name}, whom this user has met, is not in the trail any more: rows were cut "
                    "off or rewritten, or this is an older copy of the ledger"
                )
            elif first[0] != writer.first:
                wrong.append(
                    f"the writer {name} joined with the key {first[0]} when this user met it, and the trail "
                    f"now says {writer.first}"
                )

    def trust(self, writer: Writer) -> str:
        """``seen`` where all keys of a writer were met before, else ``new``."""
        return "seen" if set(writer.keys) <= set(self._past.writers.get(writer.name, ())) else "new"

    def keep(self, vouching: Vouching, end: tuple[int, int, str]) -> None:
        """Remember what was verified; where that cannot be written, the next one meets all anew."""
        past = dict(self._past.writers)
        for writer in vouching.writers.values():
            known = past.get(writer.name, [writer.first])
            past[writer.name] = known + [key for key in writer.keys if key not in known]
        document = _Past(*end, past)
        if document == self._past:
            return
        place = keys.known_folder(self._ledger)
        try:
            write_atomically((place or keys.folder(self._ledger)) / FILE, msgspec.json.encode(document))
        except (OSError, GovcloudError):
            return
