"""Checks the settings: invalid ones, and valid ones that are probably unwanted."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from keyturn.errors import Fault
from keyturn.hosts import is_loopback, local_port
from keyturn.mail.port.finding import Finding
from keyturn.mail.providers import PROVIDERS
from keyturn.service.reset.mails.theme import palette_of
from keyturn.service.settings import Settings
from keyturn.service.settings.networks import read_network, read_peer
from keyturn.service.settings.reading import OTHER_NAMES, Reading, environment_name, secret_variables, setting_names
from keyturn.service.settings.rules.every_rule import proof_of
from keyturn.service.settings.variables import FILE_SUFFIX

# Page templates of the app


FaultsOfPages = Callable[[Settings], Sequence[Fault]]
"""Renders every page in every state. The caller of the doctor passes it, since the doctor does not know the pages."""


async def check_pages(settings: Settings, faults_of: FaultsOfPages) -> list[Finding]:
    """Report each mistake with its place, as the service does when it refuses to start."""
    faults = await asyncio.to_thread(faults_of, settings)
    if not faults:
        return [Finding("pages", "ok", f"all pages render with the templates in {settings.pages.templates}")]
    mend = "Fix the template: `keyturn serve` does not start with this error."
    return [Finding("pages", "fail", str(fault), mend) for fault in faults]


# The script of the app's own pages


ScriptTag = Callable[[Settings], str]
"""Writes the tag by which a page pins keyturn.js. The caller of the doctor passes it, as above."""


async def check_own_pages(settings: Settings, script_tag: ScriptTag) -> list[Finding]:
    """Tell how pages on other origins can pin keyturn.js."""
    tag = await asyncio.to_thread(script_tag, settings)
    message = "pages can pin keyturn.js with this tag; it changes with each new version and each change of [brand]"
    return [Finding("frontend", "ok", message, tag)]


# The client address that the limits and the audit trail get


_SOMEBODY = "203.0.113.7"
"""An address for documentation (RFC 5737)."""

_MOST_SHOWN = 4


async def check_clients(settings: Settings) -> list[Finding]:
    """Report the client of a request that proxies forward, from this machine and from the configured proxies."""
    written = settings.server.trusted_proxies
    networks = [read_network(text) for text in written]
    everybody = [text for text, network in zip(written, networks, strict=True) if not network.prefixlen]
    if everybody:
        message = f"{everybody[0]} trusts every client, so any client can fake its IP address"
        return [
            Finding(
                "clients", "warn", message, "Set server.trusted_proxies to the address that your proxy connects from."
            )
        ]
    # Both addresses of this machine, since a proxy that is set to "localhost" may use either.
    peers = ["127.0.0.1", "::1", *(_a_peer_in(network) for network in networks if not network.is_loopback)]
    told = [
        f"by {peer} counts as {_SOMEBODY if any(read_peer(peer) in network for network in networks) else peer}"
        for peer in peers[:_MOST_SHOWN]
    ]
    return [Finding("clients", "ok", f"a request from {_SOMEBODY}, passed on {', '.join(told)}")]


def _a_peer_in(network: IPv4Network | IPv6Network) -> str:
    return str(network[min(1, network.num_addresses - 1)])


_LONGEST_LIFE = timedelta(hours=1)

_FEWEST_CHARACTERS = 8
"""Different characters in a secret key: of 27 million keys of 32 random hex digits, one has fewer."""

_NOT_THERE = ("no such file: ", "no such folder: ")

NEW_KEY = 'python -c "import secrets; print(secrets.token_hex(32))"'


def check_settings(reading: Reading) -> list[Finding]:
    """Return a finding for every fault and every warning, or one finding that there are none."""
    faults = [Finding("settings", "fail", str(fault), _mend(fault)) for fault in reading.faults]
    if reading.faults and reading.is_of_no_file:
        mend = "Run `keyturn init` to write it, or set KEYTURN_CONFIG to its path."
        faults.insert(0, Finding("settings", "warn", f"there is no {reading.file} in {Path.cwd()}", mend))
    if reading.is_unread:
        return faults
    written = [*_doubts(reading.settings), *([] if reading.of_app else _port_doubts(reading.settings))]
    doubts = [Finding("settings", "warn", message, mend) for message, mend in written]
    source = f"{reading.file} and the environment" if reading.file.is_file() else "the environment and the defaults"
    source = "the app's settings" if reading.of_app else source
    none = f"; there is no {reading.file} in {Path.cwd()}" if reading.is_of_no_file else ""
    fine = Finding("settings", "ok", f"{source}, for {reading.settings.environment}{none}")
    return [*([fine] if none and not faults else []), *faults, *doubts] or [fine]


def _mend(fault: Fault) -> str:
    settings = {name.lower(): name for name in setting_names()}
    variables = {environment_name(name): name for name in settings.values()} | OTHER_NAMES
    if fault.name == "KEYTURN_SECRET_KEY":
        return f"Set KEYTURN_SECRET_KEY to what this prints: {NEW_KEY}"
    name = fault.origin or fault.name
    if fault.message.startswith(_NOT_THERE):
        return f"Create it, or correct {name}. A path in the settings file is relative to the file's folder."
    if name.removesuffix(FILE_SUFFIX) in secret_variables() - {name}:
        return f"Correct the file, or the path in {name}."
    if name in variables:
        return f"Set {name} in the environment, or {variables[name]} in the file."
    if fault.name in settings:
        return f"Set {fault.name} in the file, or {environment_name(fault.name)} in the environment."
    if fault.message == "no such file":
        return "Set KEYTURN_CONFIG to the settings file; `keyturn init` writes one."
    return "Correct it, or remove it. `keyturn init` writes a valid file."


def _doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _secret_doubts(settings)
    yield from _url_doubts(settings)
    if settings.token.ttl > _LONGEST_LIFE:
        yield (
            f"token.ttl: a link works for {settings.token.ttl}, so one in an open mailbox may still work",
            "Set token.ttl to 1h or less (OWASP ASVS 6.5.5 asks for ten minutes).",
        )
    yield from _report_doubts(settings)
    for warning in palette_of(settings.brand)[1]:
        yield warning, "Set it to the colour that Keyturn uses, or choose one with more contrast."


def _secret_doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    key = settings.secret_key
    if key and len(set(key)) < _FEWEST_CHARACTERS:
        yield (
            "KEYTURN_SECRET_KEY: has too few different characters to be random",
            f"Add the old key to previous_secret_keys, and set KEYTURN_SECRET_KEY to what this prints: {NEW_KEY}",
        )
    if key and key in settings.previous_secret_keys:
        yield (
            "previous_secret_keys: contains the current key, so the key was not replaced",
            f"Set KEYTURN_SECRET_KEY to a new key, which this prints: {NEW_KEY}",
        )


def _report_doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a warning if bounces are not reported."""
    for name, provider in PROVIDERS.items():
        if not (reports := provider.reports):
            continue
        if settings.secure and settings.mail.transport == name and not proof_of(settings, provider):
            yield (
                f"{name}.{reports.setting}: missing, so Keyturn does not learn of bounced mails",
                f"Add {settings.base_url}/webhooks/{name} {reports.where}.",
            )


def _port_doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    linked, bound = local_port(settings.base_url), settings.server.port
    if linked and bound and linked != bound and not settings.server.trusted_proxies:  # a proxy may listen there
        yield (
            f"base_url: links lead to port {linked} of this machine, and `serve` listens on {bound}",
            f"Set server.port to {linked}, or correct base_url.",
        )


def _url_doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    local = is_loopback(settings.base_url)
    if settings.environment == "production" and local:
        yield (
            f"base_url: {settings.base_url} is this machine, so users cannot open the links",
            "Set base_url to the public https:// address.",
        )
    if settings.environment == "development" and not local:
        yield (
            f"environment: development, though {settings.base_url} is not this machine",
            'Set environment = "production", which refuses unsafe settings.',
        )
    if settings.secure and not settings.server.trusted_proxies:
        # Keyturn itself speaks http, so a proxy in front must speak https.
        yield (
            "server.trusted_proxies: empty, so behind a proxy all clients share one limit",
            "Set server.trusted_proxies to the address that the proxy connects from, for example 127.0.0.1.",
        )
