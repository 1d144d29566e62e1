"""Chooses the second step that the settings name."""

import inspect
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from keyturn.errors import Fault, KeyturnError, SettingsInvalid
from keyturn.service.accounts.store_factory import import_factory
from keyturn.service.database import Database
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors, RecoveryCodes
from keyturn.service.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.service.reset.proofs.second_step.port import FactorSource, SecondStep
from keyturn.service.reset.proofs.second_step.required import RequiredSecondStep
from keyturn.service.reset.proofs.second_step.sms_codes import LIFE, SmsCodes, SmsSender, SmsText
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.settings import Settings, SmsSettings

_METHODS = ("require_ready", "factors", "begin", "verify", "close")


def build(settings: Settings, ground: Ground, events: AppEvents) -> RequiredSecondStep | None:
    """Return the second step of resets; None if the settings name none. Raises SettingsInvalid."""
    wanted, records, text = settings.second_step, ground.records, SmsText(ground.themes)
    tries = SecondStepTries(records.database, most=wanted.tries, daily=wanted.daily)
    step = _second_step(settings, ground.secrets, text, records.database, tries)
    return RequiredSecondStep(step, tries, records, events) if step else None


async def check_second_step(settings: Settings, database: Database) -> None:
    """Check the second step of the settings before anything is started. Raises SettingsInvalid."""
    tries = SecondStepTries(database, most=1, daily=1)
    step = _second_step(settings, ["for a look alone"], None, database, tries)
    if step:
        try:
            await step.require_ready()
        finally:
            await step.close()


def _second_step(
    settings: Settings, secrets: Sequence[str], text: SmsText | None, database: Database, tries: SecondStepTries
) -> SecondStep | None:
    wanted = settings.second_step
    source: FactorSource
    match wanted.source:
        case "none":
            return None
        case "supabase":
            from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep

            return SupabaseSecondStep(settings.accounts.supabase)
        case "builtin":
            source = BuiltinFactors(database, secrets)
        case "table":
            from keyturn.service.reset.proofs.second_step.table_factors import TableFactors

            source = TableFactors(wanted.table, settings.accounts.table, database)
        case "ldap":
            from keyturn.service.reset.proofs.second_step.ldap_phones import LdapPhones

            source = LdapPhones(settings.accounts.ldap)
        case reference:
            return _from_factory(reference, settings)
    sender = _sms_sender(wanted.sms, settings) if text else None
    host = _page_host(settings.reset_url, settings.base_url)
    sms = None
    if text and sender:
        sms = SmsCodes(database, sender, wanted.sms, secrets, partial(text, host, LIFE))
    return OwnSecondStep(source, RecoveryCodes(database), tries, sms)


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


def _from_factory(reference: str, settings: Settings) -> SecondStep:
    try:
        step = import_factory(reference)(settings)
    except SettingsInvalid as error:
        raise SettingsInvalid([Fault("second_step.source", fault.message) for fault in error.faults]) from None
    except KeyturnError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        raise SettingsInvalid([Fault("second_step.source", f"{reference} raised {said}")]) from error
    missing = [name for name in _METHODS if not inspect.iscoroutinefunction(getattr(step, name, None))]
    if missing:
        kind, names = type(step).__name__, ", ".join(missing)
        raise SettingsInvalid([Fault("second_step.source", f"{reference} returned a {kind} without async {names}")])
    found: SecondStep = step
    return found


def _page_host(reset_url: str, base_url: str) -> str:
    """Return the host of the page where users type a code; phones compare it with the host in a message."""
    return urlsplit(reset_url.replace("{base_url}", base_url)).hostname or ""
