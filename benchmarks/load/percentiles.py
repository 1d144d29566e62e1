"""Statistics of measurements. Pure functions."""

from collections.abc import Sequence
from math import ceil


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that is at least as large as a `share` (0 to 1) of the values
    (nearest rank).
    """
    if not ordered:
        raise ValueError("no values have no percentile")
    return ordered[max(ceil(share * len(ordered)), 1) - 1]


def is_flat(rates: Sequence[float], *, windows: int = 4, spread: float = 0.1) -> bool:
    """Tell whether the last `windows` rates have stopped rising and differ by at most `spread` of
    their mean.

    Rates rise if the mean of the later half exceeds that of the earlier half by more than half of
    `spread`. Code that is warming up rises a little in each window, within the noise.
    """
    last = rates[-windows:]
    mean = sum(last) / len(last) if last else 0
    if len(last) < windows or not mean:
        return False
    half = windows // 2
    rise = (sum(last[-half:]) - sum(last[:half])) / half
    return max(last) - min(last) <= spread * mean and rise <= spread / 2 * mean
