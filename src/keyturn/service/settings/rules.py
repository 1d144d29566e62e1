"""Rules between settings that are valid individually. `rule_tables` has those that are data."""

import re
from collections.abc import Collection, Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path

import msgspec

from keyturn.errors import Fault
from keyturn.hosts import host_of, is_loopback, is_serialized_origin
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import LdapSettings, Settings, TableSettings, is_plain_ldap
from keyturn.service.settings.brand_files import brand_faults, email_faults
from keyturn.service.settings.building import holds, member_name
from keyturn.service.settings.paths import api_path_faults, hosting_faults
from keyturn.service.settings.rule_tables import (
    ATTRIBUTE,
    FUNCTION,
    SHORTEST_SECRET,
    broken_bounds,
    broken_pairs,
    value_of,
)
from keyturn.service.settings.url_rules import database_fault, page_faults, service_faults
from keyturn.values import did_you_mean, not_this

_WITH_SECRETS = ("accounts.supabase.url", "second_step.sms.api_url", "webhooks.url")


def broken_rules(settings: Settings, *, sending: bool, written: Collection[str] = ()) -> Iterator[Fault]:
    """Yield every rule that the settings break. A process that is `sending` mails has more of them.

    `written`: the sections and keys in the file or the environment, as opposed to defaults.
    """
    yield from list(page_faults(settings)) or hosting_faults(settings)
    if sending:
        yield from _secret_key(settings)
        yield from _providers(settings)
    yield from _reports(settings)
    yield from broken_pairs(settings, sending=sending)
    for name in _WITH_SECRETS:
        yield from service_faults(name, value_of(settings, name), settings)
    yield from _accounts(settings, written)
    yield from _second_step(settings)
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        if not is_serialized_origin(origin) or not (origin.startswith("https://") or is_local):
            yield Fault("return_origins", f"must be origins such as https://app.example.org{not_this(origin)}")
    if sender := settings.mail.from_:
        yield from email_faults("mail.from", parseaddr(sender)[1], sender)
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)
    yield from broken_bounds(settings)
    yield from api_path_faults(settings.server.api_path)
    if message := database_fault(settings.database.url, for_our_tables=True):
        yield Fault("database.url", message)
    yield from _folders(settings)


def _secret_key(settings: Settings) -> Iterator[Fault]:
    name, key = "KEYTURN_SECRET_KEY", settings.secret_key
    if key and len(key) < SHORTEST_SECRET:
        yield Fault(name, f"shorter than {SHORTEST_SECRET} characters")
    elif not key and settings.token.code:
        yield Fault(name, "missing: token.code is on, and codes need it")
    elif not key and settings.environment == "production":
        yield Fault(name, f"missing: set it to {SHORTEST_SECRET} or more random characters")


_TRIAL = "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"


def _providers(settings: Settings) -> Iterator[Fault]:
    """Yield what chosen providers lack, and values of theirs that are none: AWS's variables serve others, too."""
    mail = settings.mail
    chosen = {mail.transport: ("mail.transport", _TRIAL)} | {mail.fallback: ("mail.fallback", "")}
    for name, (chosen_by, advice) in chosen.items():
        if provider := PROVIDERS.get(name):
            section = getattr(settings, name)
            for known_as in missing_settings(name, settings):
                yield Fault(known_as, f"missing: {chosen_by} is {name}{advice}")
            yield from service_faults(f"{name}.api_url", getattr(section, "api_url", ""), settings)
            yield from (Fault(f"{name}.{setting}", message) for setting, message in provider.faults(section))


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    for setting in PROVIDERS[name].needs if name in PROVIDERS else ():
        if not getattr(getattr(settings, name), setting):
            yield PROVIDERS[name].known_as(setting)


def _reports(settings: Settings) -> Iterator[Fault]:
    for name, provider in PROVIDERS.items():
        proof = provider.proof(getattr(settings, name))
        if proof and (reports := provider.reports) and not holds(reports.proof, proof):
            yield Fault(f"{name}.{reports.setting}", reports.fault)


_CHOICES = (
    ("accounts.store", ("builtin", "table", "supabase", "ldap")),
    ("second_step.source", ("none", "builtin", "table", "supabase")),
)

_USERS = (
    ("accounts.table", "accounts.store", ("table", "supabase")),
    ("accounts.supabase", "accounts.store", ("supabase",)),
    ("accounts.ldap", "accounts.store", ("ldap",)),
    ("second_step.table", "second_step.source", ("table",)),
)
"""Sections, and the choices that use them."""

_PLACES = ("{now}", "{now_ms}", "{now_iso}", "{null}")

_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')
_PLACE = re.compile(r"\{\w+\}")


