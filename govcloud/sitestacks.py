"""A site's own stacks: what ``stacks:`` of ``govcloud.yaml`` says of programs beside the shipped ones."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

NAME = r"^[a-z][a-z0-9-]{0,30}$"
NAME_WORDS = "a name of at most 31 of a-z, 0-9 and `-` that begins with a letter"
Name = Annotated[str, msgspec.Meta(pattern=NAME, description=NAME_WORDS)]


class SiteStack(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One of them: ``stacks/NAME.py``, what it is given, and the plugins of its providers.

    ``entries``: kinds (``dns_zone``) and single entries (``server/web-1``) of the ledger whose fields the
    program gets; ``values``: what else. ``plugins``: providers, whose executables are
    ``stacks/plugins/pulumi-resource-NAME``. ``replace``: its resources that may be made anew, by name;
    any other that the engine would make anew fails the stage before anything is done.
    """

    name: Name
    entries: list[str] = []
    values: dict[str, Any] = {}
    plugins: list[Name] = []
    replace: list[str] = []
