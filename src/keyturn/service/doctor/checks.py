"""Lists the checks of the doctor, in their order."""

from collections.abc import Awaitable, Iterator, Sequence
from typing import NamedTuple

from keyturn.mail.addresses import parse_sender
from keyturn.mail.port.check_result import CheckResult
from keyturn.mail.providers import PROVIDERS
from keyturn.service.doctor.accounts import check_accounts
from keyturn.service.doctor.configuration import check_pages
from keyturn.service.doctor.credentials import check_credentials
from keyturn.service.doctor.database import check_database
from keyturn.service.doctor.domain import check_domain
from keyturn.service.doctor.mail_provider import check_provider
from keyturn.service.doctor.nameserver import Dns
from keyturn.service.doctor.secret_keys import check_previous_keys
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import captcha
from keyturn.service.settings import Settings


class Check(NamedTuple):
    """A check that has not begun. `name`: for findings that name no other one."""

    name: str
    work: Awaitable[Sequence[CheckResult]]


def checks(settings: Settings, dns: Dns) -> Iterator[Check]:
    """Yield the checks of valid settings. The settings themselves are checked before."""
    yield Check("database", check_database(settings))
    yield Check("accounts", check_accounts(settings))
    if settings.accounts.table.table:
        yield Check("credentials", check_credentials(settings))
    if settings.previous_secret_keys:
        yield Check("keys", check_previous_keys(settings))
    yield Check("breaches", breaches.check(settings))
    yield Check("challenge", captcha.check(settings))
    yield Check(settings.mail.transport, check_provider(settings, settings.mail.transport))
    if settings.mail.fallback:
        yield Check(settings.mail.fallback, check_provider(settings, settings.mail.fallback))
    if _has_sending_domain(settings):
        yield Check("domain", _check_sending_domain(settings, dns))
    if settings.pages.templates:
        yield Check("pages", check_pages(settings))


def _has_sending_domain(settings: Settings) -> bool:
    """Tell whether mails are sent, and from a domain that is not a provider's own."""
    if "capture" in (settings.mail.transport, settings.mail.fallback):
        return False
    domain = parse_sender(settings.mail.from_).domain
    return all(domain != provider.sandbox for provider in PROVIDERS.values())


async def _check_sending_domain(settings: Settings, dns: Dns) -> Sequence[CheckResult]:
    domain = parse_sender(settings.mail.from_).domain
    providers = [PROVIDERS[settings.mail.transport]]
    if settings.mail.fallback:
        providers.append(PROVIDERS[settings.mail.fallback])
    return await check_domain(domain, providers, dns)
