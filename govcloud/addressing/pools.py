"""From which blocks somebody gets a prefix or an address, and how long: by plan, place and role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .blocks import BITS, COUNTED, Block, read_block
from .forms import AUTO, Misread
from .places import Key, Places, SpaceKey
from .wishes import FIELDS, MACHINES

Fields = Mapping[str, Any]
# The roles of prefixes that may be divided for networks; those for links and loopbacks are apart.
FOR_LANS = ("lan", "aggregate", "pool")
# Of a link and of a loopback, where the plan does not say it (RFC 3021, RFC 6164).
LINK = {4: 31, 6: 127}


@dataclass(frozen=True)
class Wanted:
    """What one `auto` asks for: a block of a length from the first of ``pools`` that has room.

    ``owner``: who holds the pool and gives parts of it; ``spread``: with room to grow between.
    """

    key: Key
    field: str
    version: int
    length: int
    pools: tuple[Block, ...]
    space: SpaceKey
    spread: bool = False
    owner: Key = ("", "")
    plan: str = ""


class NoPool(Exception):
    """Nothing says where the addresses are to come from: message and hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Pools:
    """Plans and their prefixes; ``entries`` may change under it as wishes come true."""

    def __init__(self, entries: Mapping[Key, Fields]) -> None:
        self._entries = entries
        self._places = Places(entries)
        self._prefixes: dict[str, list[str]] = {}
        for (kind, name), fields in entries.items():
            if kind == "prefix" and fields.get("plan"):
                self._prefixes.setdefault(str(fields["plan"]), []).append(name)
        self._plans = sorted(name for kind, name in entries if kind == "address_plan")

    def wanted(self, kind: str, name: str, field: str) -> Wanted:
        """What an entry asks for with `auto` in a field. Raises ``NoPool``."""
        if kind == "prefix":
            return self._for_prefix(name)
        if kind in MACHINES:
            return self._for_machine(kind, name, field)
        return self._for_edge(kind, name, field)

    # -- prefixes -----------------------------------------------------------------------------------

    def _for_prefix(self, name: str) -> Wanted:
        fields = self._entries["prefix", name]
        plan_name = str(fields.get("plan", ""))
        plan = self._entries.get(("address_plan", plan_name))
        if plan is None:
            raise NoPool("`auto` needs `plan` and `level`", "plan: the address plan that it is a prefix of")
        level = str(fields.get("level", ""))
        levels, lengths = list(plan.get("levels", [])), list(plan.get("lengths", []))
        if level not in levels or len(levels) != len(lengths):
            said = f"no level is called {level!r}" if level else "`auto` needs a `level`"
            raise NoPool(f"{said} in address_plan/{plan_name}", f"its levels: {', '.join(levels) or 'none'}")
        number = levels.index(level)
        wanted = Wanted(
            ("prefix", name),
            "prefix",
            int(plan["family"]),
            int(lengths[number]),
            (),
            self._places.space("prefix", name),
            plan.get("growth", "sparse") == "sparse",
            plan=plan_name,
        )
        if parent := str(fields.get("parent", "")):
            block = self._block(self._entries.get(("prefix", parent), {}).get("prefix", ""), wanted.version)
            if block is None:
                raise NoPool(f"its parent prefix/{parent} has no prefix to take it from")
            return replace(wanted, pools=(block,))
        if number == 0:
            return replace(wanted, pools=self._blocks(plan, wanted.version))
        above = [
            p
            for p in self._prefixes[plan_name]
            if self._entries["prefix", p].get("level") == levels[number - 1]
        ]
        pools = self._nearest("prefix", name, [p for p in above if p != name], wanted)
        if not pools:
            raise NoPool(
                f"address_plan/{plan_name} has no prefix of level {levels[number - 1]} for its holder",
                f"add one, or name the prefix that it is taken from: `parent`; level {level} lies in it",
            )
        return replace(wanted, pools=pools)

    # -- networks, links, loopbacks -----------------------------------------------------------------

    def _for_edge(self, kind: str, name: str, field: str) -> Wanted:
        version = FIELDS[kind][field]
        space = self._places.space(kind, name)
        roles = {"network": FOR_LANS, "link": ("links",), "node": ("loopbacks",)}[kind]
        found: list[tuple[int, Wanted]] = []
        plans = self._plans_of(space, version, str(self._entries[kind, name].get("plane", "both")))
        for plan_name in plans:
            wanted = self._under(plan_name, kind, name, field, version, space)
            if wanted is None:
                continue
            known = [
                p
                for p in self._prefixes.get(plan_name, ())
                if self._entries["prefix", p].get("role", "lan") in roles
            ]
            rank, pools = self._ranked(kind, name, known, wanted)
            if not pools and kind == "network" and not known:
                rank, pools = 10_000, self._blocks(self._entries["address_plan", plan_name], version)
            if pools:
                found.append((rank, replace(wanted, pools=pools)))
        best = [wanted for rank, wanted in found if rank == min(rank for rank, _ in found)]
        if len(best) > 1:
            names = " and ".join(f"address_plan/{one.plan}" for one in best)
            raise NoPool(
                f"{names} would both do", "give their prefixes different holders, or one another zone"
            )
        if best:
            return best[0]
        if plans:
            what = {"network": "networks", "link": "links", "node": "loopbacks"}[kind]
            role = {"network": "lan", "link": "links", "node": "loopbacks"}[kind]
            raise NoPool(
                f"{' and '.join(f'address_plan/{p}' for p in plans)} has no prefix for {what} here",
                f"add a prefix of that plan with `role: {role}` and `status: container`, held by a region, "
                "unit or site that it is in",
            )
        raise NoPool(
            f"no address plan gives IPv{version} in {space.words}",
            f"add an address_plan with `family: {version}`"
            + (f" and `vrf: {space.vrf}`" if space.vrf else f" and `zone: {space.zone}`"),
        )

    def _plans_of(self, space: SpaceKey, version: int, plane: str) -> list[str]:
        """Plans of a space: of its zone before those of none, of a link's plane before those of both."""
        found: dict[tuple[bool, bool], list[str]] = {}
        for name in self._plans:
            plan = self._entries["address_plan", name]
            if plan.get("family") != version or str(plan.get("vrf", "")) != space.vrf:
                continue
            zone, of = self._places.zone("address_plan", name), str(plan.get("plane", "both"))
            if zone in ("", space.zone) and of in ("both", plane):
                found.setdefault((zone == space.zone, of == plane), []).append(name)
        return found[max(found)] if found else []

    def _under(
        self, plan_name: str, kind: str, name: str, field: str, version: int, space: SpaceKey
    ) -> Wanted | None:
        """Without pools yet; None where the plan does not say how long a network's prefix is."""
        plan = self._entries["address_plan", plan_name]
        if kind == "link":
            length = int(plan.get("link_length") or LINK[version])
        elif kind == "node":
            length = BITS[version]
        elif plan.get("lengths"):
            length = int(plan["lengths"][-1])
        elif version == 6:
            length = COUNTED[6]
        else:
            return None
        spread = kind == "network" and plan.get("growth", "sparse") == "sparse"
        return Wanted((kind, name), field, version, length, (), space, spread, plan=plan_name)

    def _for_machine(self, kind: str, name: str, field: str) -> Wanted:
        version = FIELDS[kind][field]
        network = str(self._entries[kind, name].get("network", ""))
        text = self._entries.get(("network", network), {}).get(field, "")
        block = self._block(text, version)
        if block is None:
            where = f"network/{network} has no {field}" if network else "it is in no network"
            raise NoPool(where, f"say the network's `{field}` first; `auto` does there too")
        owner = ("network", network)
        return Wanted(
            (kind, name), field, version, BITS[version], (block,), self._places.space(*owner), owner=owner
        )

    # -- choosing -----------------------------------------------------------------------------------

    def _nearest(self, kind: str, name: str, prefixes: Sequence[str], wanted: Wanted) -> tuple[Block, ...]:
        return self._ranked(kind, name, prefixes, wanted)[1]

    def _ranked(
        self, kind: str, name: str, prefixes: Sequence[str], wanted: Wanted
    ) -> tuple[int, tuple[Block, ...]]:
        """Blocks of the prefixes whose holders are nearest; of equally near ones the longest, by name."""
        ranks = self._places.ranks(kind, name)
        found: dict[tuple[int, int], list[tuple[str, Block]]] = {}
        for prefix in sorted(prefixes):
            fields = self._entries["prefix", prefix]
            rank = ranks.get(str(fields.get("holder", "")))
            block = self._block(fields.get("prefix", ""), wanted.version)
            if rank is None or block is None or not _gives(fields, block, wanted, rank):
                continue
            found.setdefault((rank, -block.length), []).append((prefix, block))
        if not found:
            return 0, ()
        best = min(found)
        return best[0], tuple(block for _, block in found[best])

    def _blocks(self, plan: Fields, version: int) -> tuple[Block, ...]:
        texts = [plan.get("prefix", ""), *plan.get("pools", [])]
        return tuple(block for text in texts if (block := self._block(text, version)) is not None)

    def _block(self, text: str, version: int) -> Block | None:
        """None where it is empty, not chosen yet or, as a check tells, none of this version."""
        try:
            return read_block(text, version) if text and text != AUTO else None
        except Misread:
            return None


def _gives(fields: Fields, block: Block, wanted: Wanted, rank: int) -> bool:
    """Whether a prefix may be divided for it: one of its own is taken as a whole."""
    if fields.get("status", "active") not in ("container", "active") or block.length > wanted.length:
        return False
    return block.length < wanted.length or rank == 0
