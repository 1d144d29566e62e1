"""Rules for `[challenge]` and second steps."""

import re
from collections.abc import Collection, Iterator
from datetime import timedelta

from cryptography.fernet import Fernet

from keyturn.errors import Fault
from keyturn.hosts import is_loopback
from keyturn.settings.building import did_you_mean
from keyturn.settings.model import Settings
from keyturn.settings.proofs import ChallengeSettings, SecondStepTableSettings, SmsSettings
from keyturn.settings.sentences import not_this
from keyturn.settings.url_rules import policy_faults, service_faults

_LONGEST = timedelta(seconds=10)


def challenge_faults(challenge: ChallengeSettings) -> Iterator[Fault]:
    is_service = challenge.method in {"turnstile", "hcaptcha"}
    for name, value in (("site_key", challenge.site_key), ("secret", challenge.secret)):
        if is_service and not value:
            yield Fault(f"challenge.{name}", f"missing: challenge.method is {challenge.method}")
        elif challenge.method == "altcha" and value:
            yield Fault(f"challenge.{name}", "says nothing where challenge.method is altcha: leave it out")
    if not timedelta(0) < challenge.timeout <= _LONGEST:
        yield Fault("challenge.timeout", f"must be up to {_LONGEST.seconds} s: somebody waits meanwhile")
    if challenge.url and not challenge.url.startswith("https://") and not is_loopback(challenge.url):
        yield Fault("challenge.url", f"must begin with https://{not_this(challenge.url)}")
    else:
        yield from policy_faults("challenge.url", challenge.url)


# Second steps


SOURCES = ("none", "builtin", "table", "supabase")

_FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""E.164."""

_PREFIX = re.compile(r"\+[1-9]\d{0,6}", re.ASCII)

_LONGEST_CODE = timedelta(minutes=10)
"""The limit for a code by SMS in NIST SP 800-63B-4 4.2.1.2 and OWASP ASVS 6.5.5."""

_SEALED = ("fernet", "laravel")


def second_step_faults(settings: Settings, *, sending: bool, written: Collection[str]) -> Iterator[Fault]:
    """Yield every rule that is broken; missing secrets, where the process needs them. `written` is what was set."""
    wanted = settings.second_step
    own = wanted.source in {"builtin", "table"}
    if wanted.source not in SOURCES and not _FACTORY.fullmatch(wanted.source):
        meant = did_you_mean(wanted.source, SOURCES)
        yield Fault("second_step.source", f"not none, builtin, table, supabase or package.module:factory{meant}")
    if wanted.source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, but accounts.store is not")
    if "second_step.table" in written and wanted.source != "table":
        yield Fault("second_step.table", f"is set, but second_step.source is {wanted.source}")
    if wanted.source == "table":
        yield from _table(settings, wanted.table)
    if wanted.sms.transport and not own:
        yield Fault("second_step.sms.transport", f"is set, but second_step.source is {wanted.source}")
    if wanted.sms.transport:
        yield from _sms(settings, wanted.sms, sending=sending)


def _table(settings: Settings, table: SecondStepTableSettings) -> Iterator[Fault]:
    if not settings.accounts.table.table:
        yield Fault("second_step.source", "is table, but there is no accounts.table")
    if not table.totp and not table.phone:
        yield Fault("second_step.table.totp", "missing: the column of the secrets, or second_step.table.phone")
    if table.phone and not settings.second_step.sms.transport:
        yield Fault("second_step.sms.transport", "missing: second_step.table.phone is set")
    if table.table and not table.account:
        yield Fault("second_step.table.account", "missing: the column of that table with the account's id")
    if table.format in _SEALED and not table.key:
        yield Fault("second_step.table.key", f"missing: second_step.table.format is {table.format}")
    if (table.key or table.previous_key) and table.format not in _SEALED:
        yield Fault("second_step.table.key", f"is set, but nothing is sealed where the format is {table.format}")
    if table.format == "fernet":
        for name in ("key", "previous_key"):
            yield from _fernet(name, getattr(table, name))


def _fernet(name: str, key: str) -> Iterator[Fault]:
    try:
        if key:
            Fernet(key)
    except ValueError:
        yield Fault(f"second_step.table.{name}", "not a key of Fernet's: 32 bytes in base64url")


def _sms(settings: Settings, sms: SmsSettings, *, sending: bool) -> Iterator[Fault]:
    if not timedelta(minutes=1) <= sms.ttl <= _LONGEST_CODE:
        yield Fault("second_step.sms.ttl", "must be from a minute to 10 minutes")
    for name in ("timeout", "cooldown"):
        if getattr(sms, name) <= timedelta(0):
            yield Fault(f"second_step.sms.{name}", "must be longer than nothing")
    if any(not _PREFIX.fullmatch(prefix) for prefix in sms.prefixes):
        yield Fault("second_step.sms.prefixes", "not all are prefixes like +44")
    if sms.transport != "twilio":
        return
    production = settings.environment == "production"
    yield from service_faults("second_step.sms.api_url", sms.api_url, production=production)
    if not sms.account:
        yield Fault("second_step.sms.account", "missing: Twilio's Account SID")
    if sending and not sms.password:
        yield Fault("second_step.sms.password", "missing: the Auth Token, or the secret of an API key")
    if bool(sms.from_) == bool(sms.messaging_service):
        yield Fault("second_step.sms.from", "set either this or second_step.sms.messaging_service")
    elif sms.from_ and not _NUMBER.fullmatch(sms.from_):
        yield Fault("second_step.sms.from", "not a number like +14155552671")
