"""Counters in the database, in a transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from keyturn.service.limits import statements
from keyturn.service.limits.limit import ROUNDING, Hit, Levels, Limit, decide
from keyturn.service.limits.statements import Count

_TRIES = 10
"""Tries of a count, if other processes are faster each time."""


class StoredCounters:
    """Counters in the database, in a transaction of `connection`.

    `waits`: the commit waits for the disk, as PostgreSQL's settings say.
    """

    def __init__(self, connection: sa.Connection, *, waits: bool = True) -> None:
        self._connection = connection
        self._waits = waits

    def count(self, *limits: Limit) -> Hit:
        """Count a request against all limits, or against none if one is full.

        Without limits the same statements run, and count nothing.
        """
        return self.count_each([limits])[0]

    def count_each(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit]:
        """Count several requests, each as `count` does, in their order.

        Two statements serve all of them, however many are let through: one reads, one counts.
        """
        hits: list[Hit | None] = [None] * len(requests)
        for _ in range(_TRIES):
            places = [place for place, hit in enumerate(hits) if hit is None]
            tried = self._try([requests[place] for place in places])
            for place, hit in zip(places, tried, strict=True):
                hits[place] = hit
            if None not in hits:
                break
        return [hit or self._refuse(limits) for hit, limits in zip(hits, requests, strict=True)]

    def _try(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit | None]:
        """Count the requests whose limits have room.

        The result of a request is None if another process has used up one of its limits between
        the two statements.
        """
        every_limit: list[Limit] = []
        for limits in requests:
            every_limit += limits
        levels = dict(self.levels(*every_limit))
        expected = []
        for limits in requests:
            hit = decide(limits, levels)
            levels.update(hit.levels)  # the next request finds this one counted
            expected.append(hit)
        fitting = [list(hit.levels) for hit in expected if not hit.full]
        counted = self._add(_counts(fitting))
        return [self._confirm(hit, levels, counted) for hit in expected]

    def _confirm(self, expected: Hit, levels: Levels, counted: Mapping[str, float]) -> Hit | None:
        """Return the result of a request; None if another process was faster.

        `expected`: its result by the look.
        `levels`: the levels that were expected after all requests.
        `counted`: the levels that the count has returned.
        """
        if expected.full:
            return expected
        limits = expected.levels
        if not all(limit.key in counted for limit in limits):
            self._give_back_counted(limits, counted)
            return None
        confirmed = {}
        for limit in limits:
            # The request's own level, shifted by what the counter differs from the look: since
            # then, time has passed, and other processes may have counted.
            change = counted[limit.key] - levels[limit]
            confirmed[limit] = expected.levels[limit] + change
        return Hit(confirmed)

    def _refuse(self, limits: Sequence[Limit]) -> Hit:
        """Return the refusal of a request that other processes were faster than at every try."""
        levels = self.levels(*limits)
        hit = decide(limits, levels)
        if hit.full:
            return hit
        # A limit has room again since the last try.
        return Hit(levels, limits[0], ROUNDING)

    def count_together(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit] | None:
        """Count all requests by one statement.

        Returns None, and counts none of them, if one of their counters has no room for all of them.
        """
        counts = _counts(requests)
        if any(count.most < 0 for count in counts):  # not even an empty counter has room
            return None
        counted = self._add(counts, together=True)
        if len(counted) == len(counts):
            return [Hit({limit: counted[limit.key] for limit in limits}) for limits in requests]
        # Another process was faster at one of the counters.
        for limits in requests:
            self._give_back_counted(limits, counted)
        return None

    def _add(self, counts: Sequence[Count], *, together: bool = False) -> Mapping[str, float]:
        return statements.add(self._connection, counts, together=together, waits=self._waits)

    def _give_back_counted(self, limits: Iterable[Limit], counted: Mapping[str, float]) -> None:
        """Undo the counts of a request that was counted against some of its limits only."""
        for limit in limits:
            if limit.key in counted:
                self.give_back(limit)

    def levels(self, *limits: Limit) -> Levels:
        """Return the seconds until each counter is empty, and count nothing."""
        keys = sorted({limit.key for limit in limits})
        found = statements.find_levels(self._connection, keys)
        return {limit: max(0.0, found.get(limit.key, 0.0)) for limit in limits}

    def give_back(self, limit: Limit) -> None:
        """Undo one count."""
        statements.give_back(self._connection, limit.key, limit.gap)

    def clear(self, limit: Limit) -> bool:
        """Empty the counter; return whether there was one."""
        return statements.clear(self._connection, limit.key)


def _counts(requests: Iterable[Sequence[Limit]]) -> Sequence[Count]:
    """Return the counts of all requests, one for each counter."""
    times: Counter[Limit] = Counter()
    for limits in requests:
        times.update(limits)
    counts = []
    for limit, number in times.items():
        added = number * limit.gap
        # The last of these requests finds the others counted.
        most = limit.highest_level - (added - limit.gap)
        counts.append(Count(limit.key, added, most))
    return counts
