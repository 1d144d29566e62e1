"""Webhooks, those that come in and those that go out: secrets that can sign, and an address that may be called."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from keyturn.errors import Fault
from keyturn.settings.model import Settings, WebhookSettings
from keyturn.settings.url_rules import service_faults

_PREFIX = "whsec_"
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
"""Bytes (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)."""

_SHORTEST_PASSWORD = 32
"""Characters: random ones hold the 128 bits that NIST SP 800-131A asks of a key."""

_PASSWORD = re.compile(rf"[A-Za-z0-9_-]{{{_SHORTEST_PASSWORD},}}")
"""What stands in an address as it is."""


def webhook_faults(settings: Settings) -> Iterator[Fault]:
    hooks = settings.webhooks
    yield from _report_faults(settings)
    yield from _secret("webhooks.secret", hooks.secret, "a signing secret")
    yield from _secret("webhooks.previous_secret", hooks.previous_secret, "a signing secret")
    if hooks.url:
        production = settings.environment == "production"
        faults = list(service_faults("webhooks.url", hooks.url, production=production))
        yield from faults
        if not faults and "@" in urlsplit(hooks.url).netloc:
            yield Fault("webhooks.url", "holds a user or a password: that it is Keyturn is told by the signature")
        if not hooks.secret:
            yield Fault("webhooks.secret", "missing: webhooks.url is set")
        if not hooks.events:
            yield Fault("webhooks.events", f"is empty: name one or more of {', '.join(WebhookSettings().events)}")
    elif hooks.secret:
        yield Fault("webhooks.url", "missing: webhooks.secret is set")
    if hooks.previous_secret and not hooks.secret:
        yield Fault("webhooks.previous_secret", "is the older of two, and webhooks.secret is not set")


def _report_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong with the secrets by which providers' reports are known."""
    for key in ("webhook_secret", "previous_webhook_secret"):
        yield from _secret(f"resend.{key}", getattr(settings.resend, key), "a signing secret of Resend's")
        password = getattr(settings.postmark, key)
        if password and not _PASSWORD.fullmatch(password):
            yield Fault(f"postmark.{key}", f"must be {_SHORTEST_PASSWORD} or more letters, digits, - and _")
    for provider in ("resend", "postmark"):
        section = getattr(settings, provider)
        if section.previous_webhook_secret and not section.webhook_secret:
            older = f"is the older of two, and {provider}.webhook_secret is not set"
            yield Fault(f"{provider}.previous_webhook_secret", older)


def _secret(name: str, secret: str, whose: str) -> Iterator[Fault]:
    if secret:
        try:
            webhook_key(secret)
        except ValueError:
            yield Fault(name, f"not {whose}: they are {_PREFIX} and base64 of {_SHORTEST_KEY} to {_LONGEST_KEY} bytes")


def webhook_key(secret: str) -> bytes:
    """Return the key that a webhook's secret holds. Raises ValueError where it holds none."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError("not a webhook's secret")
    return key
