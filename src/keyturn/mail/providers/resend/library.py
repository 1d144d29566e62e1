"""Sends and verifies with Resend's own library, over our HTTP client.

The library has no time-out for a whole call, and reads answers without a bound; it raises the same
error for a refusal and for a lost answer. So it gets a client of ours, an `AsyncHTTPClient` as its
documentation describes (https://github.com/resend/resend-python#async-support), and an answer is
judged by its own status and bytes.

The library's key, address and client are globals of its module, which a host application may use,
too. Keyturn sets the client alone. Our client acts within Keyturn's own calls, and hands all others
to the client that was set before.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import msgspec
import resend
from resend.exceptions import ResendError
from resend.http_client_async import AsyncHTTPClient

from keyturn.context_values import within
from keyturn.http_client import Answer

Post = Callable[[Mapping[str, str], bytes], Awaitable[Answer]]
"""Posts headers and a body to Resend with Keyturn's key. Raises SendFailed."""


class NoCall(Exception):
    """The library returned, or failed, without a call of our client."""


class _Call:
    """A call that hands over an email of Keyturn's, with its answer or its failure."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.answer: Answer | None = None
        self.failure: Exception | None = None


_CALL: ContextVar[_Call | None] = ContextVar("keyturn_resend_call", default=None)


class _Client(AsyncHTTPClient):
    """Makes Keyturn's calls, and hands all others to `other`, the client that was set before."""

    def __init__(self, other: AsyncHTTPClient | None) -> None:
        self._other = other
        # In place of the client that it made itself, the library takes the host's, which is in
        # `default_http_client`.
        made_by_library = getattr(resend, "_auto_async_http_client", None)
        self._may_be_replaced = other is None or other is made_by_library

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        call = _CALL.get()
        if call is None:
            # The clients of older versions know neither files nor data.
            given: dict[str, Any] = {}
            if files is not None:
                given["files"] = files
            if data is not None:
                given["data"] = data
            return await self._host_client().request(
                method=method, url=url, headers=headers, json=json, **given
            )
        sent = {name.lower(): text for name, text in headers.items()}
        # The library's key is the host application's. `post` adds Keyturn's.
        sent.pop("authorization", None)
        sent["content-type"] = "application/json"
        try:
            answer = await call.post(sent, msgspec.json.encode(json))
        except Exception as failure:
            call.failure = failure
            raise
        call.answer = answer
        return answer.body, answer.status, answer.headers

    def _host_client(self) -> AsyncHTTPClient:
        own: Any = resend.default_http_client
        if self._may_be_replaced and isinstance(own, AsyncHTTPClient):
            return own
        if self._other is None:
            raise ResendError(
                code=500,
                message="No async HTTP client configured. Install httpx with: pip install "
                "resend[async]",
                error_type="AsyncClientNotConfigured",
                suggested_action="Run: pip install resend[async]",
            )
        return self._other


def _install() -> None:
    """Set our client as the library's.

    It is done before each call, because the host application may have set another client since.
    """
    if not isinstance(resend.default_async_http_client, _Client):
        resend.default_async_http_client = _Client(resend.default_async_http_client)


async def send(fields: Mapping[str, Any], idempotency_key: str, post: Post) -> Answer:
    """Send an email by the library; return Resend's answer, whatever its status.

    The library's own verdict is not used: it takes a lost answer for a refusal, and a 200 with a
    cut body for a 500.

    Raises what `post` raises, and NoCall.
    """
    _install()
    call = _Call(post)
    params: Any = fields
    options: resend.Emails.SendOptions = {"idempotency_key": idempotency_key}
    with within(_CALL, call):
        try:
            await resend.Emails.send_async(params, options)
        except Exception as error:  # the call itself says what became of it
            if call.failure is None and call.answer is None:
                raise NoCall(type(error).__name__) from error
    if call.failure:
        raise call.failure
    if call.answer is None:
        raise NoCall
    return call.answer


def verify(
    key: bytes, delivery: str, timestamp: str, signatures: Sequence[str], body: bytes
) -> None:
    """Raise ValueError unless one of the signatures proves a report.

    Some versions of the library raise TypeError for a signature outside ASCII, and RecursionError
    for deep JSON.
    """
    # The library takes a signature of any version; only "v1" is HMAC-SHA256.
    known = [signature for signature in signatures if signature.startswith("v1,")]
    if not known:
        raise ValueError("no signature is of a known version")
    options: resend.VerifyWebhookOptions = {
        "payload": body.decode(),
        "headers": {"id": delivery, "timestamp": timestamp, "signature": " ".join(known)},
        "webhook_secret": f"whsec_{base64.b64encode(key).decode()}",
    }
    try:
        resend.Webhooks.verify(options)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the report cannot be verified: {type(error).__name__}") from None
