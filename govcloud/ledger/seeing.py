"""What was seen of single objects, written beside one sight of a whole target (``building``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import canonical
from .building import all_observed
from .connection import Connection


def accept_observed(connection: Connection, fields: Mapping[str, Iterable[str]], gone: Iterable[str]) -> None:
    """These fields of what was seen are no deviation any more, by object; nor is that others are gone."""
    connection.run_many("DELETE FROM observed WHERE object = :object", [{"object": o} for o in gone])
    for one in all_observed(connection, deviating=True):
        if one.object not in fields:
            continue
        left = {n: v for n, v in one.detail.get("fields", {}).items() if n not in fields[one.object]}
        detail = {n: v for n, v in one.detail.items() if n != "fields"} | ({"fields": left} if left else {})
        connection.run(
            "UPDATE observed SET detail = :detail, status = :status WHERE object = :object",
            object=one.object,
            detail=canonical.encode(detail).decode(),
            status="changed" if detail else "present",
        )
