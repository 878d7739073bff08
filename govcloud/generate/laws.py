"""Laws that figures are drawn from, each with the sentence that says why it is what it is."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=10)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Said(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What stands behind a figure: why it is so, and the document's line or that it was invented."""

    why: Text
    source: str = ""
    invented: bool = False

    def __post_init__(self) -> None:
        if not self.source and not self.invented:
            raise ValueError("say `source: DOCUMENT:LINE`, or `invented: true`")


class Count(Said, kw_only=True):
    """How many of a kind there are at the size that the file describes."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Lognormal(Said, kw_only=True, tag_field="law", tag="lognormal"):
    """Many small, few large: the logarithm is normal around ``median`` with ``sigma``."""

    median: Positive
    sigma: NotNegative
    least: NotNegative = 0.0
    most: Positive

    def draw(self, random: Random) -> float:
        """A figure between ``least`` and ``most``."""
        return min(self.most, max(self.least, self.median * math.exp(self.sigma * random.gauss(0.0, 1.0))))


class Geometric(Said, kw_only=True, tag_field="law", tag="geometric"):
    """0, 1, 2 …, each as many times rarer than the one before; ``mean`` of them on average."""

    mean: Positive
    most: Annotated[int, msgspec.Meta(ge=1)]

    def draw(self, random: Random) -> float:
        """A whole number from 0 to ``most``."""
        fails = 1.0 - 1.0 / (1.0 + self.mean)
        return min(self.most, math.floor(math.log(1.0 - random.random()) / math.log(fails)))


class Power(Said, kw_only=True, tag_field="law", tag="power"):
    """Without a typical size (Pareto): twice as large is ``2 ** exponent`` times as rare."""

    exponent: Positive
    least: Positive = 1.0
    most: Positive

    def draw(self, random: Random) -> float:
        """A figure between ``least`` and ``most``."""
        size: float = self.least * (1.0 - random.random()) ** (-1.0 / self.exponent)
        return min(self.most, size)


class Uniform(Said, kw_only=True, tag_field="law", tag="uniform"):
    """Anything between two bounds, all alike."""

    least: NotNegative
    most: NotNegative

    def draw(self, random: Random) -> float:
        """A figure between ``least`` and ``most``."""
        return self.least + (self.most - self.least) * random.random()


class Shares(Said, kw_only=True, tag_field="law", tag="shares"):
    """One of several values, each with its weight."""

    of: Annotated[dict[str, NotNegative], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not sum(self.of.values()) > 0:
            raise ValueError("at least one weight must be above 0")

    def picker(self, random: Random) -> Callable[[], str]:
        """A function that draws one value a call."""
        values = list(self.of)
        bounds = list(accumulate(self.of.values()))
        total, last = bounds[-1], len(values) - 1
        uniform = random.random
        return lambda: values[min(last, bisect_right(bounds, uniform() * total))]


class Chance(Said, kw_only=True, tag_field="law", tag="chance"):
    """True for this share of them."""

    share: Annotated[float, msgspec.Meta(ge=0, le=1)]

    def draw(self, random: Random) -> bool:
        """True or false."""
        return random.random() < self.share


class Skew(Said, kw_only=True, tag_field="law", tag="skew"):
    """How choices gather on the first of many: 1 not at all, 3 and more on few."""

    power: Annotated[float, msgspec.Meta(ge=1, le=20)]

    def draw(self, random: Random, count: int) -> int:
        """A whole number from 0 to ``count - 1``, the small ones oftener."""
        return min(count - 1, int(count * random.random() ** self.power))


Amount = Lognormal | Geometric | Power | Uniform
