"""Who writes a ledger's audit trail: each workspace on a machine is a writer, with heads of its own.

A writer has a random id. It stands in the workspace's private folder, in the first line of its heads file
and so in every copy of that, and in the chain: each row says whose it is, the first row says who began,
and a row ``writer joined`` says with which key everybody else came. So who is missing is known to all.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import canonical
from ..errors import GovcloudError
from ..files import write_atomically
from ..signatures import fingerprint
from . import audit, keys
from .connection import Connection

if TYPE_CHECKING:
    from .heads import Outside

# In the private folder: which writer the workspace is, also where its heads file is gone.
FILE = "audit-writer"
# Settings of the ledger: who is in the chain already, so that nobody asks it on every row.
KNOWN = "audit_writer:"
# The longest first line that is read to see whose a heads file is.
LONGEST = 64 * 1024


class Whose(msgspec.Struct, frozen=True):
    """What the first line of a heads file says of its writer; empty in files of before there were several."""

    ledger: str = ""
    writer: str = ""
    place: str = ""


def whose(file: Path) -> Whose:
    """Whose heads file it is; of nobody where it is missing or cannot be read."""
    with suppress(OSError, msgspec.DecodeError), file.open("rb") as stream:
        return msgspec.json.decode(stream.readline(LONGEST), type=Whose)
    return Whose()


def identity(outside: Outside, ledger: str, *, make: bool = True) -> str:
    """The writer's id: of the heads file, else the private folder's, else of a copy that was written here.

    A new one is made where nothing knows this workspace and ``make``; otherwise empty.
    """
    if known := whose(outside.main).writer:
        return known
    file = outside.main.with_name(FILE)
    with suppress(OSError, UnicodeDecodeError):
        if (known := file.read_text().strip()).isalnum():
            return known
    # Somebody who empties the private folder does not make another writer of it.
    if known := next((w.writer for _, w in copies(outside, ledger) if w.place == place(outside)), ""):
        return known
    if not make:
        return ""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = secrets.token_hex(8)
    write_atomically(file, f"{known}\n".encode())
    return known


def place(outside: Outside) -> str:
    """Where the workspace stands: a digest of machine and folder, for neither is anybody's business."""
    machine = ""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
    where = [platform.node(), machine, os.fspath(outside.main.parent.resolve())]
    return hashlib.sha256(canonical.encode(where)).hexdigest()[:16]


def copies(outside: Outside, ledger: str) -> Iterator[tuple[Path, Whose]]:
    """Every copy of a heads file of this ledger in the user's folder and in the anchors."""
    own = keys.known_folder(ledger)
    for folder in [*([own] if own else []), *outside.anchors]:
        if ledger and folder.is_dir():
            for file in sorted(folder.glob(f"*-{ledger[:8]}-*.jsonl")):
                found = whose(file)
                if found.ledger == ledger:
                    yield file, found


def lost(outside: Outside, ledger: str, writer: str) -> Path | None:
    """A copy of this writer's heads; where there is one, a missing heads file is no newcomer's."""
    here = place(outside)
    return next((f for f, w in copies(outside, ledger) if w.writer == writer or w.place == here), None)


def introduce(connection: Connection, outside: Outside, actor: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the transaction's rows say of their writer: (the first row of all, every row).

    A writer whom the chain does not know joins it with a row of its own, before the others.
    """
    ledger = audit.ledger_id(connection)
    writer = identity(outside, ledger)
    mark = {audit.WRITER: writer}
    if connection.scalar("SELECT 1 FROM setting WHERE key = :key", key=KNOWN + writer):
        return {}, mark
    if not whose(outside.main).ledger and lost(outside, ledger, writer):
        return {}, mark
    try:
        key = fingerprint(outside.signs(ledger).public)
    except (GovcloudError, OSError):
        return {}, mark  # Told with the head that cannot be signed; it joins when it can sign.
    about = {"key": key, "place": place(outside)}
    after = audit.head(connection)[0]
    if after:
        audit.append(connection, actor, audit.JOINED, about | mark)
    value = canonical.encode(about | {"after": after}).decode()
    connection.insert("setting", [{"key": KNOWN + writer, "value": value}])
    return ({} if after else {audit.BEGAN: about}), mark