def _accounts(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    accounts = settings.accounts
    store, table = accounts.store, accounts.table
    # Beside an app, which has a sign-in, Keyturn's own would be a second one, past the first one's other checks (OWASP
    # ASVS 6.1.3, 6.3.4: every way in is documented, and all are of the same strength).
    if store != "builtin" and not settings.sign_in_url:
        message = "missing: set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
        yield Fault("sign_in_url", message)
    for name, own in _CHOICES:
        if (chosen := value_of(settings, name)) not in own and not FUNCTION.fullmatch(chosen):
            yield Fault(name, f"must be {', '.join(own)} or package.module:factory{did_you_mean(chosen, own)}")
    for section, chooser, users in _USERS:
        chosen = value_of(settings, chooser)
        if section in written and chosen not in users and ":" not in chosen:
            yield Fault(section, f"is set, but {chooser} is {chosen}")
    if store == "supabase" and "accounts.table" in written and not table.table:
        yield Fault("accounts.table.table", "missing: accounts.table is set")
    if store == "table" or (store == "supabase" and "accounts.table" in written):
        yield from _table(table)
    if store == "ldap":
        yield from _ldap(accounts.ldap)


def _table(table: TableSettings) -> Iterator[Fault]:
    if table.url and (message := database_fault(table.url)):
        yield Fault("accounts.table.url", message)
    others = [column for column in table.identifiers if column != table.email]
    if table.identifiers and (len(others) != 1 or table.email not in table.identifiers or "" in others):
        wanted = f'the column of the address and one with user names, such as ["{table.email}", "username"]'
        yield Fault("accounts.table.identifiers", f"must be {wanted}")
    for entry, ending in table.endings.items():
        setting = member_name("accounts.table.ends", entry) if entry in table.ends else "accounts.table.delete"
        if not _COLUMN_OF_TABLE.fullmatch(entry):
            yield Fault(setting, f"must be a table and its column, such as sessions.user_id, not {entry}")
        elif entry in table.delete and entry in table.ends:
            yield Fault(setting, "is in accounts.table.delete, too: remove one of the two")
        yield from _values(f"{setting}.set", ending.set)
        yield from _values(f"{setting}.where", ending.where)
        for column, value in ending.where.items():
            if value in _PLACES[:3]:
                yield Fault(member_name(f"{setting}.where", column), "no row has the present time: write a value")
    for name in ("set", "lock", "unlock"):
        yield from _values(f"accounts.table.{name}", getattr(table, name))


def _values(setting: str, values: Mapping[str, object]) -> Iterator[Fault]:
    for column, value in values.items():
        place = _PLACE.search(value) if isinstance(value, str) else None
        if place and place[0] not in _PLACES:
            message = f"has an unknown placeholder {place[0]}: use one of {', '.join(_PLACES)}"
            yield Fault(member_name(setting, column), message)
        elif place and place[0] != value:
            yield Fault(member_name(setting, column), f"{place[0]} must be the whole value: remove the text around it")


_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_MOST_SERVERS = 6


def _ldap(ldap: LdapSettings) -> Iterator[Fault]:
    for name in ldap.where:
        if not ATTRIBUTE.fullmatch(name):
            yield Fault(member_name("accounts.ldap.where", name), "its name must be that of an attribute")
    setting, example = "accounts.ldap.servers", "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        # DNS has no name with a label that is empty or too long.
        if not _SERVER.fullmatch(url) or not holds(lambda name: name.encode("idna"), host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif ldap.kind == "active_directory" and is_plain_ldap(url):
            yield Fault(setting, f"{url} has no TLS, without which Active Directory changes no password: use ldaps://")


def _second_step(settings: Settings) -> Iterator[Fault]:
    step, table = settings.second_step, settings.second_step.table
    if step.source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if step.source == "table" and not table.totp and not table.phone:
        yield Fault("second_step.table.totp", "missing: set the column of the TOTP secrets, or second_step.table.phone")
    if table.format == "fernet":
        from cryptography.fernet import Fernet

        if not all(holds(Fernet, key) for key in table.keys):
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")


def _folders(settings: Settings) -> Iterator[Fault]:
    for name in ("mail.templates", "pages.templates"):
        if (folder := value_of(settings, name)) and not Path(folder).is_dir():
            yield Fault(name, f"{'is a file, not a folder' if Path(folder).exists() else 'no such folder'}: {folder}")
    if settings.languages:
        yield from _languages(settings)
    if settings.locales:
        yield from _catalogues(Path(settings.locales))


def _languages(settings: Settings) -> Iterator[Fault]:
    from keyturn.mail.languages import PACKAGED, SOURCE_LANGUAGE, Catalogues, parse_locale

    catalogues = Catalogues((PACKAGED, *([Path(settings.locales)] if settings.locales else [])))
    for tag in settings.languages:
        if not (locale := parse_locale(tag)):
            yield Fault("languages", f"no such language: {tag}")
        elif locale.language != SOURCE_LANGUAGE and not catalogues.files(locale):
            yield Fault("languages", f"no catalogue for {tag}: put one into `locales`")


def _catalogues(folder: Path) -> Iterator[Fault]:
    """Yield faults that would otherwise first appear in a mail in that language."""
    from keyturn.mail.languages import Catalogues, catalogue_faults

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault("locales", f"no catalogue in {folder}: Keyturn looks for files such as ro/LC_MESSAGES/keyturn.po")
    yield from (Fault("locales", str(fault)) for fault in catalogue_faults(catalogues) if fault.kind != "fuzzy")
