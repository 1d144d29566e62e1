"""Providers with an HTTP API: one call hands a mail over, and a failure says what is certain after
it.
"""

import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

import msgspec

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.http_client import Answer, CallFailed, HttpClient, NotSent, retry_after
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, fail, warn
from keyturn.mail.port.provider import CheckedSender, Provider
from keyturn.mail.port.reports import KEY_TAG
from keyturn.values import SecretStr

ACCOUNT_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

REPORT_PAUSE = 60.0
"""Seconds in which a provider may report a mail whose answer was lost, before the mail is sent
again.
"""

_LONGEST_WITH_KEY = 600.0
"""Seconds, if the provider knows idempotency keys: all tries end before it forgets a key after 24
hours.
"""


class Request(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class Refused(msgspec.Struct, frozen=True):
    """A refusal in the provider's own form, with its short word. The status tells what it means."""

    reason: str


def basic(user: str, password: str) -> Mapping[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


class ProviderApi:
    """Calls the API at `url` within `timeout`.

    `authorize`: returns the headers that prove who calls.
    """

    report_pause: float | None = None
    """Seconds to wait for a report after a lost answer; None if there are no reports."""

    knows_keys = False
    """The provider ignores a repeat under the same idempotency key,
    so a retry waits for no report.
    """

    reset_header = ""
    """The header with the time, since 1970, at which a rate limit renews."""

    def __init__(
        self, url: str, authorize: Callable[[Request], Mapping[str, str]], timeout: timedelta
    ) -> None:
        self.url, self._authorize = url.rstrip("/"), authorize
        self._http = HttpClient(
            timeout.total_seconds(), 2**20, headers={"accept": "application/json"}
        )
        self.close = self._http.close

    async def post(
        self, path: str, fields: Mapping[str, Any], *, form: bool = False, key: str = ""
    ) -> Answer:
        """Post a JSON document or a form, under an idempotency key, as `call` does."""
        headers = {
            "content-type": "application/x-www-form-urlencoded" if form else "application/json"
        }
        content = urlencode(fields).encode() if form else msgspec.json.encode(fields)
        return await self.call(
            "POST", path, headers | ({"idempotency-key": key} if key else {}), content
        )

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] = {}, content: bytes = b""
    ) -> Answer:
        """Return the answer, whatever its status.

        Raises SendRetryable if the request did not arrive.

        Raises SendRefused for a key that no header can hold, and the result of `unknown` if the
        answer is lost.
        """
        try:
            request = Request(method, self.url + path, headers, content)
            proven = {**headers, **self._authorize(request)}
            return await self._http.ask(method, request.url, content=content, headers=proven)
        except NotSent as error:
            if error.malformed:
                raise SendRefused(
                    "the key contains characters that a header cannot hold", account=True
                ) from None
            raise SendRetryable(str(error), not_accepted=True) from None
        except CallFailed as error:
            raise self.unknown(str(error)) from None

    def unknown(self, reason: str, pause: float | None = None) -> SendRetryable:
        return (
            SendRetryable(reason, pause)
            if self.knows_keys
            else SendUnknown(reason, self.report_pause)
        )

    def failure(self, answer: Answer, refused: Refused | None) -> SendFailed:
        """Return the error for an answer; `refused` is None if it is not in the provider's own
        form.

        A 403 or 404 of a firewall or gateway is no refusal. After a server's fault, or an answer in
        a foreign form, the provider may have the mail.
        """
        reason, pause = (
            refused.reason if refused else str(answer.status),
            self._pause(answer.headers),
        )
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return SendRetryable(reason, pause, not_accepted=refused is not None, down=False)
        refuses = 400 <= answer.status < 500 and answer.status != HTTPStatus.REQUEST_TIMEOUT
        if not refuses or not refused:
            return self.unknown(reason, pause)
        return SendRefused(reason, account=answer.status in ACCOUNT_REFUSED)

    def _pause(self, headers: Mapping[str, str]) -> float | None:
        asked_for = retry_after(headers, datetime.now(UTC))
        if asked_for is not None:
            longest = _LONGEST_WITH_KEY if self.knows_keys else asked_for
            return min(asked_for, longest) if asked_for >= 0 else None
        try:
            return float(headers.get(self.reset_header, "")) - time.time()
        except ValueError:
            return None


