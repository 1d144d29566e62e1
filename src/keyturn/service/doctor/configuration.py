"""Checks the settings and the custom pages.

It finds faults, and valid values that are probably not wanted.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from keyturn.errors import Fault
from keyturn.hosts import is_loopback
from keyturn.mail.port.check_result import CheckResult, fail, ok
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
    file, settings = reading.file, reading.settings
    absent = f"there is no {file} in {Path.cwd()}" if reading.is_of_no_file else ""
    if reading.faults:
        fix = "Run `keyturn init` to write it, or set KEYTURN_CONFIG to its path."
        no_file = [CheckResult("settings", "warn", absent, fix)] if absent else []
        return no_file + [
            CheckResult("settings", "fail", str(fault), _fix_of(fault)) for fault in reading.faults
        ]
    doubts = list(_doubts(settings))
    source = f"{file} and the environment" if file.is_file() else "the environment and the defaults"
    fine = CheckResult(
        "settings", "ok", f"{source}, for {settings.environment}{f'; {absent}' if absent else ''}"
    )
    return doubts or [fine]


def _fix_of(fault: Fault) -> str:
    name = fault.origin or fault.name
    if fault.unset:
        return f"Set {' and '.join(fault.unset)} in the environment in which Keyturn runs."
    if (
        name.rpartition(".")[0]
        and name.rpartition(".")[2] in TOP_LEVEL
        and name not in known_variables().values()
    ):
        return "Move the line above the first section of the file."
    if name == "KEYTURN_SECRET_KEY":
        return f"Set KEYTURN_SECRET_KEY to what this prints: {NEW_KEY}"
    variables = known_variables()
    if name in variables:
        return f"Set {name} in the environment, or {variables[name]} in the file."
    if fault.name in variables.values():
        return (
            f"Set {fault.name} in the file, or {environment_name(fault.name)} in the environment."
        )
    return "Correct it, or remove it. `keyturn init` writes a valid file."


def _doubts(settings: Settings) -> Iterator[CheckResult]:
    for is_doubtful, message, fix in _DOUBTS:
        if cause := is_doubtful(settings):
            told, advice = (one.format(settings=settings, cause=cause) for one in (message, fix))
            yield CheckResult("settings", "warn", told, advice)
    provider: Provider | None = getattr(settings, settings.mail.transport, None)
    if settings.secure and provider and (reports := provider.reports) and not provider.proof:
        missing = (
            f"{provider.name}.{reports.setting}: missing, so Keyturn does not learn of "
            "bounced mails"
        )
        fix = f"Add {settings.base_url}{FixedRoute.WEBHOOKS}/{provider.name} {reports.where}."
        yield CheckResult("settings", "warn", missing, fix)
    for warning in palette_of(settings.brand)[1]:
        fix = "Set it to the colour that Keyturn uses, or choose one with more contrast."
        yield CheckResult("settings", "warn", warning, fix)


def _page_at_the_end(base_url: str) -> str:
    """Return the path of a hosted page at the end of `base_url`, or ""."""
    default = Paths()
    pages = (default.forgot, default.reset, default.sign_in, default.security)
    return next((page for page in pages if base_url.rstrip("/").endswith(page)), "")


_DOUBTS: Sequence[tuple[Callable[[Settings], object], str, str]] = (
    (
        lambda settings: settings.secret_key and len(set(settings.secret_key)) < _FEWEST_CHARACTERS,
        "KEYTURN_SECRET_KEY: has too few different characters to be random",
        (
            "Add the old key to previous_secret_keys, and set KEYTURN_SECRET_KEY to what this "
            f"prints: {NEW_KEY}"
        ),
    ),
    (
        lambda settings: settings.environment == "production" and is_loopback(settings.base_url),
        "base_url: {settings.base_url} is this machine, so users cannot open the links",
        "Set base_url to the public https:// address.",
    ),
    (
        lambda settings: _page_at_the_end(settings.base_url),
        (
            "base_url: {settings.base_url} is the address of a page, so links lead to pages "
            "below it, which are not there"
        ),
        "Remove {cause} from base_url: it is the address before the pages.",
    ),
    (
        lambda settings: (
            settings.environment == "production"
            and settings.accounts.store == "table"
            and hosted_path(settings.sign_in_page)
        ),
        (
            "sign_in_url: Keyturn's own page, a second way into your app's accounts "
            "that knows none of your app's checks"
        ),
        "Set sign_in_url to your app's sign-in page, unless your app has none.",
    ),
    (
        lambda settings: (
            settings.environment == "development" and not is_loopback(settings.base_url)
        ),
        "environment: development, though {settings.base_url} is not this machine",
        'Set environment = "production", which refuses unsafe settings.',
    ),
    (  # Keyturn itself speaks http, so a proxy before it must speak https
        lambda settings: settings.secure and not settings.server.trusted_proxies,
        "server.trusted_proxies: empty, so behind a proxy all clients share one limit",
        (
            "Set server.trusted_proxies to the address that the proxy connects from, for example "
            "127.0.0.1."
        ),
    ),
    (
        lambda settings: [
            text for text in settings.server.trusted_proxies if not read_network(text).prefixlen
        ],
        (
            "server.trusted_proxies: {cause[0]} trusts every client, so any client can fake its IP "
            "address"
        ),
        "Set server.trusted_proxies to the address that your proxy connects from.",
    ),
    (
        lambda settings: settings.token.ttl > _LONGEST_LIFE,
        (
            "token.ttl: a link works for {settings.token.ttl}, so one in an open mailbox may still "
            "work"
        ),
        "Set token.ttl to 1h or less (OWASP ASVS 6.5.5 asks for ten minutes).",
    ),
)
"""Checks of valid settings: a function that returns a cause if they are doubtful, the message, and
the fix. `{cause}` stands for what the function returns.
"""


async def check_pages(settings: Settings) -> list[CheckResult]:
    faults = await asyncio.to_thread(PagePreview(lambda: settings).faults)
    if not faults:
        return [ok(f"all pages render with the templates in {settings.pages.templates}")]
    fix = "Fix the template: `keyturn serve` does not start with this error."
    return [fail(str(fault), fix) for fault in faults]
