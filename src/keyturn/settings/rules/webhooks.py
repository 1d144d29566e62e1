"""The webhook that goes out: a secret that can sign, and an address that may be called."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from keyturn.errors import Fault
from keyturn.settings.model import Settings, WebhookSettings
from keyturn.settings.url_rules import service_faults
from keyturn.webhook_secrets import FORM, webhook_key


def webhook_faults(settings: Settings) -> Iterator[Fault]:
    hooks = settings.webhooks
    yield from _secret("webhooks.secret", hooks.secret)
    yield from _secret("webhooks.previous_secret", hooks.previous_secret)
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


def _secret(name: str, secret: str) -> Iterator[Fault]:
    if secret:
        try:
            webhook_key(secret)
        except ValueError:
            yield Fault(name, f"not a signing secret: {FORM}")
