"""Checks that the source of leaked passwords answers, and knows the most common password."""

import asyncio
from hashlib import sha1
from pathlib import Path
from urllib.parse import urlsplit

from keyturn.errors import SettingsInvalid
from keyturn.finding import Finding
from keyturn.reset.passwords.breach_filter import BreachFilter
from keyturn.reset.passwords.breach_ranges import BreachRanges
from keyturn.reset.passwords.breaches import BreachSource, BreachSourceFailed
from keyturn.settings import Settings

_ON_EVERY_LIST = sha1(b"password", usedforsecurity=False).digest()


async def check_breaches(settings: Settings) -> list[Finding]:
    """Ask as a reset does, within its time-out. Failures are warnings, since resets then skip the check."""
    chosen = settings.breaches
    try:
        source, where = _source_of(settings)
    except SettingsInvalid as error:
        return [
            Finding("breaches", "fail", str(error), "Make it with `keyturn breaches build`; nothing starts without.")
        ]
    seconds = chosen.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            found = await source.holds(_ON_EVERY_LIST)
    except (TimeoutError, BreachSourceFailed) as error:
        mend = "Until it answers, leaked passwords are taken: let this machine connect to it, or correct [breaches]."
        return [Finding("breaches", "warn", f"{where}: {str(error) or f'no answer within {seconds:g} s'}", mend)]
    finally:
        await source.close()
    if not found:
        mend = "Take breaches.url out for the usual service, or make a file with `keyturn breaches build`."
        return [Finding("breaches", "warn", f"{where} does not know the word password", mend)]
    return [Finding("breaches", "ok", f"{where} answers, and knows the word password")]


def _source_of(settings: Settings) -> tuple[BreachSource, str]:
    """Return the source and its display name, without a path or a query that may hold a key."""
    chosen = settings.breaches
    if chosen.source == "file":
        filter_ = BreachFilter(Path(chosen.file))
        return filter_, f"{chosen.file}, {filter_.entries:,} passwords,"
    return BreachRanges(chosen.url), str(urlsplit(chosen.url).hostname)
