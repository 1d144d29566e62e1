"""Counts the tries of codes for a link and for an account."""

import math
from typing import NamedTuple

from keyturn.service import secrets
from keyturn.service.limits import Limit
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.proofs.second_step.port import SecondStepTry
from keyturn.service.reset.records.stores import Records, Transaction
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

    def __init__(self, records: Records, *, most: int, daily: int) -> None:
        self._records = records
        self._most = most
        self._daily = daily

    async def count(self, trial: SecondStepTry) -> CountedTry:
        """Count a try and commit it.

        Raises LinkDead if its link has ended, TooManyRequests if the account has none left. All counts then stay.
        """

        def count(tx: Transaction) -> CountedTry:
            # Hold the account, as every change of it does: otherwise two of its links would wait for each other.
            tx.hold(trial.account.id)
            of_link = self._most
            if trial.link:
                tried = secrets.count_try(tx.connection, *trial.link.id, trial.moment)
                of_link -= tried.tries
                if of_link < 0 or tried.state(trial.moment) != "works":
                    # The request whose last try is wrong ends the link; a try under way may be right.
                    raise LinkDead("invalid")
            day, notice = self._limits(trial.account.id)
            hit = tx.counters.count(day)
            if hit.full:
                raise TooManyRequests(math.ceil(hit.wait))
            to_notice = self._most - notice.used(tx.counters.count(notice).levels[0])
            if to_notice <= 0:  # the next notice is as many tries away
                tx.counters.clear(notice)
            today = self._daily - day.used(hit.levels[0])
            left = max(0, min(of_link, to_notice, today))
            return CountedTry(left if trial.link else today, is_told=not left)

        return await self._records.transact(count)

    async def give_back(self, trial: SecondStepTry) -> None:
        """Undo one count: the code was right or could not be judged."""

        def write(tx: Transaction) -> None:
            tx.hold(trial.account.id)
            if trial.link:
                secrets.give_try_back(tx.connection, *trial.link.id)
            for limit in self._limits(trial.account.id):
                tx.counters.give_back(limit)

        await self._records.transact(write)

    def forget(self, tx: Transaction, account_id: str) -> None:
        """Reset the account's counts: the code was right."""
        for limit in self._limits(account_id):
            tx.counters.clear(limit)

    def _limits(self, account_id: str) -> tuple[Limit, Limit]:
        """Return the limit of tries a day, and the limit after which the owner is told."""
        day, notice = Rate(self._daily, _DAY), Rate(self._most, _NOTICE)
        return Limit(day, "second step", account_id), Limit(notice, "second step notice", account_id)
