"""Checks the settings and the custom pages.

It finds faults, and valid values that are probably not wanted.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from keyturn.errors import Fault
from keyturn.hosts import is_loopback
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.mail.port.provider import Provider
from keyturn.service.pages.preview import PagePreview
from keyturn.service.reset.mails.palette import palette_of
from keyturn.service.settings import Settings
from keyturn.service.settings.building import TOP_LEVEL
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.paths import FixedRoute, Paths, hosted_path
from keyturn.service.settings.reading import Reading, environment_name, known_variables

_LONGEST_LIFE = timedelta(hours=1)

_FEWEST_CHARACTERS = 8
"""Different characters in a secret key. Of 27 million keys of 32 random hexadecimal digits, one has
fewer.
"""

NEW_KEY = '`python -c "import secrets; print(secrets.token_hex(32))"`'


def check_settings(reading: Reading) -> list[CheckResult]:
    """Return a finding for each fault; if there is none, for each doubt."""
    absent = ""
    if reading.is_of_no_file:
        absent = f"there is no {reading.file} in {Path.cwd()}"
    if reading.faults:
        findings = [fail(str(fault), _fix_of(fault)) for fault in reading.faults]
        if absent:
            fix = "Run `keyturn init` to write it, or set KEYTURN_CONFIG to its path."
            findings.insert(0, warn(absent, fix))
    else:
        findings = list(_doubts(reading.settings)) or [_fine(reading, absent)]
    return [replace(finding, check="settings") for finding in findings]


def _fine(reading: Reading, absent: str) -> CheckResult:
    source = "the environment and the defaults"
    if reading.file.is_file():
        source = f"{reading.file} and the environment"
    message = f"{source}, for {reading.settings.environment}"
    return ok(f"{message}; {absent}" if absent else message)


def _fix_of(fault: Fault) -> str:
    if fault.unset:
        return f"Set {' and '.join(fault.unset)} in the environment in which Keyturn runs."
    written = fault.origin or fault.name
    variables = known_variables()
    if _is_below_section(written) and written not in variables.values():
        return "Move the line above the first section of the file."
    if written == "KEYTURN_SECRET_KEY":
        return f"Set KEYTURN_SECRET_KEY to what this prints: {NEW_KEY}"
    if written in variables:
        return f"Set {written} in the environment, or {variables[written]} in the file."
    if fault.name in variables.values():
        variable = environment_name(fault.name)
        return f"Set {fault.name} in the file, or {variable} in the environment."
    return "Correct it, or remove it. `keyturn init` writes a valid file."


def _is_below_section(setting: str) -> bool:
    """Tell whether a setting that belongs to the top of the file was written in a section."""
    section, _, key = setting.rpartition(".")
    return bool(section) and key in TOP_LEVEL


def _doubts(settings: Settings) -> Iterator[CheckResult]:
    """Yield a finding for each valid setting that is probably not wanted."""
    yield from _doubts_of_key(settings)
    yield from _doubts_of_addresses(settings)
    yield from _doubts_of_proxies(settings)
    yield from _doubts_of_links(settings)
    yield from _doubts_of_reports(settings)
    yield from _doubts_of_colours(settings)


def _doubts_of_key(settings: Settings) -> Iterator[CheckResult]:
    key = settings.secret_key
    if key and len(set(key)) < _FEWEST_CHARACTERS:
        yield warn(
            "KEYTURN_SECRET_KEY: has too few different characters to be random",
            "Add the old key to previous_secret_keys, and set KEYTURN_SECRET_KEY to what this "
            f"prints: {NEW_KEY}",
        )


def _doubts_of_addresses(settings: Settings) -> Iterator[CheckResult]:
    url = settings.base_url
    is_production = settings.environment == "production"
    if is_production and is_loopback(url):
        yield warn(
            f"base_url: {url} is this machine, so users cannot open the links",
            "Set base_url to the public https:// address.",
        )
    page = _page_at_the_end(url)
    if page:
        yield warn(
            f"base_url: {url} is the address of a page, so links lead to pages below it, which "
            "are not there",
            f"Remove {page} from base_url: it is the address before the pages.",
        )
    has_own_page = hosted_path(settings.sign_in_page)
    if is_production and has_own_page and settings.accounts.store == "table":
        yield warn(
            "sign_in_url: Keyturn's own page, a second way into your app's accounts that knows "
            "none of your app's checks",
            "Set sign_in_url to your app's sign-in page, unless your app has none.",
        )
    if settings.environment == "development" and not is_loopback(url):
        yield warn(
            f"environment: development, though {url} is not this machine",
            'Set environment = "production", which refuses unsafe settings.',
        )


def _page_at_the_end(base_url: str) -> str:
    """Return the path of a hosted page at the end of `base_url`, or ""."""
    default = Paths()
    for page in (default.forgot, default.reset, default.sign_in, default.security_settings):
        if base_url.rstrip("/").endswith(page):
            return page
    return ""


def _doubts_of_proxies(settings: Settings) -> Iterator[CheckResult]:
    # Keyturn itself speaks http, so a proxy before it must speak https.
    if settings.secure and not settings.server.trusted_proxies:
        yield warn(
            "server.trusted_proxies: empty, so behind a proxy all clients share one limit",
            "Set server.trusted_proxies to the address that the proxy connects from, for example "
            "127.0.0.1.",
        )
    for network in settings.server.trusted_proxies:
        if read_network(network).prefixlen == 0:
            yield warn(
                f"server.trusted_proxies: {network} trusts every client, so any client can fake "
                "its IP address",
                "Set server.trusted_proxies to the address that your proxy connects from.",
            )
            return


def _doubts_of_links(settings: Settings) -> Iterator[CheckResult]:
    if settings.token.ttl > _LONGEST_LIFE:
        yield warn(
            f"token.ttl: a link works for {settings.token.ttl}, so one in an open mailbox may "
            "still work",
            "Set token.ttl to 1h or less (OWASP ASVS 6.5.5 asks for ten minutes).",
        )


def _doubts_of_reports(settings: Settings) -> Iterator[CheckResult]:
    provider: Provider | None = getattr(settings, settings.mail.transport, None)
    if provider is None or provider.reports is None or provider.proof:
        return
    if settings.secure:
        setting = f"{provider.name}.{provider.reports.setting}"
        where = provider.reports.where
        yield warn(
            f"{setting}: missing, so Keyturn does not learn of bounced mails",
            f"Add {settings.base_url}{FixedRoute.WEBHOOKS}/{provider.name} {where}.",
        )


def _doubts_of_colours(settings: Settings) -> Iterator[CheckResult]:
    _, warnings = palette_of(settings.brand)
    for warning in warnings:
        fix = "Set it to the colour that Keyturn uses, or choose one with more contrast."
        yield warn(warning, fix)


async def check_pages(settings: Settings) -> list[CheckResult]:
    faults = await asyncio.to_thread(PagePreview(lambda: settings).faults)
    if not faults:
        return [ok(f"all pages render with the templates in {settings.pages.templates}")]
    fix = "Fix the template: `keyturn serve` does not start with this error."
    return [fail(str(fault), fix) for fault in faults]
