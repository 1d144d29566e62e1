"""Resend, through its own SDK (https://resend.com/docs/api-reference)."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from msgspec import Meta

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.mail.port import provider as port
from keyturn.mail.port.email import Email
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.provider import ReportRefused
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.values import Secret

if TYPE_CHECKING:
    from resend import Domain
    from resend.exceptions import ResendError
    from resend.http_client_async import AsyncHTTPClient


class ResendSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Resend is asked. `rate` is in calls a second, of all workers together."""

    api_key: Secret = Secret("")
    api_url: str = "https://api.resend.com"
    rate: port.Rate = 10
    webhook_secret: Secret = Secret("")


# https://resend.com/docs/api-reference/errors: errors that may pass, by name. All others are permanent, except a
# server's fault (5xx) and a plain "too many requests" (429, as a proxy words it).
_RETRYABLE = {"concurrent_idempotent_requests", "resource_locked", "rate_limit_exceeded"}
_UNREACHABLE = "unreachable"
_NOT_RESENDS = {"application_error", "InternalServerError", "HttpClientError"}
"""The SDK's names for a missing or foreign answer: a page, or JSON of another form. With a 4xx, not Resend's."""
_UNHEARD = {_UNREACHABLE, "rate_limit_exceeded"}
_ACCOUNT = {401, 403}
_KEY_USED = "invalid_idempotent_request"
"""The key came before, with another mail."""

_QUOTAS = {"daily_quota_exceeded", "monthly_quota_exceeded"}
_ODD = {1, 3}
"""Hundreds of statuses that the SDK would take for success."""

_LONGEST_ANSWER = 2**20
"""Bytes: a page of the account's domains, for `keyturn doctor`."""

_LONGEST_PAUSE = 600.0
"""Seconds: as long as the longest back-off, so all tries end before Resend forgets the key after 24 hours."""


class ResendSender:
    """Sends with Resend.

    The SDK keeps its key and its client in module globals, so a process has one Resend account.
    """

    name = "resend"

    def __init__(self, api_key: str, api_url: str, timeout: timedelta) -> None:
        import resend

        self._client = _Client(timeout)
        resend.api_key = api_key
        resend.api_url = api_url.rstrip("/")
        resend.default_async_http_client = cast("AsyncHTTPClient", self._client)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over under the key, which Resend remembers for 24 hours; return Resend's id."""
        import resend
        from resend.exceptions import NoContentError, ResendError

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


class _Client:
    """Calls for Resend's SDK, as an AsyncHTTPClient of the SDK's."""

    def __init__(self, timeout: timedelta) -> None:
        from keyturn.http_client import HttpClient

        self._http = HttpClient(timeout.total_seconds(), _LONGEST_ANSWER)
        self.close = self._http.close

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], json: Any = None, files: Any = None, data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        from resend.exceptions import ResendError

        from keyturn.http_client import NOT_SENT

        try:
            answer = await self._http.ask(method, url, headers=headers, json=json, files=files, data=data)
        except NOT_SENT as error:
            # The SDK gives this and a lost answer the same name; here the request certainly did not arrive.
            raise ResendError(port.SERVER_FAULT, _UNREACHABLE, type(error).__name__, "") from None
        if answer.status // 100 in _ODD:
            raise ResendError(port.SERVER_FAULT, "odd_answer", str(answer.status), "")
        return answer.body, answer.status, answer.headers


def sort_error(error: "ResendError", moment: datetime) -> SendFailed:
    """Return the failure for an answer of Resend: retry later, wait until the quota renews, or never."""
    from keyturn.http_client import retry_after

    said: Any = error.error_type  # comes from a body, despite the SDK's types
    name = said if isinstance(said, str) else ""
    if name in _QUOTAS:
        return QuotaExhausted(name, _quota_renewal(name, moment))
    code = _status_of(error)
    if name in _RETRYABLE or code == port.TOO_MANY or code >= port.SERVER_FAULT:
        pause = retry_after({key.lower(): text for key, text in error.headers.items()}, moment)
        seconds = None if pause is None or pause < 0 else min(pause, _LONGEST_PAUSE)
        return SendRetryable(name, seconds, not_accepted=name in _UNHEARD, down=code >= port.SERVER_FAULT)
    if not name or name in _NOT_RESENDS:
        return SendRetryable(f"{code} not Resend's")
    return SendRefused(f"{code} {name}", account=code in _ACCOUNT, key_used=name == _KEY_USED)


