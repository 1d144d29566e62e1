"""Chooses the second step that the settings name."""

from keyturn.service.accounts.store_factory import product_of
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.second_step import sms_codes
from keyturn.service.reset.proofs.second_step.own_step import BuiltinFactors
from keyturn.service.reset.proofs.second_step.port import NoSecondStep, SecondStep
from keyturn.service.reset.proofs.second_step.required import RequiredSecondStep
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.settings import Settings


def build(settings: Settings, ground: Ground, events: AppEvents) -> RequiredSecondStep:
    """Return the second step of resets and sign-ins. Raises SettingsInvalid."""
    wanted = settings.second_step
    tries = SecondStepTries(ground.records, most=wanted.tries, daily=wanted.daily)
    return RequiredSecondStep(_step(settings, ground), tries, ground.records, events)


def _step(settings: Settings, ground: Ground) -> SecondStep:
    wanted, accounts = settings.second_step, settings.accounts
    if wanted.source == "none":
        return NoSecondStep()
    database, sms = ground.records.database, sms_codes.build(settings, ground)
    match wanted.source:
        case "builtin":
            return BuiltinFactors(database, sms, ground.secrets)
        case "supabase":
            from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep

            return SupabaseSecondStep(accounts.supabase)
        case "table":
            from keyturn.service.reset.proofs.second_step.app_factors import TableFactors

            return TableFactors(database, sms, wanted.table, accounts.table)
        case "ldap":
            from keyturn.service.reset.proofs.second_step.app_factors import LdapPhones

            return LdapPhones(database, sms, accounts.ldap)
        case reference:
            step: SecondStep = product_of(reference, settings, SecondStep, "second_step.source")
            return step
