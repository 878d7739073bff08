"""What `auto` gets: nothing twice, the same again, whatever comes and goes beside it."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.addressing.allocator import Choices, allocate
from govcloud.addressing.blocks import Block, read_block
from govcloud.addressing.occupancy import Held
from govcloud.addressing.places import SpaceKey
from govcloud.addressing.wishes import FIELDS, wishes
from govcloud.source import check
from tests.addressing.town import SIX, Entries, base, network, pool

Wish = tuple[str, str, str]
WISH = ("network", "n", "ipv4")


class Book:
    """A ledger on paper: what was accepted, and what rests."""

    def __init__(self) -> None:
        self.files: Entries = {}
        self.accepted: Entries = {}
        self.claims: dict[Wish, str] = {}
        self.past: dict[Wish, deque[str]] = {}

    def plan(self, files: Entries) -> Choices:
        entries = {key: dict(fields) for key, fields in files.items()}
        asked = {(*key, of) for key, fields in files.items() for of in wishes(key[0], fields)}
        for (kind, name, of), text in self.claims.items():
            if (kind, name, of) in asked:
                entries[kind, name][of] = text
        pending = [wish for wish in asked if wish not in self.claims]
        had = {wish: list(self.past.get(wish, ())) for wish in pending}
        rest = [one for wish, past in self.past.items() for text in past for one in resting(wish, text)]
        found = allocate(entries, self.accepted, pending, had, rest)
        self.entries = entries
        return found

    def apply(self, files: Entries) -> Entries:
        found = self.plan(files)
        assert not found.findings, found.findings
        asked = {(*key, of) for key, fields in files.items() for of in wishes(key[0], fields)}
        for wish in set(self.claims) - asked:
            self.past.setdefault(wish, deque()).appendleft(self.claims.pop(wish))
        self.claims |= found.chosen
        for (kind, name, of), text in found.chosen.items():
            self.entries[kind, name][of] = text
        self.accepted = self.entries
        return self.accepted


def resting(wish: Wish, text: str) -> list[tuple[SpaceKey, Held]]:
    """What somebody had in zone z."""
    return [(SpaceKey("z", ""), Held(read_block(text), wish[:2], wish[2], divided=wish[0] == "prefix"))]


def held(entries: Entries) -> list[tuple[Block, str]]:
    """What is built, with whose it is: of these no two overlap."""
    return [
        (read_block(fields[of]), f"{kind}/{name}")
        for (kind, name), fields in entries.items()
        for of in FIELDS.get(kind, ())
        if kind in ("network", "link", "node") and fields.get(of)
    ]


def nothing_overlaps(entries: Entries) -> None:
    rows = sorted(held(entries))
    for (one, who), (other, whose) in pairwise(rows):
        assert not one.holds(other), f"{one.text} of {who} and {other.text} of {whose}"
    prefixes = {name: fields for (kind, name), fields in entries.items() if kind == "prefix"}
    for name, fields in prefixes.items():
        block = read_block(fields["prefix"])
        for other, more in prefixes.items():
            lies = other != name and block.holds(read_block(more["prefix"]))
            assert not lies or fields["status"] == "container", f"{other} in {name}"
        if fields["status"] == "reserved":
            assert not [who for one, who in rows if block.holds(one)]


NAMES = st.sampled_from("abcdefgh")
STEPS = st.lists(
    st.tuples(NAMES, st.sampled_from(["add", "remove"]), st.sampled_from(["east", "west"])), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_nothing_is_given_twice_and_everybody_keeps_what_is_theirs(steps: list[tuple[str, str, str]]) -> None:
    book, files = Book(), base()
    given: dict[tuple[Wish, str], str] = {}
    book.apply(files)
    for name, verb, town in steps:
        key = ("network", name)
        if verb == "remove":
            files.pop(key, None)
            files.pop(("server", name), None)
        elif key not in files:
            files[key] = network(town, interface=name, ipv4="auto", ipv6="auto")
            files["server", name] = {"rack": "r", "network": name, "ipv4": "auto", "ipv6": "auto"}
        now = book.apply(files)
        nothing_overlaps(now)
        for wish, text in book.claims.items():
            # Also who comes back to the same town gets what was theirs.
            town = now.get(("network", wish[1]), {}).get("gateway", "")
            assert given.setdefault((wish, town), text) == text
        for (kind, of), fields in now.items():
            if kind == "server":
                lan = now["network", fields["network"]]
                for field in ("ipv4", "ipv6"):
                    assert read_block(lan[field]).holds(read_block(fields[field])), (of, field)
        # Asked again, nothing is new; and another machine with the same ledger says the same.
        assert book.plan(files).chosen == {}


@settings(max_examples=30, deadline=None)
@given(st.permutations(list("abcdef")), st.permutations(["east", "west", "east", "west", "east", "west"]))
def test_the_order_of_files_does_not_matter(names: list[str], towns: list[str]) -> None:
    at = dict(zip("abcdef", towns, strict=True))
    straight, mixed = Book(), Book()
    one, other = base(), base()
    one |= {("network", n): network(at[n], ipv6="auto") for n in "abcdef"}
    other |= {("network", n): network(at[n], ipv6="auto") for n in names}
    assert straight.apply(one) == mixed.apply(dict(reversed(other.items())))


def test_entries_that_are_given_addresses_are_without_fault() -> None:
    book, files = Book(), base()
    files["network", "n"] = network("east", ipv4="auto", ipv6="auto")
    check(book.apply(files))


def test_neighbours_have_room_to_grow_and_grow_in_place() -> None:
    book, files = Book(), base()
    files["address_plan", "six"] = {**SIX, "zone": "z", "lengths": [40, 52, 64]}
    before = book.apply(files)
    east, west = (read_block(before["prefix", town]["prefix"]) for town in ("east", "west"))
    assert east.length == west.length == 52
    files["address_plan", "six"] = {**SIX, "zone": "z"}
    towns = [("prefix", town, "prefix") for town in ("east", "west")]
    entries = dict(before) | {("address_plan", "six"): files["address_plan", "six"]}
    grown = allocate(entries, before, towns, {}, [])
    assert not grown.findings
    assert grown.chosen == {
        wish: block.widened(48).text for wish, block in zip(towns, (east, west), strict=True)
    }
    # Its first address is what it was: nothing in it is numbered anew.
    assert all(
        read_block(text).low == block.low
        for text, block in zip(grown.chosen.values(), (east, west), strict=True)
    )


def test_what_cannot_grow_is_told_with_its_neighbour() -> None:
    book, files = Book(), base()
    files["address_plan", "six"] = {**SIX, "zone": "z", "lengths": [40, 52, 64]}
    before = dict(book.apply(files))
    east = read_block(before["prefix", "east"]["prefix"])
    beside = Block(6, east.high + 1, 52)
    before["prefix", "beside"] = {"prefix": beside.text, "plan": "six"}
    entries = before | {("address_plan", "six"): {**SIX, "zone": "z"}}
    found = allocate(entries, before, [("prefix", "east", "prefix")], {}, [])
    (finding,) = found.findings
    words = f"{east.text} cannot grow to {east.widened(48).text}: {beside.text} is that of prefix/beside"
    assert finding.message == f"`prefix: auto`: {words}"
    assert "say the prefix itself" in finding.hint


def test_a_shrinking_level_leaves_what_is_in_it() -> None:
    book, files = Book(), base()
    files["network", "n"] = network("east", ipv6="auto")
    before = book.apply(files)
    entries = dict(before) | {("address_plan", "six"): {**SIX, "zone": "z", "lengths": [40, 56, 64]}}
    found = allocate(entries, before, [("prefix", "east", "prefix")], {}, [])
    assert not found.findings
    shrunk = read_block(found.chosen["prefix", "east", "prefix"])
    assert shrunk.length == 56
    assert shrunk.holds(read_block(before["network", "n"]["ipv6"]))


def test_what_rests_is_given_to_nobody_else() -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="auto")
    first = Book().apply(files)["network", "n"]["ipv4"]
    found = allocate(files, {}, [WISH], {}, resting(("network", "gone", "ipv4"), first))
    assert found.chosen["network", "n", "ipv4"] != first
    # Whose it was gets it back, though it rests.
    found = allocate(files, {}, [WISH], {WISH: [first]}, resting(WISH, first))
    assert found.chosen["network", "n", "ipv4"] == first


def test_what_stands_there_is_taken_over_by_auto() -> None:
    """Whoever writes `auto` where an address stood keeps the address."""
    files = base()
    before = {**files, ("network", "n"): network("east", ipv4="10.1.7.16/28")}
    files["network", "n"] = network("east", ipv4="auto")
    found = allocate(files, before, [WISH], {}, [])
    assert found.chosen == {("network", "n", "ipv4"): "10.1.7.16/28"}


def test_the_same_space_in_two_vrfs() -> None:
    files = base()
    four = {
        "family": 4,
        "prefix": "192.168.0.0/24",
        "levels": ["lan"],
        "lengths": [25],
        "growth": "sequential",
    }
    for vrf in ("red", "blue"):
        files["vrf", vrf] = {"zone": "z"}
        files["address_plan", vrf] = {**four, "vrf": vrf}
        files["network", vrf] = network("east", vrf=vrf, interface=vrf, ipv4="auto")
    found = Book().apply(files)
    assert found["network", "red"]["ipv4"] == found["network", "blue"]["ipv4"] == "192.168.0.0/25"


def test_a_prefix_that_a_network_holds_is_its_own() -> None:
    files = base()
    files["prefix", "own"] = pool("10.1.9.0/28", "lan", plan="four", parent="area", holder="network/n")
    files["prefix", "own"]["status"] = "active"
    files["network", "n"] = network("east", ipv4="auto")
    files["network", "m"] = network("east", ipv4="auto", interface="m")
    found = Book().apply(files)
    assert found["network", "n"]["ipv4"] == "10.1.9.0/28"
    assert found["network", "m"]["ipv4"] != "10.1.9.0/28"


def test_machines_get_neither_the_gateways_address_nor_that_of_all() -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.0.0/29", ipv6="3fff:46f::/64")
    for number in range(5):
        files["server", f"s{number}"] = {"rack": "r", "network": "n", "ipv4": "auto", "ipv6": "auto"}
    found = Book().apply(files)
    assert [found["server", f"s{n}"]["ipv4"] for n in range(5)] == [f"10.1.0.{n}" for n in range(2, 7)]
    assert found["server", "s0"]["ipv6"] == "3fff:46f::2"
    files["server", "s5"] = {"rack": "r", "network": "n", "ipv4": "auto"}
    (finding,) = Book().plan(files).findings
    assert (
        "10.1.0.0/29 has no room: of 6 asked for (each a address) 1 is lacking: server/s5" in finding.message
    )


def told(files: Entries) -> list[str]:
    return [f"{f.kind}/{f.name}: {f.message}" for f in Book().plan(files).findings]


def test_a_plan_too_small_tells_how_much_is_lacking() -> None:
    files = base()
    files["prefix", "area"] = pool("10.1.0.0/27", "area", plan="four", holder="region/province")
    for name in "abcde":
        files["network", name] = network("east", ipv4="auto", interface=name)
    (words,) = told(files)
    assert words == (
        "network/c: `ipv4: auto`: 10.1.0.0/27 has no room: of 5 asked for (each a /28) 3 are lacking: "
        "network/c, network/d, network/e"
    )


def test_who_has_no_plan_or_two_is_told() -> None:
    files = base()
    files["zone", "y"] = {"role": "private"}
    files["node", "far"] = {"region": "east", "zone": "y", "role": "access"}
    files["network", "n"] = network("far", ipv6="auto")
    files["server", "s"] = {"rack": "r", "network": "none", "ipv4": "auto"}
    files["prefix", "p"] = {"prefix": "auto"}
    files["prefix", "q"] = pool("auto", "cty")
    files["prefix", "r"] = pool("auto", "town")
    assert told(files) == [
        "prefix/p: `prefix: auto`: `auto` needs `plan` and `level`",
        "prefix/q: `prefix: auto`: no level is called 'cty' in address_plan/six",
        "prefix/r: `prefix: auto`: address_plan/six has no prefix of level city for its holder",
        "network/n: `ipv6: auto`: no address plan gives IPv6 in zone y",
        "server/s: `ipv4: auto`: network/none has no ipv4",
    ]
    files = base()
    files["address_plan", "more"] = {**SIX, "prefix": "3fff:560::/28", "zone": "z"}
    files["prefix", "more"] = pool("3fff:560::/40", "city", plan="more", holder="region/east")
    files["prefix", "most"] = pool("auto", "town", plan="more", holder="region/east")
    files["network", "n"] = network("east", ipv6="auto")
    assert told(files) == [
        "network/n: `ipv6: auto`: address_plan/more and address_plan/six would both do",
    ]


def test_what_a_private_network_shows_us_is_given_to_nobody() -> None:
    files = base()
    files["prefix", "lines"] = pool(
        "10.1.0.0/24", "lines", plan="four", role="links", parent="area", holder="region/province"
    )
    files["address_plan", "four"]["growth"] = "sequential"
    # Its own zone is another one; we meet it at the node that it connects to.
    files["zone", "y"] = {"role": "private"}
    files["private_network", "health"] = {
        "zone": "y",
        "connects_to": ["west"],
        "prefixes": ["10.0.0.0/16"],
        "outside": ["10.1.1.0/28"],
        "transit": ["10.1.0.0/31"],
    }
    files["network", "n"] = network("east", ipv4="auto")
    files["link", "east-west"]["ipv4"] = "auto"
    found = Book().apply(files)
    assert found["network", "n"]["ipv4"] == "10.1.1.16/28"
    assert found["link", "east-west"]["ipv4"] == "10.1.0.2/31"
