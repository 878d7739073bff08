"""What an engine may do to objects in one update: what the plan tells, and nothing else.

The engine works from its state, which may be older than what is there, newer, or of another program. So
the provider is told by id what is to be made or changed and what is to be taken away; whatever else the
engine asks for is known by then to rest on a wrong state, and only that state follows.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..files import write_atomically


class Orders(msgspec.Struct, frozen=True):
    """Object ids: ``change``: made or changed; ``drop``: taken away. Others are known as they are.

    ``look``: of these alone reality is read; None: of all.
    """

    change: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()
    look: frozenset[str] | None = None

    def write(self, path: Path) -> str:
        """Keep them in a file (they may be too many for an environment variable) and return its name."""
        write_atomically(path, msgspec.json.encode(self))
        return str(path)


def read(path: str) -> Orders:
    """Orders as they were written. Raises ``OSError``, ``msgspec.MsgspecError``."""
    return msgspec.json.decode(Path(path).read_bytes(), type=Orders)
