"""Runs all checks at once, each with a time limit, so that a slow check does not delay others."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence

from msgspec.structs import replace

from keyturn.mail.addresses import parse_sender
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.mail.port.provider import CheckedSender
from keyturn.mail.providers import PROVIDERS
from keyturn.service.doctor.configuration import check_pages, check_settings
from keyturn.service.doctor.database import (
    check_accounts,
    check_credentials,
    check_database,
    check_previous_keys,
)
from keyturn.service.doctor.domain import Dns, check_domain
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import captcha
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import Reading

_PATIENCE = 5  # seconds for one check

Check = tuple[str, Awaitable[Sequence[CheckResult]]]


async def examine(reading: Reading, dns: Dns, *, patience: float = _PATIENCE) -> list[CheckResult]:
    """Return the findings of all checks, in order.

    If the settings have a fault, only their findings are returned. `patience`: seconds for a check.
    """
    if reading.faults:
        skipped = CheckResult(
            "others", "skip", "no other check was made", "Fix the settings first."
        )
        return [*check_settings(reading), skipped]
    checks = list(_checks(reading.settings, dns))
    results = await asyncio.gather(*(_run(*check, patience) for check in checks))
    return [*check_settings(reading), *(finding for findings in results for finding in findings)]


async def check_provider(settings: Settings, name: str) -> Sequence[CheckResult]:
    """Ask a provider whether it would take mails from this sender. No mail is sent."""
    if name not in PROVIDERS:
        where = f"mails are saved in {settings.mail.capture_dir} and not sent"
        if settings.environment == "production":
            return [warn(where, 'Set mail.transport to "resend", "smtp" or another provider.')]
        return [ok(where)]
    mailbox = parse_sender(settings.mail.from_)
    sender = CheckedSender(
        address=mailbox.address, domain=mailbox.domain, timeout=settings.worker.timeout
    )
    findings: Sequence[CheckResult] = await getattr(settings, name).check(sender)
    return findings


def _checks(settings: Settings, dns: Dns) -> Iterator[Check]:
    yield "database", check_database(settings)
    yield "accounts", check_accounts(settings)
    if settings.accounts.table.table:
        yield "credentials", check_credentials(settings)
    if settings.previous_secret_keys:
        yield "keys", check_previous_keys(settings)
    yield "breaches", breaches.check(settings)
    yield "challenge", captcha.check(settings)
    chosen = [name for name in (settings.mail.transport, settings.mail.fallback) if name]
    for name in chosen:
        yield name, check_provider(settings, name)
    if "capture" not in chosen:
        domain = parse_sender(settings.mail.from_).domain
        sandboxes = [provider.sandbox for provider in PROVIDERS.values()]
        if domain not in sandboxes:
            yield "domain", check_domain(domain, [PROVIDERS[name] for name in chosen], dns)
    if settings.pages.templates:
        yield "pages", check_pages(settings)


async def _run(
    name: str, work: Awaitable[Sequence[CheckResult]], patience: float
) -> Sequence[CheckResult]:
    try:
        async with asyncio.timeout(patience):
            findings = await work
    except TimeoutError:
        fix = "Check its settings, and whether a firewall blocks the connection."
        findings = [fail(f"no answer within {patience:g} s", fix)]
    except Exception as error:  # noqa: BLE001 - what one check did not foresee must not hide what the others found
        # The text of an error is not shown: it may hold anything, even the password of a URL.
        fix = "Check its settings. If they are right, report a bug in Keyturn."
        findings = [fail(f"the check itself failed with {type(error).__name__}", fix)]
    return [replace(one, check=one.check or name) for one in findings]
