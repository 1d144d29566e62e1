"""Resend, over its HTTP API (https://resend.com/docs/api-reference)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.http_client import Answer
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.http_provider import Examination, HttpProvider, HttpSender, Refused
from keyturn.mail.port.provider import CallsPerSecond, Dkim, Spf
from keyturn.mail.port.reports import DeliveryReport, Reports, fixed_words, key_in
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.values import SecretStr


def quota_renewal(quota: str, moment: datetime) -> datetime:
    """Return when a quota renews: at the next midnight, or on the first of the next month."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if quota == "daily_quota_exceeded":
        return midnight + timedelta(days=1)
    in_next_month = midnight.replace(day=1) + timedelta(days=32)
    return in_next_month.replace(day=1)


_LONGEST_ID = 80
"""Characters of a delivery's id."""


async def _library() -> ModuleType:
    """Return our adapter of Resend's library.

    Importing it takes 0.2 s, so the first email or report does that, in a thread.
    """
    return await asyncio.to_thread(import_module, "keyturn.mail.providers.resend.library")


_EVENT_OF_MAIL = re.compile(r"email\.([a-z_]{1,32})")
_FIELDS_OF_REASONS = {"bounced": "bounce", "failed": "failed", "suppressed": "suppressed"}
"""The field of a mail that says why an event occurred."""


async def _read(key: bytes, signed: Sequence[str], body: bytes) -> AsyncIterator[DeliveryReport]:
    delivery, timestamp, signatures = signed
    library = await _library()
    library.verify(key, delivery, timestamp, signatures.split(), body)
    payload = Fields.read(body)
    named = _EVENT_OF_MAIL.fullmatch(payload.text("type"))
    if not named:
        return
    if len(delivery) > _LONGEST_ID:
        raise ValueError(f"the id is longer than {_LONGEST_ID} characters")
    event = named[1]
    mail = payload.within("data")
    why = mail.within(_FIELDS_OF_REASONS.get(event, ""))
    yield DeliveryReport(
        id=delivery,
        event=event,
        detail=fixed_words(why.text("type"), why.text("subType"), why.text("reason")),
        at=payload.time("created_at"),
        provider_id=mail.required("email_id"),
        key=key_in(mail, "tags"),
        to="".join(mail.texts("to")[:1]),
        # https://resend.com/docs/dashboard/emails/email-bounces: the other types may pass.
        ends=event == "bounced" and why.text("type") == "Permanent",
    )


_DOMAINS = "https://resend.com/domains"
_KEY_REFUSED = {400, 401, 403, 422}
"""Resend answers 400 or 401 for a malformed key, 403 for an unknown key."""


def _judge_domain(domain: Fields) -> Iterator[CheckResult]:
    name = domain.required("name")
    status = domain.text("status")
    tracks_clicks = domain.flag("click_tracking")
    if status == "verified":
        yield ok(f"the key works, and {name} is verified")
    else:
        yield fail(f"{name} is not verified yet ({status})", _how_to_verify(domain))
    if tracks_clicks:
        message = f"click tracking is on for {name}: Resend sees and stores every reset link"
        yield warn(message, f"Turn off click tracking for {name} at {_DOMAINS}.")


def _how_to_verify(domain: Fields) -> str:
    missing = [one for one in domain.each("records") if one.text("status") != "verified"]
    if not missing:
        return f"Press Verify at {_DOMAINS}."
    records = [f'{one.text("type")} {one.text("name")} "{one.text("value")}"' for one in missing]
    return f"Add to your DNS: {'; '.join(records)}; then press Verify at {_DOMAINS}."


