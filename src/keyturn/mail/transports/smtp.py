"""Sending over SMTP, with STARTTLS or TLS and a log-in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiosmtplib

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.mime import bare_address, message_id_of, needs_utf8, to_mime
from keyturn.settings import SmtpSettings

_TRANSIENT, _PERMANENT = range(400, 500), range(500, 600)
"""RFC 5321 4.2.1: a reply of 5yz is permanent, 4yz may work later. There are no others that refuse."""


class SmtpSender:
    """Sends with a mail server.

    SMTP knows no idempotency key, so a mail arrives at least once: where the reply to the end of DATA is lost, it may
    come again (RFC 5321, 6.1). The Message-ID is made of the key, so that mail programs can fold a repeat.
    """

    name = "smtp"

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail to the server; return its Message-ID."""
        utf8 = needs_utf8(email)
        message = to_mime(email, key=idempotency_key, date=datetime.now(UTC), utf8=utf8)
        await hand_over(message, self._settings, bare_address(email.sender), [bare_address(email.to)], utf8=utf8)
        return message_id_of(email, idempotency_key)

    async def close(self) -> None:
        pass


async def hand_over(
    message: bytes, settings: SmtpSettings, sender: str, recipients: Sequence[str], *, utf8: bool = False
) -> None:
    """Give a message to the server; `utf8` where an address has letters beyond ASCII (RFC 6531, 3.1 and 3.6).

    Raises SendRetryable, SendUnknown where the server may have it, SendRefused.
    """
    try:
        await aiosmtplib.send(
            message,
            sender=sender,
            recipients=list(recipients),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"] if utf8 else [],
            **connection_options(settings),
        )
    except aiosmtplib.SMTPAuthenticationError as error:
        failure = _failure_of(error.code)  # 454 is a server that cannot look the account up now (RFC 4954, 4)
        raise SendRefused(failure.reason, account=True) if isinstance(failure, SendRefused) else failure from None
    except aiosmtplib.SMTPResponseException as error:
        raise _failure_of(error.code) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _failure_of(min(refusal.code for refusal in error.recipients)) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        # What is underneath says more: SSLCertVerificationError, not SMTPConnectError.
        reason = type(error.__cause__ or error).__name__
        if isinstance(error, (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError)):
            raise SendRetryable(reason, not_accepted=True) from None
        raise SendUnknown(reason) from None


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
    """Return what a reply means: a server that refuses has not taken the mail. What is no reply says nothing."""
    reason = f"SMTP {code}"
    if code in _PERMANENT:
        return SendRefused(reason)
    return SendRetryable(reason, not_accepted=True) if code in _TRANSIENT else SendUnknown(reason)
