"""Where a PostgreSQL server's programs are: on PATH, or where Debian and Fedora put them."""

from __future__ import annotations

import shutil
from pathlib import Path

# Debian keeps every version in a folder of its own and leads PATH to none of them.
ELSEWHERE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")


def folder() -> Path | None:
    """The folder that holds ``initdb``, ``pg_ctl`` and ``postgres``, of the newest version; None without."""
    found = shutil.which("initdb")
    # A link on PATH may stand alone; what it leads to has the others beside it.
    places = [Path(found).resolve().parent] if found else []
    for pattern in ELSEWHERE:
        places += sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True)
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _version(place: Path) -> float:
    digits = "".join(c for c in place.parent.name if c.isdigit() or c == ".")
    try:
        return float(digits)
    except ValueError:
        return 0.0
