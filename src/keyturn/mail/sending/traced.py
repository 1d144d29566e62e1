"""A sender whose calls are spans, so that a slow provider shows in a trace."""

from keyturn.mail.port.email import Email, Sender, first_in_line
from keyturn.telemetry.tracing import Tracing


class TracedSender:
    """Sends through another sender, each call in a span."""

    def __init__(self, sender: Sender, tracing: Tracing) -> None:
        self.name = sender.name
        self._sender = sender
        self._tracing = tracing

    async def send(self, email: Email, idempotency_key: str) -> str:
        with self._tracing.span("mail.send", {"keyturn.transport": self.name}):
            return await self._sender.send(email, idempotency_key)

    def first_in_line(self) -> "TracedSender":
        return TracedSender(first_in_line(self._sender), self._tracing)

    async def close(self) -> None:
        await self._sender.close()
