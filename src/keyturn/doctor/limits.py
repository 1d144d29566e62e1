"""Checks where the limits are counted, and whether all processes count together."""

import time
from urllib.parse import urlsplit

from keyturn.errors import SettingsInvalid
from keyturn.finding import Finding
from keyturn.problems.requests import LimitsUnready
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.settings import Settings
from keyturn.settings.url_rules import database_kind

_SLOW = 0.05
"""Seconds: every request waits for one answer, and a password hash takes 0.2."""


async def check_limits(settings: Settings) -> list[Finding]:
    url = settings.limits.storage_url
    if not url or url.startswith("memory"):
        return [_memory(settings)]
    try:
        seconds = await _time_one(settings)
    except SettingsInvalid as error:
        (fault,) = error.faults
        mend = "Put limits.storage_url right; nothing starts without."
        return [Finding("limits", "fail", str(fault), mend)]
    except LimitsUnready as error:
        mend = "Start Redis, or correct limits.storage_url; until then every request is answered with 503."
        return [Finding("limits", "fail", f"{_where(url)}: {error}", mend)]
    answers = f"{_where(url)} answers in {seconds * 1000:.1f} ms"
    if seconds > _SLOW:
        return [Finding("limits", "warn", f"{answers}, and so does every request", "Bring Redis nearer.")]
    return [Finding("limits", "ok", answers)]


async def _time_one(settings: Settings) -> float:
    """Return the seconds that one count takes on an open connection."""
    rate_limits = RateLimits(settings.limits)
    try:
        await rate_limits.require_ready()
        started = time.perf_counter()
        await rate_limits.require_ready()
        return time.perf_counter() - started
    finally:
        await rate_limits.close()


def _memory(settings: Settings) -> Finding:
    if not settings.limits.storage_url:
        return Finding("limits", "ok", "counted in memory, and a second process is refused at its start")
    if database_kind(settings.database.url) == "sqlite":
        return Finding("limits", "ok", "counted in memory, which is right for one process")
    return Finding(
        "limits",
        "warn",
        "counted in memory: with n processes, everybody may ask n times as often",
        "Set limits.storage_url to redis://host:6379/0, unless there is one process alone.",
    )


def _where(url: str) -> str:
    """Return the address without user and password."""
    parts = urlsplit(url)
    return f"Redis on {parts.hostname}:{parts.port}" if parts.hostname else f"Redis on {parts.path}"
