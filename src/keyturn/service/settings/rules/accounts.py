"""Rules for the account store, the kinds of accounts, `[challenge]` and second steps."""

import re
from collections.abc import Collection, Iterator, Mapping

from keyturn.errors import Fault
from keyturn.hosts import host_of, is_loopback
from keyturn.service.settings import (
    AccountSettings,
    ChallengeSettings,
    LdapSettings,
    SecondStepTableSettings,
    Settings,
    SmsSettings,
    TableSettings,
)
from keyturn.service.settings.building import member_name
from keyturn.service.settings.rules.bounds import FUNCTION
from keyturn.service.settings.url_rules import database_fault, policy_faults, service_faults
from keyturn.values import did_you_mean, not_this

OWN_STORES = ("builtin", "table", "supabase", "ldap")
PLACES = ("{now}", "{now_ms}", "{now_iso}", "{null}")
"""What a value of accounts.table.set may be, beside a plain one."""

_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')
_PLACE = re.compile(r"\{\w+\}")


def account_faults(settings: Settings, *, sending: bool, written: Collection[str]) -> Iterator[Fault]:
    """Yield every rule that is broken. `written` are the sections and keys that somebody set."""
    accounts = settings.accounts
    yield from sign_in_faults(settings)
    if accounts.store in OWN_STORES:
        yield from _unused_section_faults(accounts, written)
    elif not FUNCTION.fullmatch(accounts.store):
        meant = did_you_mean(accounts.store, OWN_STORES)
        yield Fault("accounts.store", f"must be builtin, table, supabase, ldap or package.module:factory{meant}")
    if accounts.store == "table" or (accounts.store == "supabase" and "accounts.table" in written):
        yield from _table(accounts)
    if accounts.store == "supabase":
        yield from _supabase(settings, sending=sending)
    if accounts.store == "ldap":
        yield from _ldap(accounts.ldap, sending=sending)


