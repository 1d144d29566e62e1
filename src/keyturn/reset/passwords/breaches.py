"""Checks passwords against data leaks, with a source that may be down."""

import asyncio
from datetime import timedelta
from hashlib import sha1
from pathlib import Path
from typing import Protocol

from keyturn.errors import KeyturnError
from keyturn.settings import BreachSettings
from keyturn.telemetry.logs import LogEvent, reset_log
from keyturn.telemetry.meters import Meters


class BreachSourceFailed(KeyturnError):
    """The source gave no readable answer. The text is a short reason, without any hash."""


class BreachSource(Protocol):
    """Leaked passwords, by the SHA-1 of their UTF-8, as in the published lists."""

    async def holds(self, digest: bytes) -> bool:
        """Tell whether the source contains the hash. Raises BreachSourceFailed."""

    async def close(self) -> None: ...


class Breaches:
    """Asks the source within a time-out. If it fails, the password is accepted; metrics and the log record it.

    NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.12 ask for the comparison. If the source's outage blocked resets, users would
    have to keep a password that they want to replace. The other rules still hold.
    """

    def __init__(self, source: BreachSource, timeout: timedelta, meters: Meters | None = None) -> None:
        self._source = source
        self._timeout = timeout.total_seconds()
        self._meters = meters or Meters()

    async def holds(self, password: str) -> bool:
        # The lists use SHA-1, which protects nothing here (ASVS 11.4.1).
        digest = sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._source.holds(digest)
        except (TimeoutError, BreachSourceFailed) as error:
            self._meters.breach_lookup("failed")
            reset_log.warning(
                LogEvent("breaches.unanswered", reason=str(error) or f"no answer within {self._timeout:g} s")
            )
            return False
        self._meters.breach_lookup("breached" if found else "clear")
        return found

    async def close(self) -> None:
        await self._source.close()


def breaches_for(settings: BreachSettings, meters: Meters) -> Breaches | None:
    """Return the check for data leaks; None if the settings name no source. Raises SettingsInvalid."""
    match settings.source:
        case "hibp":
            from keyturn.reset.passwords.breach_ranges import BreachRanges  # httpx takes 50 ms

            return Breaches(BreachRanges(settings.url), settings.timeout, meters)
        case "file":
            from keyturn.reset.passwords.breach_filter import BreachFilter  # which imports the port above

            return Breaches(BreachFilter(Path(settings.file)), settings.timeout, meters)
        case "none":
            return None
