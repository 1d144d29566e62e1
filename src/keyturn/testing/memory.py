"""A sender that keeps the mails."""

from keyturn.errors import SendFailed
from keyturn.mail.port.email import Email


class MemorySender:
    """Keeps mails, in order, in `sent`. After `refuse`, the next mail raises that error."""

    name = "memory"

    def __init__(self) -> None:
        self.sent: list[Email] = []
        self._ids: dict[str, str] = {}
        self._refusals: list[SendFailed] = []

    async def send(self, email: Email, idempotency_key: str) -> str:
        if self._refusals:
            raise self._refusals.pop(0)
        if idempotency_key not in self._ids:
            self.sent.append(email)
            self._ids[idempotency_key] = f"memory-{len(self.sent)}"
        return self._ids[idempotency_key]

    def refuse(self, error: SendFailed) -> None:
        """Make the next mail fail, to test the app's reaction."""
        self._refusals.append(error)

    async def close(self) -> None:
        pass
