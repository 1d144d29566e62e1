"""A mail as an app sends it, and the limits of the server that captures it."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.smtp_server import SmtpLimits, SmtpTls
from keyturn.studio.inbox.store import CapturedMails

LIMITS = SmtpLimits(size=64 * 1024, recipients=3, connections=2, idle=5)


class WatchedMails(CapturedMails):
    """Does `then` once a look for mails has found none."""

    then: Callable[[], object] | None = None

    def newest(self, *match: Any, **bounds: Any) -> list[CapturedMail]:
        found, then = super().newest(*match, **bounds), self.then
        if then and not found:
            self.then = None
            then()
        return found


def mail(
    subject: str = "Welcome",
    to: str = "ada@northwind.example",
    text: str = "Hello Ada",
    html: str = "",
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Northwind School <no-reply@northwind.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Fri, 20 Nov 2026 14:02:11 +0000"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def secure_port(tls: SmtpTls) -> int:
    """Return the port on which TLS begins at once."""
    assert tls.at_once
    return int(tls.at_once.getsockname()[1])
