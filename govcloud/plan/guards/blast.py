"""How much a plan takes away, and which limits that is beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from ...ledger import sitestacks
from ...ledger.among import rows_among
from ...ledger.connection import Connection
from ...ledger.entries import Key, key_of, last_revision
from ...model.resources import TYPES
from ..stages import EntryChange, Plan, Record, ResourceChange, SiteStack, Stack
from . import calendar, chains, needing
from .belonging import above, below_site
from .limits import EMERGENCY, LIMITS, Limits

# The policy of the guards themselves, and who decides on requests: whoever loosens it says so.
POLICY = (LIMITS, EMERGENCY, needing.ENTRY, calendar.ENTRY)


class Beyond(msgspec.Struct, frozen=True):
    """A limit that a plan is beyond. ``words``: a sentence without names; ``subjects``: of what."""

    limit: str
    words: str
    subjects: tuple[str, ...] = ()


@dataclass
class Going:
    """What a plan takes away: objects and entries by uid (an object of nobody: by its id)."""

    objects: dict[str, str] = field(default_factory=dict)
    entries: dict[str, EntryChange] = field(default_factory=dict)
    # Entries that keep their uid under another name; and changes of the guards' own policy.
    renamed: list[EntryChange] = field(default_factory=list)
    policy: list[str] = field(default_factory=list)
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.objects or self.entries or self.renamed or self.policy)


def going(connection: Connection, plan: Plan, done: Collection[str] = ()) -> Going:
    """What is still to be taken away by a plan. ``done``: its stages that are over."""
    out = Going(everything=plan.destroy)
    removed: dict[str, str] = {}
    for stage in plan.stages:
        if stage.id in done:
            continue
        if isinstance(stage, Stack):
            removed |= {c.uid or c.object: c.subject for c in stage.changes if takes_away(c)}
            strays = {c.uid or c.object: c.subject for c in stage.changes if c.object}
            out.objects |= strays
        elif isinstance(stage, SiteStack):
            gone = ("delete", "replace")
            out.objects |= {c.uid: c.subject for c in stage.changes if c.verb in gone}
        elif isinstance(stage, Record):
            for change in stage.changes:
                _note(connection, out, change)
    # What a stage of a former process took away is not taken away once more.
    stands = _standing(connection, removed)
    out.objects |= {uid: subject for uid, subject in removed.items() if uid in stands}
    return out


def takes_away(change: ResourceChange) -> bool:
    """Whether an object that is there goes: deleted, let go of, or another is made in its place."""
    anew = any(one.field in TYPES[change.type].immutable for one in change.changes)
    return change.verb in ("delete", "retire", "replace", "release") or (change.verb == "heal" and anew)


def _note(connection: Connection, out: Going, change: EntryChange) -> None:
    if change.verb == "delete":
        out.entries[change.uid] = change
    elif change.was and change.was != change.name:
        out.renamed.append(change)
    named = {(change.kind, change.name), (change.kind, change.was)}
    # The first revision writes down what nobody could loosen before.
    if (named & set(POLICY) or change.kind in chains.KINDS) and last_revision(connection):
        out.policy.append(change.subject)


def _standing(connection: Connection, uids: Iterable[str]) -> set[str]:
    statement = "SELECT uid FROM applied WHERE uid IN :among AND substr(scope, 1, 6) = 'stack:'"
    return {uid for (uid,) in rows_among(connection, statement, uids)}


def beyond(connection: Connection, found: Going, limits: Limits) -> list[Beyond]:
    """The limits that this is beyond, in the order in which people should read them."""
    if not found:
        return []
    out = [*_numbers(connection, found, limits), *_sites(connection, found, limits)]
    if found.everything and found.objects:
        # However little it is: there is nothing left afterwards.
        out.insert(0, Beyond("everything", "everything that is built is taken down"))
    protected = _protected(found, limits)
    if protected:
        count = len(protected)
        out.append(
            Beyond("protected", f"{count} protected entr{'y goes' if count == 1 else 'ies go'}", protected)
        )
    if found.policy:
        limits_alone = {key_of(subject) for subject in found.policy} <= {LIMITS, EMERGENCY}
        words = "the limits themselves change" if limits_alone else "the policy of approvals changes"
        out.append(Beyond("policy", words, tuple(sorted(found.policy))))
    return out


def _numbers(connection: Connection, found: Going, limits: Limits) -> Iterable[Beyond]:
    counted = (
        ("objects", "objects go or are made anew", len(found.objects), limits.objects, limits.objects_percent,
         _built),
        ("entries", "entries are withdrawn", len(found.entries), limits.entries, limits.entries_percent,
         _accepted),
    )  # fmt: skip
    for name, what, count, most, percent, total_of in counted:
        if count > most:
            yield Beyond(name, f"{count} {what}, more than {most:g}")
        elif count and count >= limits.percent_from:
            total = total_of(connection)
            if total and count * 100 > percent * total:
                share = f"{count * 100 / total:.0f} % of {total}"
                yield Beyond(f"{name}_percent", f"{count} {what}, {share}, more than {percent:g} %")


def _built(connection: Connection) -> int:
    """How many objects are built, those of the site's own stacks among them."""
    ours = connection.scalar("SELECT count(*) FROM applied WHERE substr(scope, 1, 6) = 'stack:'") or 0
    return int(ours) + sum(len(one.resources) for one in sitestacks.built(connection).values())


