"""Calls a mail provider's HTTP API, and tells what is certain after a failure.

If the answer is lost, the provider may have the mail. A retry sends it twice, unless the provider knows idempotency
keys.
"""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx2

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.http_client import FAILURES, NOT_SENT, Answer, HttpClient, retry_after
from keyturn.mail.port.finding import Finding, fail, warn
from keyturn.mail.port.provider import ACCOUNT_REFUSED, BAD_REQUEST, SERVER_FAULT, TOO_MANY

_TIMED_OUT = 408

REPORT_PAUSE = 60.0
"""Seconds in which a provider may report a mail whose answer was lost, before the mail is sent again."""


Auth = httpx2.Auth | tuple[str, str]


class HeaderKey(httpx2.Auth):
    """Authenticates a request with a plain key in a header."""

    def __init__(self, header: str, value: str) -> None:
        self._header = header
        self._value = value

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers.update(httpx2.Headers({self._header: self._value}, encoding="ascii"))
        yield request


class ProviderApi:
    """Calls the provider `name` at `url` within `timeout`.

    `auth`: a user and a password, or what signs each request.
    `reports`: whether the provider's reports arrive. If so, a retry after a lost answer waits for one.
    `knows_keys`: whether the provider ignores a repeat under the same idempotency key. If so, a retry is immediate.
    """

    def __init__(
        self, name: str, url: str, auth: Auth, timeout: timedelta, *, reports: bool, knows_keys: bool = False
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._pause = REPORT_PAUSE if reports else None
        self._knows_keys = knows_keys
        self._http = HttpClient(timeout.total_seconds(), headers={"accept": "application/json"}, auth=auth)

    async def ask(self, method: str, path: str, **content: Any) -> Answer:
        """Return the answer, whatever its status.

        Raises SendRetryable if the request did not arrive, the result of `unknown` if that is uncertain, SendRefused
        for a key that cannot be sent.
        """
        try:
            return await self._http.ask(method, f"{self.url}{path}", **content)
        except (httpx2.LocalProtocolError, UnicodeError):
            raise SendRefused("the key contains characters that a header cannot hold", account=True) from None
        except NOT_SENT as error:
            raise SendRetryable(type(error).__name__, not_accepted=True) from None
        except FAILURES as error:
            raise self.unknown(type(error).__name__) from None

    def unknown(self, reason: str) -> SendRetryable:
        """Return the error for a mail that the provider may have."""
        return SendRetryable(reason) if self._knows_keys else SendUnknown(reason, self._pause)

    def failure(self, answer: Answer, reason: str, pause: float | None = None, *, known: bool) -> SendFailed:
        """Return the error for the status of an answer; `pause`: seconds to wait if there is no Retry-After.

        `known`: the body is an error in the provider's own form. A 403 or 404 of a firewall or gateway is not a
        refusal. After a server's fault, or an answer in a foreign form, the provider may have the mail.
        """
        if answer.status == TOO_MANY:
            return self.too_many(answer, reason, pause)
        fault = answer.status < BAD_REQUEST or answer.status == _TIMED_OUT or answer.status >= SERVER_FAULT
        if fault or not known:
            return self.unknown(reason)
        return SendRefused(reason, account=answer.status in ACCOUNT_REFUSED)

    def too_many(self, answer: Answer, reason: str, pause: float | None = None) -> SendRetryable:
        """Return the error for a rate limit: the mail was not taken and may be sent later."""
        asked_for = retry_after(answer.headers, datetime.now(UTC))
        return SendRetryable(reason, pause if asked_for is None else asked_for, not_accepted=True, down=False)

    async def ask_for_doctor(self, path: str, method: str = "GET") -> Answer | Finding:
        """Return the answer; a neutral finding if the provider cannot be reached or has an outage."""
        try:
            answer = await self.ask(method, path)
        except SendRefused as error:
            return fail(f"could not be asked: {error.reason}", f"Correct the key in [{self.name}].")
        except SendRetryable:
            mend = f"Allow this machine to connect to {self.url}, or correct [{self.name}]."
            return fail(f"{self.url} cannot be reached", mend)
        if answer.status == TOO_MANY or answer.status >= SERVER_FAULT:
            return warn(f"could not be checked ({answer.status})", "Run `keyturn doctor` again later.")
        return answer

    def odd_answer(self, answer: Answer) -> Finding:
        message = f"{self.url} is not the API of {self.name} ({answer.status})"
        return fail(message, f"Correct or remove {self.name}.api_url.")

    async def close(self) -> None:
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
