"""Whether a provider is down for everybody, told from the answers to whoever asked it (the circuit breaker pattern)."""

import time
from collections.abc import Callable

PAUSE = 600
"""Seconds after the last failure in which no other mail is risked: as long as the longest back-off, so that those that
the provider may have ask it first."""

TRIAL = 60
"""Seconds until another mail is risked where the last came to nothing: there was no account, or nothing to send."""


class Breaker:
    """Opens after so many failures in a row, of whichever mails; one success closes it.

    It is one process's own: another finds out as fast, and one that was restarted knows no more than it has seen.
    """

    def __init__(self, patience: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._failures = 0
        self._next_at = 0.0

    def admits(self) -> bool:
        """Tell whether a mail that the provider has never seen may go there; while it is down, one a pause may."""
        if self._failures < self._patience:
            return True
        if self._clock() < self._next_at:
            return False
        self._next_at = self._clock() + TRIAL
        return True

    def count_failure(self) -> None:
        self._failures += 1
        self._next_at = self._clock() + PAUSE

    def count_success(self) -> None:
        self._failures = 0
