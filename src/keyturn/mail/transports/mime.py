"""A mail as an RFC 5322 message."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from keyturn.mail.transports.email import Email


def to_mime(email: Email, *, message_id: str, date: datetime) -> EmailMessage:
    """Return a multipart/alternative message, the text first, as RFC 2046 5.1.4 orders it: from plain to rich.

    The Message-ID is made of `message_id` and the sender's domain, so that it is the same on every try.
    """
    domain = parseaddr(email.sender)[1].rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = email.sender
    message["To"] = email.to
    if email.reply_to:
        message["Reply-To"] = email.reply_to
    message["Subject"] = email.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}@{domain}>"
    for name, value in email.headers.items():
        message[name] = value
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    return message
