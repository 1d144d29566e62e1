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
from keyturn.service.reset.proofs.second_step.port import SecondStep
from keyturn.service.reset.proofs.second_step.required import RequiredSecondStep
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes, SmsSender, SmsText
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.settings import Settings

_SETTING = "second_step.source"
_METHODS = ("require_ready", "factors", "begin", "verify", "close")


def build(settings: Settings, ground: Ground, events: AppEvents) -> RequiredSecondStep | None:
    """Return the second step of resets; None if the settings name none. Raises SettingsInvalid."""
    wanted, records = settings.second_step, ground.records
    step = _step(settings, records.database, ground.secrets, _sms_codes(settings, ground))
    if step is None:
        return None
    tries = SecondStepTries(records.database, most=wanted.tries, daily=wanted.daily)
    return RequiredSecondStep(step, tries, records, events)


async def check_second_step(settings: Settings, database: Database) -> None:
    """Check the second step of the settings before anything is started. Raises SettingsInvalid."""
    step = _step(settings, database, ["for a look alone"], None)
    if step:
        try:
            await step.require_ready()
        finally:
            await step.close()


def _step(settings: Settings, database: Database, secrets: Sequence[str], sms: SmsCodes | None) -> SecondStep | None:
    wanted = settings.second_step
    match wanted.source:
        case "none":
            return None
        case "supabase":
            from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep

            return SupabaseSecondStep(settings.accounts.supabase)
        case "builtin":
            return BuiltinFactors(database, sms, secrets)
        case "table":
            from keyturn.service.reset.proofs.second_step.app_factors import TableFactors

            return TableFactors(database, sms, wanted.table, settings.accounts.table)
        case "ldap":
            from keyturn.service.reset.proofs.second_step.app_factors import LdapPhones

            return LdapPhones(database, sms, settings.accounts.ldap)
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
    sender: SmsSender
    match settings.second_step.sms.transport:
        case "twilio":
            from keyturn.service.reset.proofs.second_step.sms_senders import TwilioSms  # httpx2 takes 0.1 s

            sender = TwilioSms(settings.second_step.sms)
        case "capture":
            from keyturn.service.reset.proofs.second_step.sms_senders import CapturedSms

            sender = CapturedSms(Path(settings.mail.capture_dir), settings.brand.name)
        case "":
            return None
    host = urlsplit(settings.reset_url.replace("{base_url}", settings.base_url)).hostname or ""
    return SmsCodes(ground, sender, settings.second_step.sms, SmsText(ground.themes, host))
