"""``check --since REV``: what the files bring about beside what a revision of the ledger had already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..ledger.connection import Connection
    from ..policy import Check, Finding

Entries = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Past:
    """What was accepted at a revision: fields by (kind, name)."""

    revision: int
    entries: Entries

    def compared(
        self, findings: list[Finding], checks: Sequence[Check], now: Entries, day: date
    ) -> tuple[list[Finding], list[Finding]]:
        """Of ``findings``, which these rules made of ``now``: those that are new, and what is cured since."""
        from ..model.catalogue import Catalogue
        from ..policy import Case
        from ..policy.comparing import difference
        from ..policy.expressions import found_by
        from ..policy.registry import read

        # Of an empty ledger nothing is missed: it was nobody's yet.
        documents = None if self.entries else frozenset[str]()
        case = Case(Catalogue.of(self.entries, read(checks)), day, documents)
        before = found_by([check for check in checks if check.binds(case)], case)
        told = difference(before, findings, self._renamed(now))
        return told.new, told.cured

    def _renamed(self, now: Entries) -> dict[str, str]:
        """New ``kind/name`` of entries by the former one."""
        out = {}
        for (kind, name), fields in now.items():
            was = fields.get("was")
            if was and (kind, was) in self.entries and (kind, was) not in now:
                out[f"{kind}/{was}"] = f"{kind}/{name}"
        return out


def past_at(
    connection: Connection, words: str, hidden: Collection[str], said: Collection[tuple[str, str]]
) -> Past:
    """What was accepted at a revision, in the words of `diff`, without what its reader may not see: what is
    ``hidden`` (uids) and not ``said`` by the files, which the reader has.

    Raises ``InputError`` for a revision that is not there.
    """
    from ..ledger import history

    revision = history.resolve(connection, words)
    state = history.state(connection, revision)
    known = {
        (kind, name): fields
        for uid, (kind, name, fields) in state.items()
        if uid not in hidden or (kind, name) in said
    }
    return Past(revision, known)
