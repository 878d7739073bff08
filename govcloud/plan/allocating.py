"""The word `auto` in a plan: what the ledger's claims of the allocator answer, begin to say, and end.

What was chosen is a claim of `allocator` on the entry that wishes, recorded with the plan: the same on every
machine, whatever comes and goes beside it. It ends when nobody wishes any more. What any entry held, chosen
or written, rests for `rest_days` of `profile/addressing`. Nothing is looked for where no wish is in sight.
"""

from __future__ import annotations

import math
import time
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ..addressing.wishes import ALLOCATOR, FIELDS, MACHINES, wishes
from ..errors import InputError, Problem
from ..ledger import requests
from ..ledger.among import rows_among
from ..ledger.claims import ClaimKey, ClaimRow, claims_on
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source.claims import Finding
from ..source.layers import PINS
from ..source.loaded import Loaded
from ..source.merging import Saying, left_over
from .graph import Fields, Graph
from .pins import standing
from .renaming import frees

if TYPE_CHECKING:
    from ..addressing.occupancy import Held
    from ..addressing.places import SpaceKey

Wish = tuple[str, str, str]
PROFILE: Key = ("profile", "addressing")
# What an allocation reads: whose address space is where, and who holds what of it.
READ = (
    *("prefix", "address_plan", "network", "link", "node", "translation", "private_network"),
    *("vrf", "zone", "region", "site", "cloud", "project"),
)
# What has addresses inside the prefix of a network.
INSIDE = (*MACHINES, "interface")
_DAY_S = 86_400


class AddressPolicy(msgspec.Struct, frozen=True):
    """The numbers of ``profile/addressing``; the default is invented.

    ``rest_days``: for so long nobody else gets what was given back.
    """

    rest_days: float = 30


@dataclass
class Settled:
    """Values that were chosen, by entry, and the claims that begin and end with that."""

    chosen: dict[Key, dict[str, str]] = field(default_factory=dict)
    said: tuple[ClaimRow, ...] = ()
    ended: tuple[ClaimKey, ...] = ()


def settle(
    connection: Connection,
    graph: Graph,
    accepted: Callable[[Collection[Key]], Mapping[Key, Fields]],
    looked_at: Mapping[Key, Fields | None],
    rows: Iterable[Saying],
    answers: Mapping[Key, Mapping[str, Any]],
    tell: Callable[[Finding], Problem],
) -> Settled:
    """Answer the wishes of the entries in ``looked_at`` (all that changes, or everything there is).

    ``graph``: everything as proposed; ``accepted``: what is accepted of
    keys, with all of ``READ`` that goes. ``rows``: the claims on these
    entries, of which the allocator's matter; ``answers``: those that stand already. Raises ``InputError``.
    """
    known = {(row.kind, row.name): row for row in rows if row.claimant == ALLOCATOR}
    heirs = _heirs(graph, accepted, looked_at)
    # What stands under its name was given to whoever had that name before.
    staying = {key: fields for key, fields in answers.items() if key not in heirs}
    wanted = [
        (*key, of)
        for key, fields in looked_at.items()
        if fields and key[0] in FIELDS
        for of in (*wishes(key[0], fields), *(answers.get(key, ()) if key in heirs else ()))
    ]
    if not known and not wanted:
        return Settled()
    out = Settled()
    if wanted:
        had = {key: row for key in {wish[:2] for wish in wanted} if (row := known.get(heirs.get(key, key)))}
        out.chosen = _choose(connection, graph, accepted, looked_at, wanted, had, heirs, tell)
    said, ended = [], []
    for key in sorted({*known, *out.chosen}):
        fields = dict(staying.get(key, {})) | out.chosen.get(key, {})
        row = known.get(key)
        if not fields:
            ended.append((*key, ALLOCATOR))
        elif row is None or row.fields != fields:
            said.append(ClaimRow(*key, ALLOCATOR, 0, fields))
    out.said, out.ended = tuple(said), tuple(ended)
    return out


def _heirs(
    graph: Graph,
    accepted: Callable[[Collection[Key]], Mapping[Key, Fields]],
    looked_at: Mapping[Key, Fields | None],
) -> dict[Key, Key]:
    """The former key of each entry that goes on under another name with this plan, also in a ring."""
    said = {
        key: (key[0], str(was))
        for key, fields in looked_at.items()
        if key[0] in FIELDS and fields and (was := fields.get("was")) and was != key[1]
    }
    if not said:
        return {}
    before = accepted({*said, *said.values()})
    said = {
        key: former
        for key, former in said.items()
        # What is accepted already was carried out then.
        if former in before and before.get(key, {}).get("was") != former[1]
    }
    there = graph.entries(said.values())
    return {key: former for key, former in said.items() if frees(key, said, there)}


