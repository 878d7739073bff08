"""Prefixes as integers: what arithmetic on address space is done with; texts are read and written here."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from .forms import Misread, packed

BITS = {4: 32, 6: 128}
# IPv6 is counted in these (RFC 4291: an interface's part has 64 bits), IPv4 in addresses.
COUNTED = {4: 32, 6: 64}


class Block(NamedTuple):
    """A prefix: version of IP, first address as an integer, length. Sorts by address, wide ones first."""

    version: int
    low: int
    length: int

    @property
    def size(self) -> int:
        """How many addresses."""
        return 1 << (BITS[self.version] - self.length)

    @property
    def length_of_address(self) -> int:
        """The length of a prefix of one address in its version of IP."""
        return BITS[self.version]

    @property
    def high(self) -> int:
        """Its last address."""
        return self.low + self.size - 1

    @property
    def text(self) -> str:
        """As people write it; an address alone without its length."""
        address = ipaddress.IPv4Address(self.low) if self.version == 4 else ipaddress.IPv6Address(self.low)
        return str(address) if self.length == BITS[self.version] else f"{address}/{self.length}"

    @property
    def counted(self) -> int:
        """How many /64s (IPv6; at least one) or addresses (IPv4)."""
        return 1 << max(0, COUNTED[self.version] - self.length)

    def holds(self, other: Block) -> bool:
        """Whether the other lies in it, or is the same."""
        return self.version == other.version and self.length <= other.length and self.at(other) == self.low

    def at(self, other: Block) -> int:
        """The first address of the prefix of this one's length that holds the other's first."""
        return other.low >> (BITS[self.version] - self.length) << (BITS[self.version] - self.length)

    def widened(self, length: int) -> Block:
        """The prefix of a shorter length that holds it."""
        rest = BITS[self.version] - length
        return Block(self.version, self.low >> rest << rest, length)


def read_block(text: str, version: int = 0) -> Block:
    """A prefix, or an address alone as one of full length; ``version`` 0: either. Raises ``Misread``.

    Unlike ``forms.read_prefix`` it takes room for a single address: a pool may be one.
    """
    found = 6 if ":" in text else 4
    start, slash, digits = text.partition("/")
    address = packed(start, found)
    bits = BITS[found]
    length = bits if not slash else -1
    if slash and digits.isascii() and digits.isdecimal() and len(digits) < 4:
        length = int(digits)
    if address is None or not 0 <= length <= bits or (version and version != found):
        wanted = f"an IPv{version} prefix" if version else "a prefix"
        example = "3fff:460::/28" if version == 6 else "10.4.0.0/16"
        raise Misread(f"expected {wanted} like {example}, got {text[:60]!r}")
    low = int.from_bytes(address, "big")
    block = Block(found, low, length)
    if block.widened(length).low != low:
        raise Misread(
            f"{text[:60]!r} has bits behind its length", f"the prefix is {block.widened(length).text}"
        )
    return block
