"""Builds the senders that the settings name, and limits the rate of their calls.

A provider imports its libraries when its sender is built.
"""

import asyncio
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from keyturn.errors import SendRetryable
from keyturn.extras import requires_extra
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.mime import to_mime
from keyturn.mail.providers import PROVIDERS
from keyturn.plain_files import add_private_file
from keyturn.service.clock import monotonic
from keyturn.service.database import Database
from keyturn.service.limits import Hit, Limit, with_stored_counters
from keyturn.service.settings import Settings
from keyturn.service.settings.rates import Rate


def require_libraries(*names: str) -> None:
    """Raise SettingsInvalid if the library of one of these providers is not installed.

    Imports none of the libraries.
    """
    for name in names:
        provider = PROVIDERS.get(name)
        if provider and provider.extra and find_spec(provider.package) is None:
            with requires_extra(provider.extra, name, "mail.transport"):
                raise ModuleNotFoundError(name=provider.package)


LONGEST_WAIT = 10
"""Seconds that a mail may wait for its turn: less than the lease of its message."""

_SLACK = 1.05
"""How many times as far apart as the rate asks the slots are. Calls arrive at the provider with
different delays, so a provider that takes exactly that rate would refuse some otherwise.
"""

_NO_END = 1e9
"""Slots by which first calls may move all other calls back: more than there ever are."""


class Pace:
    """Books slots for calls to a provider, a twentieth more than `1 / per_second` apart.

    All processes share the slots, in the database's counters. Calls that are `first` wait only for
    each other, and each of them moves all other calls back by one slot.
    """

    def __init__(self, database: Database, name: str, per_second: float) -> None:
        self._database = database
        self._name = name
        self._gap = _SLACK / per_second

    async def turn(self, *, first: bool) -> None:
        """Return when it is this caller's turn.

        Raises SendRetryable if that is more than `LONGEST_WAIT` away.
        """
        who = f"{self._name}:first" if first else self._name
        own = self._slots(who, LONGEST_WAIT / self._gap + 1)
        slot = await self._count(own)
        if slot.full:
            raise SendRetryable(
                "too many mails wait for the provider", LONGEST_WAIT, not_accepted=True, down=False
            )
        if first:
            others = self._slots(self._name, _NO_END)
            await self._count(others)
        await asyncio.sleep(slot.levels[own] - self._gap)

    async def _count(self, slots: Limit) -> Hit:
        return await with_stored_counters(self._database, lambda counters: counters.count(slots))

    def _slots(self, who: str, most: float) -> Limit:
        """Return the counter of calls, of which at most `most` may wait."""
        return Limit(Rate(most, most * self._gap), "pace", who)


PAUSE = 600
"""Seconds after the last failure for which no new mail is tried: as long as the longest back-off.

Mails that the provider may already have are tried before that.
"""

TRIAL = 60
"""Seconds until another new mail is tried, if the last one showed neither a success nor a failure
of the provider: its account was gone, for example.
"""


class Breaker:
    """Opens after `patience` failures in a row, of any mails. One success closes it.

    Each process has its own breaker.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._failures = 0
        self._next_at = 0.0

    def admits(self) -> bool:
        """Tell whether a new mail may go to the provider.

        While the breaker is open, one mail may after each pause.
        """
        if self._failures < self._patience:
            return True
        if monotonic() < self._next_at:
            return False
        self._next_at = monotonic() + TRIAL
        return True

    def count_failure(self) -> None:
        self._failures += 1
        self._next_at = monotonic() + PAUSE

    def count_success(self) -> None:
        self._failures = 0


def pace_for(name: str, settings: Settings, database: Database) -> Pace | None:
    """Return the pace of a provider; None if it has no `rate`."""
    provider = settings.provider(name)
    if provider is None or provider.rate is None:
        return None
    return Pace(database, name, provider.rate)


def sender_for(name: str, settings: Settings) -> Sender:
    """Return the sender of a provider. Raises SettingsInvalid if its library is not installed."""
    provider = settings.provider(name)
    if provider is None:
        return CaptureSender(Path(settings.mail.capture_dir))
    require_libraries(name)
    return provider.build(settings.worker.timeout)


class CaptureSender:
    """Writes each mail into a folder, as an .eml file named after the idempotency key.

    No mail leaves the machine.
    """

    name = "capture"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Write the mail, unless there is a file of the key already; return the key."""
        await asyncio.to_thread(self._write, email, idempotency_key)
        return idempotency_key

    async def close(self) -> None: ...

    def _write(self, email: Email, key: str) -> None:
        file = self._folder / f"{key}.eml"
        if not file.exists():
            # It may hold a working link.
            add_private_file(file, to_mime(email, key=key, date=datetime.now(UTC)))
