"""Another clock and other random bytes for a process that a simulation runs in."""

from collections.abc import Callable
from contextlib import ExitStack

from keyturn.service import clock
from keyturn.testing import Clock

_UNTIL_THE_END = ExitStack()


def rule_over(time: Clock, random: Callable[[int], bytes]) -> None:
    """Give this Python process another clock and other random bytes until it ends."""
    _UNTIL_THE_END.enter_context(clock.replaced(time, random))