def without_entry(
    files: Sequence[Saying], others: Sequence[ClaimRow], asked: Iterable[ClaimRow]
) -> tuple[tuple[ClaimRow, ...], tuple[ClaimKey, ...]]:
    """Claims of orders that go on under an entry's new name, and claims that end: no file says their entry.

    ``files``: what files say from now on; ``others``: the ledger's claims, with what files of other
    workspaces say, and ``asked``, what an order begins to say. Raises ``InputError`` where an order speaks
    of what is not there.
    """
    gone = left_over(files, others)
    if not gone:
        return (), ()
    new = {row.claim_key for row in asked}
    problems = [
        Problem(f"{claim.claimant} says something of {claim.kind}/{claim.name}, which no file says")
        for claim in gone
        if (claim.kind, claim.name, claim.claimant) in new
    ]
    if problems:
        raise InputError(problems)
    heirs = {
        (claim.kind, claim.fields["was"]): claim.name
        for claim in (*others, *files)
        if claim.fields and "was" in claim.fields
    }
    known = {row.claim_key for row in others}
    said = tuple(
        ClaimRow(claim.kind, heir, claim.claimant, claim.line, claim.fields)
        for claim in gone
        if (heir := heirs.get((claim.kind, claim.name))) and (claim.kind, heir, claim.claimant) not in known
    )
    return said, tuple((claim.kind, claim.name, claim.claimant) for claim in gone)


def _choose(
    connection: Connection,
    graph: Graph,
    accepted: Callable[[Collection[Key]], Mapping[Key, Fields]],
    looked_at: Mapping[Key, Fields | None],
    wanted: list[Wish],
    known: Mapping[Key, Saying],
    heirs: Mapping[Key, Key],
    tell: Callable[[Finding], Problem],
) -> dict[Key, dict[str, str]]:
    from ..addressing.allocator import allocate

    entries = graph.of_kinds(READ)
    wishing = {wish[:2] for wish in wanted}
    machines = graph.entries(key for key in wishing if key[0] in MACHINES)
    networks = {("network", str(fields.get("network", ""))) for fields in machines.values()}
    entries |= graph.entries(graph.referrers(networks, INSIDE)) | machines
    before = dict(accepted({*entries, *looked_at}))
    rest_s = _policy(graph.entries([PROFILE]), tell).rest_days * _DAY_S
    back = _given_back(connection, before, rest_s, {name for _, name in networks})
    back += _beneath_pins(connection, before)
    promises = requests.promises(connection)
    back += _promised(connection, before, promises)
    # Under another name it is the same: it has what it had, and its own past is not in its way.
    named = {former: key for key, former in heirs.items()}
    before |= {key: before.pop(former) for former, key in named.items() if former in before}
    held = [
        (space, one._replace(key=key))
        for space, one in back
        if not _has(entries.get(key := named.get(one.key, one.key), {}), one)
    ]
    had: dict[Wish, list[str]] = {}
    for key, row in known.items():
        for of, value in (row.fields or {}).items():
            had.setdefault((*key, of), []).append(value)
    for one in promises:
        # What people decided on is what it gets.
        if (one.kind, one.name) in wishing:
            had.setdefault((one.kind, one.name, one.field), []).append(one.block)
    for ended in _ended(connection):
        for of, value in (ended.fields or {}).items() if ended.key in wishing else ():
            had.setdefault((*ended.key, of), []).append(value)
    found = allocate(entries, before, wanted, had, held)
    if found.findings:
        problems = [tell(finding) for finding in found.findings]
        raise InputError(sorted(problems, key=lambda p: (p.path, p.line, p.column, p.message)))
    out: dict[Key, dict[str, str]] = {}
    for (kind, name, of), text in found.chosen.items():
        out.setdefault((kind, name), {})[of] = text
    return out


def _has(fields: Fields, one: Held) -> bool:
    """Whether what an entry says now covers a block that it had: it may give parts of it away."""
    from ..addressing.occupancy import held

    return any(now.block.holds(one.block) for now in held(*one.key, fields))


def _ended(connection: Connection) -> list[ClaimRow]:
    """Claims of the allocator that ended; the newest first."""
    rows = connection.rows(
        "SELECT kind, name, fields FROM claim WHERE claimant = :claimant AND until IS NOT NULL "
        "ORDER BY until DESC, kind, name",
        claimant=ALLOCATOR,
    )
    return [ClaimRow(kind, name, ALLOCATOR, 0, msgspec.json.decode(text)) for kind, name, text in rows]


