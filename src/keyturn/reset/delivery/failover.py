"""Which transport a mail is handed to."""

from keyturn.errors import SendRefused
from keyturn.mail.transports.email import Email, Sender
from keyturn.outbox import Message, Outbox, Sent


class TransportFailover:
    """Hands a mail to the transport of the settings, or to the one to fall back to, so that two never get the same one.

    A transport that may have a mail, since its answer was lost, is the only one that is asked again for it: it knows
    the idempotency key. The other is asked where the first refuses our key or log-in, or certainly was not reached
    in `patience` tries.
    """

    def __init__(self, outbox: Outbox, first: Sender, second: Sender | None = None, patience: int = 4) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._patience = patience

    @property
    def first_name(self) -> str:
        return self._first.name

    async def send(self, message: Message, email: Email) -> Sent:
        """Hand over the mail of a message. Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost."""
        sender = self._choose(message)
        if message.sealed and message.sender is None:
            await self._outbox.reserve_transport(message, sender.name)
        try:
            return Sent(sender.name, await sender.send(email, message.key))
        except SendRefused as refusal:
            if not refusal.account or not self._second or sender is self._second or message.sender:
                raise
        await self._outbox.reserve_transport(message, self._second.name)
        return Sent(self._second.name, await self._second.send(email, message.key))

    async def close(self) -> None:
        await self._first.close()
        if self._second:
            await self._second.close()

    def _choose(self, message: Message) -> Sender:
        if not self._second:
            return self._first
        if message.sender:
            return self._second if message.sender == self._second.name else self._first
        return self._second if message.attempts > self._patience else self._first
