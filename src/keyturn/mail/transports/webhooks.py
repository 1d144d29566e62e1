"""Whose reports the settings can verify. Each is imported only where it is used: Resend's SDK alone takes 0.2 s."""

from collections.abc import Mapping

from keyturn.mail.transports.reports import ProviderWebhook
from keyturn.settings import Settings
from keyturn.settings.rules.reports import PROOFS, proofs_of


def provider_webhooks(settings: Settings) -> Mapping[str, ProviderWebhook]:
    """Return who may report, by name: each provider that the settings hold a secret for, whichever transport is used.

    Reports of mails come for days, also after another transport was chosen.
    """
    proofs = {provider: [text for text in proofs_of(settings, provider) if text] for provider in PROOFS}
    return {provider: _webhook(provider, *texts) for provider, texts in proofs.items() if texts}


def _webhook(provider: str, *proofs: str) -> ProviderWebhook:
    match provider:
        case "resend":
            from keyturn.mail.transports.resend.webhook import ResendWebhook  # noqa: PLC0415

            return ResendWebhook(*proofs)
        case "postmark":
            from keyturn.mail.transports.postmark.webhook import PostmarkWebhook  # noqa: PLC0415

            return PostmarkWebhook(*proofs)
        case "mailgun":
            from keyturn.mail.transports.mailgun.webhook import MailgunWebhook  # noqa: PLC0415

            return MailgunWebhook(*proofs)
        case "ses":
            from keyturn.mail.transports.ses.webhook import SesWebhook  # noqa: PLC0415

            return SesWebhook(*proofs)
        case _:
            from keyturn.mail.transports.sendgrid.webhook import SendGridWebhook  # noqa: PLC0415

            return SendGridWebhook(*proofs)
