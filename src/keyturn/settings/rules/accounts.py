"""Rules for the account store and the kinds of accounts."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

from keyturn.errors import Fault
from keyturn.settings.accounts import AccountSettings
from keyturn.settings.building import did_you_mean, member_name
from keyturn.settings.model import Settings
from keyturn.settings.url_rules import database_fault, service_faults

OWN_STORES = ("builtin", "table", "supabase")
PLACES = ("{now}", "{now_ms}", "{null}")
"""What a value of accounts.table.set may be, beside a plain one."""

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""How a function of the app's is named: `package.module:function`."""

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
        yield Fault("accounts.store", f"not builtin, table, supabase or package.module:factory{meant}")
    if accounts.store == "table" or (accounts.store == "supabase" and "accounts.table" in written):
        yield from _table(accounts)
    if accounts.store == "supabase":
        yield from _supabase(settings, sending=sending)


def sign_in_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong where the accounts are an app's, which has a way to sign in already.

    Keyturn's own page would be a second one, past whatever the first one asks beside the password. So it must be asked
    for by name (OWASP ASVS 6.1.3, 6.3.4: no way in that is not documented, and all of the same strength).
    """
    if settings.accounts.store != "builtin" and not settings.sign_in_url:
        own = "{base_url}/login for Keyturn's own page"
        yield Fault("sign_in_url", f"missing: where people sign in to your app, or {own}")


def _unused_section_faults(accounts: AccountSettings, written: Collection[str]) -> Iterator[Fault]:
    used = {"table": {"table"}, "supabase": {"table", "supabase"}}.get(accounts.store, set())
    for section in ("table", "supabase"):
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
        yield Fault("accounts.table.password", "missing: only with supabase is the password elsewhere")
    for entry in table.delete:
        if not _COLUMN_OF_TABLE.fullmatch(entry):
            yield Fault("accounts.table.delete", f"not a table and its column, as sessions.user_id: {entry}")
    for name in ("set", "lock", "unlock"):
        yield from _values(f"accounts.table.{name}", getattr(table, name))


def _values(setting: str, given: Mapping[str, object]) -> Iterator[Fault]:
    for column, value in given.items():
        place = _PLACE.search(value) if isinstance(value, str) else None
        if place and place[0] not in PLACES:
            message = f"has an unknown place {place[0]}; there are {', '.join(PLACES)}"
            yield Fault(member_name(setting, column), message)
        elif place and place[0] != value:
            yield Fault(member_name(setting, column), f"{place[0]} stands alone: it is the whole value")


def _supabase(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    supabase = settings.accounts.supabase
    if not supabase.url:
        yield Fault("SUPABASE_URL", "missing: accounts.store is supabase")
    else:
        production = settings.environment == "production"
        yield from service_faults("accounts.supabase.url", supabase.url, production=production)
    if sending and not supabase.service_role_key:
        yield Fault("SUPABASE_SERVICE_ROLE_KEY", "missing: accounts.store is supabase")


# Safeguards


_SHORTEST_LIFE = timedelta(minutes=1)
_LONGEST_LIFE = timedelta(days=7)
"""Until then, a reader of the mailbox may end the account's sessions."""

_LONGEST_MUTE = timedelta(days=30)
_LONGEST_HOOK = timedelta(seconds=30)


def safeguard_faults(settings: Settings) -> Iterator[Fault]:
    secure, mute, hooks = settings.secure_account, settings.mute, settings.hooks
    if not _SHORTEST_LIFE <= secure.ttl <= _LONGEST_LIFE:
        yield Fault("secure_account.ttl", f"must be from a minute to {_LONGEST_LIFE.days} days")
    if not _SHORTEST_LIFE <= mute.period <= _LONGEST_MUTE:
        yield Fault("mute.period", f"must be from a minute to {_LONGEST_MUTE.days} days")
    if not timedelta(0) < hooks.timeout <= _LONGEST_HOOK:
        yield Fault("hooks.timeout", f"must be up to {_LONGEST_HOOK.seconds} s: somebody waits meanwhile")
    if hooks.before_reset and not FUNCTION.fullmatch(hooks.before_reset):
        yield Fault("hooks.before_reset", f"not package.module:function: {hooks.before_reset}")
    yield from _lock(settings)


def _lock(settings: Settings) -> Iterator[Fault]:
    table, store = settings.accounts.table, settings.accounts.store
    for name, other in (("lock", "unlock"), ("unlock", "lock")):
        if getattr(table, name) and not getattr(table, other):
            yield Fault(f"accounts.table.{other}", f"missing: accounts.table.{name} is set")
    if not settings.secure_account.lock:
        return
    if not settings.secure_account.url:
        yield Fault("secure_account.lock", "is set, but there is no secure_account.url by which it would come to that")
    if store == "supabase":
        yield Fault("secure_account.lock", "Supabase Auth has no lock of ours: use the webhook account.secured")
    elif store == "table" and not table.lock:
        yield Fault("accounts.table.lock", "missing: secure_account.lock is set")
