"""The one value that crosses from rendering to sending, and the port through which it is sent."""

from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import formataddr, parseaddr
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class KeepsPace(Protocol):
    """A sender that waits for its turn at the provider."""

    def first_in_line(self) -> Sender:
        """Return the same sender for mails that wait for no others. Closing this one closes both."""
        ...


def first_in_line(sender: Sender) -> Sender:
    """Return the sender for mails that wait for no others; one that keeps no pace is it already."""
    return sender.first_in_line() if isinstance(sender, KeepsPace) else sender


def local_sender(name: str, address: str = "") -> str:
    """Return who mails come from where nobody was named: they never leave the machine."""
    return formataddr((name, address or "no-reply@localhost"))


def name_and_address(mailbox: str) -> tuple[str, str]:
    """Return who a header's mailbox names, as people read it: a name that was encoded (RFC 2047) is decoded."""
    name, address = parseaddr(mailbox)
    try:
        return str(make_header(decode_header(name))), address
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return name, address
