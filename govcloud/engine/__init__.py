"""The Pulumi engine: found on PATH, found in our cache, or built from the Go module proxy.

    find()              the engine, or None; fast, builds nothing
    required()          the engine, or an error that says how to build it
    ensure(report)      the engine, built if need be (about four minutes on two cores, once)
    environment(folder) what to put in the environment of a process that runs it

``govcloud.engine.automation.Command(path)`` is the engine as Pulumi's Automation API wants it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import GovcloudError
from . import onpath, store
from .recipe import VERSION, dotted

__all__ = [
    "FORMER_LOGS",
    "VERSION",
    "Engine",
    "ensure",
    "environment",
    "faults",
    "find",
    "locate",
    "required",
]


# Below the engine's own folder: what it logged while it still did.
FORMER_LOGS = "former-logs"


@dataclass(frozen=True)
class Engine:
    """An engine that will do, and where it was found: ``PATH`` or ``cache``."""

    path: Path
    version: str
    origin: str


def locate() -> Engine | None:
    """The engine with its version and origin, or None. Builds nothing."""
    for found in onpath.search():
        if found.fits:
            return Engine(found.path, dotted(found.version), "PATH")
    if store.state() == "whole":
        return Engine(store.binary(), VERSION, "cache")
    return None


def find() -> Path | None:
    """The engine's path, or None where it has still to be built. Fast: starts no process twice."""
    engine = locate()
    return engine.path if engine else None


def required() -> Path:
    """The engine's path. Raises ``GovcloudError`` where it has still to be built."""
    found = find()
    if found is None:
        raise GovcloudError(
            "the Pulumi engine is not there", hint="`python -m govcloud.engine` builds it, once"
        )
    return found


def faults() -> list[str]:
    """Why nothing that lies about will do: a sentence for each unfit ``pulumi``, none where none is."""
    result = [f"{found.path} will not do: {found.fault}" for found in onpath.search() if not found.fits]
    state = store.state()
    if state not in ("whole", "absent"):
        result.append(f"the one in the cache is damaged: {state}")
    return result


def ensure(report: Callable[[str], None], progress: Callable[[str, int, int], None] | None = None) -> Path:
    """The engine's path; builds it where there is none.

    ``report`` gets a sentence for each step. ``progress`` gets (what, done, of how many) as the build
    goes on; without it ``report`` gets a line every ten seconds. Raises ``GovcloudError`` with the
    compiler's last words.
    """
    for found in onpath.search():
        if found.fits:
            report(f"Pulumi engine: {found.path} {dotted(found.version)}, from PATH")
            return found.path
        report(f"Pulumi engine: {found.path} will not do: {found.fault}")
    if _cached(report):
        return store.binary()
    from .build import build

    with store.lock(report):
        # Somebody may have built it while this one waited.
        if store.state(thorough=True) != "whole":
            build(report, progress)
    return store.binary()


def _cached(report: Callable[[str], None]) -> bool:
    state = store.state(thorough=True)
    if state == "whole":
        report(f"Pulumi engine: {VERSION}, from the cache {store.binary()}")
        return True
    if state != "absent":
        report(f"Pulumi engine: the one in the cache is not used, {state}; it is built again")
    return False


def environment(private: Path) -> dict[str, str]:
    """What a process that runs the engine needs in its environment, besides what it has.

    ``private`` is the workspace's private folder: the engine's own files go there, not to the home
    folder. Checkpoints are skipped because they cost O(n²); the provider adopts what it finds by
    identity instead (design.md). The version has been checked already, and never phones home.
    """
    folder = private / "pulumi"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _no_logs(folder)
    return {
        **_user(),
        "PULUMI_HOME": str(folder),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_SKIP_CHECKPOINTS": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
    }


def _no_logs(folder: Path) -> None:
    """Keep the engine from writing a log of each start, up to 500 MB of them, with every value in it.

    There is no setting for it; where the folder for them is a file, it goes without. Its words come by its
    events, which the ledger keeps. Logs that are there already are put aside for ``govcloud gc``.
    """
    logs = folder / "logs"
    if logs.is_dir():
        with suppress(OSError):
            logs.rename(folder / FORMER_LOGS)
    if not logs.exists():
        logs.touch(mode=0o600)


def _user() -> dict[str, str]:
    """A name for a user that nobody has written down, as in a container: the engine insists on one."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"USER": os.environ.get("USER") or f"uid-{os.getuid()}"}
    return {}
