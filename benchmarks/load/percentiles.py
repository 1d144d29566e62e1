"""What is made of many measurements: pure."""

from collections.abc import Sequence
from math import ceil


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that `share` (0 to 1) of the values does not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("no values have no percentile")
    return ordered[max(ceil(share * len(ordered)), 1) - 1]


def is_flat(rates: Sequence[float], *, windows: int = 4, spread: float = 0.1) -> bool:
    """Tell whether the last `windows` rates neither rise as a whole nor differ by more than `spread` of their mean.

    They rise as a whole where the later half is above the earlier by more than half of `spread`: code that still grows
    warm does, each window a little, within the spread of the noise.
    """
    last = rates[-windows:]
    mean = sum(last) / len(last) if last else 0
    if len(last) < windows or not mean:
        return False
    half = windows // 2
    rise = (sum(last[-half:]) - sum(last[:half])) / half
    return max(last) - min(last) <= spread * mean and rise <= spread / 2 * mean


def grows(samples: Sequence[float], *, share: float, least: float) -> bool:
    """Tell whether the last quarter's median is above that of the second quarter, by `share` of it and by `least`.

    The first quarter is left out: what is imported late and caches that fill are no leak.
    """
    quarter = len(samples) // 4
    if not quarter:
        return False
    before = percentile(sorted(samples[quarter : 2 * quarter]), 0.5)
    after = percentile(sorted(samples[-quarter:]), 0.5)
    return after - before > max(share * before, least)
