"""A clock for tests that may not depend on how quick the machine is."""

from keyturn.testing import MovableClock


class StandingClock(MovableClock):
    """Stands still between the moves."""

    def unix(self) -> float:
        return 1_800_000_000 + self.ahead

    def monotonic(self) -> float:
        return 1_000 + self.ahead
