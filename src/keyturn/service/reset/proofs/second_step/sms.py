"""Codes by SMS. NIST calls SMS restricted (SP 800-63B-4 3.1.3.3), because attackers take numbers
over.

Twilio's API (https://www.twilio.com/docs/messaging/api/message-resource) has no idempotency key, so
each message is sent once, without retries.
"""

from datetime import timedelta
from html import escape
from pathlib import Path

import msgspec

from keyturn.errors import SendFailed, SendRetryable
from keyturn.hosts import host_in
from keyturn.mail.port.email import Email, local_sender
from keyturn.mail.port.http_provider import ProviderApi, Refused, basic
from keyturn.service import one_time_secrets
from keyturn.service.limits import Limit
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose, ToStore
from keyturn.service.outbox.message import new_key
from keyturn.service.problems.problem import N_
from keyturn.service.problems.requests import TooManyRequests, Unavailable
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.proofs.second_step.port import SecondStepTry
from keyturn.service.reset.proofs.short_codes import ShortCodes
from keyturn.service.reset.records.lifetimes import CODE_LIFE
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.sending.senders import CaptureSender
from keyturn.service.settings import Settings, SmsSettings
from keyturn.service.settings.rates import DAY, Rate
from keyturn.service.telemetry.logs import LogEvent, log

_DIGITS = 6
"""Digits of a code. Phones recognise codes of six digits.

NIST SP 800-63B-4 3.1.3.2 asks for at least six. ASVS 6.5.4 asks for 20 bits, which is about six
digits.
"""

_COOLDOWN = Rate(1, 60)
_DAILY = Rate(5, DAY)
"""Messages to the phone of one account: one a minute, and five a day."""

_ACCEPTED = {200, 201, 202}
_TIMEOUT = timedelta(seconds=10)


_FOR_A_LINK = N_(
    "%(code)s is your code for a new %(brand)s password. It works for %(lifetime)s. Do not share "
    "it with anyone."
)
_TO_SIGN_IN = N_(
    "%(code)s is your code to sign in to %(brand)s. It works for %(lifetime)s. Do not share it "
    "with anyone."
)


class _Reply(msgspec.Struct):
    sid: str = ""
    code: int | None = None


class TwilioSms:
    """Sends texts through Twilio, each by one call within the time-out."""

    def __init__(self, settings: SmsSettings, timeout: timedelta = _TIMEOUT) -> None:
        proof = basic(settings.account, settings.password)
        self._api = ProviderApi(settings.api_url, lambda _: proof, timeout)
        self._settings = settings

    async def close(self) -> None:
        await self._api.close()

    async def send(self, number: str, text: str) -> None:
        """Hand a message over. Twilio drops it once its code has expired.

        Raises the subclasses of SendFailed. They do not contain the text.
        """
        path = f"/2010-04-01/Accounts/{self._settings.account}/Messages.json"
        life = str(int(CODE_LIFE.total_seconds()))
        fields = {"To": number, "From": self._settings.from_, "Body": text, "ValidityPeriod": life}
        answer = await self._api.post(path, fields, form=True)
        reply = answer.read(_Reply) or _Reply()
        if answer.status not in _ACCEPTED or not reply.sid:
            refused = None
            if reply.code is not None:
                refused = Refused(f"{answer.status} {reply.code}")
            raise self._api.failure(answer, refused)


_PAGE = '<!doctype html><html><body><pre style="font: 16px monospace">{text}</pre></body></html>'


