"""Files of hosts exactly as they were before a run changed them: bytes, mode, owner, or that there was none.

Their bytes are blobs, by digest. A file that holds secrets, or is larger than the policy keeps, is there by
its name and the reason alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from .among import rows_among
from .connection import Connection, matching
from .runs import put_blob


class KeptFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file before a run changed it.

    ``there``: whether there was a file at all; ``digest``: the blob of its bytes; ``left_out``: why they
    are not kept, empty where they are. ``owner`` and ``group`` are numbers on the host.
    """

    host: str
    path: str
    there: bool
    digest: str = ""
    mode: int = 0
    owner: int = 0
    group: int = 0
    size: int = 0
    left_out: str = ""


def keep(connection: Connection, run: str, uid: str, files: Iterable[tuple[KeptFile, bytes]]) -> int:
    """Keep files of one host with their bytes; what is kept of a run already stays. How many are new."""
    found = list(files)
    # Asked for the hosts at hand: all of the run, once a host, would be the square of it.
    hosts = sorted({file.host for file, _ in found})
    known = {(f.host, f.path) for host in hosts for f in of_run(connection, run, host=host)}
    rows = []
    now = time.time()
    for file, content in found:
        if (file.host, file.path) in known:
            continue
        known.add((file.host, file.path))
        digest = put_blob(connection, content) if file.there and not file.left_out else ""
        rows.append(
            {
                "run": run,
                "host": file.host,
                "path": file.path,
                "uid": uid,
                "there": int(file.there),
                "digest": digest,
                "mode": file.mode,
                "owner": file.owner,
                "grp": file.group,
                "size": file.size,
                "left_out": file.left_out,
                "at": now,
            }
        )
    connection.insert("kept_file", rows)
    return len(rows)


def of_run(connection: Connection, run: str, *, host: str | None = None) -> list[KeptFile]:
    """What is kept of a run, by host and path."""
    where, values = matching(run=run, host=host)
    rows = connection.rows(
        "SELECT host, path, there, digest, mode, owner, grp, size, left_out "
        f"FROM kept_file{where} ORDER BY host, path",
        **values,
    )
    return [KeptFile(h, p, bool(there), *rest) for h, p, there, *rest in rows]


def known_on(connection: Connection, hosts: Sequence[str], most: int) -> dict[str, dict[str, list[str]]]:
    """Paths by run, by host: what the ledger has, of the newest ``most`` runs that changed files there.

    A host forgets what it kept itself when it hears that the ledger has it.
    """
    out: dict[str, dict[str, list[str]]] = {}
    asked = "SELECT host, run, path FROM kept_file WHERE host IN :among ORDER BY host, run DESC, path"
    rows = rows_among(connection, asked, hosts)
    for host, run, path in rows:
        runs = out.setdefault(host, {})
        if run in runs or len(runs) < most:
            runs.setdefault(run, []).append(path)
    return out


def uids_of(connection: Connection, run: str) -> dict[str, str]:
    """The uid of the entry of each host of which something is kept of a run, by the host's name then."""
    return dict(connection.rows("SELECT DISTINCT host, uid FROM kept_file WHERE run = :run", run=run))