def sign_in_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong where the accounts are an app's, which has a way to sign in already.

    Keyturn's own page would be a second one, past whatever the first one asks beside the password. So it must be asked
    for by name (OWASP ASVS 6.1.3, 6.3.4: no way in that is not documented, and all of the same strength).
    """
    if settings.accounts.store != "builtin" and not settings.sign_in_url:
        own = "{base_url}/login for Keyturn's page"
        yield Fault("sign_in_url", f"missing: set it to your app's sign-in page, or to {own}")


def _unused_section_faults(accounts: AccountSettings, written: Collection[str]) -> Iterator[Fault]:
    used = {"table": {"table"}, "supabase": {"table", "supabase"}, "ldap": {"ldap"}}.get(accounts.store, set())
    for section in ("table", "supabase", "ldap"):
        if f"accounts.{section}" in written and section not in used:
            yield Fault(f"accounts.{section}", f"is set, but accounts.store is {accounts.store}")


def _table(accounts: AccountSettings) -> Iterator[Fault]:
    table = accounts.table
    if not table.table:
        reason = "accounts.store is table" if accounts.store == "table" else "accounts.table is set"
        yield Fault("accounts.table.table", f"missing: {reason}")
    if table.url and (message := database_fault(table.url)):
        yield Fault("accounts.table.url", message)
    for name in ("id", "email"):
        if not getattr(table, name):
            yield Fault(f"accounts.table.{name}", "missing: the name of a column")
    if not table.password and accounts.store != "supabase":
        yield Fault("accounts.table.password", "missing: only the store supabase works without this column")
    others = [column for column in table.identifiers if column != table.email]
    if table.identifiers and (len(others) != 1 or table.email not in table.identifiers or "" in others):
        wanted = f'the column of the address and one with user names, such as ["{table.email}", "username"]'
        yield Fault("accounts.table.identifiers", f"must be {wanted}")
    yield from _endings(table)
    for name in ("set", "lock", "unlock"):
        yield from _values(f"accounts.table.{name}", getattr(table, name))


def _endings(table: TableSettings) -> Iterator[Fault]:
    for entry, ending in table.ends.items():
        setting = member_name("accounts.table.ends", entry)
        if not _COLUMN_OF_TABLE.fullmatch(entry):
            yield Fault(setting, "its name must be a table and its column, such as sessions.user_id")
        elif entry in table.delete:
            yield Fault(setting, "is in accounts.table.delete, too: remove one of the two")
        yield from _values(f"{setting}.set", ending.set)
        yield from _values(f"{setting}.where", ending.where)
        for column, value in ending.where.items():
            if value in PLACES[:3]:
                yield Fault(member_name(f"{setting}.where", column), "no row has the present time: write a value")


def _values(setting: str, given: Mapping[str, object]) -> Iterator[Fault]:
    for column, value in given.items():
        place = _PLACE.search(value) if isinstance(value, str) else None
        if place and place[0] not in PLACES:
            message = f"has an unknown placeholder {place[0]}: use one of {', '.join(PLACES)}"
            yield Fault(member_name(setting, column), message)
        elif place and place[0] != value:
            yield Fault(member_name(setting, column), f"{place[0]} must be the whole value: remove the text around it")


def _supabase(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    supabase = settings.accounts.supabase
    if not supabase.url:
        yield Fault("SUPABASE_URL", "missing: accounts.store is supabase")
    else:
        production = settings.environment == "production"
        yield from service_faults("accounts.supabase.url", supabase.url, production=production)
    if sending and not supabase.service_role_key:
        yield Fault("SUPABASE_SERVICE_ROLE_KEY", "missing: accounts.store is supabase")


_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+", re.ASCII)
"""RFC 4512 1.4: a short name, or an OID."""

_MOST_SERVERS = 6


def _ldap(ldap: LdapSettings, *, sending: bool) -> Iterator[Fault]:
    yield from _ldap_servers(ldap)
    for name, what in (("bind_dn", "the name of the service account"), ("base", "the entry above the accounts")):
        if not getattr(ldap, name):
            yield Fault(f"accounts.ldap.{name}", f"missing: {what}")
    if sending and not ldap.bind_password:
        yield Fault("accounts.ldap.bind_password", "missing: the password of the service account")
    for name in ldap.where:
        if not _ATTRIBUTE.fullmatch(name):
            yield Fault(member_name("accounts.ldap.where", name), "its name must be that of an attribute")


def _ldap_servers(ldap: LdapSettings) -> Iterator[Fault]:
    setting, example = "accounts.ldap.servers", "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        if not _SERVER.fullmatch(url) or not _is_name(host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif message := _ldap_tls_fault(ldap, url):
            yield Fault(setting, message)
    if ldap.ca_file and not ldap.start_tls and not any(url.startswith("ldaps://") for url in ldap.servers):
        yield Fault("accounts.ldap.ca_file", "has no effect without TLS: use ldaps://, or set accounts.ldap.start_tls")


def _is_name(host: str | None) -> bool:
    """Return whether DNS can have this name: a connection would fail at a label that is empty or too long."""
    try:
        return bool((host or "").encode("idna"))
    except UnicodeError:
        return False


def _ldap_tls_fault(ldap: LdapSettings, url: str) -> str:
    """Return why passwords must not go to this server; "" if they may."""
    if url.startswith("ldaps://"):
        return f"{url} uses TLS from the beginning: remove accounts.ldap.start_tls" if ldap.start_tls else ""
    if ldap.start_tls:
        return ""
    mend = "use ldaps://, or set accounts.ldap.start_tls"
    if ldap.kind == "active_directory":
        return f"{url} has no TLS, without which Active Directory changes no password: {mend}"
    if is_loopback(url):
        return ""
    return f"{url} would carry passwords without TLS: {mend}"


# Safeguards


def safeguard_faults(settings: Settings) -> Iterator[Fault]:
    table, store = settings.accounts.table, settings.accounts.store
    for name, other in (("lock", "unlock"), ("unlock", "lock")):
        if getattr(table, name) and not getattr(table, other):
            yield Fault(f"accounts.table.{other}", f"missing: accounts.table.{name} is set")
    if not settings.secure_account.lock:
        return
    if not settings.secure_account.url:
        yield Fault(
            "secure_account.lock",
            "needs secure_account.url, which is not set: without its button in mails, no account gets locked",
        )
    if store == "supabase":
        yield Fault(
            "secure_account.lock",
            "cannot lock accounts at Supabase Auth: turn it off, and use the webhook account.secured",
        )
    elif store == "table" and not table.lock:
        yield Fault("accounts.table.lock", "missing: secure_account.lock is set")


# Rules for `[challenge]` and second steps


def challenge_faults(challenge: ChallengeSettings) -> Iterator[Fault]:
    is_service = challenge.method in {"turnstile", "hcaptcha"}
    for name, value in (("site_key", challenge.site_key), ("secret", challenge.secret)):
        if is_service and not value:
            yield Fault(f"challenge.{name}", f"missing: challenge.method is {challenge.method}")
        elif challenge.method == "altcha" and value:
            yield Fault(f"challenge.{name}", "has no effect with challenge.method altcha: remove it")
    if challenge.url and not challenge.url.startswith("https://") and not is_loopback(challenge.url):
        yield Fault("challenge.url", f"must begin with https://{not_this(challenge.url)}")
    else:
        yield from policy_faults("challenge.url", challenge.url)


# Second steps


SOURCES = ("none", "builtin", "table", "supabase", "ldap")

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""E.164."""

