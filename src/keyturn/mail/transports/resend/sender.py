"""Sending through Resend's own SDK, over a pooled client with short time-outs."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client_async import AsyncHTTPClient

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.reports import KEY_TAG

# https://resend.com/docs/api-reference/errors: what may work later, by the name of the error. Everything else that
# is neither a server's fault (5xx) nor a plain "too many requests" (429, as a proxy says it) is refused for good.
_RETRYABLE = {"concurrent_idempotent_requests", "resource_locked", "rate_limit_exceeded"}
_UNREACHABLE = "unreachable"
_UNHEARD = {_UNREACHABLE, "rate_limit_exceeded"}
_ACCOUNT = {401, 403}
_QUOTAS = {"daily_quota_exceeded", "monthly_quota_exceeded"}
_TOO_MANY, _SERVER_FAULT = 429, 500

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
            answer = await resend.Emails.send_async(params, {"idempotency_key": idempotency_key})
            return str(answer["id"])
        except ResendError as error:
            raise sort_error(error, datetime.now(UTC)) from None
        except (NoContentError, KeyError, TypeError):
            raise SendRetryable("an answer without an id") from None

    async def close(self) -> None:
        await self._client.close()


class _PooledClient(AsyncHTTPClient):
    """Calls for Resend's SDK over connections that stay open."""

    def __init__(self, timeout: timedelta) -> None:
        self._http = httpx.AsyncClient(timeout=timeout.total_seconds(), follow_redirects=False)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], json: Any = None, files: Any = None, data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._http.request(method, url, headers=headers, json=json, files=files, data=data)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # The SDK would call this and a lost answer by one name; here it is certain that nobody heard.
            raise ResendError(_SERVER_FAULT, _UNREACHABLE, type(error).__name__, "") from None
        return answer.content, answer.status_code, answer.headers

    async def close(self) -> None:
        await self._http.aclose()


def sort_error(error: ResendError, moment: datetime) -> SendFailed:
    """Return what an answer of Resend's means for the message: later, not before the quota renews, or never."""
    name = error.error_type
    if name in _QUOTAS:
        return QuotaExhausted(name, _quota_renewal(name, moment))
    if name in _RETRYABLE or int(error.code) == _TOO_MANY or int(error.code) >= _SERVER_FAULT:
        seconds = _seconds({key.lower(): text for key, text in error.headers.items()})
        down = int(error.code) >= _SERVER_FAULT
        return SendRetryable(name, seconds, not_accepted=name in _UNHEARD, down=down)
    return SendRefused(f"{error.code} {name}", account=int(error.code) in _ACCOUNT)


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
