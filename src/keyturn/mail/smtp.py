"""Sending over SMTP, with STARTTLS or TLS and a log-in."""

from datetime import UTC, datetime

import aiosmtplib

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.email import Email
from keyturn.mail.mime import to_mime
from keyturn.settings import SmtpSettings

_PERMANENT = 500
"""RFC 5321 4.2.1: a reply of 5yz is permanent, 4yz may work later."""


class SmtpSender:
    """SMTP knows no idempotency key; the Message-ID is made of it, so that mail programs can fold a repeat."""

    name = "smtp"

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail to the server; return its Message-ID."""
        message = to_mime(email, message_id=idempotency_key, date=datetime.now(UTC))
        s = self._settings
        try:
            await aiosmtplib.send(
                message,
                hostname=s.host,
                port=s.port,
                username=s.username or None,
                password=str(s.password) or None,
                use_tls=s.security == "tls",
                start_tls=s.security == "starttls",
                timeout=s.timeout.total_seconds(),
            )
        except aiosmtplib.SMTPResponseException as error:
            raise (SendRefused if error.code >= _PERMANENT else SendRetryable)(f"SMTP {error.code}") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            raise (SendRefused if min(codes) >= _PERMANENT else SendRetryable)(f"SMTP {min(codes)}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            # What is underneath says more: SSLCertVerificationError, not SMTPConnectError.
            raise SendRetryable(type(error.__cause__ or error).__name__) from None
        return str(message["Message-ID"])

    async def close(self) -> None:
        pass
