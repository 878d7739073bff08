"""What is built by a site's own stacks: by the stack's name, with all that its program was given."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from .. import canonical
from .connection import Connection


class SiteResource(msgspec.Struct, frozen=True):
    """A resource of a program: the engine's type and name, and its inputs as far as they were known."""

    type: str
    name: str
    inputs: dict[str, Any] = {}

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others of its stack."""
        return self.type, self.name


class Built(msgspec.Struct, frozen=True):
    """A stack as it was last brought up. ``digest``: of all that it was given, empty where that failed.

    ``plugins``: their digests by name. ``seen``: what was found to be otherwise, by ``type::name``.
    """

    name: str
    workspace: str
    digest: str
    plugins: dict[str, str]
    resources: tuple[SiteResource, ...]
    seen: dict[str, str]
    run: str
    at: float


def built(connection: Connection) -> dict[str, Built]:
    """Every stack that was brought up and not taken down, by name."""
    rows = connection.rows(
        "SELECT name, workspace, digest, plugins, resources, seen, run, at FROM site_stack ORDER BY name"
    )
    decode = msgspec.json.decode
    return {
        name: Built(
            name,
            workspace,
            digest,
            decode(plugins),
            decode(resources, type=tuple[SiteResource, ...]),
            decode(seen),
            run,
            at,
        )
        for name, workspace, digest, plugins, resources, seen, run, at in rows
    }


def record(
    connection: Connection,
    *,
    name: str,
    workspace: str,
    digest: str,
    plugins: dict[str, str],
    resources: tuple[SiteResource, ...],
    run: str,
) -> None:
    """Write down what a stack holds now; nothing is left of one that holds nothing and is whole."""
    if not resources and not digest:
        connection.run("DELETE FROM site_stack WHERE name = :name", name=name)
        return
    row = {
        "name": name,
        "workspace": workspace,
        "digest": digest,
        "plugins": canonical.encode(plugins).decode(),
        "resources": msgspec.json.encode(resources).decode(),
        "seen": "{}",
        "run": run,
        "at": time.time(),
    }
    connection.replace("site_stack", ["name"], [row])


def saw(connection: Connection, name: str, seen: dict[str, str]) -> None:
    """Write down what of a stack was found to be otherwise: ``missing`` or ``changed``, by ``type::name``."""
    connection.run(
        "UPDATE site_stack SET seen = :seen WHERE name = :name",
        name=name,
        seen=canonical.encode(seen).decode(),
    )
