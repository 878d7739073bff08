"""What a site's program would register, without an engine: a child that is told on standard input.

``python -m govcloud.run.site_preview`` reads {file, source, name, entries, values} and writes a list of
resources, or {fault}. The program has its faults and its time to itself there. What only a provider knows
(an id) is shown as such.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import msgspec

from .faults import fault

LATER = "(known when it is made)"
SECRET = "(secret)"


class SiteSlice:
    """What a site's program is given: ``name``, ``values``, and the ledger's entries that were asked for."""

    def __init__(self, name: str, entries: dict[str, dict[str, Any]], values: dict[str, Any]) -> None:
        self.name = name
        self.values = values
        self._entries = entries

    def entries(self, kind: str) -> dict[str, dict[str, Any]]:
        """The fields of every entry of a kind, by name."""
        start = f"{kind}/"
        return {s.removeprefix(start): fields for s, fields in self._entries.items() if s.startswith(start)}

    def entry(self, subject: str) -> dict[str, Any]:
        """The fields of one entry, by ``kind/name``. Raises ``KeyError`` where the stack was not given it."""
        return self._entries[subject]


def load(file: str, source: bytes) -> Any:
    """The program's function. Raises whatever is wrong in the file."""
    module = ModuleType("govcloud_site_stack")
    exec(compile(source, file, "exec"), module.__dict__)
    return module.program


def registered(file: str, source: bytes, part: SiteSlice) -> list[dict[str, Any]]:
    """Type, name and inputs of every resource that the program registers. Raises as the program does."""
    import pulumi
    from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

    found: list[dict[str, Any]] = []

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get(_special_sig_key) == _special_secret_sig:
                return SECRET
            return {name: plain(one) for name, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value if isinstance(value, str | int | float | bool) or value is None else LATER

    class Watching(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            if args.custom is not False:
                found.append({"type": args.typ, "name": args.name, "inputs": plain(args.inputs)})
            return LATER, dict(args.inputs)

        def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
            return {}, None

    pulumi.runtime.set_mocks(Watching(), project="govcloud", stack=f"site.{part.name}", preview=True)
    program = load(file, source)

    # The SDK's own words for it have no types.
    run: Callable[[Callable[[], None]], Callable[[], None]] = cast("Any", pulumi.runtime.test)
    run(lambda: program(part))()
    return found


def main() -> None:
    """Read what is asked, write what would be registered."""
    asked = msgspec.json.decode(sys.stdin.buffer.read())
    part = SiteSlice(asked["name"], asked["entries"], asked["values"])
    answer: Any
    # What the program prints is not the answer.
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        answer = registered(asked["file"], asked["source"].encode(), part)
    except Exception as error:
        answer = {"fault": fault(asked["file"], error)}
    out.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
