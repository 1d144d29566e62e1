"""Rules for the chosen mail provider, and the proofs of each provider's reports."""

from collections.abc import Iterator
from typing import Any

from keyturn.errors import Fault
from keyturn.mail.port.provider import Provider
from keyturn.mail.providers import PROVIDERS
from keyturn.settings.model import Settings
from keyturn.settings.url_rules import service_faults

_TRIAL = "; to try it without, set KEYTURN_MAIL_TRANSPORT=capture: mails are kept in .keyturn/mail, and none is sent"


def provider_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what keeps a process that sends mails from it."""
    chosen = {settings.mail.transport: "mail.transport"} | {settings.mail.fallback: "mail.fallback"}
    for name, chosen_by in chosen.items():
        for known_as in missing_settings(name, settings):
            without = _TRIAL if chosen_by == "mail.transport" else ""
            yield Fault(known_as, f"missing: {chosen_by} is {name}{without}")
        if name in PROVIDERS:
            yield from _value_faults(PROVIDERS[name], settings)
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "is the transport itself")
    if not settings.mail.from_ and settings.mail.transport != "capture":
        yield Fault("mail.from", "missing: the address that mails come from")


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    """Yield what the provider needs and is not set, as people know it."""
    for need in PROVIDERS[name].needs if name in PROVIDERS else ():
        if need.required and not getattr(getattr(settings, name), need.setting):
            yield need.name


def _value_faults(provider: Provider[Any], settings: Settings) -> Iterator[Fault]:
    """Yield invalid values of a chosen provider. Others are not checked: AWS's variables serve other programs, too."""
    section = getattr(settings, provider.name)
    if url := getattr(section, "api_url", ""):
        production = settings.environment == "production"
        yield from service_faults(f"{provider.name}.api_url", url, production=production)
    for setting, message in provider.faults(section):
        yield Fault(f"{provider.name}.{setting}", message)


def report_faults(settings: Settings) -> Iterator[Fault]:
    for name, provider in PROVIDERS.items():
        if not (reports := provider.reports):
            continue
        newest, previous = proofs_of(settings, provider)
        for setting, text in ((reports.setting, newest), (f"previous_{reports.setting}", previous)):
            try:
                _ = reports.read(text) if text else None
            except ValueError:
                yield Fault(f"{name}.{setting}", reports.fault)
        if previous and not newest:
            older = f"is the older of two, and {name}.{reports.setting} is not set"
            yield Fault(f"{name}.previous_{reports.setting}", older)


def proofs_of(settings: Settings, provider: Provider[Any]) -> tuple[str, str]:
    """Return what proves a provider's reports, the newer one first; each is empty where it is not set."""
    if not (reports := provider.reports):
        return "", ""
    section = getattr(settings, provider.name)
    return getattr(section, reports.setting), getattr(section, f"previous_{reports.setting}", "")