def _accepted(connection: Connection) -> int:
    return int(connection.scalar("SELECT count(*) FROM accepted WHERE until IS NULL") or 0)


def _sites(connection: Connection, found: Going, limits: Limits) -> Iterable[Beyond]:
    """Sites of which all goes, or almost all: what is built in them, or what is recorded of them."""
    gone = {uid: key_of(subject) for uid, subject in found.objects.items()}
    listed = {uid: (change.kind, change.name) for uid, change in found.entries.items()}
    if max(len(gone), len(listed)) < max(limits.site_from * limits.site_percent / 100, 1):
        return
    keys = {*gone.values(), *listed.values()}
    sites = _sites_of(connection, keys, {**listed, **gone})
    hit: Counter[str] = Counter(name for key in keys for name in sites.get(key, ()))
    for site in sorted(hit):
        below = below_site(connection, site)
        built = _standing(connection, below)
        for what, total, away in (("objects", built, gone.keys()), ("entries", below, listed.keys())):
            less = len(total & away)
            if less and len(total) >= limits.site_from and less * 100 >= limits.site_percent * len(total):
                yield Beyond("site", f"{less} of {len(total)} {what} of a site go", (f"site/{site}",))
                break


def _sites_of(connection: Connection, keys: Iterable[Key], uids: Mapping[str, Key]) -> dict[Key, set[str]]:
    """The sites that each is part of; an object whose entry is no more counts where it was last."""
    starts: dict[Key, list[dict[str, Any]]] = {key: [] for key in keys}
    for uid, fields in last_said(connection, uids).items():
        starts.setdefault(uids[uid], []).append(fields)
    return {
        key: {name for kind, name in found if kind == "site"}
        for key, found in above(connection, starts).items()
    }


def last_said(connection: Connection, uids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The newest accepted fields by uid, of now or of the past."""
    rows = rows_among(connection, "SELECT uid, since, fields FROM accepted WHERE uid IN :among", uids)
    newest: dict[str, tuple[int, str]] = {}
    for uid, since, text in rows:
        if uid not in newest or since > newest[uid][0]:
            newest[uid] = (since, text)
    return {uid: msgspec.json.decode(text) for uid, (_, text) in newest.items()}


def _protected(found: Going, limits: Limits) -> tuple[str, ...]:
    """What the policy protects and this takes away, or takes out of its reach by another name."""
    subjects = {*found.objects.values(), *(c.subject for c in found.entries.values())}
    hit = {s for s in subjects if _matches(s, limits.protected)}
    hit |= {
        f"{c.kind}/{c.was}"
        for c in found.renamed
        if _matches(f"{c.kind}/{c.was}", limits.protected) and not _matches(c.subject, limits.protected)
    }
    return tuple(sorted(hit))


def _matches(subject: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(subject, pattern) for pattern in patterns)


def phrase(environment: str, found: Going) -> str:
    """What somebody types who means it: how much of what goes, and where."""
    if found.everything:
        return f"destroy everything in {environment}"
    parts = []
    for count, one, many in (
        (len(found.objects), "object", "objects"),
        (len(found.entries), "entry", "entries"),
    ):
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    if parts:
        return f"destroy {' and '.join(parts)} in {environment}"
    return f"change {'limits' if found.policy else 'what is protected'} in {environment}"
