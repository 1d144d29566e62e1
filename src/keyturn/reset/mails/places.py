"""Adds the place of an IP address in mails, if a function of the app knows it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from keyturn.accounts.store_factory import import_async_function
from keyturn.settings import HookSettings
from keyturn.telemetry.logs import LogEvent, reset_log

_LONGEST_PLACE = 80

Locate = Callable[[str, str], Awaitable[str]]
"""Returns an IP address as mails show it in a language, such as "203.0.113.24 (near Leeds, UK)"."""


async def without_place(ip_address: str, _language: str) -> str:
    return ip_address


def locate_from(settings: HookSettings) -> Locate:
    """Return the function for the hook of the settings, if any. Raises SettingsInvalid if it cannot be imported."""
    if not settings.locate:
        return without_place
    return AppPlaces(import_async_function(settings.locate, "hooks.locate"), settings.timeout.total_seconds()).locate


class AppPlaces:
    """Asks the app's function, for at most `seconds`. Without an answer the mail shows the address alone.

    It gets the address and the mail's language, and returns the place in that language, or None.
    """

    def __init__(self, function: Callable[[str, str], Awaitable[Any]], seconds: float) -> None:
        self._function = function
        self._seconds = seconds

    async def locate(self, ip_address: str, language: str) -> str:
        """Return the address and its place. An error is logged, and never delays the mail for longer than a call."""
        if not ip_address:
            return ""
        try:
            async with asyncio.timeout(self._seconds):
                place = await self._function(ip_address, language)
        except Exception as error:
            reset_log.exception(LogEvent("hook.failed", hook="locate", error=type(error).__name__))
            return ip_address
        if place is not None and not isinstance(place, str):
            reset_log.error(LogEvent("hook.failed", hook="locate", error=f"answered {type(place).__name__}"))
            return ip_address
        shown = " ".join(filter(str.isprintable, (place or "").split()))[:_LONGEST_PLACE].rstrip()
        return f"{ip_address} ({shown})" if shown else ip_address
