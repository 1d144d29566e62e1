"""How long to wait before the next try."""

from datetime import timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)


def backoff(attempt: int, jitter: float) -> timedelta:
    """Return the pause after try number `attempt`, from 1; `jitter` in [0, 1) spreads it over its upper half.

    It doubles each time up to LONGEST. Equal jitter keeps those who failed together from coming back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, LONGEST)
    return ceiling / 2 + ceiling / 2 * jitter
