"""Rules between settings that are valid individually."""

from collections.abc import Collection, Iterator
from email.utils import parseaddr
from pathlib import Path

import msgspec

from keyturn.errors import Fault
from keyturn.hosts import is_loopback, is_serialized_origin
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import Settings
from keyturn.service.settings.brand_files import brand_faults, email_faults
from keyturn.service.settings.building import member_name
from keyturn.service.settings.paths import api_path_faults, hosting_faults
from keyturn.service.settings.rules.accounts import account_faults
from keyturn.service.settings.rules.tables import SHORTEST_SECRET, broken_bounds, broken_pairs, value_of
from keyturn.service.settings.url_rules import database_fault, database_kind, page_faults, service_faults
from keyturn.values import not_this

_WITH_SECRETS = ("accounts.supabase.url", "second_step.sms.api_url", "webhooks.url")
"""Addresses of services that are called with a secret."""


def broken_rules(settings: Settings, *, sending: bool, written: Collection[str] = ()) -> Iterator[Fault]:
    """Yield every rule that the settings break.

    `sending`: whether the process sends mails, which has more rules.
    `written`: the sections and keys in the file or the environment, as opposed to defaults.
    """
    unread = list(page_faults(settings))
    yield from unread or hosting_faults(settings)
    if sending:
        yield from _secrets(settings)
        yield from provider_faults(settings)
    yield from report_faults(settings)
    yield from broken_pairs(settings, sending=sending)
    for name in _WITH_SECRETS:
        yield from service_faults(name, value_of(settings, name), settings)
    yield from account_faults(settings, written)
    yield from _return_origins(settings)
    if sender := settings.mail.from_:
        yield from email_faults("mail.from", parseaddr(sender)[1], sender)
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)
    yield from broken_bounds(settings)
    yield from api_path_faults(settings.server.api_path)
    yield from _database(settings, written)
    yield from _folders(settings)


def _return_origins(settings: Settings) -> Iterator[Fault]:
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        if not is_serialized_origin(origin) or not (origin.startswith("https://") or is_local):
            yield Fault("return_origins", f"must be origins such as https://app.example.org{not_this(origin)}")


def _secrets(settings: Settings) -> Iterator[Fault]:
    if not settings.secret_key:
        if settings.token.code:
            yield Fault("KEYTURN_SECRET_KEY", "missing: token.code is on, and codes need it")
        elif settings.environment == "production":
            yield Fault("KEYTURN_SECRET_KEY", f"missing: set it to {SHORTEST_SECRET} or more random characters")
    elif len(settings.secret_key) < SHORTEST_SECRET:
        yield Fault("KEYTURN_SECRET_KEY", f"shorter than {SHORTEST_SECRET} characters")


def _database(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    url, schema = settings.database.url, settings.database.schema
    if message := database_fault(url, for_our_tables=True):
        yield Fault("database.url", message)
    elif schema and database_kind(url) == "sqlite" and "database.url" in written:  # otherwise an app may share its own
        yield Fault("database.schema", "is set, but only PostgreSQL has schemas: remove it")


def _folders(settings: Settings) -> Iterator[Fault]:
    for name, templates in (("mail.templates", settings.mail.templates), ("pages.templates", settings.pages.templates)):
        if templates and not Path(templates).is_dir():
            why = "is a file, not a folder" if Path(templates).exists() else "no such folder"
            yield Fault(name, f"{why}: {templates}")
    if settings.languages:
        yield from _languages(settings)
    locales = {f"{member_name('kinds', kind)}.locales": own.locales for kind, own in settings.kinds.items()}
    for name, folder in ({"locales": settings.locales} | locales).items():
        if folder:
            yield from _catalogues(name, Path(folder))


def _languages(settings: Settings) -> Iterator[Fault]:
    from keyturn.mail.languages import PACKAGED, SOURCE_LANGUAGE, Catalogues, parse_locale

    catalogues = Catalogues((PACKAGED, *([Path(settings.locales)] if settings.locales else [])))
    for tag in settings.languages:
        if not (locale := parse_locale(tag)):
            yield Fault("languages", f"no such language: {tag}")
        elif locale.language != SOURCE_LANGUAGE and not catalogues.files(locale):
            yield Fault("languages", f"no catalogue for {tag}: put one into `locales`")


def _catalogues(name: str, folder: Path) -> Iterator[Fault]:
    """Yield faults that would otherwise first appear in a mail in that language."""
    from keyturn.mail.languages import Catalogues, catalogue_faults

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault(name, f"no catalogue in {folder}: Keyturn looks for files such as ro/LC_MESSAGES/keyturn.po")
    for fault in catalogue_faults(catalogues):
        if fault.kind != "fuzzy":
            yield Fault(name, str(fault))


# Rules for the mail providers


_TRIAL = "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"


def provider_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what keeps a process from sending: values that a chosen provider lacks, and values that are none.

    Those of other providers are not checked: AWS's variables serve other programs, too.
    """
    mail = settings.mail
    chosen = {mail.transport: ("mail.transport", _TRIAL)} | {mail.fallback: ("mail.fallback", "")}
    for name, (chosen_by, advice) in chosen.items():
        if not (provider := PROVIDERS.get(name)):
            continue
        section = getattr(settings, name)
        for known_as in missing_settings(name, settings):
            yield Fault(known_as, f"missing: {chosen_by} is {name}{advice}")
        yield from service_faults(f"{name}.api_url", getattr(section, "api_url", ""), settings)
        for setting, message in provider.faults(section):
            yield Fault(f"{name}.{setting}", message)


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    """Yield what a provider needs and is not set, as people know it."""
    for setting in PROVIDERS[name].needs if name in PROVIDERS else ():
        if not getattr(getattr(settings, name), setting):
            yield PROVIDERS[name].known_as(setting)


def report_faults(settings: Settings) -> Iterator[Fault]:
    for name, provider in PROVIDERS.items():
        if reports := provider.reports:
            try:
                provider.webhook(getattr(settings, name))
            except ValueError:
                yield Fault(f"{name}.{reports.setting}", reports.fault)
