"""`govcloud capacity place`: where instances would stand, and why they cannot."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .capacity_entries import Seen, entries_of, files_option
from .common import App, console, emit, json_option
from .redacting import redacted

if TYPE_CHECKING:
    from rich.console import Console

    from ..capacity.bounds import Bound
    from ..capacity.clashes import Clash
    from ..capacity.estate import Estate
    from ..capacity.placing import Placed
    from ..capacity.rebalancing import Move

# Instances that are told one by one; of more, servers.
MOST_TOLD = 40
# Moves that --rebalance proposes at once: each is work, and the next look sees what they did.
MOST_MOVES = 20


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--request", "request", metavar="NAME", help="The instances of this request.")
@files_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws among equals.")
@click.option("--rebalance", is_flag=True, help="Which moves would even the load out.")
@json_option
@click.pass_obj
@redacted
def place(
    app: App,
    file: Path | None,
    request: str | None,
    files: bool,
    seed: int,
    rebalance: bool,
    as_json: bool,
) -> int:
    """Where instances without a server would stand; what stands stays. Nothing is written.

    FILE is a request's file: its instances alone. Without it, all that wait in clouds that have servers, on
    as few servers as can be (or evenly, as profile/placement says), with the bound that nobody can beat. What
    finds no place is told with the constraints that clash, and then the exit code is 3.
    """
    _check(file, request, files, rebalance)
    seen = entries_of(app, files=files, file=file, request=request)
    from ..capacity.estate import Estate
    from ..capacity.figures import Placement, figures

    numbers = figures(Placement, seen.catalogue)
    estate = Estate.of(seen.catalogue, numbers)
    if rebalance:
        return _rebalance(estate, seen, as_json)
    from ..capacity.placing import place as place_all
    from ..capacity.placing import place_new

    before = estate.copy()
    if seen.asked is not None:
        placed = place_new(seen.catalogue, seen.asked)
        for name, host in placed.where.items():
            estate.stand((name,), estate.needs[name], host)
    else:
        placed = place_all(estate, numbers, seed)
        if placed.left:
            from ..capacity.clashes import explain

            placed.clashes = explain(before, before.waiting, placed.left)
    if as_json:
        emit(_document(placed, seen, seed, numbers.prefer))
    else:
        _show(console(), placed, estate, seen, numbers.prefer)
    return int(Exit.CHANGES if placed.left else Exit.OK)


def _check(file: Path | None, request: str | None, files: bool, rebalance: bool) -> None:
    problems = []
    if file is not None and request:
        problems.append("FILE and --request: one of both")
    if files and (file is not None or request):
        problems.append("--files goes with neither FILE nor --request: a request stands on what is accepted")
    if rebalance and (file is not None or request):
        problems.append("--rebalance is about what stands: not with FILE or --request")
    if problems:
        raise InputError([Problem(one) for one in problems], hint="`govcloud capacity place --help`")


def _document(placed: Placed, seen: Seen, seed: int, prefer: str) -> dict[str, Any]:
    return {
        "seed": seed,
        "prefer": prefer,
        "where": {name: host for name, host in placed.where.items() if seen.may_tell(name)},
        "left": [name for item in placed.left for name in item.names if seen.may_tell(name)],
        "clouds": [
            {
                "cloud": one.cloud,
                "instances": one.items,
                "servers": one.servers,
                "used_before": one.before,
                "used": one.used,
                "least": one.least,
                "volume": one.before + one.volume,
                "programme": None if one.programme is None else one.before + one.programme,
                "highest_use": round(one.highest, 4),
                "least_highest_use": round(one.even, 4),
            }
            for one in placed.bounds
        ],
        "clashes": [
            {
                "cloud": one.cloud,
                "instances": seen.told(one.instances),
                "constraints": list(one.constraints),
                "message": seen.veiled(one.sentence, one.instances),
                "proved": one.proved,
            }
            for one in placed.clashes
        ],
    }


def _show(out: Console, placed: Placed, estate: Estate, seen: Seen, prefer: str) -> None:
    from rich.text import Text

    from .tables import print_line, print_table

    told = {name: host for name, host in placed.where.items() if seen.may_tell(name)}
    if not placed.where and not placed.left:
        none = "no server says whose instances it carries (`cloud` of a server)"
        out.print("no instance waits for a server" if estate.hosts else none, markup=False)
        return
    if len(told) <= MOST_TOLD:
        rows = [
            (name, host, estate.hosts[host].site, *_uses(estate, host, estate.free[host]))
            for name, host in sorted(told.items(), key=lambda one: (one[1], one[0]))
        ]
        if rows:
            heads = ("instance", "server", "site", "vCPU", "memory", "disk")
            print_table(out, heads, rows, right=("vCPU", "memory", "disk"))
            print_line(out, Text("  shares of each server that are in use then", "dim"))
    else:
        print_line(out, Text(f"{len(told):,} instances; --json tells where each would stand"))
    for bound in placed.bounds:
        for words in _told(bound, prefer, not placed.left):
            print_line(out, Text(words))
    _tell_clashes(out, placed.clashes, seen)


def _told(bound: Bound, prefer: str, whole: bool) -> list[str]:
    """Two lines of a cloud; ``whole``: everything found its place, so that the bounds bind."""
    first = f"cloud {bound.cloud}: {bound.used:,} of {bound.servers:,} servers carry something"
    first += f" ({bound.before:,} did before); the most used one is used to {bound.highest:.0%}"
    if not whole:
        return [first]
    if prefer == "even":
        return [first, f"  bound: to {bound.even:.0%} at the least, by volume"]
    least = f"  bound: {bound.least:,} servers at the least (by volume {bound.before + bound.volume:,}"
    if bound.programme is not None:
        least += f", by linear programme {bound.before + bound.programme:,}"
    gap = "nobody can do with fewer" if bound.gap <= 0 else f"at most {bound.gap:,} fewer would do"
    return [first, f"{least}): {gap}"]


def _uses(estate: Estate, host: str, free: Collection[int]) -> list[str]:
    from ..capacity.estate import UNBOUNDED

    total = estate.hosts[host].total
    return [
        f"{1 - room / all:.0%}" if 0 < all < UNBOUNDED else "" for room, all in zip(free, total, strict=True)
    ]


def _tell_clashes(out: Console, clashes: Collection[Clash], seen: Seen) -> None:
    from rich.text import Text

    from .tables import print_line

    for clash in clashes:
        words = seen.veiled(clash.sentence, clash.instances)
        print_line(out, Text.assemble(("clash", "red"), f"  {words}"))


def _rebalance(estate: Estate, seen: Seen, as_json: bool) -> int:
    from ..capacity.rebalancing import moves

    found: dict[str, list[Move]] = {}
    for cloud in sorted({host.cloud for host in estate.hosts.values()}):
        found[cloud] = moves(estate, cloud, MOST_MOVES)
    told = [
        (cloud, move)
        for cloud, those in found.items()
        for move in those
        if all(map(seen.may_tell, move.names))
    ]
    if as_json:
        emit(
            {
                "moves": [
                    {
                        "cloud": cloud,
                        "instances": list(move.names),
                        "from": move.source,
                        "to": move.target,
                        "use_before": round(move.before, 4),
                        "use_after": round(move.after, 4),
                    }
                    for cloud, move in told
                ]
            }
        )
        return int(Exit.OK)
    out = console()
    if not told:
        out.print("no move lowers the highest use of any cloud")
        return int(Exit.OK)
    from .tables import print_table

    rows = [
        (cloud, " ".join(m.names), m.source, m.target, f"{m.before:.0%}", f"{m.after:.0%}")
        for cloud, m in told
    ]
    heads = ("cloud", "instances", "from", "to", "use before", "use after")
    print_table(out, heads, rows, right=("use before", "use after"))
    return int(Exit.OK)
