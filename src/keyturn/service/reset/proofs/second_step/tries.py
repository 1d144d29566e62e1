"""Counts the tries of codes for a link and for an account."""

import math
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from keyturn.service import secrets
from keyturn.service.database import Database
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.records.links import Link
from keyturn.service.settings.building import Rate

_DAY = 86_400

_NOTICE = 30 * _DAY
"""Seconds in which wrong codes count together for a mail to the owner: a patient attacker tries few a day."""


class CountedTry(NamedTuple):
    """A counted try. `left`: how many more there are. `is_told`: if the code is wrong, the owner gets a mail."""

    left: int
    is_told: bool


class SecondStepTries:
    """Counts before any comparison. A link has `most` tries, an account has `daily` a day, which refill evenly.

    All links of an account count together, and a new link does not reset the count (NIST SP 800-63B-4 3.2.2 ends at 100
    in a row). With 20 a day and three live TOTP steps, a guess of six digits is right once in 45 years.

    Each `most`-th try of an account, and the last that is left, is the last of its link, too. The owner is told
    of each link that ends (4.6), so an attacker who takes a new link for every few codes does not stay unnoticed, and
    neither does one who tries a code a day. At a sign-in there is no link to end, and the owner is told as often.
    """

    def __init__(self, database: Database, *, most: int, daily: int) -> None:
        self._database = database
        self._most = most
        self._daily = daily

    async def count(self, link: Link | None, account_id: str, moment: datetime) -> CountedTry | None:
        """Count a try and commit it. Return None if its link has ended; without a link it is that of a sign-in.

        Raises TooManyRequests if the account is at its limit; this leaves all counts unchanged.
        """

        def count(connection: Connection) -> CountedTry | None:
            # Hold the account, as every change of it does: otherwise two of its links would wait for each other.
            self._database.hold(connection, account_id)
            of_link = 0
            if link:
                tried = secrets.count_try(connection, *link.id, moment)
                if tried.tries > self._most or tried.state(moment) != "works":
                    secrets.give_try_back(connection, *link.id)
                    return None
                of_link = self._most - tried.tries
            today, to_notice = self._count_for_account(StoredCounters(connection), account_id)
            left = min(of_link, to_notice, today) if link else today
            return CountedTry(left, is_told=not (left if link else min(to_notice, today)))

        return await self._database.transact(count)

    def _count_for_account(self, counters: StoredCounters, account_id: str) -> tuple[int, int]:
        """Return how many tries the account has left now, and how many until the owner is told."""
        day, notice = self._limits(account_id)
        hit = counters.count(day)
        if hit.wait:
            raise TooManyRequests(math.ceil(hit.wait))
        used = notice.used(counters.count(notice).levels[0])
        if used >= self._most:  # the next notice is as many tries away
            counters.clear(notice)
        return self._daily - day.used(hit.levels[0]), self._most - used

    async def give_back(self, link: Link | None, account_id: str) -> None:
        """Undo one count: the code was right or could not be judged."""

        def write(connection: Connection) -> None:
            self._database.hold(connection, account_id)
            if link:
                secrets.give_try_back(connection, *link.id)
            for limit in self._limits(account_id):
                StoredCounters(connection).give_back(limit)

        await self._database.transact(write)

    def forget(self, connection: Connection, account_id: str) -> None:
        """Reset the counts in the caller's transaction: the code was right."""
        for limit in self._limits(account_id):
            StoredCounters(connection).clear(limit)

    def _limits(self, account_id: str) -> tuple[Limit, Limit]:
        """Return the limit of tries a day, and the limit after which the owner is told."""
        day, notice = Rate(self._daily, _DAY), Rate(self._most, _NOTICE)
        return Limit(day, "second step", account_id), Limit(notice, "second step notice", account_id)
