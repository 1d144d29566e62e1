"""How much a relay does at a time, how long each may take, and how often it is tried."""

from datetime import timedelta

import msgspec


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds what a relay does at a time.

    A delivery that outlasts `lease` is broken off; `poll` bounds how late another process's message is seen.
    `rest` lies between two claims, `poll` at most: what comes meanwhile is worked off together, at a fraction of what
    each takes alone. There is none where a lane found as much as it had room for, or has room again.

    What a worker held that was killed is claimed again after `abandoned_after`.
    `max_attempts` tries, ten minutes apart at most, end before the 24 hours for which Resend remembers a key.
    `max_crashes` is how often a message may end in a way that nobody foresaw, some ten minutes of tries.
    """

    poll: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(milliseconds=50)
    lease: timedelta = timedelta(seconds=60)
    abandoned_after: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30
