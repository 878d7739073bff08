"""Address space: the first free prefix and the usage of the whole tree, among a million prefixes.

The peer is PostgreSQL with its network types, asked the same of the same prefixes over a local socket, warm,
in the same run. Both answer from memory; what loading takes is told in the note.
"""

from __future__ import annotations

import ipaddress
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from govcloud.addressing.space import Space

from .fixtures import ROOT, Fixtures
from .frame import Failure, Figure

Block = tuple[int, int]
PLAN: Block = (0x3FFF0460 << 96, 28)
CITIES, COUNTIES = 16, 256
# Questions that are asked, and targets in seconds.
ASKED = 1000
FREE_S, USAGE_S = 0.001, 1.0
# Room for all of it, so that nothing is read from disk.
SERVER = {"shared_buffers": "512MB", "work_mem": "256MB", "max_wal_size": "2GB"}

# The end of each prefix in the block is a candidate, and the block's start; the first that is nobody's.
FIRST = """
SELECT candidate FROM (
    SELECT set_masklen(%(block)s::inet, 64) AS candidate
    UNION ALL
    SELECT set_masklen(broadcast(p) + 1, 64) FROM prefix WHERE p << %(block)s::cidr AND NOT divided
) ends
WHERE candidate << %(block)s::cidr
  AND NOT EXISTS (SELECT 1 FROM prefix WHERE p >>= candidate::cidr AND NOT divided)
ORDER BY candidate LIMIT 1
"""
USAGE = """
SELECT c.p, coalesce(sum(power(2, 64 - masklen(l.p))), 0)
FROM prefix c LEFT JOIN prefix l ON l.p << c.p AND NOT l.divided WHERE c.divided GROUP BY c.p
"""


@cache
def _tree(count: int) -> tuple[list[Block], list[Block]]:
    """(what is divided, the /64s in it): cities with counties, each with networks that leave gaps."""
    cities = [(PLAN[0] + (n << 88), 40) for n in range(CITIES)]
    counties = [(low + (n << 80), 48) for low, _ in cities for n in range(min(COUNTIES, max(1, count // 64)))]
    draw = random.Random(6)
    lans: list[Block] = []
    for number, (low, _) in enumerate(counties):
        each = count // len(counties) + (number < count % len(counties))
        # The first ones stand close together, the others where somebody once put them.
        numbers = {*range(each // 2), *draw.sample(range(each // 2, 1 << 16), each - each // 2)}
        lans += ((low + (n << 64), 64) for n in sorted(numbers))
    return [PLAN, *cities, *counties], lans


def first_free(fixtures: Fixtures) -> list[Figure]:
    """The first free /64 of a county, a thousand counties by turns, and of the whole plan."""
    divided, lans = _tree(fixtures.sizes.huge)
    began = time.perf_counter()
    space = Space(128, lans)
    loaded = time.perf_counter() - began
    counties = [block for block in divided if block[1] == 48]
    draw = random.Random(7)
    asked = [PLAN, *(draw.choice(counties) for _ in range(ASKED - 1))]
    ours, found = _each(lambda block: space.first(block, 64), asked)
    note = f"{len(lans):,} prefixes, loaded in {loaded:.2f} s; the mean of {len(asked):,} questions"
    with _peer(fixtures, divided, lans) as peer:
        if peer is None:
            return [Figure("prefix-free-1m", ours, "s", note=f"{note}; no peer", target=FREE_S)]
        # A sample of them: the peer takes its time.
        few = asked[1:101]
        theirs, answers = _each(lambda block: peer(FIRST, {"block": _text(block)})[0][0], few)
        for block, answer, own in zip(few, answers, found[1:], strict=False):
            if int(ipaddress.ip_interface(str(answer)).ip) != own:
                raise Failure(f"the first free /64 of {_text(block)} is {own:x}, or {answer}")
    return [Figure("prefix-free-1m", ours, "s", _NAME, theirs, theirs / ours, note, FREE_S)]


def usage(fixtures: Fixtures) -> list[Figure]:
    """How many /64s are used of the plan, each city and each county."""
    divided, lans = _tree(fixtures.sizes.huge)
    space = Space(64, ((low >> 64, length) for low, length in lans))

    def all_of_them() -> dict[str, int]:
        return {_text(block): space.used((block[0] >> 64, block[1])) for block in divided}

    def cold() -> dict[str, int]:
        # What an earlier turn has added up is thrown away.
        space._sums = None
        for chunk in space._chunks:
            chunk._sums = None
        return all_of_them()

    ours, found = _median(cold, fixtures.times(5))
    note = f"{len(lans):,} prefixes in {len(divided):,} that are divided"
    with _peer(fixtures, divided, lans) as peer:
        if peer is None:
            return [Figure("prefix-usage-1m", ours, "s", note=f"{note}; no peer", target=USAGE_S)]
        theirs, answers = _median(lambda: peer(USAGE, {}), 1 if fixtures.quick else 2)
        if {str(block): int(used) for block, used in answers} != found:
            raise Failure("the peer counts otherwise")
    return [Figure("prefix-usage-1m", ours, "s", _NAME, theirs, theirs / ours, note, USAGE_S)]


def _each(ask: Callable[[Block], Any], blocks: list[Block]) -> tuple[float, list[Any]]:
    """(mean seconds of a question, the answers), after one that is not counted."""
    ask(blocks[0])
    began = time.perf_counter()
    answers = [ask(block) for block in blocks]
    return (time.perf_counter() - began) / len(blocks), answers


def _median(ask: Callable[[], Any], times: int) -> tuple[float, Any]:
    seconds = []
    answer: Any = None
    for _ in range(times):
        began = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), answer


def _text(block: Block) -> str:
    return f"{ipaddress.IPv6Address(block[0])}/{block[1]}"


# -- the peer -----------------------------------------------------------------------------------------

_NAME = "PostgreSQL, cidr with its GiST and B-tree indexes, warm"


@contextmanager
def _peer(
    fixtures: Fixtures, divided: list[Block], lans: list[Block]
) -> Iterator[Callable[[str, dict[str, Any]], list[Any]] | None]:
    """A server of our own with the same prefixes, to be asked in SQL; None where there is none."""
    sys.path.insert(0, str(ROOT))
    from tests import postgres

    if obstacle := postgres.obstacle():
        fixtures.tell(f"{obstacle}: its figures are left out")
        yield None
        return
    import psycopg

    postgres.SETTINGS |= SERVER
    server = postgres.Server().start()
    try:
        fixtures.tell(f"  loading {len(lans):,} prefixes into PostgreSQL")
        with psycopg.connect(server.create("space"), autocommit=True) as connection:
            connection.execute("CREATE TABLE prefix (p cidr PRIMARY KEY, divided boolean NOT NULL)")
            with connection.cursor().copy("COPY prefix FROM STDIN") as copy:
                for blocks, flag in ((divided, "t"), (lans, "f")):
                    for block in blocks:
                        copy.write(f"{_text(block)}\t{flag}\n")
            connection.execute("CREATE INDEX ON prefix USING gist (p inet_ops)")
            connection.execute("VACUUM ANALYZE prefix")

            def ask(statement: str, values: dict[str, Any]) -> list[Any]:
                return connection.execute(statement, values).fetchall()

            yield ask
    finally:
        server.remove()


BENCHMARKS = {"prefix-free-1m": first_free, "prefix-usage-1m": usage}
