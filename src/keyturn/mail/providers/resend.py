"""Resend, through its own SDK (https://resend.com/docs/api-reference)."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, cast

import msgspec

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.http_client import Answer
from keyturn.mail.port.email import Email
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.http_provider import Examination, HttpProvider, ProviderApi, Refused, Request
from keyturn.mail.port.provider import CheckedSender, Dkim, Rate, Spf
from keyturn.mail.port.reports import KEY_TAG, Report, Reports, fixed_words, key_in, signature_headers
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.values import Secret


class ResendSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Resend is asked.

    `rate`: calls a second of all workers together; Keyturn stays a twentieth below
    `webhook_secret`: `whsec_...`
    """

    api_key: Secret = Secret("")
    api_url: str = "https://api.resend.com"
    rate: Rate = 10
    webhook_secret: Secret = Secret("")


_outcome: ContextVar[Answer | SendFailed] = ContextVar("keyturn_resend_outcome")
"""What the SDK's call came to; the SDK itself gives a foreign answer and a lost one the same name."""


class _Client:
    """Makes the calls of Resend's SDK, as an AsyncHTTPClient of the SDK's."""

    def __init__(self, api: ProviderApi) -> None:
        self._api = api

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], json: Any = None, **_: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        named = {"content-type": "application/json"} | {name.lower(): value for name, value in headers.items()}
        try:
            answer = await self._api.send(Request(method.upper(), url, named, msgspec.json.encode(json)))
        except SendFailed as error:
            _outcome.set(error)
            raise
        _outcome.set(answer)
        return answer.body, answer.status, answer.headers


async def _hand_over(api: ProviderApi, settings: ResendSettings, email: Email, key: str) -> Answer:
    """Hand a mail over with the SDK. Its key and its client are globals, so a process has one Resend account."""
    import resend

    resend.api_key, resend.api_url = settings.api_key, api.url
    resend.default_async_http_client = cast("Any", _Client(api))
    fields: Any = {
        "from": email.sender,
        "to": [email.to],
        **({"reply_to": email.reply_to} if email.reply_to else {}),
        "subject": email.subject,
        "html": email.html,
        "text": email.text,
        "headers": email.headers,
        "tags": [{"name": name, "value": text} for name, text in [*email.tags.items(), (KEY_TAG, key)]],
    }
    _outcome.set(SendRetryable("the SDK made no call", not_accepted=True))
    with suppress(Exception):  # of the SDK, which reads the answer; `_judge` reads it, too
        await resend.Emails.send_async(fields, {"idempotency_key": key})
    outcome = _outcome.get()
    if isinstance(outcome, SendFailed):
        raise outcome from None
    return outcome


def _judge(answer: Answer, _: Email) -> str | Refused:
    """Sort an answer by its error (https://resend.com/docs/api-reference/errors)."""
    said = Fields.read(answer.body)
    if answer.status == HTTPStatus.OK and (accepted := said.text("id")):
        return accepted
    name = said.required("name")
    if name in {"daily_quota_exceeded", "monthly_quota_exceeded"}:
        raise QuotaExhausted(name, quota_renewal(name, datetime.now(UTC)))
    if name in {"concurrent_idempotent_requests", "resource_locked"}:
        raise SendRetryable(name, down=False)
    if name == "invalid_idempotent_request":  # the key came before, with another mail
        raise SendRefused(f"{answer.status} {name}", key_used=True)
    return Refused(f"{answer.status} {name}")


def quota_renewal(quota: str, moment: datetime) -> datetime:
    """Return the next midnight UTC for the daily quota; the first of the next month for the monthly one."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if quota == "daily_quota_exceeded":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


_LONGEST_ID = 80
"""Characters: Svix's own have 31."""


async def _read(secret: str, headers: Mapping[str, str], body: bytes) -> Sequence[Report]:
    """Read a report that the SDK verifies. The SDK refuses reports older than five minutes."""
    from resend import Webhooks

    # The SDK would compare any text after a comma; HMAC-SHA256 is `v1` alone
    # (https://docs.svix.com/receiving/verifying-payloads/how-manual).
    proven = " ".join(entry for entry in headers.get("svix-signature", "").split() if entry.startswith("v1,"))
    delivery = headers.get("svix-id", "")
    signed: Any = {"id": delivery, "timestamp": headers.get("svix-timestamp", ""), "signature": proven}
    payload: Any = Webhooks.verify({"payload": body.decode(), "headers": signed, "webhook_secret": secret})
    named = re.fullmatch(r"email\.([a-z_]{1,32})", str(payload.get("type"))) if isinstance(payload, dict) else None
    if not named:
        return []
    if len(delivery) > _LONGEST_ID:
        raise ValueError(f"the id is longer than {_LONGEST_ID} characters")
    said, event = Fields(payload), named[1]
    mail = said.within("data")
    why = mail.within({"bounced": "bounce", "failed": "failed", "suppressed": "suppressed"}.get(event, ""))
    report = Report(
        id=delivery,
        event=event,
        detail=fixed_words(why.text("type"), why.text("subType"), why.text("reason")),
        at=said.time("created_at"),
        provider_id=mail.required("email_id"),
        key=key_in(mail, "tags"),
        to="".join(mail.texts("to")[:1]),
        # https://resend.com/docs/dashboard/emails/email-bounces: the other types may pass.
        ends=event == "bounced" and why.text("type") == "Permanent",
    )
    return [report]


