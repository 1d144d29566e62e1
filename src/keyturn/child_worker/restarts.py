"""How long to wait before a process that ended by itself is started again."""

_PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds before each further start; the last one repeats."""

_STEADY = 60
"""Seconds after which a failure counts as the first again."""


class Restarts:
    """Counts how often a process failed in a row, and returns the pause before its next start."""

    def __init__(self) -> None:
        self._failures = 0

    def pause(self, lived: float) -> float:
        """Return the seconds to wait after a process that lived for `lived` seconds; 0 for one that did not start."""
        if lived > _STEADY:
            self._failures = 0
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        return pause
