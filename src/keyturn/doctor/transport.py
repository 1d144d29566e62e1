"""Mails that are written to files instead of being sent."""

from keyturn.doctor.finding import Finding
from keyturn.settings import Settings


async def check_capture(settings: Settings) -> list[Finding]:
    where = f"mails are written to {settings.mail.capture_dir}, none is sent"
    if settings.environment == "production":
        return [Finding("capture", "warn", where, 'Set mail.transport to "resend", "smtp" or another provider.')]
    return [Finding("capture", "ok", where)]
