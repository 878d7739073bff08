"""Small cases cut out of the samples, as the examples beside the rules are: real entries, said otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from govcloud.policy import Case
from govcloud.policy.samples import Changes, Wrong, stock

__all__ = ["AS_OF", "Changes", "case"]

AS_OF = date(2026, 11, 1)


def case(name: str, keys: Iterable[str], *changes: Changes, as_of: date = AS_OF) -> Case:
    """The case of some entries of a sample (``kind/name``, with wildcards), with changes laid over them.

    A change names an entry and its fields; None takes a field or an entry away. Raises ``AssertionError``
    where a pattern fits nothing: an example must be made of what is there.
    """
    try:
        return stock(name).case(tuple(keys), changes, as_of)
    except Wrong as wrong:
        raise AssertionError(f"{name}: {wrong} ({wrong.hint})") from None
