"""What changes between two values of plain data, so that what else is in them makes no difference.

An item more in a list, or a line more in a text, is one added item, whatever stands beside it: so what one
order changes on a host is the same before and after a neighbour's order for that host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import canonical

# Where it is, what became of it, and the value: ``-`` is gone, ``+`` is new.
Difference = tuple[tuple[str, ...], str, Any]


def differences(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """What is gone and what is new, in a fixed order; nothing where both are equal.

    Maps are compared by key. Lists, and texts of several lines, are compared item by item; where what stays
    of one comes in another order the whole of it is told. Maps in a list that differ only in lists and maps
    of their own are one thing, which is looked into.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            there = (*path, key)
            if key in before and key in after:
                yield from differences(before[key], after[key], there)
            elif key in before:
                yield there, "-", before[key]
            else:
                yield there, "+", after[key]
    elif _is_list(before) and _is_list(after):
        yield from _items(before, after, path)
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        yield from _items(_lines(before), _lines(after), path)
    elif canonical.encode(before) != canonical.encode(after):
        yield path, "-", before
        yield path, "+", after


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _items(before: Sequence[Any], after: Sequence[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    was, now = [canonical.encode(one) for one in before], [canonical.encode(one) for one in after]
    if was == now:
        return
    gone, new = Counter(was) - Counter(now), Counter(now) - Counter(was)
    kept, lost = _parted(was, before, gone)
    stays, came = _parted(now, after, new)
    if kept != stays:
        yield path, "-", before
        yield path, "+", after
        return
    left, right = _by_name(lost), _by_name(came)
    same = left.keys() & right.keys()
    for name in sorted(same):
        yield from differences(left[name], right[name], (*path, name))
    for sign, found, named in (("-", lost, left), ("+", came, right)):
        paired = [named[name] for name in same]
        for one in sorted((o for o in found if not any(o is p for p in paired)), key=canonical.encode):
            yield path, sign, one


def _parted(
    keys: Sequence[bytes], items: Sequence[Any], out: Counter[bytes]
) -> tuple[list[bytes], list[Any]]:
    """What stays of a list, in its order, and the items that are not in the other one."""
    left = Counter(out)
    stays, others = [], []
    for key, one in zip(keys, items, strict=True):
        if left[key]:
            left[key] -= 1
            others.append(one)
        else:
            stays.append(key)
    return stays, others


def _by_name(items: Sequence[Any]) -> dict[str, Any]:
    """Maps that hold lists or maps by all else that they say: what no two of them say alike."""
    found: dict[str, list[Any]] = {}
    for one in items:
        if isinstance(one, Mapping):
            plain = {k: v for k, v in one.items() if not _is_list(v) and not isinstance(v, Mapping)}
            if plain and len(plain) < len(one):
                found.setdefault(canonical.encode(plain).decode(), []).append(one)
    return {name: ones[0] for name, ones in found.items() if len(ones) == 1}


def _lines(text: str) -> list[list[str]]:
    """The lines of a text, each with the open blocks (``… {``) that it stands in."""
    out: list[list[str]] = []
    within: list[str] = []
    for line in text.split("\n"):
        if line.strip() == "}" and within:
            within.pop()
        out.append([*within, line])
        if line.rstrip().endswith("{"):
            within.append(line)
    return out
