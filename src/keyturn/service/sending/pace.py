"""A provider's rate limit, kept by all workers together: each call books a place in one row of the database."""

import asyncio
from collections.abc import Callable

from sqlalchemy import ColumnElement, Double, String, case, cast, extract, literal, update
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.errors import SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.service.clock import monotonic, unix
from keyturn.service.database import Database, Model
from keyturn.service.database.statements import insert_into

LONGEST_HOLD = 10
"""Seconds for which all workers wait after the provider asked for a pause."""

_SLACK = 1.05
"""Slots are this much further apart than the rate asks, because some calls arrive sooner after their slot than others.
A provider that takes just that rate would otherwise refuse some, and each refusal holds all workers."""


class PaceRow(Model):
    """The time of a provider's next free slot, in seconds since 1970: one row for all workers that share its limit."""

    __tablename__ = "keyturn_pace"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    next_at: Mapped[float] = mapped_column(Double)


class Pace:
    """Books slots for calls to a provider, a twentieth more than `1 / per_second` apart.

    One statement books a slot, so no two workers get the same. Calls that are `first` in line have a row of their own:
    they wait only for each other, and move all other calls back by one slot each.
    """

    def __init__(self, database: Database, name: str, per_second: float, *, first: bool = False) -> None:
        self._database = database
        self._name = name
        self._per_second = per_second
        self._gap = _SLACK / per_second
        self._first = first

    def first_in_line(self) -> "Pace":
        return Pace(self._database, self._name, self._per_second, first=True)

    @property
    def _of_first(self) -> str:
        return f"{self._name}:first"

    async def turn(self) -> None:
        """Return when it is this caller's turn: at once if the gap since the last call has passed.

        Raises SendRetryable if the queue is so long that the message's lease would run out.
        """
        moment = self._moment()
        later = case((PaceRow.next_at > moment, PaceRow.next_at), else_=moment) + self._gap
        booked = (
            insert_into(PaceRow, self._database.dialect)
            .values(name=self._of_first if self._first else self._name, next_at=moment + self._gap)
            .on_conflict_do_update(
                index_elements=[PaceRow.name],
                set_={"next_at": later},
                where=PaceRow.next_at <= moment + LONGEST_HOLD,
            )
            .returning(PaceRow.next_at - self._gap - moment)
        )
        found = await self._database.execute(booked)
        if not found:
            raise SendRetryable("too many mails wait for the provider", LONGEST_HOLD, not_accepted=True, down=False)
        if self._first:
            await self._database.execute(update(PaceRow).where(PaceRow.name == self._name).values(next_at=later))
        await asyncio.sleep(found[0][0])

    async def hold(self, seconds: float) -> None:
        """Book no slots for a while, because the provider asked for a pause."""
        until = self._moment() + seconds
        for name in (self._name, self._of_first):
            statement = update(PaceRow).where(PaceRow.name == name, PaceRow.next_at < until).values(next_at=until)
            await self._database.execute(statement)

    def _moment(self) -> ColumnElement[float]:
        """Return the time that all workers share, in seconds since 1970."""
        if self._database.is_sqlite:
            return literal(unix())
        return cast(extract("epoch", self._database.clock()), Double)


class PacedSender:
    """A sender that waits for its turn, and holds all workers when the provider asks for a pause."""

    def __init__(self, sender: Sender, pace: Pace) -> None:
        self.name = sender.name
        self._sender = sender
        self._pace = pace

    async def send(self, email: Email, idempotency_key: str) -> str:
        await self._pace.turn()
        try:
            return await self._sender.send(email, idempotency_key)
        except SendUnknown:
            raise  # its pause is for the report of this one mail
        except SendRetryable as error:
            if error.retry_after:
                # A mail that was asked to wait longer is claimed again later; its lease would not last that long.
                await self._pace.hold(min(error.retry_after, LONGEST_HOLD))
            raise

    def first_in_line(self) -> "PacedSender":
        return PacedSender(self._sender, self._pace.first_in_line())

    async def close(self) -> None:
        await self._sender.close()


PAUSE = 600
"""Seconds after the last failure in which no new mail is tried: as long as the longest back-off. Mails that the
provider may already have are tried first."""

TRIAL = 60
"""Seconds until another mail is tried if the last trial gave no result: its account or its content was gone."""


class Breaker:
    """Opens after so many failures in a row, of any mails; one success closes it.

    Each process has its own. Another process notices an outage as fast; a restarted one starts without knowledge.
    """

    def __init__(self, patience: int, clock: Callable[[], float] = monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._failures = 0
        self._next_at = 0.0

    def admits(self) -> bool:
        """Tell whether a new mail may go to the provider; while the provider is down, one mail a pause may."""
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
