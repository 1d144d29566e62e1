"""Checks of other services: leaked passwords, the challenge, limits, the webhook."""

import asyncio
import contextlib
import socket
import ssl
import time
from hashlib import sha1
from urllib.parse import urlsplit

import httpx2

from keyturn.mail.port.finding import Finding
from keyturn.service.database import Database
from keyturn.service.problems.requests import ChallengeUnready, LimitsUnready
from keyturn.service.reset.passwords.breaches import BreachRanges, BreachSourceFailed
from keyturn.service.reset.proofs.captcha import COMPLAINTS, Captcha
from keyturn.service.reset.rate_limits import RateLimits
from keyturn.service.settings import Settings
from keyturn.service.settings.url_rules import database_kind

_ON_EVERY_LIST = sha1(b"password", usedforsecurity=False).digest()


async def check_breaches(settings: Settings) -> list[Finding]:
    """Ask as a reset does, within its time-out. Failures are warnings, since resets then skip the check."""
    url = settings.password.breaches_url
    # Without a path or a query, which may hold a key.
    source, where = BreachRanges(url), str(urlsplit(url).hostname)
    try:
        found = await source.holds(_ON_EVERY_LIST)
    except BreachSourceFailed as error:
        mend = (
            "Let this machine connect to it, or correct password.breaches. Until it answers, Keyturn accepts leaked "
            "passwords."
        )
        return [Finding("breaches", "warn", f"{where}: {error}", mend)]
    finally:
        await source.close()
    if not found:
        mend = 'Set password.breaches to "hibp".'
        return [
            Finding(
                "breaches",
                "warn",
                f'{where} does not list the password "password", so it is not a list of leaked passwords',
                mend,
            )
        ]
    return [Finding("breaches", "ok", f'{where} works: it lists the password "password"')]


_NAME = "challenge"


async def check_challenge(settings: Settings) -> list[Finding]:
    """Send the service an invalid answer: its reply shows whether it knows the secret."""
    chosen = settings.challenge
    if chosen.method not in {"turnstile", "hcaptcha"}:
        return [Finding(_NAME, "ok", "Keyturn makes and checks the puzzles itself, without a service")]
    service = Captcha(chosen, hosts=())
    host = urlsplit(service.url).hostname
    try:
        verdict = await service.ask("nobody")
    except ChallengeUnready as error:
        happens = "accepted" if chosen.on_failure == "open" else "refused"
        mend = f"Let this machine connect to it. Until it answers, requests for links are {happens}."
        return [Finding(_NAME, "fail", f"{host}: {error}", mend)]
    finally:
        await service.close()
    if refused := [code for code in verdict.codes if code in COMPLAINTS]:
        mend = "Copy challenge.secret and challenge.site_key again, both from the same site."
        return [Finding(_NAME, "fail", f"{host} refuses the secret: {', '.join(refused)}", mend)]
    if verdict.success:
        mend = "These are test keys, which accept every answer. Use the keys of your own site."
        return [Finding(_NAME, "warn", f"{host} accepts a made-up answer", mend)]
    return [Finding(_NAME, "ok", f"{host} answers, and accepts the secret")]


_SLOW = 0.05
"""Seconds: every request waits for one answer, and a password hash takes 0.2."""


async def check_limits(settings: Settings) -> list[Finding]:
    if database_kind(settings.database.url) != "postgresql":
        second = "a second process has its own" if settings.limits.in_memory else "a second process refuses to start"
        return [Finding("limits", "ok", f"counted in memory; {second}")]
    if settings.limits.in_memory:
        mend = "If you run several processes, remove limits.in_memory: PostgreSQL then counts for all of them."
        message = "counted in memory: with several processes, each one has its own limits"
        return [Finding("limits", "warn", message, mend)]
    try:
        seconds = await _time_one(settings)
    except LimitsUnready as error:
        mend = "Fix the database, as its own line says. Until then, every request gets 503."
        return [Finding("limits", "fail", f"PostgreSQL: {error}", mend)]
    answers = f"PostgreSQL counts for all processes, and answers in {seconds * 1000:.1f} ms"
    if seconds > _SLOW:
        return [Finding("limits", "warn", f"{answers}, and every request waits for it", "Use a server that is closer.")]
    return [Finding("limits", "ok", answers)]


async def _time_one(settings: Settings) -> float:
    """Return the seconds that one count takes on an open connection."""
    kept = settings.database
    database = Database(kept.url, schema=kept.schema, timeout=kept.timeout)
    rate_limits = RateLimits(settings.limits, database)
    try:
        await rate_limits.require_ready()
        started = time.perf_counter()
        await rate_limits.require_ready()
        return time.perf_counter() - started
    finally:
        await database.close()


async def check_webhook(settings: Settings) -> list[Finding]:
    """Connect as the sender does. Failures are warnings, since mails and answers do not depend on the app."""
    hooks = settings.webhooks
    reached = await _reach("webhook", hooks.url, "webhooks.url")
    if isinstance(reached, Finding):
        return [reached]
    return [Finding("webhook", "ok", f"{reached} can be reached")]


async def _reach(check: str, address: str, setting: str) -> str | Finding:
    """Connect without sending anything. Return the host and port, or why the connection failed."""
    url = urlsplit(address)
    host, secure = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        context = httpx2.create_ssl_context() if secure else None
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, ValueError) as error:
        return _explain_failure(check, f"{host}:{port}", setting, error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return f"{host}:{port}"


def _explain_failure(check: str, where: str, setting: str, error: Exception) -> Finding:
    match error:
        case ssl.SSLCertVerificationError():
            message = f"the certificate of {where} is not valid: {error.verify_message}"
            mend = f"Correct the host name in {setting}, or set SSL_CERT_FILE to the issuer's certificate."
        case ssl.SSLError():
            message = f"{where} does not speak TLS"
            mend = f"Correct {setting}."
        case socket.gaierror():
            message = f"{where} cannot be found: {error.strerror}"
            mend = f"Correct the host name in {setting}, or add it to the DNS."
        case _:
            message = f"cannot connect to {where}: {getattr(error, 'strerror', None) or type(error).__name__}"
            mend = f"Correct {setting}, and let this machine connect to it."
    return Finding(check, "warn", message, mend)
