"""A mail as an app sends it, and the limits of the server that captures it."""

from email.message import EmailMessage

from keyturn.studio.inbox.smtp_server import SmtpLimits, SmtpTls

LIMITS = SmtpLimits(size=64 * 1024, recipients=3, connections=2, idle=5)


def mail(
    subject: str = "Welcome", to: str = "ada@northwind.example", text: str = "Hello Ada", html: str = ""
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
