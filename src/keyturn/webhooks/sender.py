"""Sends one signed POST for each try, and decides by the answer about the next."""

import asyncio
import base64
import contextlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import httpx

import keyturn
from keyturn.errors import SendRefused, SendRetryable
from keyturn.http_client import HttpClient, ReopenedClient, read_bounded, retry_after
from keyturn.keys import webhook_key

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
"""Bytes of an answer that are read, so that its connection can be used again."""


class EventPoster:
    """Posts events over connections that it keeps. No redirect is followed.

    `timeout`: for a try, until the answer begins. `longest`: bytes of an answer that are read, within `patience`.
    """

    def __init__(
        self,
        timeout: timedelta,
        content_type: str,
        longest: int = _LONGEST_ANSWER,
        patience: timedelta = timedelta(seconds=1),
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._patience = patience.total_seconds()
        self._longest = longest
        # A redirect is a failure: the operator has to fix the setting ("Delivery success and failure" in the
        # specification). Also, a redirect could point into our own network (OWASP SSRF Prevention Cheat Sheet).
        open_client = partial(
            HttpClient,
            timeout=None,  # each try has a limit for its whole duration
            follow_redirects=False,
            headers={"content-type": content_type, "user-agent": f"keyturn/{keyturn.__version__}"},
        )
        self._client = ReopenedClient(open_client)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
        """Return the answer and its body, b"" for one that is long, slow or broken. Raises SendRetryable."""
        try:
            async with asyncio.timeout(self._timeout):
                request = self._client.http.build_request("POST", url, content=body, headers=dict(headers))
                answer = await self._client.http.send(request, stream=True)
        except TimeoutError:
            raise SendRetryable(f"no answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SendRetryable(type(error).__name__) from None
        return answer, await self._finish(answer)

    async def close(self) -> None:
        await self._client.close()

    async def _finish(self, answer: httpx.Response) -> bytes:
        """Read a short answer to its end, and give up on any other: the status counts."""
        try:
            with contextlib.suppress(httpx.HTTPError, TimeoutError):
                async with asyncio.timeout(self._patience):
                    return await read_bounded(answer, self._longest) or b""
            return b""
        finally:
            await answer.aclose()


class WebhookSender:
    """Sends events to one URL. `timeout` is for a whole try. Raises ValueError for a malformed secret."""

    name = "webhook"

    def __init__(self, url: str, secrets: Sequence[str], timeout: timedelta) -> None:
        self._url = url
        self._signer = Signer(secrets)
        self._poster = EventPoster(timeout, "application/json")
        self.close = self._poster.close

    async def send(self, identity: str, body: bytes, moment: datetime) -> str:
        """Deliver the event, and return the status of the answer. Raises SendRetryable, SendRefused.

        `identity` is the same on every try, so that the app can detect a repeat; `moment` is the time of the try.
        """
        answer, _ = await self._poster.post(self._url, body, self._signer.headers(identity, moment, body))
        if answer.status_code == httpx.codes.GONE:
            raise SendRefused(f"{status_of(answer)}: the app no longer accepts webhooks at webhooks.url")
        return accepted_status(answer, moment)


def accepted_status(answer: httpx.Response, moment: datetime) -> str:
    """Return the status of a good answer. Raises SendRetryable for any other ("Delivery success and failure")."""
    if answer.is_success:
        return str(answer.status_code)
    raise SendRetryable(status_of(answer), retry_after(answer.headers, moment))


def status_of(answer: httpx.Response) -> str:
    return f"{answer.status_code} {httpx.codes.get_reason_phrase(answer.status_code)}".strip()
