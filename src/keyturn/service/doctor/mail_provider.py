"""Checks a mail provider."""

from collections.abc import Sequence

from keyturn.mail.addresses import parse_sender
from keyturn.mail.port.check_result import CheckResult, ok, warn
from keyturn.mail.port.provider import CheckedSender, Provider
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import Settings


async def check_provider(settings: Settings, name: str) -> Sequence[CheckResult]:
    """Ask a provider whether it would take mails from this sender. No mail is sent."""
    if name not in PROVIDERS:
        message = f"mails are saved in {settings.mail.capture_dir} and not sent"
        if settings.environment == "production":
            fix = 'Set mail.transport to "resend", "smtp" or another provider.'
            return [warn(message, fix)]
        return [ok(message)]
    mailbox = parse_sender(settings.mail.from_)
    sender = CheckedSender(
        address=mailbox.address, domain=mailbox.domain, timeout=settings.worker.timeout
    )
    provider: Provider = getattr(settings, name)
    return await provider.check(sender)
