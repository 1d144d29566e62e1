"""Something happened that the app wants to hear of: the webhook that tells it."""

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from keyturn.database import now
from keyturn.outbox import Delivery, Dropped, Message, Sent
from keyturn.reset.records.messages import AppEvent

if TYPE_CHECKING:
    from keyturn.webhooks.sender import WebhookSender  # with httpx, which takes 50 ms: who has no webhook needs none


async def drop_webhook(_: Message) -> Dropped:
    """Settle a webhook that was promised before `webhooks.url` was taken out of the settings."""
    return Dropped("webhooks.url is not set any more")


class WebhookHandler:
    """Tells the app of an event."""

    def __init__(self, sender: "WebhookSender") -> None:
        self._sender = sender

    async def __call__(self, message: Message) -> Delivery:
        """Return what tells the app, under the message's key, and raises SendRetryable, SendRefused."""
        event = msgspec.json.decode(message.payload, type=AppEvent)
        return partial(self._send, message.key, bytes(event.event))

    async def _send(self, key: str, body: bytes) -> Sent:
        return Sent(self._sender.name, await self._sender.send(key, body, now()))
