"""Codes by SMS. NIST calls them restricted (SP 800-63B-4 3.1.3.3), because attackers take numbers over."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection, bindparam, func, select, update

from keyturn.errors import SendFailed, SendRetryable
from keyturn.service.clock import random_below
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.keys import derive
from keyturn.service.problems.requests import TooManyRequests, Unavailable
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.proofs.second_step.models import SmsCodeRow
from keyturn.service.reset.proofs.second_step.port import SIGN_IN, Accepted, SecondStepTry
from keyturn.service.reset.records.guarded import DAY, MOMENT, DailyCounter, SingleUse
from keyturn.service.settings import SmsSettings
from keyturn.service.telemetry.logs import LogEvent, log

_DIGITS = 6
"""Phones recognise six. NIST 3.1.3.2 asks for at least six; ASVS 6.5.4 asks for 20 bits, which six digits satisfy."""

LIFE = timedelta(minutes=10)
"""How long a code works: the limit in NIST SP 800-63B-4 4.2.1.2 and OWASP ASVS 6.5.5."""

_COUNTER = DailyCounter(SmsCodeRow.messages, SmsCodeRow.counted_since)

_DAILY = 5
"""Messages for one account in 24 hours."""

_PAUSE = 3600
"""Seconds until a retry, once all accounts together have used up their messages of a day."""


class SmsSender(Protocol):
    """Sends a text to a phone."""

    async def send(self, number: str, text: str, validity: timedelta) -> None:
        """Hand over the message, useless after `validity`. Raises SendFailed, and SendUnknown if it may arrive."""

    async def close(self) -> None: ...


class SmsCodes:
    """Sends codes and verifies them. Each is for one reset, or for signing in, and works once, for `LIFE`.

    `cooldown`: an account gets one message in this time, and five in 24 hours. Messages cost money, and a
    stranger in a mailbox could make a phone ring all night.
    `overall`: messages in 24 hours for all accounts together.
    `prefixes`: only numbers with one of them get messages. Strangers open accounts with expensive numbers that pay them
    (SMS pumping, OWASP API4:2023).
    """

    def __init__(
        self,
        database: Database,
        sender: SmsSender,
        settings: SmsSettings,
        keys: Sequence[str],
        text: "SmsText",
    ) -> None:
        self._database = database
        self._sender = sender
        self._cooldown = settings.cooldown
        self._overall, self._prefixes = settings.overall, settings.prefixes
        self._keys = [derive(key, "codes by SMS") for key in keys]
        self._text = text

    def takes(self, number: str) -> bool:
        """Tell whether a message may go to a number in the form of E.164."""
        return not self._prefixes or number.startswith(self._prefixes)

    async def send(self, trial: SecondStepTry, number: str) -> None:
        """Send a fresh code, which ends the previous one.

        Raises TooManyRequests, and Unavailable if the provider did not accept the message. If the answer is lost, the
        message may still arrive, so its code is kept.
        """
        code = f"{random_below(10**_DIGITS):0{_DIGITS}}"
        if not await self._store(trial, self._digest(self._keys[0], trial, code)):
            raise TooManyRequests(await self._seconds_left(trial))
        try:
            await self._sender.send(number, self._text.write(trial, code), LIFE)
        except SendFailed as failure:
            log.warning(LogEvent("second_step.sms_failed", account_id=trial.account.id, reason=failure.reason))
            if not isinstance(failure, SendRetryable) or failure.not_accepted:
                await self._undo(trial)
                raise Unavailable("the SMS provider did not accept the message") from failure

    async def _store(self, trial: SecondStepTry, digest: bytes) -> bool:
        """Store a code for a message, unless the account has had its messages; tell whether it is stored.

        Raises TooManyRequests once all accounts together have got `overall` messages. An account with a message in the
        last 24 hours counts with its whole window. The sum may be too high, never too low: one message at a time is
        counted.
        """
        row, moment = SmsCodeRow, trial.moment
        day_ago = moment - DAY
        values = {
            "reset_id": trial.reset_id,
            "digest": digest,
            "sent_at": moment,
            "expires_at": moment + LIFE,
            "used_at": None,
        }
        statement = (
            insert_into(row, self._database.dialect)
            .values(account_id=trial.account.id, messages=1, counted_since=moment, **values)
            .on_conflict_do_update(
                index_elements=[row.account_id],
                set_={
                    **values,
                    **_COUNTER.raised(day_ago, moment),
                },
                where=(row.sent_at <= moment - self._cooldown) & _COUNTER.has_room(day_ago, _DAILY),
            )
            .returning(row.account_id)
        )
        recent = select(func.coalesce(func.sum(row.messages), 0)).where(row.sent_at > day_ago)

        def store(connection: Connection) -> bool:
            self._database.hold(connection, "messages by SMS")
            if connection.execute(recent).scalar_one() >= self._overall:
                raise TooManyRequests(_PAUSE)
            return connection.execute(statement).first() is not None

        try:
            return await self._database.transact(store)
        except TooManyRequests:
            log.error(LogEvent("second_step.sms_over_budget", overall=self._overall))
            raise

    async def _undo(self, trial: SecondStepTry) -> None:
        """Allow another message at once: this one certainly did not arrive."""
        row = SmsCodeRow
        mine = update(row).where(row.account_id == trial.account.id, row.sent_at == trial.moment)
        since = trial.moment - self._cooldown
        await self._database.execute(mine.values(sent_at=since, expires_at=since, messages=row.messages - 1))

    async def _seconds_left(self, trial: SecondStepTry) -> int:
        row = SmsCodeRow
        columns = select(row.sent_at, row.messages, row.counted_since)
        found = await self._database.fetch(columns.where(row.account_id == trial.account.id))
        if not found:
            return 1
        until: datetime = found[0]["sent_at"] + self._cooldown
        if found[0]["messages"] >= _DAILY:
            until = max(until, found[0]["counted_since"] + DAY)
        return max(1, round((until - trial.moment).total_seconds()))

    async def find(self, trial: SecondStepTry) -> Accepted | None:
        """Return the acceptance that uses the code up; None if the code is too old or was not sent for this reset."""
        row, code = SmsCodeRow, "".join(trial.code.split())
        known = select(row.digest).where(
            row.account_id == trial.account.id,
            row.reset_id == trial.reset_id,
            row.used_at.is_(None),
            row.expires_at > trial.moment,
        )
        found = await self._database.fetch(known)
        if not found:
            return None
        digest = bytes(found[0]["digest"])
        if not any(hmac.compare_digest(digest, self._digest(key, trial, code)) for key in self._keys):
            return None
        return _SmsCode(trial.account.id, digest)

    def _digest(self, key: bytes, trial: SecondStepTry, code: str) -> bytes:
        """Return the digest to store. It has a key: an attacker tries a million codes in no time."""
        text = f"{trial.account.id}\0{trial.reset_id}\0{code}"
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), sha256)

    async def close(self) -> None:
        await self._sender.close()


class _SmsCode(Accepted):
    """A right code by SMS."""

    def __init__(self, account_id: str, digest: bytes) -> None:
        self._key = {"of_account": account_id, "of_digest": digest}

    def spend(self, connection: Connection, moment: datetime) -> bool:
        """Use the code up in the caller's transaction; False if it is too old or another request was quicker."""
        return _USES.use(connection, moment, **self._key) is not None

    def give_back(self, connection: Connection, moment: datetime) -> None:
        _USES.give_back(connection, moment, **self._key)


_USES = SingleUse(
    SmsCodeRow.used_at,
    (SmsCodeRow.account_id == bindparam("of_account")) & (SmsCodeRow.digest == bindparam("of_digest")),
    SmsCodeRow.expires_at > MOMENT,
)


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
