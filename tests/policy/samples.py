"""Small catalogues cut out of the samples: real entries, some fields said otherwise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from govcloud.model.catalogue import Catalogue
from govcloud.policy import Case
from govcloud.source import load
from govcloud.source.merging import merge
from govcloud.workspace import open_workspace

INVENTORY = Path(__file__).parents[2] / "inventory"
Changes = Mapping[str, Mapping[str, Any] | None]
# Words of the entries that every catalogue has: who is where, and which zones there are.
GROUND = ("region/*", "zone/*", "profile/*")
AS_OF = date(2026, 11, 1)


@cache
def sample(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Fields of a sample's entries by (kind, name)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / name
        # A copy, because reading a workspace leaves a cache in it, and the sample ships as it stands.
        shutil.copytree(INVENTORY / name, root, ignore=shutil.ignore_patterns(".govcloud"))
        return merge(load(open_workspace(str(root))).claims)


def case(
    name: str, keys: Iterable[str], *changes: Changes, as_of: date = AS_OF, ground: Iterable[str] = GROUND
) -> Case:
    """The case of some entries of a sample (``kind/name``, with wildcards), with changes laid over them.

    A change names an entry and its fields; None takes it away. Raises ``AssertionError`` where a pattern
    fits nothing: an example must be made of what is there.
    """
    everything = {f"{kind}/{name}": fields for (kind, name), fields in sample(name).items()}
    patterns = [*keys, *(g for g in ground if any(fnmatch(k, g) for k in everything))]
    taken: dict[str, dict[str, Any]] = {}
    for pattern in patterns:
        found = {key: dict(fields) for key, fields in everything.items() if fnmatch(key, pattern)}
        assert found, f"{name} has no {pattern}"
        taken |= found
    for change in changes:
        for key, fields in change.items():
            if fields is None:
                del taken[key]
            else:
                taken[key] = taken.get(key, {}) | dict(fields)
    merged = {(key.partition("/")[0], key.partition("/")[2]): fields for key, fields in taken.items()}
    return Case(Catalogue.of(merged), as_of)
