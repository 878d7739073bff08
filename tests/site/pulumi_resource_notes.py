"""Somebody else's provider: notes are files. As a site would write one, with Pulumi's SDK alone."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pulumi.provider.experimental.provider as p
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import main

SCHEMA = '{"name": "notes", "version": "1.0.0", "resources": {"notes:index:Note": {}}}'


def said(values: dict[str, PropertyValue]) -> dict[str, Any]:
    return {name: value.value for name, value in values.items()}


def write(values: dict[str, PropertyValue]) -> str:
    told = said(values)
    if told.get("text") == "refuse":
        raise Exception("the notice board is full")
    path = Path(str(told["path"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(told["text"]))
    if "slowly" in str(told["text"]):
        time.sleep(3)
    return str(path)


class Notes(p.Provider):
    """``path`` cannot be changed in place; ``text`` can."""

    async def get_schema(self, request: p.GetSchemaRequest) -> p.GetSchemaResponse:
        return p.GetSchemaResponse(schema=SCHEMA)

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        return p.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        return p.CheckResponse(inputs=request.new_inputs, failures=[])

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old, new = said(request.old_state), said(request.new_inputs)
        changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        replaces = [name for name in changed if name == "path"]
        return p.DiffResponse(changes=bool(changed), replaces=replaces, diffs=changed)

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        if request.preview:
            return p.CreateResponse(properties=request.properties)
        return p.CreateResponse(write(request.properties), request.properties)

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        if not request.preview:
            write(request.news)
        return p.UpdateResponse(properties=request.news)

    async def delete(self, request: p.DeleteRequest) -> None:
        Path(request.resource_id).unlink(missing_ok=True)

    async def read(self, request: p.ReadRequest) -> p.ReadResponse:
        path = Path(request.resource_id)
        if not path.exists():
            return p.ReadResponse()
        now = request.properties | {"text": PropertyValue(path.read_text())}
        return p.ReadResponse(request.resource_id, now, request.inputs)


def end_with_parent() -> None:
    """An engine that is killed takes nobody along; who goes on without it makes what nobody knows of."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1:], "1.0.0", Notes())