class HttpProvider(Provider, frozen=True, kw_only=True):
    """A provider by its HTTP API, whose address is `api_url`.

    `key_header`: the header that proves who calls. `path`: of the call that hands a mail over.
    Settings are filled in.
    `is_form`: the call takes a form, and no JSON.
    `knows_keys`, `reset_header`: as of its `ProviderApi`.
    """

    key_header: ClassVar[tuple[str, str]] = ("authorization", "Bearer {0.api_key}")
    path: ClassVar[str]
    is_form: ClassVar[bool] = False
    knows_keys: ClassVar[bool] = False
    reset_header: ClassVar[str] = ""
    if TYPE_CHECKING:
        api_url: str

    @property
    def url(self) -> str:
        return self.api_url

    def authorize(self, _: Request, /) -> Mapping[str, str]:
        """Return the headers that prove who calls."""
        return {self.key_header[0]: SecretStr(self.key_header[1].format(self))}

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the mail in the provider's form, with the `tags`, which hold the idempotency key,
        and tracking off.
        """
        raise NotImplementedError

    def judge(self, answer: Answer, email: Email, /) -> str | Refused:
        """Return the provider's id of a mail that it accepted, or its refusal.

        Raises SendFailed if the status does not tell what a refusal means, and ValueError for an
        answer that is not in the provider's own form.
        """
        raise NotImplementedError

    def examine(self, api: "Examination", domain: str, /) -> AsyncIterator[Finding]:
        """Ask about the key and the sender's `domain`, and yield findings.

        Raises ValueError for a foreign form.
        """
        raise NotImplementedError

    def build(self, timeout: timedelta) -> Sender:
        return HttpSender(self, timeout)

    async def check(self, sender: CheckedSender) -> Sequence[Finding]:
        examination, findings = Examination(self, sender.timeout), list[Finding]()
        try:
            async for finding in self.examine(examination, sender.domain):
                findings.append(finding)
        except Judged as judged:
            findings.append(judged.finding)
        except (ValueError, msgspec.MsgspecError) as error:
            findings.append(examination.odd(str(error)))
        finally:
            await examination.close()
        return findings


class HttpSender(ProviderApi):
    """Sends with a provider's HTTP API: exactly once if the provider knows idempotency keys, else
    at least once.
    """

    def __init__(self, provider: HttpProvider, timeout: timedelta) -> None:
        super().__init__(provider.url, provider.authorize, timeout)
        self.name, self._provider = provider.name, provider
        self.knows_keys, self.reset_header = provider.knows_keys, provider.reset_header
        self.report_pause = REPORT_PAUSE if provider.proof else None

    async def send(self, email: Email, idempotency_key: str) -> str:
        provider, key = self._provider, idempotency_key if self.knows_keys else ""
        fields = provider.fields(email, {**email.tags, KEY_TAG: idempotency_key})
        answer = await self.hand_over(fields, key)
        try:
            outcome = provider.judge(answer, email)
        except ValueError:
            outcome = ""
        if isinstance(outcome, str) and outcome:
            return outcome
        raise self.failure(answer, outcome or None)

    async def hand_over(self, fields: Mapping[str, Any], key: str) -> Answer:
        """Hand a mail over by one call, under an idempotency key; return the answer.

        Raises as `call` does.
        """
        provider = self._provider
        return await self.post(
            provider.path.format(provider), fields, form=provider.is_form, key=key
        )


class Examination(HttpSender):
    """Asks a provider's API for the doctor, as its sender does.

    A call that tells nothing ends it.
    """

    async def ask(
        self, path: str, method: str = "GET", *, key: str = "key", fix: str = ""
    ) -> Answer:
        """Return an answer of the API; end with a finding if it is not reached, or has an outage.

        `fix`: what to do if the `key` is refused, which ends it, too; "" if the caller reads such
        an answer.
        """
        try:
            answer = await self.call(method, path)
        except SendRefused as error:
            raise Judged(
                fail(f"could not be asked: {error.reason}", f"Correct the key in [{self.name}].")
            ) from None
        except SendRetryable:
            fix = f"Allow this machine to connect to {self.url}, or correct [{self.name}]."
            raise Judged(fail(f"{self.url} cannot be reached", fix)) from None
        if (
            answer.status == HTTPStatus.TOO_MANY_REQUESTS
            or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise Judged(
                warn(f"could not be checked ({answer.status})", "Run `keyturn doctor` again later.")
            )
        if fix and answer.status in ACCOUNT_REFUSED:
            raise Judged(fail(f"the {key} is refused ({answer.status})", fix))
        return answer

    def read(self, answer: Answer) -> Fields:
        """Return the document of a 200; end with a finding for any other answer."""
        try:
            if answer.status == HTTPStatus.OK:
                return Fields.read(answer.body)
        except ValueError:
            pass
        raise Judged(self.odd(answer.status))

    def odd(self, status: int | str) -> Finding:
        return fail(
            f"{self.url} is not the API of {self.name} ({status})",
            f"Correct or remove {self.name}.api_url.",
        )


class Judged(Exception):
    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.message)
