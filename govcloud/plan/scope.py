"""Which part of the ledger a plan must look at: it costs what changed, not what exists.

Two parts: what must be judged again because something changed (``judged``), and all that has to do with
what is built (``built``). Both are found over a ``Graph``, so a plan of few entries and one of all see
the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..ledger.entries import Key
from ..ledger.marks import addresses_of, references_of, spans_of
from .graph import Fields, Graph, with_what_they_need

# The kinds whose entries have to do with what is built because they refer to it. What these refer to
# counts too, whatever its kind.
PLANNED = frozenset(
    {
        "node",
        "interface",
        "link",
        "network",
        "server",
        "cloud",
        "project",
        "instance",
        "dns_zone",
        "endpoint",
        "flow",
        "protection",
        "secret_file",
        "private_network",
        "boundary",
        "translation",
    }
)
# The fields that checks read of an entry on behalf of those that refer to it, and how that goes on.
FOLLOWED: dict[str, tuple[str, ...]] = {
    "node": ("zone", "platform", "target"),
    "network": ("gateway", "ipv4", "ipv6", "vrf"),
    "server": ("network",),
    "target": ("driver",),
    "prefix": ("prefix", "plan", "vrf", "parent", "status", "role", "holder"),
    "vrf": ("zone",),
    "certificate": ("names", "chain", "secret", "unit"),
    "application": ("unit",),
}
HOSTS = ("node", "server", "instance")
EDGES = ("link", "network")
# More than this is not worth the questions one by one: then everything is read.
MOST = 20_000


class TooWide(Exception):
    """So much hangs on what changed that everything is to be judged."""


def built(graph: Graph) -> dict[Key, Fields]:
    """Everything that has to do with what targets build, and the figures of the policy."""
    out = graph.of_kinds(("target", "profile"))
    fresh = {key for key in out if key[0] == "target"}
    while fresh:
        fresh = graph.referrers(fresh, PLANNED) - out.keys()
        out |= graph.entries(fresh)
    return with_what_they_need(graph, out)


def touches_built(
    graph: Graph, changed: Mapping[Key, Fields | None], known: frozenset[str] | set[str]
) -> bool:
    """Whether a change has to do with what is built. ``known``: ``kind/name`` of what has, without it."""
    if any(key[0] in ("target", "profile") or "/".join(key) in known for key in changed):
        return True
    news = {key: fields for key, fields in changed.items() if fields is not None}
    return any(kind == "target" for kind, _ in with_what_they_need(graph, news))


def judged(
    graph: Graph, before: Mapping[Key, Fields], changed: Mapping[Key, Fields | None]
) -> dict[Key, Fields]:
    """The entries that checks must see to judge a change of a ledger that is without fault.

    ``before``: fields that the changed entries have now. Raises ``TooWide``.
    """
    news = {key: fields for key, fields in changed.items() if fields is not None}
    out = dict(news)
    out |= _entries(graph, graph.referrers(key for key in changed if key not in news))
    fresh = {key for key in news.keys() & before.keys() if _passed_on(key, before[key], news[key])}
    while fresh:
        users = graph.referrers(fresh) - out.keys()
        out |= _entries(graph, users)
        fresh = {key for key in users if key[0] in FOLLOWED}
    held = {address for key, fields in out.items() for _, address in addresses_of(key[0], fields)}
    out |= _entries(graph, graph.holders(held) - out.keys())
    spans = {block for key, fields in out.items() for _, block in spans_of(key[0], fields)}
    out |= _entries(graph, graph.overlapping(spans) - out.keys())
    if any(key[0] == "address_plan" for key in changed):
        # There are few, and what one may give out no other one may.
        out |= graph.of_kinds(("address_plan",))
    if files := {key: fields for key, fields in news.items() if key[0] in ("secret_file", "endpoint")}:
        # Which files a host gets is said by both.
        hosts = {
            (kind, name)
            for key, fields in files.items()
            for _, kind, name in references_of(key[0], fields)
            if kind in HOSTS
        }
        out |= _entries(graph, graph.referrers(hosts, {"secret_file", "endpoint"}) - out.keys())
    if any(key[0] == "translation" for key in changed):
        # What one shows must be free in all the net.
        raise TooWide
    if any(key[0] in (*EDGES, "node") for key in changed):
        out |= graph.of_kinds(("translation",))
    out |= graph.entries(
        (kind, name) for key_kind, name in news if key_kind in HOSTS for kind in HOSTS if kind != key_kind
    )
    ends = {
        (kind, name)
        for key, fields in news.items()
        if key[0] in EDGES
        for _, kind, name in references_of(key[0], fields)
        if kind == "node"
    }
    out |= _entries(graph, graph.referrers(ends, EDGES) - out.keys())
    found = with_what_they_need(graph, out)
    if any(kind == "dns_zone" and fields.get("dns64") for (kind, _), fields in found.items()):
        # Answers of DNS64 lead through a NAT64.
        found = with_what_they_need(graph, found | graph.of_kinds(("translation",)))
    return found


def _passed_on(key: Key, before: Fields, after: Fields) -> bool:
    return any(before.get(field) != after.get(field) for field in FOLLOWED.get(key[0], ()))


def _entries(graph: Graph, keys: set[Key]) -> dict[Key, Fields]:
    if len(keys) > MOST:
        raise TooWide
    return graph.entries(keys)
