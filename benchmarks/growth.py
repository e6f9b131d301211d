"""How a cost grows with a size: a fixed part, and one that grows with some power of the size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

MOST = 3.0
STEP = 0.01
FLAT = 1.25
"""What is not this many times as dear at the largest size as at the smallest does not grow."""


class Growth(NamedTuple):
    """`cost = fixed + each * size ** exponent`. `exponent` is 0 where nothing grows."""

    fixed: float
    each: float
    exponent: float

    def at(self, size: float) -> float:
        """The cost of a size."""
        return self.fixed + self.each * size**self.exponent


def fit(points: Sequence[tuple[float, float]]) -> Growth:
    """The growth that is nearest to points of size and cost, by relative error. Sizes and costs are above 0.

    A power law without the fixed part would look slower than it is, because small sizes cost nearly the
    same.
    """
    costs = [cost for _, cost in sorted(points)]
    middle = sum(costs) / len(costs)
    if len(points) < 3 or costs[-1] < FLAT * costs[0]:
        return Growth(middle, 0.0, 0.0)
    best, least = Growth(middle, 0.0, 0.0), math.inf
    for step in range(1, round(MOST / STEP) + 1):
        found = _linear(points, step * STEP)
        error = sum((found.at(size) / cost - 1) ** 2 for size, cost in points)
        if error < least:
            best, least = found, error
    return best


def last_slope(points: Sequence[tuple[float, float]]) -> float:
    """The exponent between the two largest sizes: what is left of the fixed part there is least."""
    (size, cost), (larger, dearer) = sorted(points)[-2:]
    return math.log(dearer / cost) / math.log(larger / size)


def _linear(points: Sequence[tuple[float, float]], exponent: float) -> Growth:
    """The best fixed part (not below 0) and slope for an exponent, by weighted least squares."""
    weights = [1 / cost**2 for _, cost in points]
    powers = [size**exponent for size, _ in points]
    total = sum(weights)
    mean_x = sum(w * x for w, x in zip(weights, powers, strict=True)) / total
    mean_y = sum(w * cost for w, (_, cost) in zip(weights, points, strict=True)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, x in zip(weights, powers, strict=True))
    joint = sum(
        w * (x - mean_x) * (cost - mean_y) for w, x, (_, cost) in zip(weights, powers, points, strict=True)
    )
    each = joint / spread
    fixed = mean_y - each * mean_x
    if fixed < 0:
        fixed = 0.0
        each = sum(w * x * cost for w, x, (_, cost) in zip(weights, powers, points, strict=True)) / sum(
            w * x * x for w, x in zip(weights, powers, strict=True)
        )
    return Growth(fixed, each, exponent)