_SEALED = ("fernet", "laravel")


def second_step_faults(settings: Settings, *, sending: bool, written: Collection[str]) -> Iterator[Fault]:
    """Yield every rule that is broken; missing secrets, where the process needs them. `written` is what was set."""
    wanted = settings.second_step
    own = wanted.source in {"builtin", "table", "ldap"}
    if wanted.source not in SOURCES and not FUNCTION.fullmatch(wanted.source):
        known, meant = ", ".join(SOURCES), did_you_mean(wanted.source, SOURCES)
        yield Fault("second_step.source", f"must be {known} or package.module:factory{meant}")
    if wanted.source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if wanted.source == "ldap":
        yield from _ldap_phones(settings)
    if "second_step.table" in written and wanted.source != "table":
        yield Fault("second_step.table", f"is set, but second_step.source is {wanted.source}")
    if wanted.source == "table":
        yield from _factor_table(settings, wanted.table)
    if wanted.sms.transport and not own:
        yield Fault("second_step.sms.transport", f"is set, but second_step.source is {wanted.source}")
    if wanted.sms.transport:
        yield from _sms(settings, wanted.sms, sending=sending)


def _ldap_phones(settings: Settings) -> Iterator[Fault]:
    if settings.accounts.store != "ldap":
        yield Fault("second_step.source", "is ldap, so accounts.store must be, too")
    elif not settings.accounts.ldap.phone:
        yield Fault("accounts.ldap.phone", "missing: second_step.source is ldap")
    if not settings.second_step.sms.transport:
        yield Fault("second_step.sms.transport", "missing: second_step.source is ldap")


def _factor_table(settings: Settings, table: SecondStepTableSettings) -> Iterator[Fault]:
    if not settings.accounts.table.table:
        yield Fault("second_step.source", "is table, but accounts.table is missing")
    if not table.totp and not table.phone:
        yield Fault("second_step.table.totp", "missing: set the column of the TOTP secrets, or second_step.table.phone")
    if table.phone and not settings.second_step.sms.transport:
        yield Fault("second_step.sms.transport", "missing: second_step.table.phone is set")
    if table.table and not table.account:
        yield Fault("second_step.table.account", "missing: set the column with the account's id")
    if table.format in _SEALED and not table.key:
        yield Fault("second_step.table.key", f"missing: second_step.table.format is {table.format}")
    if table.key and table.format not in _SEALED:
        yield Fault(
            "second_step.table.key",
            f"is set, but the format {table.format} is not encrypted: remove it, or correct the format",
        )
    if table.format == "fernet":
        from cryptography.fernet import Fernet

        try:
            _ = [Fernet(key) for key in table.keys]
        except ValueError:
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")


def _sms(settings: Settings, sms: SmsSettings, *, sending: bool) -> Iterator[Fault]:
    if sms.transport != "twilio":
        return
    production = settings.environment == "production"
    yield from service_faults("second_step.sms.api_url", sms.api_url, production=production)
    if not sms.account:
        yield Fault("second_step.sms.account", "missing: Twilio's Account SID")
    if sending and not sms.password:
        yield Fault("second_step.sms.password", "missing: Twilio's Auth Token")
    if not _NUMBER.fullmatch(sms.from_):
        yield Fault("second_step.sms.from", "must be a number such as +14155552671")
