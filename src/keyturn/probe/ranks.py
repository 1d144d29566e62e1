"""The rank test of Mann and Whitney: whether one kind of answer takes longer than another."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def compare(mine: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return the AUC, the two-sided p of the rank test (normal approximation), and the best threshold's share."""
    ordered, ours = sorted(other), sorted(mine)
    wins = sum((bisect_left(ordered, one) + bisect_right(ordered, one)) / 2 for one in mine)
    n, m = len(mine), len(other)
    z = (wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    shares = (bisect_left(ours, one) / n - bisect_left(ordered, one) / m for one in (*mine, *other))
    return wins / (n * m), math.erfc(abs(z) / math.sqrt(2)), 0.5 + max(map(abs, shares)) / 2