class Resend(HttpProvider, frozen=True):
    """Resend's settings.

    `rate`: calls a second of all workers together; Keyturn stays a twentieth below
    `webhook_secret`: `whsec_...`
    """

    api_key: SecretStr = SecretStr("")
    api_url: str = "https://api.resend.com"
    rate: CallsPerSecond = 10
    webhook_secret: SecretStr = SecretStr("")

    name = "resend"
    place = 1
    needs: ClassVar = {"api_key": "RESEND_API_KEY"}
    other_variables: ClassVar = {"RESEND_WEBHOOK_SECRET": "webhook_secret"}
    path = "/emails"
    knows_keys = True  # https://resend.com/docs/dashboard/emails/idempotency-keys
    reports = Reports(
        setting="webhook_secret",
        proof=webhook_key,
        fault=f"not a Resend signing secret: {FORM}",
        where="at https://resend.com/webhooks, and set resend.webhook_secret to its signing secret",
        longest=16_384,
        signature=("svix-id", "svix-timestamp", "svix-signature"),
        read=_read,
    )
    # Resend's return path is a subdomain, "send" by default. Its record may be missing, because
    # DKIM alone satisfies DMARC (https://resend.com/docs/dashboard/domains/custom-return-path).
    spf = Spf(host="send", term="include:amazonses.com", missing="warn")
    dkim = Dkim("resend", _DOMAINS)
    sandbox = "resend.dev"

    def build(self, timeout: timedelta) -> Sender:
        return ResendSender(self, timeout)

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        reply_to = {"reply_to": email.reply_to} if email.reply_to else {}
        return {
            "from": email.sender,
            "to": [email.to],
            **reply_to,
            "subject": email.subject,
            "html": email.html,
            "text": email.text,
            "headers": email.headers,
            "tags": [{"name": name, "value": text} for name, text in tags.items()],
        }

    def judge(self, answer: Answer, _: Email) -> str | Refused:
        """Tell a refusal by the name of its error.

        https://resend.com/docs/api-reference/errors
        """
        fields = Fields.read(answer.body)
        if answer.status == HTTPStatus.OK and fields.text("id"):
            return fields.text("id")
        name = fields.required("name")
        if name in {"daily_quota_exceeded", "monthly_quota_exceeded"}:
            raise QuotaExhausted(name, quota_renewal(name, datetime.now(UTC)))
        if name in {"concurrent_idempotent_requests", "resource_locked"}:
            raise SendRetryable(name, down=False)
        if name == "invalid_idempotent_request":  # the key came before, with another mail
            raise SendRefused(f"{answer.status} {name}", key_used=True)
        return Refused(f"{answer.status} {name}")

    async def examine(self, api: Examination, domain: str) -> AsyncIterator[CheckResult]:
        if domain == self.sandbox:
            fix = f"Verify a domain at {_DOMAINS}, and set mail.from to an address in it."
            yield warn(f"mails from {domain} reach only the owner of the Resend account", fix)
        answer = await api.ask("/domains")
        if answer.status in _KEY_REFUSED:
            error = Fields.read(answer.body).text("name")
            if error == "restricted_api_key":
                yield ok("the key works, and may only send, which is enough")
            else:
                fix = "Set RESEND_API_KEY to one from https://resend.com/api-keys."
                yield fail(f"the key is refused ({answer.status} {error})", fix)
            return
        domains = api.read(answer).each("data")
        ids = {one.required("name").lower(): one.required("id") for one in domains}
        if domain == self.sandbox:
            yield ok("the key works")
        elif domain not in ids:
            fix = f"Add it at {_DOMAINS}"
            if ids:
                fix += f", or set mail.from to an address in {', '.join(sorted(ids))}"
            yield fail(f"the Resend account has no domain {domain}", f"{fix}.")
        else:
            details = api.read(await api.ask(f"/domains/{ids[domain]}"))
            for finding in _judge_domain(details):
                yield finding


class ResendSender(HttpSender):
    """Sends with Resend's own library, over our HTTP client."""

    async def hand_over(self, fields: Mapping[str, Any], key: str) -> Answer:
        async def post(headers: Mapping[str, str], content: bytes) -> Answer:
            return await self.call("POST", Resend.path, headers, content)

        library = await _library()
        try:
            answer: Answer = await library.send(fields, key, post)
        except library.NoCall as error:
            raise self.unknown(f"the library made no call: {error}") from None
        return answer