_SANDBOX = "resend.dev"
"""The domain of Resend's own test sender."""

_DOMAINS = "https://resend.com/domains"
_KEY_REFUSED = {400, 401, 403, 422}
"""Resend answers 400 or 401 for a malformed key, 403 for an unknown key."""


async def _examine(api: Examination, _: ResendSettings, sender: CheckedSender) -> AsyncIterator[Finding]:
    """Yield findings on the key, and on the sender's domain, which a key that may only send cannot see."""
    name = sender.domain
    if name == _SANDBOX:
        fix = f"Verify a domain at {_DOMAINS}, and set mail.from to an address in it."
        yield warn(f"mails from {_SANDBOX} reach only the owner of the Resend account", fix)
    answer = await api.ask("/domains")
    if answer.status in _KEY_REFUSED:
        error = Fields.read(answer.body).text("name")
        fix = "Set RESEND_API_KEY to one from https://resend.com/api-keys."
        refused = fail(f"the key is refused ({answer.status} {error})", fix)
        yield ok("the key works, and may only send, which is enough") if error == "restricted_api_key" else refused
        return
    domains = {one.required("name").lower(): one.required("id") for one in api.read(answer).each("data")}
    if name == _SANDBOX:
        yield ok("the key works")
    elif name not in domains:
        others = f", or set mail.from to an address in {', '.join(sorted(domains))}" if domains else ""
        yield fail(f"the Resend account has no domain {name}", f"Add it at {_DOMAINS}{others}.")
    else:
        for finding in _judge_domain(api.read(await api.ask(f"/domains/{domains[name]}"))):
            yield finding


def _judge_domain(domain: Fields) -> Sequence[Finding]:
    name, status = domain.required("name"), domain.text("status")
    tracking = f"click tracking is on for {name}: Resend sees and stores every reset link"
    doubts = (
        [warn(tracking, f"Turn off click tracking for {name} at {_DOMAINS}.")] if domain.flag("click_tracking") else []
    )
    if status == "verified":
        return [ok(f"the key works, and {name} is verified"), *doubts]
    missing = "; ".join(
        f'{record.text("type")} {record.text("name")} "{record.text("value")}"'
        for record in domain.each("records")
        if record.text("status") != "verified"
    )
    fix = f"Add to your DNS: {missing}; then press" if missing else "Press"
    return [fail(f"{name} is not verified yet ({status})", f"{fix} Verify at {_DOMAINS}."), *doubts]


def _signing_secret(text: str) -> str:
    webhook_key(text)
    return text


PROVIDER = HttpProvider(
    name="resend",
    place=1,
    settings=ResendSettings,
    needs={"api_key": "RESEND_API_KEY"},
    other_variables={"RESEND_WEBHOOK_SECRET": "webhook_secret"},
    authorize=lambda settings, _: {"authorization": f"Bearer {settings.api_key}"},
    hand_over=_hand_over,
    judge=_judge,
    examine=_examine,
    knows_keys=True,
    reports=Reports(
        setting="webhook_secret",
        proof=_signing_secret,
        fault=f"not a Resend signing secret: {FORM}",
        where="at https://resend.com/webhooks, and set resend.webhook_secret to its signing secret",
        longest=16_384,
        require_headers=signature_headers("svix-id", "svix-timestamp", "svix-signature"),
        read=_read,
        modules=("resend",),
    ),
    # Resend's return path is a subdomain, "send" by default. Its record may be missing, because DKIM alone satisfies
    # DMARC (https://resend.com/docs/dashboard/domains/custom-return-path).
    spf=Spf(host="send", term="include:amazonses.com", missing="warn"),
    dkim=Dkim("resend", _DOMAINS),
    sandbox=_SANDBOX,
    package="resend",
)
