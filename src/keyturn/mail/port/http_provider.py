"""Providers with an HTTP API: one call hands a mail over.

The error of a failed call says what is certain: the provider has the mail, or has not, or may have.
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
from keyturn.mail.port.check_result import CheckResult, fail, warn
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.provider import CheckedSender, Provider
from keyturn.mail.port.reports import KEY_TAG
from keyturn.values import SecretStr

ACCOUNT_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

_LONGEST_ANSWER = 2**20
"""Bytes of an answer that are read."""

REPORT_PAUSE = 60.0
"""Seconds to wait for a provider's report of a mail after its answer was lost.

Then the mail is sent again.
"""

_LONGEST_WITH_KEY = 600.0
"""Seconds to wait at most if the provider knows idempotency keys.

So all tries end before the provider forgets a key, after 24 hours.
"""


class Request(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class Refused(msgspec.Struct, frozen=True):
    """A refusal in the provider's own form. The answer's status tells what it means.

    `reason`: the provider's short word for it.
    """

    reason: str


def basic(user: str, password: str) -> Mapping[str, str]:
    """Return the header of Basic authentication (RFC 7617)."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {credentials}"}


class ProviderApi:
    """Calls a provider's API.

    `url`: the address of the API.
    `authorize`: returns the headers that prove who calls.
    `timeout`: for a whole call.
    """

    report_pause: float | None = None
    """Seconds to wait for a report after a lost answer; None if there are no reports."""

    knows_keys = False
    """Whether the provider ignores a repeat under the same idempotency key.

    A retry then waits for no report.
    """

    reset_header = ""
    """The header with the time, since 1970, at which a rate limit renews."""

    def __init__(
        self, url: str, authorize: Callable[[Request], Mapping[str, str]], timeout: timedelta
    ) -> None:
        self.url = url.rstrip("/")
        self._authorize = authorize
        self._http = HttpClient(
            timeout.total_seconds(), _LONGEST_ANSWER, headers={"accept": "application/json"}
        )
        self.close = self._http.close

    async def post(
        self, path: str, fields: Mapping[str, Any], *, form: bool = False, key: str = ""
    ) -> Answer:
        """Post fields as JSON or as a form, under an idempotency key. Raises what `call` raises."""
        if form:
            headers = {"content-type": "application/x-www-form-urlencoded"}
            content = urlencode(fields).encode()
        else:
            headers = {"content-type": "application/json"}
            content = msgspec.json.encode(fields)
        if key:
            headers["idempotency-key"] = key
        return await self.call("POST", path, headers, content)

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] = {}, content: bytes = b""
    ) -> Answer:
        """Return the answer, whatever its status.

        Raises SendRetryable if the request did not arrive, SendRefused for a key that no header can
        hold, and the error of `unknown` if the answer is lost.
        """
        request = Request(method, self.url + path, headers, content)
        try:
            proven = {**headers, **self._authorize(request)}
            return await self._http.ask(method, request.url, content=content, headers=proven)
        except NotSent as error:
            if error.malformed:
                reason = "the key contains characters that a header cannot hold"
                raise SendRefused(reason, account=True) from None
            raise SendRetryable(str(error), not_accepted=True) from None
        except CallFailed as error:
            raise self.unknown(str(error)) from None

    def unknown(self, reason: str, pause: float | None = None) -> SendRetryable:
        """Return the error after which the provider may have the mail.

        `pause`: seconds that the provider asks for.
        """
        if self.knows_keys:
            return SendRetryable(reason, pause)
        return SendUnknown(reason, self.report_pause)

    def failure(self, answer: Answer, refused: Refused | None) -> SendFailed:
        """Return the error for an answer.

        `refused`: None if the answer is not in the provider's own form.
        """
        reason = refused.reason if refused else str(answer.status)
        pause = self._pause(answer.headers)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return SendRetryable(reason, pause, not_accepted=refused is not None, down=False)
        # Only a refusal in the provider's own form is one: a firewall or a gateway also answers
        # 403 or 404. After any other answer, such as a server's fault, it may have the mail.
        refuses = 400 <= answer.status < 500 and answer.status != HTTPStatus.REQUEST_TIMEOUT
        if not refuses or not refused:
            return self.unknown(reason, pause)
        return SendRefused(reason, account=answer.status in ACCOUNT_REFUSED)

    def _pause(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds that the provider asks to wait; None if it does not ask."""
        asked_for = retry_after(headers, datetime.now(UTC))
        if asked_for is None:
            try:
                return float(headers.get(self.reset_header, "")) - time.time()
            except ValueError:
                return None
        if asked_for < 0:
            return None
        return min(asked_for, _LONGEST_WITH_KEY) if self.knows_keys else asked_for


class HttpProvider(Provider, frozen=True, kw_only=True):
    """A provider with an HTTP API.

    `key_header`: the header that proves who calls, with settings filled in.
    `path`: of the call that hands a mail over, with settings filled in.
    `is_form`: the call takes a form in place of JSON.
    `knows_keys`, `reset_header`: like those of `ProviderApi`.
    `api_url`: the address of the API.
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
        name, value = self.key_header
        return {name: SecretStr(value.format(self))}

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the mail in the provider's form, with tracking off.

        `tags`: what reports repeat; the idempotency key is one of them.
        """
        raise NotImplementedError

    def judge(self, answer: Answer, email: Email, /) -> str | Refused:
        """Return the provider's id of a mail that it accepted, or its refusal.

        Raises SendFailed if the status alone does not tell what a refusal means, and ValueError for
        an answer that is not in the provider's own form.
        """
        raise NotImplementedError

    def examine(self, api: "Examination", domain: str, /) -> AsyncIterator[CheckResult]:
        """Ask about the key and the sender's `domain`, and yield findings.

        Raises ValueError for an answer that is not in the provider's own form.
        """
        raise NotImplementedError

    def build(self, timeout: timedelta) -> Sender:
        return HttpSender(self, timeout)

    async def check(self, sender: CheckedSender) -> Sequence[CheckResult]:
        examination = Examination(self, sender.timeout)
        findings: list[CheckResult] = []
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
    """Sends with a provider's HTTP API.

    A mail arrives once if the provider knows idempotency keys, else at least once.
    """

    def __init__(self, provider: HttpProvider, timeout: timedelta) -> None:
        super().__init__(provider.url, provider.authorize, timeout)
        self._provider = provider
        self.name = provider.name
        self.knows_keys = provider.knows_keys
        self.reset_header = provider.reset_header
        self.report_pause = REPORT_PAUSE if provider.proof else None

    async def send(self, email: Email, idempotency_key: str) -> str:
        fields = self._provider.fields(email, {**email.tags, KEY_TAG: idempotency_key})
        answer = await self.hand_over(fields, idempotency_key if self.knows_keys else "")
        try:
            outcome = self._provider.judge(answer, email)
        except ValueError:
            raise self.failure(answer, None) from None
        if isinstance(outcome, Refused):
            raise self.failure(answer, outcome)
        if not outcome:  # accepted, but without an id
            raise self.failure(answer, None)
        return outcome

    async def hand_over(self, fields: Mapping[str, Any], key: str) -> Answer:
        """Hand a mail over by one call, under an idempotency key; return the answer.

        Raises what `call` raises.
        """
        provider = self._provider
        path = provider.path.format(provider)
        return await self.post(path, fields, form=provider.is_form, key=key)


class Examination(HttpSender):
    """Asks a provider's API for the doctor, in the same way as its sender does.

    An answer that tells nothing ends the examination: it raises `Judged`.
    """

    async def ask(
        self, path: str, method: str = "GET", *, key: str = "key", fix: str = ""
    ) -> Answer:
        """Return an answer of the API.

        `key`: what the provider calls its key.
        `fix`: what to do if the key is refused; "" if the caller reads such an answer.

        Raises Judged if the API is not reached, has an outage, or refuses the key.
        """
        try:
            answer = await self.call(method, path)
        except SendRefused as error:
            message = f"could not be asked: {error.reason}"
            raise Judged(fail(message, f"Correct the key in [{self.name}].")) from None
        except SendRetryable:
            advice = f"Allow this machine to connect to {self.url}, or correct [{self.name}]."
            raise Judged(fail(f"{self.url} cannot be reached", advice)) from None
        is_limited = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if is_limited or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"could not be checked ({answer.status})"
            raise Judged(warn(message, "Run `keyturn doctor` again later."))
        if fix and answer.status in ACCOUNT_REFUSED:
            raise Judged(fail(f"the {key} is refused ({answer.status})", fix))
        return answer

    def read(self, answer: Answer) -> Fields:
        """Return the document of a 200. Raises Judged for any other answer."""
        if answer.status != HTTPStatus.OK:
            raise Judged(self.odd(answer.status))
        try:
            return Fields.read(answer.body)
        except ValueError:
            raise Judged(self.odd(answer.status)) from None

    def odd(self, status: int | str) -> CheckResult:
        """Return the finding for an answer that is not in the provider's own form."""
        message = f"{self.url} is not the API of {self.name} ({status})"
        return fail(message, f"Correct or remove {self.name}.api_url.")


class Judged(Exception):
    """Ends an examination with a finding."""

    def __init__(self, finding: CheckResult) -> None:
        self.finding = finding
        super().__init__(finding.message)
