"""How long to wait before the next try."""

from datetime import timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)

LONGEST_OF_OURS = timedelta(seconds=30)
"""After a fault of our own, which a restart or a deploy mends: nobody's mail waits long for what is over."""


def backoff(attempt: int, jitter: float, *, longest: timedelta = LONGEST) -> timedelta:
    """Return the pause after try number `attempt`, from 1; `jitter` in [0, 1) spreads it over its upper half.

    It doubles each time up to `longest`. Equal jitter keeps those who failed together from coming back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, longest)
    return ceiling / 2 + ceiling / 2 * jitter
