"""Sends one email to the operator through each provider of the settings: `keyturn doctor
--send-to`.
"""

import asyncio
from collections.abc import Sequence
from html import escape

from msgspec.structs import replace

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.mail.port.check_result import CheckResult, fail, ok
from keyturn.mail.port.email import Email, local_sender
from keyturn.service.outbox.message import new_key
from keyturn.service.sending.senders import sender_for
from keyturn.service.settings import LONGEST_TRY, Settings


async def send_to(settings: Settings, address: str) -> list[CheckResult]:
    """Send an email to the address through each provider, and return a finding about each answer.

    The providers are `mail.transport` and, if it is set, `mail.fallback`. The outbox is not used.
    Raises SettingsInvalid if a provider's library is not installed.
    """
    names = [settings.mail.transport]
    if settings.mail.fallback:
        names.append(settings.mail.fallback)
    findings = []
    for name in names:
        finding = await _send_through(name, settings, address)
        findings.append(replace(finding, check=name))
    return findings


async def _send_through(name: str, settings: Settings, address: str) -> CheckResult:
    sender = sender_for(name, settings)
    longest = LONGEST_TRY.total_seconds()
    look = f"Look into the mailbox of {address}, then try again."
    try:
        async with asyncio.timeout(longest):
            provider_id = await sender.send(_email(settings, name, address), new_key())
    except TimeoutError:
        message = f"{name} gave no answer within {longest:g} s: it may send the email later"
        return fail(message, look)
    except QuotaExhausted as failure:
        until = f"{failure.until:%Y-%m-%d %H:%M} UTC ({failure.reason})"
        fix = "Wait until then, or ask the provider for more."
        return fail(f"{name} takes no email before {until}", fix)
    except SendRefused as failure:
        fix = "Run `keyturn doctor`, which says what to correct."
        return fail(f"{name} refused the email: {failure.reason}", fix)
    except SendRetryable as failure:
        if not failure.not_accepted:
            return fail(f"{name} may send the email, but did not say so: {failure.reason}", look)
        fix = "Run `keyturn doctor`, or try again later."
        return fail(f"{name} did not take the email: {failure.reason}", fix)
    finally:
        await sender.close()
    if name == "capture":
        file = f"{provider_id}.eml in {settings.mail.capture_dir}"
        return ok(f"the email was saved as {file}, and not sent")
    return ok(f"{name} accepted the email to {address} as {provider_id}")


def _email(settings: Settings, name: str, address: str) -> Email:
    """Return the email. Its text is in English, like everything that operators read."""
    brand = settings.brand.name
    sentences: Sequence[str] = (
        f"This is a test email of Keyturn for {brand}, sent through {name}.",
        "An operator requested it with `keyturn doctor --send-to`.",
    )
    return Email(
        sender=settings.mail.from_ or local_sender(brand, settings.brand.support_address),
        to=address,
        reply_to=settings.brand.support_address,
        subject=f"Test email of {brand}",
        html="".join(f"<p>{escape(sentence)}</p>" for sentence in sentences),
        text="\n".join(sentences) + "\n",
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},  # RFC 3834
        tags={"template": "test"},
    )
