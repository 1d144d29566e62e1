"""Chooses the second step that the settings name."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from keyturn.errors import Fault, KeyturnError, SettingsInvalid
from keyturn.service.accounts.store_factory import import_factory
from keyturn.service.database import Database
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.service.reset.proofs.second_step.port import FactorSource, SecondStep
from keyturn.service.reset.proofs.second_step.required import RequiredSecondStep
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes, SmsSender, SmsText
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.settings import Settings, SmsSettings

_SETTING = "second_step.source"
_METHODS = ("require_ready", "factors", "begin", "verify", "close")


def build(settings: Settings, ground: Ground, events: AppEvents) -> RequiredSecondStep | None:
    """Return the second step of resets; None if the settings name none. Raises SettingsInvalid."""
    wanted, records, secrets = settings.second_step, ground.records, ground.secrets
    tries = SecondStepTries(records.database, records.counters, most=wanted.tries, daily=wanted.daily)
    chosen = _chosen(settings, secrets, records.database)
    if chosen is None:
        return None
    if isinstance(chosen, FactorSource):
        sms = _sms_codes(settings, ground)
        chosen = OwnSecondStep(chosen, records.database, sms)
    return RequiredSecondStep(chosen, tries, records, events)


async def check_second_step(settings: Settings, database: Database) -> None:
    """Check the second step of the settings before anything is started. Raises SettingsInvalid."""
    chosen = _chosen(settings, ["for a look alone"], database)
    if chosen:
        try:
            await chosen.require_ready()
        finally:
            await chosen.close()


def _chosen(settings: Settings, secrets: Sequence[str], database: Database) -> SecondStep | FactorSource | None:
    """Return the step, or the source of factors whose codes are checked here."""
    wanted = settings.second_step
    match wanted.source:
        case "none":
            return None
        case "supabase":
            from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep

            return SupabaseSecondStep(settings.accounts.supabase)
        case "builtin":
            return BuiltinFactors(database, secrets)
        case "table":
            from keyturn.service.reset.proofs.second_step.app_factors import TableFactors

            return TableFactors(wanted.table, settings.accounts.table, database)
        case "ldap":
            from keyturn.service.reset.proofs.second_step.app_factors import LdapPhones

            return LdapPhones(settings.accounts.ldap)
        case reference:
            return _from_factory(reference, settings)


def _from_factory(reference: str, settings: Settings) -> SecondStep:
    factory = import_factory(reference, _SETTING)
    try:
        step: SecondStep = factory(settings)
    except KeyturnError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        raise SettingsInvalid([Fault(_SETTING, f"{reference} raised {said}")]) from error
    missing = [name for name in _METHODS if not inspect.iscoroutinefunction(getattr(step, name, None))]
    if missing:
        kind, names = type(step).__name__, ", ".join(missing)
        raise SettingsInvalid([Fault(_SETTING, f"{reference} returned a {kind} without async {names}")])
    return step


def _sms_codes(settings: Settings, ground: Ground) -> SmsCodes | None:
    sms, records = settings.second_step.sms, ground.records
    sender = _sms_sender(sms, settings)
    if sender is None:
        return None
    host = urlsplit(settings.reset_url.replace("{base_url}", settings.base_url)).hostname or ""
    return SmsCodes(records.database, records.counters, sender, sms, ground.secrets, SmsText(ground.themes, host))


def _sms_sender(sms: SmsSettings, settings: Settings) -> SmsSender | None:
    match sms.transport:
        case "twilio":
            from keyturn.service.reset.proofs.second_step.sms_senders import TwilioSms  # httpx2 takes 0.1 s

            return TwilioSms(sms)
        case "capture":
            from keyturn.service.reset.proofs.second_step.sms_senders import CapturedSms

            return CapturedSms(Path(settings.mail.capture_dir), settings.brand.name)
        case "":
            return None
