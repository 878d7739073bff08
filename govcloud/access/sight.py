"""Which entries a reader may not see: what is classified, what belongs to it, and what says its name.

An entry that refers to a hidden one by a field of a single value belongs to it (an endpoint to its
component, that to its application) and hides, in turn, what belongs to itself. One that only lists it
among others (a programme) would tell its name: it is hidden, and hides nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from ..ledger import Ledger
from ..ledger.connection import Connection
from ..ledger.graph import references_to
from ..ledger.marks import references_of
from ..workspace import Workspace
from .identity import Identity, who
from .roles import read_roles

Key = tuple[str, str]
CLASSIFIED = '"classified":true'


def sight(workspace: Workspace, ledger: Ledger, connection: Connection) -> frozenset[str]:
    """The uids that this process's reader may not see; nothing is asked of anybody where no role is accepted.

    Raises ``DeniedError`` where a token or a key is nobody's.
    """
    if not read_roles(connection).inforce:
        return frozenset()
    return hidden_uids(connection, who(workspace, ledger))


def keys_of(connection: Connection, uids: frozenset[str]) -> frozenset[Key]:
    """(kind, name) of the accepted entries of these uids."""
    if not uids:
        return frozenset()
    rows = connection.rows("SELECT uid, kind, name FROM accepted WHERE until IS NULL")
    return frozenset((kind, name) for uid, kind, name in rows if uid in uids)


def hidden_uids(connection: Connection, identity: Identity) -> frozenset[str]:
    """The uids of entries, of now and of the past, that somebody may not see."""
    if read_roles(connection).may(identity.person, "read_classified"):
        return frozenset()
    return frozenset(_closure(connection)[0])


def sees_all(connection: Connection, person: str) -> bool:
    """Whether somebody may see what is classified: by a role, or because no role is accepted."""
    roles = read_roles(connection)
    return not roles.inforce or roles.may(person, "read_classified")


def classified_uids(connection: Connection) -> frozenset[str]:
    """The uids of all that is or was classified, with what belongs to it: whoever asks."""
    return frozenset(_closure(connection)[0])


def classified(connection: Connection) -> tuple[frozenset[str], frozenset[Key]]:
    """The same, and the keys of those that hide what belongs to them in turn."""
    hidden, wholes = _closure(connection)
    return frozenset(hidden), frozenset(wholes)


def classified_kinds() -> list[str]:
    """The kinds whose entries can be classified."""
    from ..model import KINDS

    return [name for name, cls in KINDS.items() if "classified" in cls.__struct_fields__]


def _closure(connection: Connection) -> tuple[set[str], set[Key]]:
    """The uids of what is or was classified and of what hangs on it; and what things can hang on."""
    found: dict[str, Key] = {}
    for kind in classified_kinds():
        rows = connection.rows(
            "SELECT uid, name FROM accepted WHERE until IS NULL AND kind = :kind "
            "AND replace(fields, :said, '') <> fields",
            kind=kind,
            said=CLASSIFIED,
        )
        found |= {uid: (kind, name) for uid, name in rows}
    # A reader of the past sees neither what was classified then.
    past = connection.rows(
        "SELECT uid, kind, name FROM accepted "
        "WHERE until IS NOT NULL AND replace(fields, :said, '') <> fields",
        said=CLASSIFIED,
    )
    found |= {uid: (kind, name) for uid, kind, name in past if uid not in found}
    hidden = set(found)
    front: set[Key] = set(found.values()) | {(kind, name) for _, kind, name in past}
    seen: set[Key] = set()
    while front:
        seen |= front
        followers = [*_now(connection, front), *_then(connection, front)]
        hidden |= {uid for uid, _, _ in followers}
        front = {key for _, key, belongs in followers if belongs} - seen
    return hidden, seen


def _now(connection: Connection, front: Iterable[Key]) -> Iterable[tuple[str, Key, bool]]:
    """(uid, key, whether it belongs to them) of the entries of now that refer to these."""
    for uid, key, field, _ in references_to(connection, front):
        yield uid, key, belongs_by(key[0], field)


def _then(connection: Connection, front: set[Key]) -> Iterable[tuple[str, Key, bool]]:
    """The same of the past, which has no table of references: looked for by name, then read."""
    if not front or connection.scalar("SELECT 1 FROM accepted WHERE until IS NOT NULL LIMIT 1") is None:
        return
    names = re.compile("|".join(re.escape(f'{name}"') for _, name in front))
    for uid, kind, name, text in connection.rows(
        "SELECT uid, kind, name, fields FROM accepted WHERE until IS NOT NULL"
    ):
        if not names.search(text):
            continue
        with suppress(KeyError):  # a kind of a newer release
            for field, to_kind, to_name in references_of(kind, msgspec.json.decode(text)):
                if (to_kind, to_name) in front:
                    yield uid, (kind, name), belongs_by(kind, field)


def belongs_by(kind: str, field: str) -> bool:
    """Whether an entry belongs to what this field of it names, rather than lists it among others."""
    from ..model import fields

    try:
        return not fields(kind)[field].many
    except KeyError:
        return True


def is_hidden(connection: Connection, hidden: frozenset[str], kind: str, name: str) -> bool:
    """Whether an entry is there now and may not be seen."""
    uid = connection.scalar(
        "SELECT uid FROM accepted WHERE until IS NULL AND kind = :kind AND name = :name",
        kind=kind,
        name=name,
    )
    return uid in hidden
