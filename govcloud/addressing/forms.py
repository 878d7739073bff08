"""Addresses and prefixes as bytes: read in a quarter of a microsecond, compared and hashed as they are.

(``ipaddress`` takes ten times as long, and a province has hundreds of thousands of them.)
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from ..source.words import shown

# In place of an address or prefix: the allocator chooses it, and the ledger remembers what it chose.
AUTO = "auto"
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_BITS = {4: 32, 6: 128}
_EXAMPLES = {4: ("10.1.0.2", "10.1.0.0/24"), 6: ("fd00:1::2", "fd00:1::/64")}


class Misread(ValueError):
    """A text that is not the address or prefix it should be: message and hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Prefix:
    """The addresses from ``low`` to ``high``, as bytes of one length."""

    text: str
    version: int
    length: int
    low: bytes
    high: bytes

    @property
    def for_two(self) -> bool:
        """Whether it has room for two and both are hosts (RFC 3021, RFC 6164)."""
        return self.length == _BITS[self.version] - 1

    @property
    def first(self) -> bytes:
        """The first address for a host: a gateway's, or that of a link's first end."""
        return self.low if self.for_two else after(self.low)


def packed(text: str, version: int) -> bytes | None:
    """An address without length as bytes; None where it is none."""
    try:
        return socket.inet_pton(_FAMILIES[version], text)
    except (OSError, ValueError):  # ValueError: a NUL, or characters no encoding takes
        return None


def spelled(address: bytes) -> str:
    """An address as people write it."""
    return str(ipaddress.ip_address(address))


def after(address: bytes) -> bytes:
    """The next address."""
    return (int.from_bytes(address, "big") + 1).to_bytes(len(address), "big")


def read_address(text: str, version: int) -> bytes:
    """An address without length. Raises ``Misread``."""
    address = packed(text, version)
    if address is None:
        hint = "write it without its length" if packed(text.partition("/")[0], version) else ""
        raise Misread(
            f"expected an IPv{version} address like {_EXAMPLES[version][0]}, got {shown(text)}", hint
        )
    return address


def read_interface(text: str, version: int) -> bytes:
    """An address with the length of its network's prefix, or without. Raises ``Misread``."""
    start, slash, digits = text.partition("/")
    address = packed(start, version)
    size = digits.isascii() and digits.isdecimal() and len(digits) < 4 and int(digits) <= _BITS[version]
    if address is None or (slash and not size):
        example = f"{_EXAMPLES[version][0]}/{_EXAMPLES[version][1].partition('/')[2]}"
        raise Misread(f"expected an IPv{version} address with its length like {example}, got {shown(text)}")
    return address


def read_prefix(text: str, version: int) -> Prefix:
    """A prefix with length, room for two and no bits behind its length. Raises ``Misread``."""
    start, _, digits = text.partition("/")
    address = packed(start, version)
    bits = _BITS[version]
    length = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 4 else -1
    if address is None or not 0 <= length <= bits:
        raise Misread(f"expected an IPv{version} prefix like {_EXAMPLES[version][1]}, got {shown(text)}")
    if length == bits:
        raise Misread(f"{shown(text)} has room for one address, expected at least two")
    size = len(address)
    rest = (1 << (bits - length)) - 1
    number = int.from_bytes(address, "big")
    low = number & ~rest
    low_bytes = low.to_bytes(size, "big")
    if low != number:
        raise Misread(
            f"{shown(text)} has bits behind its length", f"the prefix is {spelled(low_bytes)}/{length}"
        )
    return Prefix(text, version, length, low_bytes, (low | rest).to_bytes(size, "big"))
