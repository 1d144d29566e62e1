"""The one value that crosses from rendering to sending, and the port through which it is sent."""

from email.utils import formataddr
from typing import Protocol

import msgspec


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is ready to be sent: nothing is added to it later, so every try sends the same bytes."""

    sender: str
    to: str
    subject: str
    html: str
    text: str
    reply_to: str = ""
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}


class Sender(Protocol):
    """Hands mails to somebody who delivers them."""

    name: str

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Return the provider's id for the mail, once the provider has accepted it.

        The same key with the same mail is accepted once where the provider knows keys. Raises SendRetryable,
        QuotaExhausted, SendRefused, and SendUnknown where a repeat would be a second mail.
        """
        ...

    async def close(self) -> None: ...


def local_sender(name: str, address: str = "") -> str:
    """Return who mails come from where nobody was named: they never leave the machine."""
    return formataddr((name, address or "no-reply@localhost"))
