"""The word `auto` in a plan: what the ledger's claims of the allocator answer, begin to say, and end.

What was chosen is a claim of `allocator` on the entry that wishes, recorded with the plan: the same on every
machine, whatever comes and goes beside it. It ends when nobody wishes any more, and what it held rests for
`rest_days` of `profile/addressing`. Nothing is looked for where no wish is in sight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ..addressing.wishes import ALLOCATOR, FIELDS, MACHINES, wishes
from ..errors import InputError, Problem
from ..ledger.claims import ClaimKey, ClaimRow
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source.claims import Finding
from ..source.loaded import Loaded
from ..source.merging import Saying, left_over
from .graph import Fields, Graph

if TYPE_CHECKING:
    from ..addressing.occupancy import Held

Wish = tuple[str, str, str]
PROFILE: Key = ("profile", "addressing")
# What an allocation reads: whose address space is where, and who holds what of it.
READ = (
    *("prefix", "address_plan", "network", "link", "node", "translation", "private_network"),
    *("vrf", "zone", "region", "site", "cloud", "project"),
)
# What has addresses inside the prefix of a network.
INSIDE = (*MACHINES, "load_balancer", "interface")
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
    wanted = [
        (*key, of)
        for key, fields in looked_at.items()
        if fields and key[0] in FIELDS
        for of in wishes(key[0], fields)
    ]
    if not known and not wanted:
        return Settled()
    out = Settled()
    if wanted:
        out.chosen = _choose(connection, graph, accepted, looked_at, wanted, known, tell)
    said, ended = [], []
    for key in sorted({*known, *out.chosen}):
        fields = dict(answers.get(key, {})) | out.chosen.get(key, {})
        row = known.get(key)
        if not fields:
            ended.append((*key, ALLOCATOR))
        elif row is None or row.fields != fields:
            said.append(ClaimRow(*key, ALLOCATOR, 0, fields))
    out.said, out.ended = tuple(said), tuple(ended)
    return out


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
    tell: Callable[[Finding], Problem],
) -> dict[Key, dict[str, str]]:
    from ..addressing.allocator import allocate

    entries = graph.of_kinds(READ)
    wishing = {wish[:2] for wish in wanted}
    machines = graph.entries(key for key in wishing if key[0] in MACHINES)
    networks = {("network", str(fields.get("network", ""))) for fields in machines.values()}
    entries |= graph.entries(graph.referrers(networks, INSIDE)) | machines
    before = dict(accepted({*entries, *looked_at}))
    for key, fields in entries.items():
        former = (key[0], str(fields.get("was", "")))
        # Under another name it is the same, and has what it had.
        if former in before and key not in before:
            before[key] = before.pop(former)
    rest_s = _policy(graph.entries([PROFILE]), tell).rest_days * _DAY_S
    had: dict[Wish, list[str]] = {}
    resting: dict[Wish, list[str]] = {}
    for key in wishing:
        was = (key[0], str(entries.get(key, {}).get("was", "")))
        for row in (known.get(key), known.get(was)):
            for of, value in (row.fields or {}).items() if row is not None else ():
                had.setdefault((*key, of), []).append(value)
    now = time.time()
    for row, at in _ended(connection):
        for of, value in (row.fields or {}).items():
            wish = (*row.key, of)
            if row.key in wishing:
                had.setdefault(wish, []).append(value)
            elif now - at < rest_s:
                resting.setdefault(wish, []).append(value)
    found = allocate(entries, before, wanted, had, resting)
    if found.findings:
        problems = [tell(finding) for finding in found.findings]
        raise InputError(sorted(problems, key=lambda p: (p.path, p.line, p.column, p.message)))
    out: dict[Key, dict[str, str]] = {}
    for (kind, name, of), text in found.chosen.items():
        out.setdefault((kind, name), {})[of] = text
    return out


def _ended(connection: Connection) -> list[tuple[ClaimRow, float]]:
    """Claims of the allocator that ended, and when, in seconds since the epoch; the newest first."""
    rows = connection.rows(
        "SELECT claim.kind, claim.name, claim.fields, revision.at FROM claim "
        "JOIN revision ON revision.number = claim.until "
        "WHERE claim.claimant = :claimant AND claim.until IS NOT NULL "
        "ORDER BY claim.until DESC, claim.kind, claim.name",
        claimant=ALLOCATOR,
    )
    return [
        (ClaimRow(kind, name, ALLOCATOR, 0, msgspec.json.decode(text)), float(at))
        for kind, name, text, at in rows
    ]


def resting(connection: Connection, entries: Mapping[Key, Fields]) -> list[Held]:
    """What was given back lately and is nobody's again; ``entries``: those accepted, with the profile."""
    from ..addressing.blocks import read_block
    from ..addressing.occupancy import Held

    rest_s = _policy(entries, Loaded.nothing().problem).rest_days * _DAY_S
    now = time.time()
    out = []
    for row, at in _ended(connection):
        for of, text in (row.fields or {}).items():
            if now - at < rest_s and entries.get(row.key, {}).get(of) != text:
                out.append(Held(read_block(text), row.key, of, divided=False))
    return out


def _policy(entries: Mapping[Key, Fields], tell: Callable[[Finding], Problem]) -> AddressPolicy:
    """Raises ``InputError`` where the numbers are none."""
    values = entries.get(PROFILE, {}).get("values", {})
    problems = []
    for name, value in values.items():
        if name not in AddressPolicy.__struct_fields__:
            hint = f"it knows {', '.join(AddressPolicy.__struct_fields__)}"
            problems.append(
                tell(Finding(*PROFILE, "values", f"`{name}` is nothing that addressing knows", hint))
            )
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            problems.append(
                tell(Finding(*PROFILE, "values", f"`{name}` should be a number of days, 0 or more"))
            )
    if problems:
        raise InputError(problems)
    return AddressPolicy(**values)
