"""Sending over SMTP, with STARTTLS or TLS and a log-in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import aiosmtplib

from keyturn.errors import SendFailed, SendRefused, SendRetryable
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.mime import to_mime
from keyturn.settings import SmtpSettings

_PERMANENT = 500
"""RFC 5321 4.2.1: a reply of 5yz is permanent, 4yz may work later."""


class SmtpSender:
    """Sends with a mail server.

    SMTP knows no idempotency key; the Message-ID is made of it, so that mail programs can fold a repeat.
    """

    name = "smtp"

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail to the server; return its Message-ID."""
        message = to_mime(email, message_id=idempotency_key, date=datetime.now(UTC))
        await hand_over(message, self._settings)
        return str(message["Message-ID"])

    async def close(self) -> None:
        pass


async def hand_over(
    message: EmailMessage | bytes, settings: SmtpSettings, sender: str | None = None, recipients: Sequence[str] = ()
) -> None:
    """Give a message to the server; a bare one needs the envelope, too. Raises SendRetryable or SendRefused."""
    try:
        await aiosmtplib.send(message, sender=sender, recipients=recipients or None, **connection_options(settings))
    except aiosmtplib.SMTPAuthenticationError as error:
        raise SendRefused(f"SMTP {error.code}", account=True) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _failure_of(error.code) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _failure_of(min(refusal.code for refusal in error.recipients)) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        # What is underneath says more: SSLCertVerificationError, not SMTPConnectError.
        unheard = isinstance(error, (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError))
        raise SendRetryable(type(error.__cause__ or error).__name__, not_accepted=unheard) from None


def connection_options(settings: SmtpSettings) -> dict[str, Any]:
    """Return what aiosmtplib takes to connect, to encrypt and to log in."""
    return {
        "hostname": settings.host,
        "port": settings.port,
        "username": settings.username or None,
        "password": str(settings.password) or None,
        "use_tls": settings.security == "tls",
        "start_tls": settings.security == "starttls",
        "timeout": settings.timeout.total_seconds(),
    }


def _failure_of(code: int) -> SendFailed:
    """Return what a reply means: a server that refuses has not taken the mail."""
    reason = f"SMTP {code}"
    return SendRefused(reason) if code >= _PERMANENT else SendRetryable(reason, not_accepted=True)
