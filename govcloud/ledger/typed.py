"""Accepted entries of some kinds as typed structs, for who looks at all of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..model.base import KINDS, Entry
from .connection import Connection
from .entries import texts


def tables(connection: Connection, kinds: Iterable[str]) -> dict[str, dict[str, Entry]]:
    """``{kind: {name: struct}}`` of what is accepted now, by name."""
    out: dict[str, dict[str, Entry]] = {}
    for kind in kinds:
        decode = msgspec.json.Decoder(KINDS[kind]).decode
        out[kind] = {name: decode(fields) for name, fields in texts(connection, kind)}
    return out
