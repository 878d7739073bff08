"""Where entries belong: the site, unit, region, cloud and so on that they are part of, by their references.

Upward from an entry, downward from a site. Only references that say "is part of" or "stands in" are
followed: an application does not belong to everything that it needs, nor a unit to who leads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...ledger.connection import Connection
from ...ledger.entries import Key, among
from ...ledger.graph import references_to
from ...ledger.marks import references_of

# What something can be part of.
PLACES = frozenset(
    {
        "region",
        "unit",
        "site",
        "room",
        "rack",
        "cloud",
        "project",
        "application",
        "component",
        "dataset",
        "website",
        "zone",
        "private_network",
        "network",
        "circuit",
        "node",
        "server",
        "storage",
        "instance",
    }
)
# References to these kinds that say something else: who leads, delivers, reviews, what it stands in for.
ASIDE = frozenset(
    {
        "leading_group",
        "provider",
        "reviewer",
        "merges_into",
        "merged_into",
        "joined_to",
        "backs_up",
        "to_cloud",
        "to_site",
        "to_zone",
        "standby",
        "standby_site",
        "platform",
        "needs",
    }
)
# Lists whose every member something stands in.
LISTS = frozenset({"site", "cloud", "nodes", "domains"})
# Shared by many, so their owner is not the owner of all that is in them.
SHARED: Mapping[str, frozenset[str]] = {
    "zone": frozenset({"within"}),
    "unit": frozenset({"parent"}),
    "private_network": frozenset({"zone"}),
}

Overlay = Mapping[Key, Iterable[Mapping[str, Any]]]


def parts_of(kind: str, fields: Mapping[str, Any]) -> set[Key]:
    """What an entry with these fields is directly part of."""
    return {
        (to_kind, name)
        for field, to_kind, name in references_of(kind, fields)
        if _counts(kind, field, to_kind, many=isinstance(fields.get(field), list))
    }


def _counts(kind: str, field: str, to_kind: str, *, many: bool) -> bool:
    return to_kind in PLACES and field not in ASIDE and (not many or field in LISTS)


def above(connection: Connection, starts: Overlay) -> dict[Key, set[Key]]:
    """For each of ``starts``, given with the fields that it has and will have: all that it is part of,
    and itself. An entry on the way counts as accepted and as ``starts`` have it."""
    parents: dict[Key, set[Key]] = {}
    fresh = set(starts)
    while fresh:
        accepted = among(connection, fresh)
        for key in fresh:
            versions = list(starts.get(key, ()))
            if key in accepted:
                versions.append(accepted[key].fields)
            found = {part for fields in versions for part in parts_of(key[0], fields)}
            if key not in starts and key[0] in SHARED:
                found = _narrow(key, versions, found)
            parents[key] = found
        fresh = {one for key in fresh for one in parents[key]} - parents.keys()
    return {key: _closed(key, parents) for key in starts}


def _narrow(key: Key, versions: list[Mapping[str, Any]], found: set[Key]) -> set[Key]:
    """Of what something shared is part of, only what is so for all that is in it."""
    fields = SHARED[key[0]]
    kept = {
        (kind, name)
        for one in versions
        for field, kind, name in references_of(key[0], one)
        if field in fields
    }
    return found & kept


def _closed(key: Key, parents: Mapping[Key, set[Key]]) -> set[Key]:
    out, front = {key}, [key]
    while front:
        for one in parents.get(front.pop(), ()):
            if one not in out:
                out.add(one)
                front.append(one)
    return out


def below_site(connection: Connection, site: str) -> set[str]:
    """The uids of the accepted entries that belong to a site, itself not among them."""
    from ...model import fields

    found: set[str] = set()
    seen: set[Key] = {("site", site)}
    front: set[Key] = set(seen)
    while front:
        fresh: set[Key] = set()
        for uid, key, field, kind in references_to(connection, front):
            infos = fields(key[0])
            if field in infos and _counts(key[0], field, kind, many=infos[field].many):
                found.add(uid)
                fresh.add(key)
        # What units, regions and zones have is not the site's, though they may sit in it.
        front = {key for key in fresh - seen if key[0] not in SHARED and key[0] != "region"}
        seen |= fresh
    return found
