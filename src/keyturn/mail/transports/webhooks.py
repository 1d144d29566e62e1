"""Whose reports the settings can verify. Each is imported only where it is used: Resend's SDK alone takes 0.2 s."""

from collections.abc import Mapping

from keyturn.mail.transports.reports import ProviderWebhook
from keyturn.settings import Settings


def provider_webhooks(settings: Settings) -> Mapping[str, ProviderWebhook]:
    """Return who may report, by name: each provider that the settings hold a secret for, whichever transport is used.

    Reports of mails come for days, also after another transport was chosen.
    """
    webhooks: dict[str, ProviderWebhook] = {}
    if secrets := _set(settings.resend.webhook_secret, settings.resend.previous_webhook_secret):
        from keyturn.mail.transports.resend.webhook import ResendWebhook  # noqa: PLC0415

        webhooks["resend"] = ResendWebhook(*secrets)
    if secrets := _set(settings.postmark.webhook_secret, settings.postmark.previous_webhook_secret):
        from keyturn.mail.transports.postmark.webhook import PostmarkWebhook  # noqa: PLC0415

        webhooks["postmark"] = PostmarkWebhook(*secrets)
    return webhooks


def _set(*secrets: str) -> list[str]:
    return [secret for secret in secrets if secret]
