"""Which transport the settings ask for. Each is imported only where it is used: the SDK alone takes 0.2 s."""

from importlib.util import find_spec
from pathlib import Path

from keyturn.database import Database
from keyturn.mail.transports.email import Sender
from keyturn.mail.transports.pace import Pace, PacedSender
from keyturn.packaging import requires_extra
from keyturn.settings import Settings


def require_transports(settings: Settings) -> None:
    """Raise SettingsInvalid where the library of a transport is not installed; none is loaded."""
    if "smtp" in (settings.mail.transport, settings.mail.fallback):
        with requires_extra("smtp", "smtp", "mail.transport"):
            if find_spec("aiosmtplib") is None:
                raise ModuleNotFoundError(name="aiosmtplib")


def sender_for(transport: str, settings: Settings, database: Database | None = None) -> Sender:
    """Return the sender of a transport; with a database it keeps to the pace that all workers share.

    Raises SettingsInvalid where the transport's library is not installed.
    """
    sender = _sender_of(transport, settings)
    if database and (rate := getattr(getattr(settings, transport, None), "rate", None)):
        return PacedSender(sender, Pace(database, transport, rate))
    return sender


def _sender_of(transport: str, settings: Settings) -> Sender:
    match transport:
        case "resend":
            from keyturn.mail.transports.resend.sender import ResendSender  # noqa: PLC0415

            return ResendSender(settings.resend.api_key, settings.resend.api_url, settings.resend.timeout)
        case "postmark":
            from keyturn.mail.transports.postmark.sender import PostmarkSender  # noqa: PLC0415

            return PostmarkSender(settings.postmark)
        case "sendgrid":
            from keyturn.mail.transports.sendgrid.sender import SendGridSender  # noqa: PLC0415

            return SendGridSender(settings.sendgrid)
        case "mailgun":
            from keyturn.mail.transports.mailgun.sender import MailgunSender  # noqa: PLC0415

            return MailgunSender(settings.mailgun)
        case "ses":
            from keyturn.mail.transports.ses.sender import SesSender  # noqa: PLC0415

            return SesSender(settings.ses)
        case "smtp":
            with requires_extra("smtp", "smtp", "mail.transport"):
                from keyturn.mail.transports.smtp import SmtpSender  # noqa: PLC0415
            return SmtpSender(settings.smtp)
        case _:
            from keyturn.mail.transports.capture import CaptureSender  # noqa: PLC0415

            return CaptureSender(Path(settings.mail.capture_dir))
