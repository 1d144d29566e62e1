"""Runs all checks at once, each with a time limit, so that a slow one does not delay the others."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from email.utils import parseaddr
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from msgspec.structs import replace

from keyturn.errors import Fault
from keyturn.mail.port.finding import Finding, Verdict
from keyturn.mail.port.provider import CheckedSender
from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.port import AccountStore
from keyturn.service.doctor.accounts import SurvivingCredentials, check_accounts, check_credentials
from keyturn.service.doctor.configuration import (
    FaultsOfPages,
    ScriptTag,
    check_clients,
    check_own_pages,
    check_pages,
    check_settings,
)
from keyturn.service.doctor.database import check_database
from keyturn.service.doctor.domain import Dns, check_dkim, check_dmarc, check_replies, check_spf, domain_of
from keyturn.service.doctor.secret_keys import check_previous_keys, previous_keys
from keyturn.service.doctor.services import (
    check_breaches,
    check_challenge,
    check_limits,
    check_webhook,
)
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import OTHER_NAMES, Reading

_PATIENCE = 5
"""Seconds for one check."""


class Check(NamedTuple):
    """A check of the doctor.

    `sections`: the sections of the settings that it reads. `late`: the verdict if it takes too long.
    """

    name: str
    sections: frozenset[str]
    late: Verdict
    work: Callable[[], Awaitable[Sequence[Finding]]]


async def examine(
    reading: Reading,
    dns: Dns,
    progress: Callable[[Sequence[str]], None] = lambda _: None,
    *,
    accounts: AccountStore | None = None,
    faults_of_pages: FaultsOfPages | None = None,
    script_tag: ScriptTag | None = None,
    surviving: SurvivingCredentials | None = None,
    patience: float = _PATIENCE,
) -> list[Finding]:
    """Return the findings of all checks, in the order of the checks. `progress` gets the checks still running.

    `accounts`: the store in use, instead of the one in the settings. `faults_of_pages`: renders the pages if the app
    has its own templates. `script_tag`: writes the tag of keyturn.js, if pages on other origins may use it.
    `surviving`: finds the app's tables of credentials that a new password leaves alone.

    A check is skipped if a setting that it reads has a fault: it would check a default that the user did not choose.
    """
    checks = [
        *_checks(reading.settings, dns, accounts),
        *_checks_from_above(reading.settings, faults_of_pages, script_tag, surviving),
    ]
    _load_libraries(reading.settings)
    waiting = [check.name for check in checks]

    async def one(check: Check) -> Sequence[Finding]:
        found = await _run(check, _faults_of(check, reading), patience)
        waiting.remove(check.name)
        progress(waiting)
        return found

    progress(waiting)
    found = await asyncio.gather(*(one(check) for check in checks))
    return [*check_settings(reading), *(finding for findings in found for finding in findings)]


async def check_provider(settings: Settings, name: str) -> Sequence[Finding]:
    """Ask a provider whether it would take mails from this sender. Sends no mail."""
    if name not in PROVIDERS:
        return _check_capture(settings)
    address = parseaddr(settings.mail.from_)[1]
    sender = CheckedSender(
        address=address,
        domain=domain_of(address),
        is_production=settings.environment == "production",
        timeout=settings.mail.timeout,
    )
    found = await PROVIDERS[name].check(getattr(settings, name), sender)
    return [replace(finding, check=name) for finding in found]


def _check_capture(settings: Settings) -> list[Finding]:
    where = f"mails are saved in {settings.mail.capture_dir} and not sent"
    if settings.environment == "production":
        return [Finding("capture", "warn", where, 'Set mail.transport to "resend", "smtp" or another provider.')]
    return [Finding("capture", "ok", where)]


def _load_libraries(settings: Settings) -> None:
    """Import the libraries for the checks of the chosen providers. An SDK would block the loop, and so other checks."""
    for name in (settings.mail.transport, settings.mail.fallback):
        if name in PROVIDERS and (package := PROVIDERS[name].package) and find_spec(package):
            import_module(package)


def _checks(settings: Settings, dns: Dns, accounts: AccountStore | None) -> Iterator[Check]:
    yield _check("database", "database", work=partial(check_database, settings))
    yield _check("accounts", "accounts database hashing", work=partial(check_accounts, settings, accounts))
    if previous_keys(settings):
        yield _check("keys", "database", late="warn", work=partial(check_previous_keys, settings))
    yield _check("limits", "limits database", work=partial(check_limits, settings))
    if settings.password.breaches:
        yield _check("breaches", "breaches", late="warn", work=partial(check_breaches, settings))
    if settings.challenge.method != "none":
        yield _check("challenge", "challenge", work=partial(check_challenge, settings))
    yield _check("clients", "server", work=partial(check_clients, settings))
    chosen = [name for name in (settings.mail.transport, settings.mail.fallback) if name]
    for name in chosen:
        yield _check(name, f"mail {name}", work=partial(check_provider, settings, name))
    if settings.webhooks.url:
        yield _check("webhook", "webhooks", late="warn", work=partial(check_webhook, settings))
    domain = domain_of(settings.mail.from_)
    if "capture" not in chosen and domain not in {"", *(provider.sandbox for provider in PROVIDERS.values())}:
        yield from _domain(domain, chosen, dns)
    written = (settings.mail.reply_to, settings.brand.support_address)
    for answered in sorted({domain_of(address) for address in written} - {""}):
        yield _check("replies", "mail brand", late="warn", work=partial(check_replies, answered, dns))


def _checks_from_above(
    settings: Settings,
    faults_of_pages: FaultsOfPages | None,
    script_tag: ScriptTag | None,
    surviving: SurvivingCredentials | None,
) -> Iterator[Check]:
    """Yield the checks that the caller brings, of packages that the doctor does not import."""
    if faults_of_pages and settings.pages.templates:
        work = partial(check_pages, settings, faults_of_pages)
        yield _check("pages", "pages brand kinds", late="warn", work=work)
    if script_tag and settings.server.allowed_origins:
        work = partial(check_own_pages, settings, script_tag)
        yield _check("frontend", "server brand", late="warn", work=work)
    if surviving and settings.accounts.table.table:
        work = partial(check_credentials, settings, surviving)
        yield _check("credentials", "accounts database", late="warn", work=work)


def _domain(domain: str, chosen: Sequence[str], dns: Dns) -> Iterator[Check]:
    for name, check in (("spf", check_spf), ("dkim", check_dkim)):
        for provider in chosen:
            yield _check(name, "mail", late="warn", work=partial(check, domain, PROVIDERS[provider], dns))
    yield _check("dmarc", "mail", late="warn", work=partial(check_dmarc, domain, dns))


def _check(
    name: str, sections: str, *, late: Verdict = "fail", work: Callable[[], Awaitable[Sequence[Finding]]]
) -> Check:
    return Check(name, frozenset(sections.split()), late, work)


async def _run(check: Check, faults: Sequence[Fault], patience: float) -> Sequence[Finding]:
    if faults:
        names = ", ".join(fault.name for fault in faults)
        return [Finding(check.name, "skip", "not checked", f"Fix {names} first.")]
    try:
        async with asyncio.timeout(patience):
            return await check.work()
    except TimeoutError:
        mend = f"Check the settings in {_check_names(check.sections)}, and whether a firewall blocks the connection."
        return [Finding(check.name, check.late, f"no answer within {patience:g} s", mend)]
    except Exception as error:  # noqa: BLE001 - what one check did not foresee must not hide what the others found
        # The text of an error may hold anything, also the password of an address.
        mend = f"Check the settings in {_check_names(check.sections)}. If they are right, report a bug in Keyturn."
        return [Finding(check.name, "fail", f"the check itself failed with {type(error).__name__}", mend)]


def _check_names(sections: Iterable[str]) -> str:
    return ", ".join(f"[{section}]" for section in sorted(sections))


def _faults_of(check: Check, reading: Reading) -> list[Fault]:
    def concerns(fault: Fault) -> bool:
        setting = OTHER_NAMES.get(fault.name, fault.name).lower().removeprefix("keyturn_")
        return reading.is_unread or re.split(r"[._]", setting)[0] in check.sections

    return [fault for fault in reading.faults if concerns(fault)]
