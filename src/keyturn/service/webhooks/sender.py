"""Sends one signed POST for each try, and decides by the answer about the next."""

import asyncio
import base64
import contextlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import httpx2

from keyturn.errors import SendRefused, SendRetryable
from keyturn.http_client import FAILURES, HttpClient, read_bounded, retry_after
from keyturn.mail.port.webhook_keys import webhook_key

# The signature (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)


class Signer:
    """Signs with every secret, so that the app can switch to a new one at any time."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raise ValueError for a secret that `webhook_key` refuses."""
        self._keys = [webhook_key(secret) for secret in secrets]

    def headers(self, identity: str, moment: datetime, body: bytes) -> Mapping[str, str]:
        """Return the three headers of one try: the event's identity, the time of the try, and the signatures."""
        timestamp = str(int(moment.timestamp()))
        signed = f"{identity}.{timestamp}.".encode() + body
        signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys)
        return {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


_LONGEST_ANSWER = 16_384
"""Bytes of an answer that are read, within `_PATIENCE`."""

_PATIENCE = 1  # second


class WebhookSender:
    """Posts events to one URL . A redirect is a failure: the operator has to fix the setting.

    `timeout`: for a try, until the answer begins. Raises ValueError for a malformed secret.
    """

    name = "webhook"

    def __init__(self, url: str, secrets: Sequence[str], timeout: timedelta) -> None:
        self._url = url
        self._signer = Signer(secrets)
        self._timeout = timeout.total_seconds()
        self._http = HttpClient(self._timeout, headers={"content-type": "application/json"})
        self.close = self._http.close

    async def send(self, identity: str, body: bytes, moment: datetime) -> str:
        """Deliver the event, and return the status of the answer. Raises SendRetryable, SendRefused.

        `identity` is the same on every try, so that the app can detect a repeat; `moment` is the time of the try.
        """
        headers = dict(self._signer.headers(identity, moment, body))
        try:
            async with self._http.stream("POST", self._url, content=body, headers=headers) as answer:
                await _finish(answer)
        except TimeoutError:
            raise SendRetryable(f"no answer within {self._timeout:g} s") from None
        except FAILURES as error:
            raise SendRetryable(type(error).__name__) from None
        if answer.status_code == httpx2.codes.GONE:
            raise SendRefused(f"{status_of(answer)}: the app no longer accepts webhooks at webhooks.url")
        if answer.is_success:
            return str(answer.status_code)
        raise SendRetryable(status_of(answer), retry_after(answer.headers, moment))


async def _finish(answer: httpx2.Response) -> None:
    """Read a short answer to its end, so that its connection can be used again. Give up on any other."""
    with contextlib.suppress(*FAILURES):
        async with asyncio.timeout(_PATIENCE):
            await read_bounded(answer, _LONGEST_ANSWER)


def status_of(answer: httpx2.Response) -> str:
    return f"{answer.status_code} {httpx2.codes.get_reason_phrase(answer.status_code)}".strip()
