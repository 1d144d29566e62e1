"""Rules between settings, as data: what a setting needs, and what it is only for. A new rule gets a row here."""

from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

from keyturn.errors import Fault
from keyturn.service.settings import BCRYPT_PREFIXES, Settings


class Needs(NamedTuple):
    """`setting` must be set if `by` is one of `values`; without values, if `by` is set at all.

    `what`: what is missing, in place of the reason. `known_as`: the variable by which people know the setting.
    `sending`: only a process that sends mails needs it.
    """

    setting: str
    by: str
    values: str = ""
    what: str = ""
    known_as: str = ""
    sending: bool = False


class OnlyFor(NamedTuple):
    """`setting` has no effect unless `by` is one of `values`."""

    setting: str
    by: str
    values: str


_NEEDS = (
    Needs("accounts.table.table", "accounts.store", "table"),
    Needs("accounts.ldap.bind_dn", "accounts.store", "ldap", "the name of the service account"),
    Needs("accounts.ldap.base", "accounts.store", "ldap", "the entry above the accounts"),
    Needs("accounts.ldap.bind_password", "accounts.store", "ldap", "the password of the service account", sending=True),
    Needs("accounts.supabase.url", "accounts.store", "supabase", known_as="SUPABASE_URL"),
    Needs(
        *("accounts.supabase.service_role_key", "accounts.store", "supabase"),
        known_as="SUPABASE_SERVICE_ROLE_KEY",
        sending=True,
    ),
    Needs("secure_account.url", "secure_account.lock", what="without its button in mails, no account gets locked"),
    Needs("accounts.table.unlock", "accounts.table.lock"),
    Needs("accounts.table.lock", "accounts.table.unlock"),
    Needs("challenge.site_key", "challenge.method", "turnstile hcaptcha"),
    Needs("challenge.secret", "challenge.method", "turnstile hcaptcha"),
    Needs("accounts.ldap.phone", "second_step.source", "ldap"),
    Needs("accounts.table.table", "second_step.source", "table"),
    Needs("second_step.sms.transport", "second_step.source", "ldap"),
    Needs("second_step.sms.transport", "second_step.table.phone"),
    Needs("second_step.table.account", "second_step.table.table", what="set the column with the account's id"),
    Needs("second_step.table.key", "second_step.table.format", "fernet laravel"),
    Needs("second_step.sms.account", "second_step.sms.transport", "twilio", "Twilio's Account SID"),
    Needs("second_step.sms.from", "second_step.sms.transport", "twilio", "a number such as +14155552671"),
    Needs("second_step.sms.password", "second_step.sms.transport", "twilio", "Twilio's Auth Token", sending=True),
    Needs("webhooks.secret", "webhooks.url"),
    Needs("webhooks.url", "webhooks.secret"),
)
_ONLY_FOR = (
    OnlyFor("challenge.site_key", "challenge.method", "none turnstile hcaptcha"),
    OnlyFor("challenge.secret", "challenge.method", "none turnstile hcaptcha"),
    OnlyFor("hashing.cost", "hashing.format", " ".join(BCRYPT_PREFIXES)),
    OnlyFor("second_step.sms.transport", "second_step.source", "builtin table ldap"),
    OnlyFor("second_step.table.key", "second_step.table.format", "fernet laravel"),
)


def value_of(settings: Settings, name: str) -> Any:
    """Return the value of a setting by its name in the file."""
    return reduce(lambda section, key: getattr(section, "from_" if key == "from" else key), name.split("."), settings)


def broken_pairs(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    """Yield what is missing, and what has no effect."""
    for rule in _NEEDS:
        by = value_of(settings, rule.by)
        is_needed = by in rule.values.split() if rule.values else by
        if is_needed and (sending or not rule.sending) and not value_of(settings, rule.setting):
            reason = f"{rule.by} is {by if rule.values else 'set'}"
            yield Fault(rule.known_as or rule.setting, f"missing: {rule.what or reason}")
    default = Settings()
    for setting, chooser, values in _ONLY_FOR:
        chosen = value_of(settings, chooser)
        if chosen not in values.split() and value_of(settings, setting) != value_of(default, setting):
            yield Fault(setting, f"has no effect with {chooser} {chosen}: remove it")
