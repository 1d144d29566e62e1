"""Codes by SMS. NIST calls them restricted (SP 800-63B-4 3.1.3.3), because attackers take numbers over."""

import math
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection

from keyturn.errors import SendFailed, SendRetryable
from keyturn.service import secrets
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.problems.requests import OverBudget, TooManyRequests, Unavailable
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.proofs.codes import Codes
from keyturn.service.reset.proofs.second_step.port import SIGN_IN, SecondStepTry
from keyturn.service.secrets import Purpose, Secret, SecretRow
from keyturn.service.settings import SmsSettings
from keyturn.service.settings.building import Rate
from keyturn.service.telemetry.logs import LogEvent, log

_DIGITS = 6
"""Phones recognise six. NIST 3.1.3.2 asks for at least six; ASVS 6.5.4 asks for 20 bits, which six digits satisfy."""

LIFE = timedelta(minutes=10)
"""How long a code works: the limit in NIST SP 800-63B-4 4.2.1.2 and OWASP ASVS 6.5.5."""

_DAY = 86_400
_DAILY = Rate(5, _DAY)
"""Messages for one account."""


class SmsSender(Protocol):
    """Sends a text to a phone."""

    async def send(self, number: str, text: str, validity: timedelta) -> None:
        """Hand over the message, useless after `validity`. Raises SendFailed, and SendUnknown if it may arrive."""

    async def close(self) -> None: ...


class SmsCodes:
    """Sends codes and verifies them. Each is for one reset, or for signing in, and works once, for `LIFE`.

    `cooldown`: an account gets one message in this time, and five a day. Messages cost money, and a
    stranger in a mailbox could make a phone ring all night.
    `overall`: messages a day for all accounts together.
    `prefixes`: only numbers with one of them get messages. Strangers open accounts with expensive numbers that pay them
    (SMS pumping, OWASP API4:2023).
    """

    def __init__(self, ground: Ground, sender: SmsSender, settings: SmsSettings, text: "SmsText") -> None:
        self._database = ground.records.database
        self._sender = sender
        self._cooldown = Rate(1, round(settings.cooldown.total_seconds()))
        self._overall, self._prefixes = Rate(settings.overall, _DAY), settings.prefixes
        self._codes = Codes(ground.secrets, "codes by SMS", _DIGITS)
        self._text = text

    def takes(self, number: str) -> bool:
        """Tell whether a message may go to a number in the form of E.164."""
        return not self._prefixes or number.startswith(self._prefixes)

    async def send(self, trial: SecondStepTry, number: str) -> None:
        """Send a fresh code, which ends the previous one.

        Raises TooManyRequests, and Unavailable if the provider did not accept the message. If the answer is lost, the
        message may still arrive, so its code is kept.
        """
        code, proof = self._codes.mint(_owner(trial))
        await self._store(trial, proof)
        try:
            await self._sender.send(number, self._text.write(trial, code), LIFE)
        except SendFailed as failure:
            log.warning(LogEvent("second_step.sms_failed", account_id=trial.account.id, reason=failure.reason))
            if not isinstance(failure, SendRetryable) or failure.not_accepted:
                await self._undo(trial, proof)
                raise Unavailable("the SMS provider did not accept the message") from failure

    async def _store(self, trial: SecondStepTry, proof: bytes) -> None:
        """Count a message and store its code. Raises TooManyRequests; nothing is counted or stored then."""
        account_id, moment = trial.account.id, trial.moment
        code = Secret(
            purpose=Purpose.SMS,
            key=_key(account_id),
            proof=proof,
            account_id=account_id,
            created_at=moment,
            expires_at=moment + LIFE,
        )
        limits = self._limits(account_id)

        def store(connection: Connection) -> None:
            hit = StoredCounters(connection).count(*limits)
            if hit.full:
                refusal = OverBudget if hit.full == limits[-1] else TooManyRequests
                raise refusal(math.ceil(hit.wait))
            secrets.add(connection, [(code, True)])

        try:
            await self._database.transact(store)
        except OverBudget as over:
            log.error(LogEvent("second_step.sms_over_budget", overall=self._overall.amount))
            raise TooManyRequests(over.retry_after) from None

    async def _undo(self, trial: SecondStepTry, proof: bytes) -> None:
        """Allow another message at once: this one certainly did not arrive."""
        account_id = trial.account.id

        def undo(connection: Connection) -> None:
            for limit in self._limits(account_id):
                StoredCounters(connection).give_back(limit)
            secrets.revoke(connection, account_id, [Purpose.SMS], trial.moment, SecretRow.proof == proof)

        await self._database.transact(undo)

    def _limits(self, account_id: str) -> Sequence[Limit]:
        """Return the limits of an account's messages, and last the limit of all accounts together."""
        rates = {"SMS": self._cooldown, "SMS a day": _DAILY}
        own = [Limit(rate, kind, account_id) for kind, rate in rates.items() if rate.seconds]
        return [*own, Limit(self._overall, "SMS of all accounts")]

    async def find(self, trial: SecondStepTry) -> Secret | None:
        """Return the code if it is right and works; None if it is too old or was not sent for this reset."""
        key = _key(trial.account.id)
        code = await self._database.read(lambda connection: secrets.find(connection, key, Purpose.SMS))
        is_right = self._codes.fits("".join(trial.code.split()), _owner(trial), code)
        return code if code and is_right and code.state(trial.moment) == "works" else None

    async def close(self) -> None:
        await self._sender.close()


def _key(account_id: str) -> bytes:
    return sha256(f"SMS {account_id}".encode("utf-8", "surrogatepass")).digest()


def _owner(trial: SecondStepTry) -> bytes:
    """Return for whom and what a code is: it fits nothing else."""
    return f"{trial.account.id}\0{trial.reset_id}\0".encode("utf-8", "surrogatepass")


class SmsText:
    """Writes the message in the language and under the name of the account's mails.

    `host`: that of the page where users type a code.
    """

    def __init__(self, themes: Themes, host: str) -> None:
        self._themes = themes
        self._host = host

    def write(self, trial: SecondStepTry, code: str) -> str:
        """Return the message. Phones read its last line and offer the code only on the pages of `host`.

        https://wicg.github.io/sms-one-time-codes/
        """
        account = trial.account
        theme = self._themes.kinds.get(account.kind, self._themes.general)
        language = theme.languages.choose(account.locale, trial.client.languages)
        values = {"code": code, "brand": theme.brand.name, "lifetime": language.duration(LIFE)}
        if trial.reset_id == SIGN_IN:
            text = language.gettext(
                "%(code)s is your code to sign in to %(brand)s. It works for %(lifetime)s."
                " Do not share it with anyone.",
                **values,
            )
        else:
            text = language.gettext(
                "%(code)s is your code for a new %(brand)s password. It works for %(lifetime)s."
                " Do not share it with anyone.",
                **values,
            )
        return f"{text}\n\n@{self._host} #{code}"
