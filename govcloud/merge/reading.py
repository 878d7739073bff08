"""What a merge reads of the ledger: the accepted entries around private networks, and who says them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec

from ..access import sight
from ..errors import InputError, Problem
from ..ledger import Ledger, claims, entries
from ..ledger.claims import ClaimRow
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..model import KINDS
from ..model.base import Entry
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import PrivateNetwork
from ..model.network import Network, Node, Zone
from ..model.policy import Profile
from ..plan.borders import Borders
from ..plan.stages import EntryChange
from ..workspace import Workspace

# Orders of a merge say what they say as this, with the private network's name behind it.
CLAIMANT = "merge:"
AFTER = CLAIMANT[:-1] + chr(ord(CLAIMANT[-1]) + 1)
# What has to do with addresses, borders and what crosses them.
READ = (
    "address_plan",
    "application",
    "boundary",
    "cloud",
    "endpoint",
    "exchange",
    "flow",
    "instance",
    "link",
    "network",
    "node",
    "prefix",
    "private_network",
    "profile",
    "project",
    "review",
    "server",
    "target",
    "translation",
    "unit",
    "vrf",
    "waiver",
    "zone",
)


class MergePolicy(msgspec.Struct, frozen=True):
    """The numbers of ``profile/merging``; the defaults are invented.

    ``renumber_hosts``: up to so many machines other addresses are proposed; ``pool``: where outside prefixes
    are proposed from; ``nat64_prefix``: the /96 that stands for IPv4 (empty: one of the network's own);
    ``targets``: how many machines of each other network must prove out of reach; ``patience_s``: how long a
    measurement may be tried again.
    """

    renumber_hosts: int = 20
    pool: str = "10.0.0.0/8"
    nat64_prefix: str = ""
    targets: int = 4
    patience_s: float = 20


@dataclass
class World:
    """The accepted entries, typed, with who may not be told of and what merges say already."""

    catalogue: Catalogue
    hidden: frozenset[Key]
    standing: dict[str, list[ClaimRow]]  # rows of merge:NAME by NAME
    rows: dict[Key, list[ClaimRow]] = field(default_factory=dict)  # claims on private networks and around
    changed: dict[str, int] = field(default_factory=dict)  # revision of each merge's last change, by NAME

    @cached_property
    def borders(self) -> Borders:
        """Borders as they are now."""
        return Borders(self.catalogue)

    @property
    def networks(self) -> dict[str, PrivateNetwork]:
        """The private networks that the reader may see, by name."""
        found = sorted(self.catalogue.all(PrivateNetwork).items())
        return {name: one for name, one in found if ("private_network", name) not in self.hidden}

    def find(self, name: str) -> PrivateNetwork:
        """The private network of this name. Raises ``InputError`` with the nearest name."""
        known = self.networks
        if name in known:
            return known[name]
        from ..report.nearest import nearest

        guess = nearest(name, known)
        hint = f"did you mean {guess}?" if guess else "`govcloud ls private_network` lists them"
        raise InputError([Problem(f"no private network is called {name!r}", hint=hint)])

    def told(self, kind: str, name: str) -> str:
        """``kind/name``, or words where the reader may not know of it."""
        return "something classified" if (kind, name) in self.hidden else f"{kind}/{name}"

    def place(self, kind: str, name: str) -> tuple[str, int]:
        """(file, line) where an entry is said; ("", 0) where no file does."""
        for row in self.rows.get((kind, name), ()):
            if row.claimant.startswith("file"):
                return row.claimant.partition(":")[2], row.line
        return "", 0

    def after(self, changes: Iterable[EntryChange]) -> World:
        """The same with what a plan records: the state that it ends in."""
        tables = {kind: dict(self.catalogue.table(kind)) for kind in READ}
        read = [change for change in changes if change.kind in tables]
        for change in read:
            tables[change.kind].pop(change.was or change.name, None)
        for change in read:
            if change.verb != "delete":
                tables[change.kind][change.name] = msgspec.convert(change.fields, KINDS[change.kind])
        return replace(self, catalogue=Catalogue(tables))

    def problem(self, kind: str, name: str, words: str, hint: str = "") -> Problem:
        """A problem at the entry's place."""
        path, line = self.place(kind, name)
        return Problem(f"{kind}/{name}: {words}", path, line, hint=hint)

    def policy(self) -> MergePolicy:
        """``profile/merging`` over the defaults. Raises ``InputError`` for what it does not know."""
        profile = self.catalogue.find("profile", "merging")
        values = profile.values if isinstance(profile, Profile) else {}
        try:
            return msgspec.convert({**values}, _Strict)
        except msgspec.ValidationError as error:
            raise InputError([self.problem("profile", "merging", str(error))]) from None

    def members(self, name: str) -> frozenset[str]:
        """A private network's own routers."""
        return frozenset(self.catalogue.get(PrivateNetwork, name).nodes)

    def own_networks(self, name: str) -> dict[str, Network]:
        """The networks behind a private network's routers, by name."""
        nodes = self.members(name)
        return {n: net for n, net in sorted(self.catalogue.all(Network).items()) if net.gateway in nodes}

    def own_machines(self, name: str) -> dict[Key, Server | Instance]:
        """The servers and instances in those networks, by (kind, name)."""
        networks = self.own_networks(name)
        tables: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
        return {
            (cls.KIND, machine): one
            for cls in tables
            for machine, one in sorted(self.catalogue.all(cls).items())
            if one.network in networks
        }

    def zone_of(self, host: str) -> str:
        """The zone that ``kind/name`` stands in; empty where that is not known."""
        kind, _, name = host.partition("/")
        entry = self.catalogue.find(kind, name)
        if isinstance(entry, (Server, Instance)):
            network = self.catalogue.find("network", entry.network)
            entry = self.catalogue.find("node", network.gateway) if isinstance(network, Network) else None
        return entry.zone if isinstance(entry, Node) else ""

    def role_of(self, zone: str) -> str:
        """A zone's role; empty where there is no such zone."""
        found = self.catalogue.find("zone", zone) if zone else None
        return found.role if isinstance(found, Zone) else ""


class _Strict(MergePolicy, frozen=True, forbid_unknown_fields=True):
    pass


def read_world(workspace: Workspace, ledger: Ledger) -> World:
    """The accepted state, as the caller may see it."""
    with ledger.read() as connection:
        hidden = sight(workspace, ledger, connection)
        accepted: dict[Key, entries.Accepted] = {}
        for kind in READ:
            accepted |= entries.current(connection, kind=kind)
        standing, changed = standing_claims(connection), last_changes(connection)
        places = [key for key in accepted if key[0] in ("private_network", "boundary", "network", "server")]
        places += [key for key in accepted if key[0] in ("instance", "profile")]
        rows: dict[Key, list[ClaimRow]] = {}
        for row in claims.claims_on(connection, places):
            rows.setdefault(row.key, []).append(row)
    tables: dict[str, dict[str, Entry]] = {}
    for (kind, name), one in accepted.items():
        tables.setdefault(kind, {})[name] = msgspec.convert(one.fields, KINDS[kind])
    unseen = frozenset(key for key, one in accepted.items() if one.uid in hidden)
    return World(Catalogue(tables), unseen, standing, rows, changed)


def last_changes(connection: Connection) -> dict[str, int]:
    """The revision in which claims of each merge began or ended last, by the private network's name."""
    found = connection.rows(
        "SELECT claimant, max(since), max(until) FROM claim "
        "WHERE claimant >= :first AND claimant < :last GROUP BY claimant",
        first=CLAIMANT,
        last=AFTER,
    )
    return {c.removeprefix(CLAIMANT): max(since, until or 0) for c, since, until in found}


def standing_claims(connection: Connection) -> dict[str, list[ClaimRow]]:
    """What merges say now, by the private network's name."""
    found = connection.rows(
        "SELECT kind, name, claimant, line, fields FROM claim "
        "WHERE claimant >= :first AND claimant < :last AND +until IS NULL ORDER BY kind, name",
        first=CLAIMANT,
        last=AFTER,
    )
    out: dict[str, list[ClaimRow]] = {}
    for kind, name, claimant, line, text in found:
        row = ClaimRow(kind, name, claimant, line, msgspec.json.decode(text))
        out.setdefault(claimant.removeprefix(CLAIMANT), []).append(row)
    return out


def names(keys: Iterable[Key]) -> list[str]:
    """``kind/name`` of each, sorted."""
    return sorted("/".join(key) for key in keys)
