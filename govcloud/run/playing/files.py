"""Files of hosts as they were before a play changed them: from the modules' results to the ledger."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ...ledger.keptfiles import KeptFile

# The key in a module's result.
KEPT = "kept"


def kept_in(host: str, result: Mapping[str, Any]) -> list[tuple[str, KeptFile, bytes]]:
    """(run, file, bytes) of each former file in what a task came to."""
    told = result.get(KEPT)
    return [one for raw in told if (one := _kept(host, raw))] if isinstance(told, list) else []


def _kept(host: str, raw: object) -> tuple[str, KeptFile, bytes] | None:
    """One former file; None where it is not told as our modules do."""
    if not isinstance(raw, Mapping):
        return None
    try:
        content = base64.b64decode(raw.get("content") or "", validate=True)
        file = KeptFile(
            host,
            str(raw["path"]),
            bool(raw["there"]),
            mode=int(raw.get("mode", 0)),
            owner=int(raw.get("owner", 0)),
            group=int(raw.get("group", 0)),
            size=int(raw.get("size", 0)),
            left_out=str(raw.get("left_out", "")),
        )
        return str(raw["run"]), file, content
    except (KeyError, ValueError, TypeError, binascii.Error):
        return None


def to_restore(files: Iterable[tuple[KeptFile, bytes]], root: str) -> list[dict[str, Any]]:
    """What the module is to put back, by service: the first folder under ``root``, or none."""
    services: dict[str, list[dict[str, Any]]] = {}
    for file, content in files:
        inside = file.path.removeprefix(f"{root}/") if file.path.startswith(f"{root}/") else ""
        services.setdefault(inside.partition("/")[0], []).append(
            {
                "path": file.path,
                "there": file.there,
                "mode": file.mode,
                "owner": file.owner,
                "group": file.group,
                "content": base64.b64encode(content).decode(),
            }
        )
    return [{"name": name, "files": services[name]} for name in sorted(services)]
