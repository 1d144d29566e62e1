"""Codes by SMS. NIST calls them restricted (SP 800-63B-4 3.1.3.3), because attackers take numbers over."""

import math
import re
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from keyturn.errors import SendFailed, SendRetryable
from keyturn.service import secrets
from keyturn.service.limits import Limit
from keyturn.service.problems.requests import TooManyRequests, Unavailable
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.codes import LIFE, Codes
from keyturn.service.reset.proofs.second_step.port import SecondStepTry
from keyturn.service.reset.proofs.second_step.sms_senders import CapturedSms, TwilioSms
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.secrets import Purpose, Secret
from keyturn.service.settings import Settings
from keyturn.service.settings.building import Rate
from keyturn.service.telemetry.logs import LogEvent, log

_DIGITS = 6
"""Phones recognise six. NIST 3.1.3.2 asks for at least six; ASVS 6.5.4 asks for 20 bits, which six digits satisfy."""

_DAY = 86_400
_DAILY = Rate(5, _DAY)
"""Messages for one account."""

_BLANKS = re.compile(r"[\s().-]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""ITU-T E.164."""


def phone_number(text: str) -> str:
    """Return a number in the form of E.164, such as +447700900123; "" if it is none."""
    number = _BLANKS.sub("", text)
    return number if _PHONE.fullmatch(number) else ""


class SmsCodes:
    """Sends codes and verifies them. Each is for one link, or for signing in, and works once, for `LIFE`.

    `second_step.sms.cooldown`: an account gets one message in this time, and five a day. Messages cost money, and a
    stranger in a mailbox could make a phone ring all night.
    `overall`: messages a day for all accounts together.
    `prefixes`: only numbers with one of them get messages. Strangers open accounts with expensive numbers that pay them
    (SMS pumping, OWASP API4:2023).
    """

    def __init__(self, ground: Ground, sender: TwilioSms | CapturedSms, settings: Settings) -> None:
        self._records, self._themes = ground.records, ground.themes
        self._codes = Codes(ground.secrets, Purpose.SMS, _DIGITS)
        self._sender = sender
        self.close = sender.close
        self._sms = settings.second_step.sms
        self._host = urlsplit(settings.reset_url.replace("{base_url}", settings.base_url)).hostname or ""

    def reachable(self, phone: str) -> str:
        """Return the number in the form of E.164; "" if it is none, or if no message may go to it."""
        number = phone_number(phone)
        return number if number.startswith(self._sms.prefixes or "+") else ""

    async def send(self, trial: SecondStepTry, number: str) -> None:
        """Send a fresh code, which ends the previous one.

        Raises TooManyRequests, and Unavailable if the provider did not accept the message. If the answer is lost, the
        message may still arrive, so its code is kept.
        """
        code, secret = self._codes.mint(trial.account.id, _key(trial), trial.moment, use=_use(trial))
        await self._records.transact(partial(self._store, secret))
        try:
            await self._sender.send(number, self._write(trial, code))
        except SendFailed as failure:
            log.warning(LogEvent("second_step.sms_failed", account_id=trial.account.id, reason=failure.reason))
            if not isinstance(failure, SendRetryable) or failure.not_accepted:
                await self._records.transact(partial(self._undo, secret))
                raise Unavailable("the SMS provider did not accept the message") from failure

    def _store(self, code: Secret, tx: Transaction) -> None:
        """Count a message and store its code. Raises TooManyRequests; nothing is counted or stored then."""
        limits = self._limits(code.account_id)
        hit = tx.counters.count(*limits)
        if hit.full == limits[-1]:
            log.error(LogEvent("second_step.sms_over_budget", overall=self._sms.overall))
        if hit.full:
            raise TooManyRequests(math.ceil(hit.wait))
        secrets.add(tx.connection, [(code, True)])

    def _undo(self, code: Secret, tx: Transaction) -> None:
        """Allow another message at once: this one certainly did not arrive."""
        for limit in self._limits(code.account_id):
            tx.counters.give_back(limit)
        secrets.use(tx.connection, code, code.created_at)

    def _limits(self, account_id: str) -> tuple[Limit, Limit, Limit]:
        """Return the limits of an account's messages, and last the limit of all accounts together."""
        cooldown = Rate(1, round(self._sms.cooldown.total_seconds()))
        own = Limit(cooldown, "SMS", account_id), Limit(_DAILY, "SMS a day", account_id)
        return *own, Limit(Rate(self._sms.overall, _DAY), "SMS of all accounts")

    async def find(self, trial: SecondStepTry) -> Secret | None:
        """Return the code if it is right, even if it works no more; None if it was not sent for this."""
        key = _key(trial)
        code = await self._records.database.read(lambda connection: secrets.find(connection, key, Purpose.SMS))
        return code if self._codes.fits("".join(trial.code.split()), key, code, use=_use(trial)) else None

    def _write(self, trial: SecondStepTry, code: str) -> str:
        """Return the message, in the language and under the name of the account's mails.

        Phones read its last line, and offer the code only on the pages where users type it.
        https://wicg.github.io/sms-one-time-codes/
        """
        theme = self._themes.kinds.get(trial.account.kind, self._themes.general)
        language = theme.languages.choose(trial.account.locale, trial.client.languages)
        values = {"code": code, "brand": theme.brand.name, "lifetime": language.duration(LIFE)}
        if trial.link:
            text = language.gettext(
                "%(code)s is your code for a new %(brand)s password. It works for %(lifetime)s."
                " Do not share it with anyone.",
                **values,
            )
        else:
            text = language.gettext(
                "%(code)s is your code to sign in to %(brand)s. It works for %(lifetime)s."
                " Do not share it with anyone.",
                **values,
            )
        return f"{text}\n\n@{self._host} #{code}"


def _key(trial: SecondStepTry) -> bytes:
    return secrets.key_of(f"SMS {trial.account.id}")


def _use(trial: SecondStepTry) -> bytes:
    """Return what a code is for: it fits nothing else."""
    return trial.link.key if trial.link else b"sign in"


def build(settings: Settings, ground: Ground) -> SmsCodes | None:
    """Return what sends codes to phones; None if no messages are sent."""
    sms, folder = settings.second_step.sms, Path(settings.mail.capture_dir)
    if not sms.transport:
        return None
    sender = TwilioSms(sms) if sms.transport == "twilio" else CapturedSms(folder, settings.brand.name)
    return SmsCodes(ground, sender, settings)