def _status_of(error: "ResendError") -> int:
    """Return the status of an answer. The SDK may take it from a body, where it may be anything: that is a fault."""
    code = str(error.code)
    return int(code) if re.fullmatch(r"[1-5]\d\d", code, re.ASCII) else port.SERVER_FAULT


def _quota_renewal(name: str, moment: datetime) -> datetime:
    """Return the next midnight UTC for the daily quota; the first of the next month for the monthly one."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "daily_quota_exceeded":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


def _params(email: Email, key: str) -> Any:
    params: dict[str, Any] = {
        "from": email.sender,
        "to": [email.to],
        "subject": email.subject,
        "html": email.html,
        "text": email.text,
        "headers": email.headers,
        "tags": [{"name": name, "value": text} for name, text in [*email.tags.items(), (port.KEY_TAG, key)]],
    }
    if email.reply_to:
        params["reply_to"] = email.reply_to
    return params


_EVENT = re.compile(r"email\.([a-z_]{1,32})")


class ResendWebhook:
    """Verifies and reads a webhook's reports. Its signing secret begins with `whsec_`."""

    def __init__(self, secret: str) -> None:
        from resend import Webhooks

        self._verify = Webhooks.verify
        self._secret = secret

    longest = 16_384

    def require_headers(self, headers: Mapping[str, str]) -> None:
        port.require_signature(headers, "svix-id", "svix-timestamp", "svix-signature")

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[port.Report]:
        """Return the reports. Raises ReportRefused.

        The SDK refuses reports older than five minutes, so a replay works no longer than that.
        """
        try:
            return _read_reports(headers.get("svix-id", ""), self._payload(headers, body.decode()))
        except UnicodeDecodeError:
            raise ReportRefused("the body is not UTF-8") from None
        except ValueError as error:  # msgspec's own errors are ValueErrors, too
            raise ReportRefused(str(error)) from None

    def _payload(self, headers: Mapping[str, str], body: str) -> object:
        """Return the payload that the secret proves. Raises ValueError if it does not."""
        signed: Any = {name: headers.get(f"svix-{name}", "") for name in ("id", "timestamp")}
        signed["signature"] = _hmac_signatures(headers.get("svix-signature", ""))
        payload: object = self._verify({"payload": body, "headers": signed, "webhook_secret": self._secret})
        return payload


def _hmac_signatures(signatures: str) -> str:
    """Return the HMAC signatures alone: `verify` would compare any text after a comma.

    https://docs.svix.com/receiving/verifying-payloads/how-manual: `v1` is HMAC-SHA256, any other prefix is not.
    """
    return " ".join(entry for entry in signatures.split() if entry.startswith("v1,"))


class _Why(msgspec.Struct, rename="camel"):
    """Why a mailbox did not take a mail, or why Resend did not send it."""

    type: str = ""
    sub_type: str = ""
    reason: str = ""


class _Mail(msgspec.Struct):
    """The mail that an event is about."""

    email_id: Annotated[str, Meta(min_length=1)]
    to: Annotated[list[str], Meta(min_length=1)]
    tags: object = None
    bounce: _Why | None = None
    failed: _Why | None = None
    suppressed: _Why | None = None


class _MailEvent(msgspec.Struct):
    """What happened to a mail, and when."""

    created_at: port.Time
    data: _Mail


def _read_reports(delivery: str, payload: object) -> Sequence[port.Report]:
    """Return the reports; none for an event without a mail. Raises ValueError for an undocumented form."""
    named = _EVENT.fullmatch(str(payload.get("type"))) if isinstance(payload, dict) else None
    if not named:
        return []
    if len(delivery) > port.LONGEST_ID:
        raise ValueError(f"the id is longer than {port.LONGEST_ID} characters")
    found = msgspec.convert(payload, _MailEvent)
    mail, event = found.data, named[1]
    why = {"bounced": mail.bounce, "failed": mail.failed, "suppressed": mail.suppressed}.get(event) or _Why()
    report = port.Report(
        provider="resend",
        id=delivery,
        event=event,
        detail=port.fixed_words(why.type, why.sub_type, why.reason),
        at=found.created_at,
        provider_id=mail.email_id,
        key=port.key_in(mail.tags),
        to=mail.to[0],
        # https://resend.com/docs/dashboard/emails/email-bounces: the other types may pass.
        ends=event in {"complained", "suppressed"} or (event == "bounced" and why.type == "Permanent"),
    )
    return [report]


_SANDBOX = "resend.dev"
"""The domain of Resend's own test sender."""

