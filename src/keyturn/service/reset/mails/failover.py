"""Hands mails to the main provider, and to the fallback while the main one is down."""

from collections.abc import Mapping

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender
from keyturn.service.outbox.message import Message, Sent, new_key
from keyturn.service.outbox.queue import Outbox
from keyturn.service.reset.records.messages import REQUESTS
from keyturn.service.sending.senders import Breaker, Pace

_FAILURES_UNTIL_DOWN = 4
"""Tries in a row that fail before the main provider counts as down: fewer may be one short outage.
"""


class Failover:
    """Hands a mail to the main provider or to the fallback, and never the same mail to both.

    If the answer of a provider was lost, it may have the mail. Then only this provider is asked
    again, since it may know the idempotency key. The fallback is asked if the main provider rejects
    the key or the log-in of the settings, or is down: in four tries in a row, of any mails, it was
    not reached or had a fault of its own.

    `paces`: the pace of each provider; None for a provider without a rate. Mails with links wait
    behind all other mails, since strangers cause them.
    """

    def __init__(
        self,
        outbox: Outbox,
        first: Sender,
        second: Sender | None = None,
        paces: Mapping[str, Pace | None] = {},
    ) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._both = [one for one in (first, second) if one]
        self._paces = paces
        self._breaker = Breaker(_FAILURES_UNTIL_DOWN)

    def choose(self, message: Message) -> Sender:
        """Return the provider for this try.

        Raises SendRefused if the provider that may have the mail is not in the settings any more.
        """
        if not message.sender:
            if self._second is None or self._breaker.admits():
                return self._first
            return self._second
        for provider in self._both:
            if provider.name == message.sender:
                return provider
        raise SendRefused(f"{message.sender} may have it, and is no longer in the settings")

    async def send(self, message: Message, email: Email, provider: Sender) -> Sent:
        """Hand over the mail of a message.

        The provider may have another mail under the same key already: a database that was restored
        from a backup does not know it. A mail that was written in this try then gets a new key. If
        that fails, the next try is refused, until an operator runs `outbox retry --dead`.

        Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost.
        """
        if message.sealed and message.sender is None:
            await self._outbox.change(message, sender=provider.name)
        try:
            return await self._hand_over(message, email, provider)
        except SendRefused as refusal:
            if refusal.key_used and not message.sealed:
                renamed = await self._outbox.change(message, key=new_key())
                return await self._hand_over(renamed, email, provider)
            second = self._second
            if not refusal.account or second is None or provider is second:
                raise
            if message.sender:  # this provider may have the mail from an earlier try
                raise
        await self._outbox.change(message, sender=second.name)
        return await self._hand_over(message, email, second)

    async def close(self) -> None:
        for provider in self._both:
            await provider.close()

    async def _hand_over(self, message: Message, email: Email, provider: Sender) -> Sent:
        pace = self._paces.get(provider.name)
        try:
            if pace:
                await pace.turn(first=message.kind not in REQUESTS)
            provider_id = await provider.send(email, message.key)
        except QuotaExhausted:
            await self._note_not_accepted(message)
            raise
        except SendRetryable as failure:
            if failure.down and provider is self._first:
                self._breaker.count_failure()
            if failure.not_accepted:
                await self._note_not_accepted(message)
            raise
        if provider is self._first:
            self._breaker.count_success()
        return Sent(provider.name, provider_id)

    async def _note_not_accepted(self, message: Message) -> None:
        """Let a later try choose its provider, unless an earlier one may have the mail."""
        if message.sender is None:
            await self._outbox.change(message, sender=None)
