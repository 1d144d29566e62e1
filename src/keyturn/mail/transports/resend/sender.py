"""Sending through Resend's own SDK, over a pooled client with short time-outs."""

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client_async import AsyncHTTPClient

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.http_client import HttpClient, read_bounded
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.reports import KEY_TAG

# https://resend.com/docs/api-reference/errors: what may work later, by the name of the error. Everything else that
# is neither a server's fault (5xx) nor a plain "too many requests" (429, as a proxy says it) is refused for good.
_RETRYABLE = {"concurrent_idempotent_requests", "resource_locked", "rate_limit_exceeded"}
_UNREACHABLE = "unreachable"
_NOT_RESENDS = {"application_error", "InternalServerError", "HttpClientError"}
"""How the SDK names what is no answer of Resend's: a page, JSON of another form, no answer. With a 4xx it is none."""
_UNHEARD = {_UNREACHABLE, "rate_limit_exceeded"}
_ACCOUNT = {401, 403}
_QUOTAS = {"daily_quota_exceeded", "monthly_quota_exceeded"}
_TOO_MANY, _SERVER_FAULT = 429, 500

_LONGEST_ANSWER = 2**20
"""Bytes: a page of the account's domains, which `keyturn doctor` asks for."""

_LONGEST_PAUSE = 600.0
"""Seconds: as long as the longest back-off, with which all tries end before Resend forgets the key after 24 hours."""


class ResendSender:
    """Sends with Resend.

    The SDK keeps its key and its client in module globals, so a process has one Resend account.
    """

    name = "resend"

    def __init__(self, api_key: str, api_url: str, timeout: timedelta) -> None:
        self._client = _PooledClient(timeout)
        resend.api_key = api_key
        resend.api_url = api_url.rstrip("/")
        resend.default_async_http_client = self._client

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over under the key, which Resend remembers for 24 hours; return Resend's id."""
        try:
            params = _params(email, idempotency_key)
            answer: Any = await resend.Emails.send_async(params, {"idempotency_key": idempotency_key})
            if isinstance(accepted := answer["id"], str) and accepted:
                return accepted
        except ResendError as error:
            raise sort_error(error, datetime.now(UTC)) from None
        except (NoContentError, KeyError, TypeError, RecursionError):
            pass
        raise SendRetryable("an answer without an id")

    async def close(self) -> None:
        await self._client.close()


class _PooledClient(AsyncHTTPClient):
    """Calls for Resend's SDK over connections that stay open."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._http = HttpClient(timeout=self._timeout, follow_redirects=False)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], json: Any = None, files: Any = None, data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        plain = {**headers, "accept-encoding": "identity"}  # so that what is read is what was bounded
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream(method, url, headers=plain, json=json, files=files, data=data) as answer,
            ):
                body = await read_bounded(answer, _LONGEST_ANSWER)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # The SDK would call this and a lost answer by one name; here it is certain that nobody heard.
            raise ResendError(_SERVER_FAULT, _UNREACHABLE, type(error).__name__, "") from None
        if answer.has_redirect_location or answer.is_informational or body is None:
            raise ResendError(_SERVER_FAULT, "odd_answer", str(answer.status_code), "")
        return body, answer.status_code, answer.headers

    async def close(self) -> None:
        await self._http.aclose()


def sort_error(error: ResendError, moment: datetime) -> SendFailed:
    """Return what an answer of Resend's means for the message: later, not before the quota renews, or never."""
    said: Any = error.error_type  # out of a body, whatever the SDK's types say
    name = said if isinstance(said, str) else ""
    if name in _QUOTAS:
        return QuotaExhausted(name, _quota_renewal(name, moment))
    code = int(error.code) if str(error.code).isdecimal() else _SERVER_FAULT  # the SDK may have it from a body
    if name in _RETRYABLE or code == _TOO_MANY or code >= _SERVER_FAULT:
        seconds = _seconds({key.lower(): text for key, text in error.headers.items()})
        down = code >= _SERVER_FAULT
        return SendRetryable(name, seconds, not_accepted=name in _UNHEARD, down=down)
    if not name or name in _NOT_RESENDS:
        return SendRetryable(f"{code} not Resend's")
    return SendRefused(f"{code} {name}", account=code in _ACCOUNT)


def _quota_renewal(name: str, moment: datetime) -> datetime:
    """Return the next midnight UTC for the daily quota; the first of the next month for the monthly one."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "daily_quota_exceeded":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(seconds, _LONGEST_PAUSE) if math.isfinite(seconds) and seconds >= 0 else None


def _params(email: Email, key: str) -> Any:
    params: dict[str, Any] = {
        "from": email.sender,
        "to": [email.to],
        "subject": email.subject,
        "html": email.html,
        "text": email.text,
        "headers": email.headers,
        "tags": [{"name": name, "value": text} for name, text in [*email.tags.items(), (KEY_TAG, key)]],
    }
    if email.reply_to:
        params["reply_to"] = email.reply_to
    return params