_DOMAINS = "https://resend.com/domains"
_KEY_REFUSED = {400, 401, 403, 422}
"""Resend answers 400 or 401 for a malformed key, 403 for an unknown key."""

_NOT_REACHED = {"HttpClientError", _UNREACHABLE}


async def _check(settings: ResendSettings, sender: port.CheckedSender) -> list[Finding]:
    """Ask with the sender's own client, so that the result is valid for mails."""
    from resend.exceptions import ResendError

    opened, doubts = _build(settings, sender.timeout), []
    if sender.domain == _SANDBOX:
        mend = f"Verify a domain at {_DOMAINS}, and set mail.from to an address in it."
        doubts = [warn(f"mails from {_SANDBOX} reach only the owner of the Resend account", mend)]
    try:
        return [*doubts, *await _check_domain(sender.domain)]
    except ResendError as error:
        return [*doubts, _explain_refusal(error, settings.api_url)]
    finally:
        await opened.close()


async def _check_domain(name: str) -> list[Finding]:
    import resend

    domains = {one["name"].lower(): one["id"] for one in (await resend.Domains.list_async())["data"]}
    if name == _SANDBOX:
        return [ok("the key works")]
    if name not in domains:
        others = f", or set mail.from to an address in {', '.join(sorted(domains))}" if domains else ""
        return [fail(f"the Resend account has no domain {name}", f"Add it at {_DOMAINS}{others}.")]
    domain = await resend.Domains.get_async(domains[name])
    return [_check_verification(domain), *_check_tracking(domain)]


def _check_verification(domain: "Domain") -> Finding:
    name, status = domain["name"], domain["status"]
    if status == "verified":
        return ok(f"the key works, and {name} is verified")
    missing = "; ".join(
        f'{record["type"]} {record["name"]} "{record["value"]}"'
        for record in domain["records"] or ()
        if record["status"] != "verified"
    )
    mend = f"Add to your DNS: {missing}; then press" if missing else "Press"
    return fail(f"{name} is not verified yet ({status})", f"{mend} Verify at {_DOMAINS}.")


def _check_tracking(domain: "Domain") -> list[Finding]:
    """Click tracking replaces the links by Resend's own (https://resend.com/docs/dashboard/domains/tracking)."""
    if not domain.get("click_tracking"):
        return []
    name = domain["name"]
    message = f"click tracking is on for {name}: Resend sees and stores every reset link"
    return [warn(message, f"Turn off click tracking for {name} at {_DOMAINS}.")]


def _explain_refusal(error: "ResendError", api_url: str) -> Finding:
    code, name = _status_of(error), error.error_type
    if name == "restricted_api_key":
        return ok("the key works, and may only send, which is enough")
    if code in _KEY_REFUSED:
        mend = "Set RESEND_API_KEY to one from https://resend.com/api-keys."
        return fail(f"the key is refused ({code} {name})", mend)
    if name in _NOT_REACHED:
        mend = f"Allow this machine to connect to {api_url}, or correct resend.api_url."
        return fail(f"{api_url} cannot be reached", mend)
    if code < port.TOO_MANY:
        return fail(f"{api_url} is not the API of Resend ({code})", "Correct or remove resend.api_url.")
    again = "Run `keyturn doctor` again later; https://resend-status.com lists outages."
    return warn(f"could not be checked ({code} {name})", again)


def _build(settings: ResendSettings, timeout: timedelta) -> ResendSender:
    return ResendSender(settings.api_key, settings.api_url, timeout)


PROVIDER = port.Provider(
    name="resend",
    label="Resend",
    place=1,
    settings=ResendSettings,
    build=_build,
    check=_check,
    source="Create a key at https://resend.com/api-keys",
    needs=(port.Need("api_key", "RESEND_API_KEY", "re_..."),),
    other_variables={"RESEND_WEBHOOK_SECRET": "webhook_secret"},
    reports=port.Reports(
        setting="webhook_secret",
        read=webhook_key,
        fault=f"not a Resend signing secret: {FORM}",
        where="at https://resend.com/webhooks, and set resend.webhook_secret to its signing secret",
        build=ResendWebhook,
    ),
    # Resend's return path is a subdomain, "send" by default. Its record may be missing, because DKIM alone satisfies
    # DMARC (https://resend.com/docs/dashboard/domains/custom-return-path).
    spf=port.Spf(host="send", term="include:amazonses.com", missing="warn"),
    dkim=port.Dkim("resend", _DOMAINS),
    sandbox=_SANDBOX,
    package="resend",
)
