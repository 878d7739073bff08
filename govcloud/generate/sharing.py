"""Dividing a whole number so that the parts are whole, fit their bounds and add up exactly."""

from __future__ import annotations

from collections.abc import Sequence


def share_out(
    total: int,
    weights: Sequence[float],
    least: Sequence[int] | int = 0,
    most: Sequence[int] | int | None = None,
) -> list[int]:
    """Parts of ``total`` in proportion to ``weights``, each between its bounds.

    Largest remainders get what is left over, the earlier one where two are alike, so that the same
    input always gives the same parts. Raises ``ValueError`` where the bounds leave no way.
    """
    size = len(weights)
    low = [least] * size if isinstance(least, int) else list(least)
    high = [total] * size if most is None else [most] * size if isinstance(most, int) else list(most)
    high = [max(a, b) for a, b in zip(low, high, strict=True)]
    if not sum(low) <= total <= sum(high):
        raise ValueError(f"{total} cannot be divided into {size} parts between {sum(low)} and {sum(high)}")
    parts = low
    left = total - sum(parts)
    while left:
        open_ = [i for i in range(size) if parts[i] < high[i]]
        sum_ = sum(weights[i] for i in open_)
        if sum_ > 0:
            exact = {i: left * weights[i] / sum_ for i in open_}
        else:
            exact = {i: left / len(open_) for i in open_}
        given = 0
        for i in open_:
            more = min(int(exact[i]), high[i] - parts[i])
            parts[i] += more
            given += more
        left -= given
        # What is capped is given to the others in the next turn; what rounding leaves, at once.
        if left < len(open_):
            open_ = [i for i in open_ if parts[i] < high[i]]
            open_.sort(key=lambda i: (int(exact[i]) - exact[i], i))
            for i in open_[:left]:
                parts[i] += 1
            left -= min(left, len(open_))
    return parts
