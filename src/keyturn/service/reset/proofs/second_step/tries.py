"""Counts the tries of codes for a link and for an account."""

import math
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from keyturn.service import secrets
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.proofs.second_step.models import SecondStepTriesRow
from keyturn.service.reset.records.guarded import DAY, DailyCounter
from keyturn.service.reset.records.links import Link

_COUNTER = DailyCounter(SecondStepTriesRow.tries, SecondStepTriesRow.counted_since)


class CountedTry(NamedTuple):
    """A counted try. `left`: how many more there are. `is_told`: if the code is wrong, the owner gets a mail."""

    left: int
    is_told: bool


class SecondStepTries:
    """Counts before any comparison. A link has `most` tries, an account has `daily` in 24 hours.

    All links of an account count together, and a new link does not reset the count (NIST SP 800-63B-4 3.2.2 ends at 100
    in a row). With 20 a day and three live TOTP steps, a guess of six digits is right once in 45 years.

    Each `most`-th try of an account in a day, and the last of the day, is the last of its link, too. The owner is told
    of each link that ends (4.6), so an attacker who takes a new link for every few codes does not stay unnoticed. At a
    sign-in there is no link to end, and the owner is told as often.
    """

    def __init__(self, database: Database, *, most: int, daily: int) -> None:
        self._database = database
        self._most = most
        self._daily = daily

    async def count(self, link: Link | None, account_id: str, moment: datetime) -> CountedTry | None:
        """Count a try and commit it. Return None if its link has ended; without a link it is that of a sign-in.

        Raises TooManyRequests if the account is at its limit; this leaves both counts unchanged.
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
            of_account = self._count_for_account(connection, account_id, moment)
            if of_account is None:
                raise TooManyRequests(_seconds_left(connection, account_id, moment))
            today, to_notice = self._daily - of_account, -of_account % self._most
            left = min(of_link, to_notice, today) if link else today
            return CountedTry(left, is_told=not (left if link else min(to_notice, today)))

        return await self._database.transact(count)

    def _count_for_account(self, connection: Connection, account_id: str, moment: datetime) -> int | None:
        """Return the number of tries, this one included; None if the account has no tries left."""
        row = SecondStepTriesRow
        day_ago = moment - DAY
        statement = (
            insert_into(row, connection.dialect)
            .values(account_id=account_id, tries=1, counted_since=moment)
            .on_conflict_do_update(
                index_elements=[row.account_id],
                set_=_COUNTER.raised(day_ago, moment),
                where=_COUNTER.has_room(day_ago, self._daily),
            )
            .returning(row.tries)
        )
        tries: int | None = connection.execute(statement).scalar()
        return tries

    async def give_back(self, link: Link | None, account_id: str) -> None:
        """Undo one count: the code was right or could not be judged."""
        row = SecondStepTriesRow
        counted = update(row).where(row.account_id == account_id, row.tries > 0)

        def write(connection: Connection) -> None:
            self._database.hold(connection, account_id)
            if link:
                secrets.give_try_back(connection, *link.id)
            connection.execute(counted.values(tries=row.tries - 1))

        await self._database.transact(write)

    def forget(self, connection: Connection, account_id: str) -> None:
        """Reset the count in the caller's transaction: the code was right."""
        row = SecondStepTriesRow
        connection.execute(update(row).where(row.account_id == account_id).values(tries=0))

    def take_step(self, connection: Connection, account_id: str, step: int, moment: datetime) -> bool:
        """Note the code's TOTP step in the caller's transaction; False unless it is later than the last one.

        ASVS 6.5.1. It is one statement: two requests with the same code may come at once (CVE-2015-7225,
        CVE-2021-43177).
        """
        row = SecondStepTriesRow
        statement = (
            insert_into(row, connection.dialect)
            .values(account_id=account_id, tries=0, counted_since=moment, totp_step=step)
            .on_conflict_do_update(
                index_elements=[row.account_id],
                set_={"totp_step": step},
                where=func.coalesce(row.totp_step, -1) < step,
            )
            .returning(row.account_id)
        )
        return connection.execute(statement).first() is not None

    def give_step_back(self, connection: Connection, account_id: str, step: int) -> None:
        """Allow a step again whose change was undone; earlier steps stay refused."""
        row = SecondStepTriesRow
        taken = update(row).where(row.account_id == account_id, row.totp_step == step)
        connection.execute(taken.values(totp_step=step - 1))

    async def last_step(self, account_id: str) -> int:
        """Return the last TOTP step that was taken; -1 if none was."""
        row = SecondStepTriesRow
        found = await self._database.fetch(select(row.totp_step).where(row.account_id == account_id))
        step: int | None = found[0]["totp_step"] if found else None
        return -1 if step is None else step


def _seconds_left(connection: Connection, account_id: str, moment: datetime) -> int:
    row = SecondStepTriesRow
    found = connection.execute(select(row.counted_since).where(row.account_id == account_id)).scalar()
    until: datetime = found + DAY if found else moment
    return max(1, math.ceil((until - moment).total_seconds()))
