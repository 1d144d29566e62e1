"""Resend, over its HTTP API (https://resend.com/docs/api-reference)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.http_client import Answer
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.http_provider import Examination, HttpProvider, HttpSender, Refused
from keyturn.mail.port.provider import Dkim, Rate, Spf
from keyturn.mail.port.reports import DeliveryReport, Reports, fixed_words, key_in
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.values import SecretStr


def quota_renewal(quota: str, moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if quota == "daily_quota_exceeded":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


_LONGEST_ID = 80


async def _library() -> ModuleType:
    """Return our adapter of Resend's library, which takes 0.2 s to import: the first email or
    report does so.
    """
    return await asyncio.to_thread(import_module, "keyturn.mail.providers.resend.library")


async def _read(key: bytes, signed: Sequence[str], body: bytes) -> AsyncIterator[DeliveryReport]:
    delivery, timestamp, signatures = signed
    library = await _library()
    library.verify(key, delivery, timestamp, signatures.split(), body)
    payload = Fields.read(body)
    named = re.fullmatch(r"email\.([a-z_]{1,32})", payload.text("type"))
    if not named:
        return
    if len(delivery) > _LONGEST_ID:
        raise ValueError(f"the id is longer than {_LONGEST_ID} characters")
    mail, event = payload.within("data"), named[1]
    why = mail.within(
        {"bounced": "bounce", "failed": "failed", "suppressed": "suppressed"}.get(event, "")
    )
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


def _judge_domain(domain: Fields) -> Sequence[Finding]:
    name, status = domain.required("name"), domain.text("status")
    tracking = f"click tracking is on for {name}: Resend sees and stores every reset link"
    doubt = warn(tracking, f"Turn off click tracking for {name} at {_DOMAINS}.")
    doubts = [doubt] if domain.flag("click_tracking") else []
    if status == "verified":
        return [ok(f"the key works, and {name} is verified"), *doubts]
    missing = "; ".join(
        f'{record.text("type")} {record.text("name")} "{record.text("value")}"'
        for record in domain.each("records")
        if record.text("status") != "verified"
    )
    fix = f"Add to your DNS: {missing}; then press" if missing else "Press"
    return [fail(f"{name} is not verified yet ({status})", f"{fix} Verify at {_DOMAINS}."), *doubts]


class Resend(HttpProvider, frozen=True):
    """Resend's settings.

    `rate`: calls a second of all workers together; Keyturn stays a twentieth below
    `webhook_secret`: `whsec_...`
    """

    api_key: SecretStr = SecretStr("")
    api_url: str = "https://api.resend.com"
    rate: Rate = 10
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
        return {
            "from": email.sender,
            "to": [email.to],
            **({"reply_to": email.reply_to} if email.reply_to else {}),
            "subject": email.subject,
            "html": email.html,
            "text": email.text,
            "headers": email.headers,
            "tags": [{"name": name, "value": text} for name, text in tags.items()],
        }

    def judge(self, answer: Answer, _: Email) -> str | Refused:
        """Sort an answer by its error (https://resend.com/docs/api-reference/errors)."""
        fields = Fields.read(answer.body)
        if answer.status == HTTPStatus.OK and (accepted := fields.text("id")):
            return accepted
        name = fields.required("name")
        if name in {"daily_quota_exceeded", "monthly_quota_exceeded"}:
            raise QuotaExhausted(name, quota_renewal(name, datetime.now(UTC)))
        if name in {"concurrent_idempotent_requests", "resource_locked"}:
            raise SendRetryable(name, down=False)
        if name == "invalid_idempotent_request":  # the key came before, with another mail
            raise SendRefused(f"{answer.status} {name}", key_used=True)
        return Refused(f"{answer.status} {name}")

    async def examine(self, api: Examination, domain: str) -> AsyncIterator[Finding]:
        if domain == self.sandbox:
            fix = f"Verify a domain at {_DOMAINS}, and set mail.from to an address in it."
            yield warn(f"mails from {domain} reach only the owner of the Resend account", fix)
        answer = await api.ask("/domains")
        if answer.status in _KEY_REFUSED:
            error = Fields.read(answer.body).text("name")
            fix = "Set RESEND_API_KEY to one from https://resend.com/api-keys."
            refused = fail(f"the key is refused ({answer.status} {error})", fix)
            yield (
                ok("the key works, and may only send, which is enough")
                if error == "restricted_api_key"
                else refused
            )
            return
        domains = {
            one.required("name").lower(): one.required("id")
            for one in api.read(answer).each("data")
        }
        if domain == self.sandbox:
            yield ok("the key works")
        elif domain not in domains:
            others = (
                f", or set mail.from to an address in {', '.join(sorted(domains))}"
                if domains
                else ""
            )
            yield fail(
                f"the Resend account has no domain {domain}", f"Add it at {_DOMAINS}{others}."
            )
        else:
            for finding in _judge_domain(api.read(await api.ask(f"/domains/{domains[domain]}"))):
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
