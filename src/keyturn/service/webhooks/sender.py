"""Sends one signed POST for each try, and decides by the answer about the next."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

import msgspec

from keyturn.errors import SendRefused, SendRetryable
from keyturn.http_client import CallFailed, HttpClient, retry_after
from keyturn.mail.port.webhook_keys import sign, webhook_key
from keyturn.service.clock import now
from keyturn.service.outbox.message import Message, Sent
from keyturn.service.reset.records.messages import AppEvent
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import Settings

_SUCCESS = 2
_LONGEST_ANSWER = 16_384
"""Bytes of an answer that are read; its status alone decides."""


class WebhookSender:
    """Posts events to one URL, within `timeout`.

    A redirect is a failure. Raises ValueError for a malformed secret.
    """

    def __init__(self, url: str, secrets: Sequence[str], timeout: timedelta) -> None:
        self._url = url
        self._keys = [webhook_key(secret) for secret in secrets]
        self._http = HttpClient(
            timeout.total_seconds(), _LONGEST_ANSWER, headers={"content-type": "application/json"}
        )
        self.close = self._http.close

    async def post(self, message: Message) -> Sent:
        """Send the event of a message under its key. Raises SendRetryable, SendRefused."""
        event = msgspec.json.decode(message.payload, type=AppEvent).event
        return Sent("webhook", await self.send(message.key, bytes(event), now()))

    async def send(self, identity: str, body: bytes, moment: datetime) -> str:
        """Deliver the event as Standard Webhooks say; return the answer's status.

        Raises SendRetryable, SendRefused.
        """
        timestamp = str(int(moment.timestamp()))
        signatures = " ".join(sign(key, identity, timestamp, body) for key in self._keys)
        headers = {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": signatures,
        }
        try:
            answer = await self._http.ask("POST", self._url, content=body, headers=headers)
        except CallFailed as error:
            raise SendRetryable(str(error)) from None
        if answer.status == HTTPStatus.GONE:
            raise SendRefused("410 Gone: the app no longer accepts webhooks at webhooks.url")
        if answer.status // 100 == _SUCCESS:
            return str(answer.status)
        raise SendRetryable(str(answer.status), retry_after(answer.headers, moment))


def build(settings: Settings, _: Stores) -> Callable[[], WebhookSender] | None:
    """Return what opens a sender, for a worker alone: its HTTP client takes 0.2 s and 5 MB."""
    hooks = settings.webhooks
    return (
        partial(WebhookSender, hooks.url, hooks.secrets, settings.worker.timeout)
        if hooks.url
        else None
    )