def _given_back(
    connection: Connection, before: Mapping[Key, Fields], rest_s: float, networks: Collection[str]
) -> list[tuple[SpaceKey, Held]]:
    """What accepted entries held until lately, where, and whose it was: by the name that one has now.

    ``before``: what is accepted. ``networks``: those of which machines' addresses matter. What a private
    network has of its own is not ours to give.
    """
    from ..addressing.occupancy import HELD, held
    from ..addressing.places import Places

    kinds = [kind for kind in HELD if networks or kind not in INSIDE]
    rows = list(
        rows_among(
            connection,
            "SELECT uid, kind, name, fields, until FROM accepted WHERE kind IN :among AND until >= "
            "(SELECT min(number) FROM revision WHERE at > :since)",
            kinds,
            since=time.time() - rest_s,
        )
    )
    rows.sort(key=lambda row: row[4])
    now: dict[str, Key] = {
        uid: (kind, name)
        for uid, kind, name in rows_among(
            connection,
            "SELECT uid, kind, name FROM accepted WHERE +until IS NULL AND uid IN :among",
            {row[0] for row in rows},
        )
    }
    past: dict[Key, Fields] = {}
    found = []
    for uid, kind, name, text, _ in rows:
        fields = past[kind, name] = msgspec.json.decode(text)
        if kind not in INSIDE or fields.get("network") in networks:
            found.append((uid, kind, name, fields))
    out = []
    around = dict(before)
    for uid, kind, name, fields in found:
        # Its zone was that of a node or network which may be gone by now as well.
        places = Places(ChainMap({(kind, name): fields}, around, past))
        for one in held(kind, name, fields):
            if (kind, one.field) != ("private_network", "prefixes"):
                whose = one._replace(key=now.get(uid, one.key))
                out += [(space, whose) for space in places.spaces(kind, name, one.field)]
    return out


def _beneath_pins(connection: Connection, before: Mapping[Key, Fields]) -> list[tuple[SpaceKey, Held]]:
    """What the allocator gave to entries that pins hold otherwise: they get it back with the pins' end."""
    from ..addressing.blocks import read_block
    from ..addressing.occupancy import Held
    from ..addressing.places import Places

    pinned = {row.key for row in standing(connection)}
    said: dict[Key, Fields] = {}
    given: dict[Key, Mapping[str, str]] = {}
    for row in claims_on(connection, pinned):
        if row.claimant == ALLOCATOR:
            given[row.key] = row.fields or {}
        elif not row.claimant.startswith(PINS):
            said[row.key] = {**said.get(row.key, {}), **(row.fields or {})}
    places = Places(ChainMap(said, dict(before)))
    return [
        (places.space(*key), Held(read_block(text), key, of, divided=key[0] == "prefix"))
        for key, fields in given.items()
        for of, text in fields.items()
    ]


class _Claim(msgspec.Struct, frozen=True):
    kind: str
    name: str
    fields: dict[str, Any] | None = None


class _Asked(msgspec.Struct, frozen=True):
    said: list[_Claim] = []


class _Submitted(msgspec.Struct, frozen=True):
    """What is read here of the plan of a request."""

    asked: _Asked = _Asked()


def _promised(
    connection: Connection, before: Mapping[Key, Fields], promises: Sequence[requests.Promise]
) -> list[tuple[SpaceKey, Held]]:
    """What plans that are being decided on give to entries which are not there yet: nobody else gets it."""
    from ..addressing.blocks import read_block
    from ..addressing.occupancy import Held
    from ..addressing.places import Places

    said: dict[Key, Fields] = {}
    for name in {one.request for one in promises}:
        row = requests.find(connection, name)
        if row is not None:
            plan = msgspec.json.decode(requests.paper(connection, row.plan), type=_Submitted)
            said |= {(claim.kind, claim.name): claim.fields or {} for claim in plan.asked.said}
    places = Places(ChainMap(said, dict(before)))
    return [
        (
            places.space(one.kind, one.name),
            Held(read_block(one.block), (one.kind, one.name), one.field, divided=one.kind == "prefix"),
        )
        for one in promises
        if (one.kind, one.name) in said
    ]


def resting(connection: Connection, entries: Mapping[Key, Fields]) -> list[tuple[SpaceKey, Held]]:
    """What is nobody's now and yet not free, and where; ``entries``: those accepted, with the profile."""
    rest_s = _policy(entries, Loaded.nothing().problem).rest_days * _DAY_S
    networks = {name for kind, name in entries if kind == "network"}
    found = _given_back(connection, entries, rest_s, networks) + _beneath_pins(connection, entries)
    found += _promised(connection, entries, requests.promises(connection))
    return [(space, one) for space, one in found if not _has(entries.get(one.key, {}), one)]


def _policy(entries: Mapping[Key, Fields], tell: Callable[[Finding], Problem]) -> AddressPolicy:
    """Raises ``InputError`` where the numbers are none."""
    values = entries.get(PROFILE, {}).get("values", {})
    if wrong := faults(values):
        raise InputError([tell(Finding(*PROFILE, "values", words, hint)) for words, hint in wrong])
    return AddressPolicy(**values)


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, a hint) of each value of ``profile/addressing`` that cannot be taken."""
    out = []
    for name, value in values.items():
        if name not in AddressPolicy.__struct_fields__:
            hint = f"it knows {', '.join(AddressPolicy.__struct_fields__)}"
            out.append((f"`{name}` is nothing that addressing knows", hint))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            out.append((f"`{name}` should be a number of days, 0 or more", ""))
    return out
