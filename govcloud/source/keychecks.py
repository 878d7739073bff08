"""What is said of a person's keys: of one that is theirs, and with days that there are."""

from __future__ import annotations

from collections.abc import Iterator

from .. import signatures
from ..model.base import is_date
from ..model.catalogue import Catalogue
from ..model.organisation import Person
from .claims import Finding
from .words import shown

READ = frozenset({"person"})
HINT = "`ssh-keygen -lf KEY.pub` prints a key's fingerprint, SHA256:…"


def keys_have_days_that_there_are(catalogue: Catalogue) -> Iterator[Finding]:
    """``key_dates`` are ``FIRST/LAST``, of keys that the person has; ``revoked_keys`` are days."""
    for name, person in sorted(catalogue.all(Person).items()):
        if not (person.key_dates or person.revoked_keys):
            continue
        known = set(_fingerprints(person))
        for key, text in person.key_dates.items():
            first, slash, last = text.partition("/")
            if key not in known:
                words = f"`key_dates`: {shown(key)} is no key of this person"
                yield Finding("person", name, "key_dates", words, HINT)
            if (
                not slash
                or not all(_day(part) for part in (first, last))
                or (first and last and last < first)
            ):
                words = f"`key_dates`: expected days as 2026-01-01/2026-12-31, got {shown(text)}"
                yield Finding("person", name, "key_dates", words)
        for key, text in person.revoked_keys.items():
            # One that was taken out of `ssh_keys` may stand here still: it opens nothing.
            if not key.startswith("SHA256:"):
                words = f"`revoked_keys`: {shown(key)} is no fingerprint"
                yield Finding("person", name, "revoked_keys", words, HINT)
            if not _day(text):
                words = f"`revoked_keys`: expected a day as 2026-01-31, or nothing, got {shown(text)}"
                yield Finding("person", name, "revoked_keys", words)


def _day(text: str) -> bool:
    return not text or (len(text) == 10 and is_date(text))


def _fingerprints(person: Person) -> Iterator[str]:
    for public in person.ssh_keys:
        try:
            yield signatures.fingerprint(public)
        except ValueError:
            continue


CHECKS = [keys_have_days_that_there_are]
