"""Mailgun, over its HTTP API (https://documentation.mailgun.com/docs/mailgun/api-reference)."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from email.utils import parseaddr
from http import HTTPStatus
from typing import Any, ClassVar

from keyturn.errors import SendRefused
from keyturn.hosts import is_host
from keyturn.http_client import Answer
from keyturn.mail.port.email import Email
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, fail, ok
from keyturn.mail.port.http_provider import Examination, HttpProvider, Refused, Request, basic
from keyturn.mail.port.reports import DeliveryReport, Reports, fixed_words, key_in, secret_text
from keyturn.values import SecretStr

_EVENTS = {"accepted": "sent", "failed": "bounced", "rejected": "failed"}
_EVENTS |= {name: name for name in ("delivered", "complained")}
_LONGEST_AGE = 24 * 3600
"""Seconds: Mailgun repeats a report for eight hours, and does not document whether it signs each
repeat again.
"""


async def _read(key: bytes, _: Sequence[str], body: bytes) -> AsyncIterator[DeliveryReport]:
    """Read a report with an HMAC-SHA256 of a time and a token, but not of the event: so a token
    counts once.

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """
    delivery = Fields.read(body)
    proof, fields = delivery.within("signature"), delivery.within("event-data")
    timestamp, token = proof.get("timestamp", str | int, ""), proof.required("token")
    made = hmac.digest(key, f"{timestamp}{token}".encode(), hashlib.sha256).hex().encode()
    if not hmac.compare_digest(made, proof.text("signature").encode()):
        raise ValueError("the signature does not match")
    if abs(time.time() - int(timestamp)) > _LONGEST_AGE:
        raise ValueError("the signature is too old")
    kind, reason = fields.required("event"), fields.text("reason")
    event = _EVENTS.get(kind, "")
    if kind == "failed" and reason.startswith("suppress-"):  # the mailbox is on Mailgun's list
        event = "suppressed"
    elif kind == "failed" and fields.text("severity") == "temporary":
        event = "delivery_delayed"
    if not event:
        return
    header = fields.within("message").within("headers")
    yield DeliveryReport(
        id=token,
        event=event,
        detail=fixed_words(reason),
        at=fields.time("timestamp"),
        provider_id=header.text("message-id"),
        key=key_in(fields, "user-variables"),
        to=fields.text("recipient")
        or parseaddr(header.text("to"))[1],  # a rejected mail has no recipient yet
        ends=event == "bounced" and reason == "bounce",  # the mailbox does not exist
    )


class Mailgun(HttpProvider, frozen=True):
    """Mailgun's settings.

    `domain`: the one that sends
    `api_url`: for domains of the EU `https://api.eu.mailgun.net`
    """

    api_key: SecretStr = SecretStr("")
    domain: str = ""
    api_url: str = "https://api.mailgun.net"
    webhook_signing_key: SecretStr = SecretStr("")

    name = "mailgun"
    place = 4
    needs: ClassVar = {"api_key": "MAILGUN_API_KEY", "domain": "MAILGUN_DOMAIN"}
    rate: ClassVar[float] = 50
    path = "/v3/{0.domain}/messages"
    is_form = True
    reports = Reports(
        setting="webhook_signing_key",
        proof=secret_text(r"[!-~]{16,}"),  # the key that Mailgun signs with, as it shows it
        fault="not a Mailgun signing key: use the HTTP webhook signing key",
        where="to the domain's webhooks, and set mailgun.webhook_signing_key to the HTTP "
        "webhook signing key",
        longest=262_144,
        read=_read,
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.domain and not is_host(self.domain):
            yield "domain", "not a domain, such as mg.northwind.example"

    def authorize(self, _: Request) -> Mapping[str, str]:
        return basic("api", self.api_key)

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        headers = email.headers | ({"Reply-To": email.reply_to} if email.reply_to else {})
        return {
            "from": email.sender,
            "to": email.to,
            "subject": email.subject,
            "text": email.text,
            "html": email.html,
            "o:tracking": "no",
            "o:tracking-clicks": "no",  # a tracked link passes through Mailgun whole
            "o:tracking-opens": "no",
            **{f"h:{name}": value for name, value in headers.items()},
            **{f"v:{name}": value for name, value in tags.items()},
        }

    def judge(self, answer: Answer, _: Email) -> str | Refused:
        if (
            answer.status == HTTPStatus.OK and b"Mailgun Magnificent API" in answer.body
        ):  # at a URL outside of its API
            raise SendRefused("200 not the API", account=True)
        if answer.body.strip() == b"Forbidden":  # a refused key
            return Refused(str(answer.status))
        fields = Fields.read(answer.body)
        if answer.status == HTTPStatus.OK:
            return fields.text("id").strip("<>")
        if (
            answer.status == HTTPStatus.NOT_FOUND
        ):  # a gateway words "no such route" in the same form
            if fields.text("message").startswith(
                "Domain not found"
            ):  # it is foreign, or one of the other region
                raise SendRefused("404 domain not found", account=True)
            raise ValueError("not Mailgun's answer")
        fields.required("message")
        return Refused(str(answer.status))

    async def examine(self, api: Examination, _: str) -> AsyncIterator[Finding]:
        """Yield a finding on the key and the domain, by a mail without a recipient: a sending key
        sees no domains.
        """
        new_key = "Set MAILGUN_API_KEY to one from https://app.mailgun.com/settings/api_security."
        refused = await api.ask(self.path.format(self), "POST", fix=new_key)
        if refused.status == HTTPStatus.NOT_FOUND:
            fix = 'Correct mailgun.domain, or set mailgun.api_url to the other region\'s: "https://api.eu.mailgun.net".'
            yield fail(f"the domain {self.domain} is unknown at {api.url}", fix)
        elif refused.status != HTTPStatus.BAD_REQUEST:
            yield api.odd(refused.status)
        else:
            yield ok(f"the key works for the domain {self.domain}")
