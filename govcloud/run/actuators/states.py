"""The engine's states where they are files: an empty one is written here, without a start of the engine."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

from ... import canonical
from ...files import write_atomically

# What every stack is a part of, to the engine.
PROJECT = "govcloud"
# The line of a state folder that says that its stacks lie in projects, as every engine since 3.61 has it.
LAYOUT = b"version: 1"
# As the engine may have compressed them.
ENDINGS = ("", ".gz", ".zst")
_lock = threading.Lock()


def put_aside(state: Path, name: str) -> Path | None:
    """Give the file of a stack's state another name, so that the engine has none; the new path.

    None where it is not in a file that is known here. Raises ``OSError``.
    """
    for ending in ENDINGS:
        file = state / ".pulumi" / "stacks" / PROJECT / f"{name}.json{ending}"
        if file.exists():
            # The engine takes whatever ends in ".json" or in that and a compression for a stack.
            free = (file.with_name(f"{file.name}.unreadable-{n}") for n in itertools.count(1))
            aside = next(path for path in free if not path.exists())
            file.rename(aside)
            return aside
    return None


def lay_down(state: Path, name: str) -> bool:
    """Write down an empty stack as the engine would, unless it is there; False where the engine must do so.

    That is in a folder of another layout, or in one that the engine has only begun. Raises ``OSError``.
    """
    store = state / ".pulumi"
    layout = store / "meta.yaml"
    with _lock:
        if not store.exists():
            store.mkdir(mode=0o700, parents=True)
            write_atomically(layout, LAYOUT + b"\n")
        if not layout.is_file() or LAYOUT not in layout.read_bytes().splitlines():
            return False
        file = store / "stacks" / PROJECT / f"{name}.json"
        if not any(file.with_name(file.name + ending).exists() for ending in ENDINGS):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            empty = {"version": 3, "checkpoint": {"stack": f"organization/{PROJECT}/{name}"}}
            write_atomically(file, canonical.encode(empty))
    return True
