"""A preview as a real mail, sent through the team's mail provider."""

from collections.abc import Callable
from uuid import uuid4

from msgspec import Struct

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.addresses import parse
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.rendering.compiling import Rendered


class MailProvider(Struct, frozen=True):
    """A way to send mails. `open` makes the sender when the first mail is sent: an HTTP client loads slowly."""

    name: str
    open: Callable[[], Sender]


class Outcome(Struct, frozen=True):
    """The outcome of one mail: the provider's `id`, or `fault`: why it was not sent, and what to do."""

    to: str
    id: str = ""
    fault: str = ""


async def send_preview(provider: MailProvider, sender: str, to: str, mail: Rendered) -> Outcome:
    """Send one mail to the reader's own mailbox, as it is seen; the subject says that it is a preview."""
    try:
        address, subject = parse(to), f"[Preview] {mail.subject}"
    except ValueError:
        says = f"{to} is not an email address." if to else "Enter an email address, such as name@example.org."
        return Outcome(to, fault=says)
    opened = provider.open()
    try:
        email = Email(sender=sender, to=address, subject=subject, html=mail.html, text=mail.text)
        return Outcome(address, id=await opened.send(email, uuid4().hex))
    except SendFailed as error:
        return Outcome(address, fault=_way_out(error, provider.name))
    finally:
        await opened.close()


def _way_out(error: SendFailed, provider: str) -> str:
    match error:
        case QuotaExhausted(until=until):
            return f"{provider} accepts no more mails until {until:%H:%M} UTC: {error.reason}."
        case SendRefused(account=True):
            return f"{provider} refused the key or login: {error.reason}. Check the provider's settings."
        case SendRefused():
            return f"{provider} refused the mail: {error.reason}. Check the sender and the recipient."
        case _:
            return f"{provider} could not be reached: {error.reason}. Try again."