class CapturedSms:
    """Writes each message as a mail to the phone's number at sms.invalid."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = CaptureSender(folder)
        self._sender = local_sender(name, "")

    async def close(self) -> None:
        await self._folder.close()

    async def send(self, number: str, text: str) -> None:
        email = Email(
            sender=self._sender,
            to=f"{number}@sms.invalid",
            subject=f"SMS to {number}",
            html=_PAGE.format(text=escape(text)),
            text=text,
            tags={"template": "sms"},
        )
        await self._folder.send(email, new_key())


class SmsCodes:
    """Sends codes and verifies them.

    A code is for one link, or for signing in. It works once, for the time `CODE_LIFE`.

    An account gets one message a minute, and five a day: an attacker in its mailbox could otherwise
    make its phone ring all night. The setting `overall` limits the messages to all accounts:
    attackers open accounts with numbers that earn them money (SMS pumping, OWASP API4:2023).
    """

    def __init__(self, settings: Settings, stores: Stores, themes: Themes) -> None:
        self._stores = stores
        self._themes = themes
        self._codes = ShortCodes(stores.keys, Purpose.SMS, _DIGITS)
        self._overall = settings.second_step.sms.overall
        self._sender: CapturedSms | TwilioSms
        if settings.mail.transport == "capture":
            self._sender = CapturedSms(Path(settings.mail.capture_dir), settings.brand.name)
        else:
            self._sender = TwilioSms(settings.second_step.sms)
        self._host = host_in(settings.reset_url.replace("{base_url}", settings.base_url))

    async def close(self) -> None:
        await self._sender.close()

    async def send(self, trial: SecondStepTry, number: str) -> None:
        """Send a fresh code to a phone number in the form of E.164. It replaces the last code.

        Raises TooManyRequests, and Unavailable if the provider certainly did not accept it.
        """
        code, secret = self._codes.mint(
            trial.account.id, _key(trial), trial.moment, use=_use(trial)
        )
        of_all = Limit(Rate(self._overall, DAY), "SMS of all accounts")
        limits = (
            Limit(_COOLDOWN, "SMS", trial.account.id),
            Limit(_DAILY, "SMS a day", trial.account.id),
            of_all,
        )

        def store(tx: Transaction) -> None:
            hit = tx.counters.count(*limits)
            if hit.full == of_all:
                log.error(LogEvent("second_step.sms_over_budget", overall=self._overall))
            if hit.full:  # the transaction is undone: nothing is counted or stored
                raise TooManyRequests(hit.wait)
            one_time_secrets.add(tx.connection, [ToStore(secret)])

        def undo(tx: Transaction) -> None:
            """Allow another message at once, since this one was certainly not sent."""
            for limit in limits:
                tx.counters.give_back(limit)
            # No phone has this code. If it stayed valid, it could be guessed all the same.
            one_time_secrets.use(tx.connection, secret, trial.moment)

        await self._stores.transact(store)
        try:
            await self._sender.send(number, self._write(trial, code))
        except SendFailed as failure:
            log.warning(
                LogEvent(
                    "second_step.sms_failed", account_id=trial.account.id, reason=failure.reason
                )
            )
            if not isinstance(failure, SendRetryable) or failure.not_accepted:
                await self._stores.transact(undo)
                raise Unavailable("the SMS provider did not accept the message") from failure

    async def find(self, trial: SecondStepTry) -> OneTimeSecret | None:
        """Return the code's secret if the code is right, even if it no longer works; else None.

        A code that was sent for another link is wrong.
        """
        key = _key(trial)
        code = await one_time_secrets.look_up(self._stores.database, key, Purpose.SMS)
        written = "".join(trial.code.split())
        return code if self._codes.fits(written, key, code, use=_use(trial)) else None

    def _write(self, trial: SecondStepTry, code: str) -> str:
        """Return the message. Phones fill the code in by its last line.

        See https://wicg.github.io/sms-one-time-codes/.
        """
        theme = self._themes.kinds.get(trial.account.kind, self._themes.general)
        language = self._themes.languages.choose(trial.account.locale, trial.client.languages)
        values = {"code": code, "brand": theme.brand.name, "lifetime": language.duration(CODE_LIFE)}
        text = language.gettext(_FOR_A_LINK if trial.link else _TO_SIGN_IN, **values)
        return f"{text}\n\n@{self._host} #{code}"


def _key(trial: SecondStepTry) -> bytes:
    return one_time_secrets.key_of(f"SMS {trial.account.id}")


def _use(trial: SecondStepTry) -> bytes:
    """Return what the code is for: a link, or signing in."""
    return trial.link.key if trial.link else b"sign in"
