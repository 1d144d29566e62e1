"""From a notice in the outbox to the app: what the relay calls for each webhook."""

from typing import TYPE_CHECKING

import msgspec

from keyturn.database import now
from keyturn.outbox import Message, Sent, Settlement
from keyturn.reset.records.messages import AppEvent

if TYPE_CHECKING:
    from keyturn.webhooks.sender import WebhookSender  # with httpx, which takes 50 ms: who has no webhook needs none


class WebhookHandler:
    """The outbox's handler for webhooks."""

    def __init__(self, sender: "WebhookSender") -> None:
        self._sender = sender

    async def __call__(self, message: Message) -> Settlement:
        """Tell the app, under the message's key. Raises SendRetryable, SendRefused."""
        notice = msgspec.json.decode(message.payload, type=AppEvent)
        return Sent(self._sender.name, await self._sender.send(message.key, bytes(notice.event), now()))
