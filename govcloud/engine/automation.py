"""The engine for Pulumi's Automation API. Imports pulumi (0.35 s): only for who runs stacks."""

from __future__ import annotations

from pathlib import Path

from pulumi.automation import PulumiCommand
from semver import VersionInfo

from .recipe import VERSION


class Command(PulumiCommand):
    """A ``PulumiCommand`` for an engine whose path and version are already known.

    The base class takes a folder with ``bin/pulumi`` in it, which a ``pulumi`` on PATH need not have,
    and starts the engine to ask for its version, half a second for each stack.
    """

    def __init__(self, path: Path, version: str = VERSION) -> None:
        self.command = str(path)
        self.version = VersionInfo.parse(version)
