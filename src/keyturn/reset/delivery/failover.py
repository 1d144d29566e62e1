"""Which transport a mail is handed to."""

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender, first_in_line
from keyturn.mail.sending.breaker import Breaker
from keyturn.outbox import Message, Outbox, Sent


class TransportFailover:
    """Hands a mail to the transport of the settings, or to the one to fall back to, so that two never get the same one.

    A transport that may have a mail, since its answer was lost, is the only one that is asked again for it: it may know
    the idempotency key, and two transports would be sure to send two mails. Where it certainly has not, the choice is
    made again. The other is asked where the first refuses our key or log-in, or is down for all: in `patience` tries in
    a row, of any mails, it was not reached or answered with a fault of its own.
    """

    def __init__(
        self,
        outbox: Outbox,
        first: Sender,
        second: Sender | None = None,
        patience: int = 4,
        *,
        breaker: Breaker | None = None,
    ) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._breaker = breaker or Breaker(patience)

    def first_in_line(self) -> "TransportFailover":
        """Return the same transports for mails that wait for no others in the provider's pace. Close the original."""
        second = first_in_line(self._second) if self._second else None
        return TransportFailover(self._outbox, first_in_line(self._first), second, breaker=self._breaker)

    def choose(self, message: Message) -> Sender:
        """Return which transport this try is for. It is noted with the message before it is asked."""
        if not self._second:
            return self._first
        if message.sender:
            return self._second if message.sender == self._second.name else self._first
        return self._first if self._breaker.admits() else self._second

    async def send(self, message: Message, email: Email, transport: Sender) -> Sent:
        """Hand over the mail of a message. Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost."""
        if message.sealed and message.sender is None:
            await self._outbox.reserve_transport(message, transport.name)
        try:
            return await self._hand_over(message, email, transport)
        except SendRefused as refusal:
            if not refusal.account or not self._second or transport is self._second or message.sender:
                raise
        await self._outbox.reserve_transport(message, self._second.name)
        return await self._hand_over(message, email, self._second)

    async def close(self) -> None:
        await self._first.close()
        if self._second:
            await self._second.close()

    async def _hand_over(self, message: Message, email: Email, transport: Sender) -> Sent:
        try:
            provider_id = await transport.send(email, message.key)
        except (SendRetryable, QuotaExhausted) as failure:
            if isinstance(failure, SendRetryable) and failure.down and transport is self._first:
                self._breaker.count_failure()
            if message.sender is None and (isinstance(failure, QuotaExhausted) or failure.not_accepted):
                await self._outbox.reserve_transport(message, None)
            raise
        if transport is self._first:
            self._breaker.count_success()
        return Sent(transport.name, provider_id)
