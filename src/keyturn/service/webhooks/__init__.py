"""Sends events to an app by webhook.

The body is written together with the event. Its key survives an operator's retry, so that the app can detect a repeat.
The signature is one HMAC as in Standard Webhooks. The reference library verifies it in the tests; it could not prove
anything if it had also signed.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from keyturn.service.reset.events import EVENTS
from keyturn.service.settings import Settings

if TYPE_CHECKING:
    from keyturn.service.webhooks.sender import WebhookSender


class Webhooks:
    """The webhook of the settings. `events`: the events that it tells, none if it is off."""

    def __init__(self, settings: Settings) -> None:
        self._hooks, self._timeout = settings.webhooks, settings.worker.timeout
        self.events: Collection[str] = EVENTS if settings.webhooks.url else ()

    def sender(self) -> "WebhookSender | None":
        """Return what posts the events; None if it is off."""
        if not self.events:
            return None
        from keyturn.service.webhooks.sender import WebhookSender  # httpx takes 0.1 s

        return WebhookSender(self._hooks.url, self._hooks.secrets, self._timeout)
