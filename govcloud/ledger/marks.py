"""What is derived from the accepted entries of now: who refers to whom, who holds which address and prefix.

A question such as "who refers to this rack" costs what it finds, not what exists. The tables are kept
by ``entries.accept`` and ``entries.withdraw``, and made anew when this file's idea of them changes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from .. import __version__
from ..addressing.blocks import Block, read_block
from ..addressing.forms import Misread, after, packed, read_prefix
from .connection import Connection

# Raised where the derivation changes; the program's version stands for the model.
VERSION = f"2 {__version__}"
KEY = "marks"
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}

# Fields with a prefix that may overlap with others', by kind. They stand in the table of addresses, too:
# below the field's name after this sign, in a form that sorts as the prefixes do.
SPANNED = {"prefix": ("prefix",), "network": ("ipv4", "ipv6"), "link": ("ipv4", "ipv6")}
SPAN = "~"
# uid, kind and fields of an entry.
Entry = tuple[str, str, dict[str, Any]]


def references_of(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, kind, name) of every entry that these fields refer to, each once."""
    for name, single, many in _ways(kind)[0]:
        value = fields.get(name)
        if not value:
            continue
        for one in dict.fromkeys(value) if many else (value,):
            if single:
                yield name, single, one
            else:
                to_kind, _, to_name = one.partition("/")
                yield name, to_kind, to_name


def addresses_of(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, address) of every address that these fields give to somebody, as inet_ntop writes it."""
    for name, holds in _ways(kind)[1]:
        value = fields.get(name)
        if not value:
            continue
        for text in value if isinstance(value, list) else (value,):
            for address in _held(text, holds):
                yield name, socket.inet_ntop(_FAMILIES[len(address)], address)


def spans_of(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, Block]]:
    """(field, prefix) of every prefix of an entry that may overlap with others'."""
    for field in SPANNED.get(kind, ()):
        if text := fields.get(field):
            try:
                yield field, read_block(text)
            except Misread:
                # A check tells whoever wrote it.
                continue


def span(block: Block) -> str:
    """A prefix as the table has it: all of one version are equally long, whatever a database sorts by."""
    return f"{block.version}:{block.low:0{8 if block.version == 4 else 32}x}/{block.length:03}"


def _held(text: str, holds: str) -> Sequence[bytes]:
    version = 6 if ":" in text else 4
    if holds == "itself":
        address = packed(text.partition("/")[0], version)
        return () if address is None else (address,)
    try:
        first = read_prefix(text, version).first
    except Misread:
        # Not an address: a check tells whoever wrote it, and nobody holds it.
        return ()
    return (first,) if holds == "first" else (first, after(first))


@cache
def _ways(kind: str) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str]]]:
    """(field, its only kind or empty, whether a list) of references; (field, how) of addresses."""
    from ..model import fields

    infos = fields(kind).values()
    return (
        [(i.name, i.ref.kinds[0] if len(i.ref.kinds) == 1 else "", i.many) for i in infos if i.ref],
        [(i.name, i.holds.what) for i in infos if i.holds],
    )


def add(connection: Connection, entries: Iterable[Entry]) -> None:
    """Note what these entries refer to and hold; nothing of theirs may be noted yet."""
    references, addresses = [], []
    for uid, kind, fields in entries:
        for field, to_kind, name in references_of(kind, fields):
            references.append({"uid": uid, "field": field, "kind": to_kind, "name": name})
        for field, address in dict.fromkeys(addresses_of(kind, fields)):
            addresses.append({"uid": uid, "field": field, "address": address})
        for field, block in spans_of(kind, fields):
            addresses.append({"uid": uid, "field": SPAN + field, "address": span(block)})
    connection.insert("reference", references)
    connection.insert("address", addresses)


def remove(connection: Connection, uids: Iterable[str]) -> None:
    """Forget what these entries refer to and hold."""
    gone = [{"uid": uid} for uid in uids]
    connection.run_many("DELETE FROM reference WHERE uid = :uid", gone)
    connection.run_many("DELETE FROM address WHERE uid = :uid", gone)


def up_to_date(settings: dict[str, str]) -> bool:
    """Whether the tables were made by this idea of them; ``settings``: the ledger's."""
    return settings.get(KEY) == VERSION


def rebuild(connection: Connection, progress: Callable[[int], None] = lambda _: None) -> None:
    """Make both tables anew from what is accepted, in the caller's transaction. About 10 s a million."""
    from ..model import KINDS

    connection.run("DELETE FROM reference")
    connection.run("DELETE FROM address")
    last = ""
    done = 0
    decode = msgspec.json.decode
    while rows := connection.rows(
        "SELECT uid, kind, fields FROM accepted WHERE until IS NULL AND uid > :last ORDER BY uid LIMIT 20000",
        last=last,
    ):
        # A kind that only a newer release knows has no fields that this one could read.
        add(connection, ((uid, kind, decode(text)) for uid, kind, text in rows if kind in KINDS))
        last = rows[-1][0]
        done += len(rows)
        progress(done)
    connection.replace("setting", ["key"], [{"key": KEY, "value": VERSION}])
