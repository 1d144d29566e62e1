"""A preview as a real mail in somebody's inbox, through the team's own mail provider."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from keyturn.addresses import parse
from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.rendering.compiling import Rendered
from keyturn.problems.requests import InputInvalid


@dataclass(frozen=True, slots=True)
class MailProvider:
    """A way to send mails. `open` makes the sender with the first of them: an SDK takes its time to load."""

    name: str
    open: Callable[[], Sender]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail: the provider's `id` for it, or the `fault`: why it was not sent, and what to do."""

    to: str
    id: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends single mails: they are meant for one's own mailbox, so no list and no queue."""

    provider: MailProvider
    sender: str

    async def send(self, mail: Rendered, to: str) -> Outcome:
        """Send a mail as it is seen; the subject says that it is a preview."""
        try:
            address = parse(to)
        except InputInvalid:
            return Outcome(to, fault=f"{to or 'That'} is not an email address.")
        email = Email(
            sender=self.sender, to=address, subject=f"[Preview] {mail.subject}", html=mail.html, text=mail.text
        )
        sender = self.provider.open()
        try:
            return Outcome(address, id=await sender.send(email, uuid4().hex))
        except SendFailed as error:
            return Outcome(address, fault=way_out(error, self.provider.name))
        finally:
            await sender.close()


def way_out(error: SendFailed, provider: str) -> str:
    """Say what became of a mail that was not sent, and what to do."""
    match error:
        case QuotaExhausted(until=until):
            return f"{provider} takes no more mails until {until:%H:%M} UTC: {error.reason}."
        case SendRefused(account=True):
            return f"{provider} refused the key or log-in: {error.reason}. Check the settings of the provider."
        case SendRefused():
            return f"{provider} refused the mail: {error.reason}. Check From and the address."
        case _:
            return f"{provider} could not be reached: {error.reason}. Try again."
