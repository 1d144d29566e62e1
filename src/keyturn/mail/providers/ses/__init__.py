"""Amazon SES, over its HTTP API, version 2
(https://docs.aws.amazon.com/ses/latest/APIReference-V2).

Its reports come by SNS
(https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html).
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import formataddr
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.http_client import Answer
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.mail.port.email import Email, name_and_address
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.http_provider import (
    ACCOUNT_REFUSED,
    Examination,
    HttpProvider,
    Refused,
    Request,
)
from keyturn.mail.port.reports import KEY_TAG, DeliveryReport, Reports, fixed_words
from keyturn.mail.providers.ses.sns import SnsTopic
from keyturn.values import SecretStr

_ALGORITHM = "AWS4-HMAC-SHA256"


def _text(text: str) -> Mapping[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _names_and_values(pairs: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    return [{"Name": name, "Value": value} for name, value in pairs.items()]


def _hexdigest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sign(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)


# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
_ACCOUNT = re.compile(
    r"(AccountSuspended|LimitExceeded|MailFromDomainNotVerified|NotFound|SendingPaused)Exception"
)
_THROTTLED = re.compile(r"TooManyRequests|Throttling")
# SES's sentences, which alone tell the two errors apart
# (https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html).
_TOO_FAST = "Maximum sending rate exceeded"
_QUOTA = "Daily message quota exceeded"

_QUOTA_PAUSE = timedelta(minutes=10)
"""The quota covers the last 24 hours, so capacity returns all the time; AWS advises waits of up to
ten minutes.
"""


def _error_type(answer: Answer) -> str:
    """Return the name of an answer's error; "" if it has none."""
    name = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return name if re.fullmatch(r"[A-Za-z]{1,60}", name) else ""


_EVENTS = {
    "Send": "sent",
    "Delivery": "delivered",
    "DeliveryDelay": "delivery_delayed",
    "Bounce": "bounced",
    "Complaint": "complained",
    "Reject": "failed",
    "Rendering Failure": "failed",
}
_SUPPRESSED = {"Suppressed", "OnAccountSuppressionList"}
"""Kinds of bounces and complaints about mails that SES did not send, because the mailbox is on one
of its lists.
"""


async def _read(topic: SnsTopic, _: Sequence[str], body: bytes) -> AsyncIterator[DeliveryReport]:
    """Verify and read a message of the topic.

    Messages that are not events are skipped: SES greets a topic in plain text, and other publishers
    may use the topic.
    """
    message = await topic.receive(body)
    if message:
        with suppress(ValueError):
            yield _report(message.message_id, Fields.read(message.message))


def _report(message_id: str, fields: Fields) -> DeliveryReport:
    """Return the report of an event. Raises ValueError for a message of another form."""
    # A configuration set names the event in the first field, an identity without one in the second.
    kind = fields.text("eventType", "notificationType")
    mail = fields.within("mail")
    if kind not in _EVENTS:
        raise ValueError("another event")
    detail = fields.within(f"{kind[:1].lower()}{kind[1:]}")
    bounce = detail.text("bounceType")
    sub_type = detail.text("bounceSubType", "complaintSubType")
    event = _EVENTS[kind]
    if sub_type in _SUPPRESSED:
        event = "suppressed"
    words = (bounce, sub_type, detail.text("delayType"), detail.text("complaintFeedbackType"))
    dated = detail if detail.text("timestamp") else mail
    return DeliveryReport(
        id=message_id,
        event=event,
        detail=fixed_words(*words),
        at=dated.time("timestamp"),
        provider_id=mail.required("messageId"),
        key="".join(mail.within("tags").texts(KEY_TAG)[:1]),
        to="".join(mail.texts("destination")[:1]),
        ends=event == "bounced" and bounce == "Permanent",
    )


def _refuses_sender(kind: str, text: str, email: Email) -> bool:
    """Tell whether SES refuses our sender, and not the recipient, which the sandbox also does."""
    is_not_verified = kind == "MessageRejected" and "is not verified" in text
    return is_not_verified and email.to.lower() not in text.lower()


_CONSOLE = "https://console.aws.amazon.com/ses"
_NEW_KEY = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of an IAM user, and check this "
    "machine's clock."
)


class Ses(HttpProvider, frozen=True):
    """The settings of Amazon SES.

    `api_url`: default: the region's own address
    `topic_arn`: the SNS topic of its reports
    """

    region: str = ""
    access_key_id: str = ""
    secret_access_key: SecretStr = SecretStr("")
    api_url: str = ""
    topic_arn: str = ""

    name = "ses"
    place = 5
    needs: ClassVar = {
        "region": "AWS_REGION",
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    }
    shares_variables = True
    # Calls a second, of all workers together: SES's first quota outside the sandbox.
    rate: ClassVar[float] = 14
    path = "/v2/email/outbound-emails"
    reports = Reports(
        setting="topic_arn",
        proof=SnsTopic,
        fault="not a topic, such as arn:aws:sns:eu-west-1:123456789012:keyturn",
        where="to an SNS topic that the configuration set publishes to, and set ses.topic_arn "
        "to the topic's ARN",
        # An SNS message has 256 kB at most. As a JSON string each of its quotation marks counts
        # twice.
        longest=524_288,
        require_headers=SnsTopic.require_header,
        read=_read,
    )

    @property
    def url(self) -> str:
        return self.api_url or f"https://email.{self.region}.amazonaws.com"

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.region and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", self.region):
            yield "region", "not a region, such as eu-west-1"
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
        if self.access_key_id.startswith("ASIA"):
            message = "is a temporary key, which expires within hours: use a key of an IAM user"
            yield "access_key_id", message

    def authorize(self, request: Request) -> Mapping[str, str]:
        """Return the headers that sign a request, with the current time (Signature Version 4).

        The URL must have no query.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
        """
        url = urlsplit(request.url)
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        signed = {**request.headers, "host": url.netloc, "x-amz-date": moment}
        names = ";".join(signed)
        canonical_request = (
            request.method,
            quote(url.path, safe="/-_.~"),
            "",  # the query
            "".join(f"{name}:{value.strip()}\n" for name, value in signed.items()),
            names,
            _hexdigest(request.content),
        )
        digest = _hexdigest("\n".join(canonical_request).encode())
        date = moment[:8]
        scope = f"{date}/{self.region}/ses/aws4_request"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}"
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (date, self.region, "ses", "aws4_request"):
            key = _sign(key, part)
        signature = _sign(key, text).hex()
        proof = (
            f"Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return {"x-amz-date": moment, "authorization": f"{_ALGORITHM} {proof}"}

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        reply_to = {"ReplyToAddresses": [email.reply_to]} if email.reply_to else {}
        content = {
            "Subject": _text(email.subject),
            "Body": {"Text": _text(email.text), "Html": _text(email.html)},
            "Headers": _names_and_values(email.headers),
        }
        return {
            # A name beyond ASCII is encoded (RFC 2047).
            "FromEmailAddress": formataddr(name_and_address(email.sender)),
            "Destination": {"ToAddresses": [email.to]},
            **reply_to,
            "Content": {"Simple": content},
            "EmailTags": _names_and_values(tags),
            # A tracked link passes through SES whole.
            "ConfigurationOverrides": {
                "Tracking": {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}
            },
        }

    def judge(self, answer: Answer, email: Email) -> str | Refused:
        fields = Fields.read(answer.body)
        if answer.status == HTTPStatus.OK:
            return fields.text("MessageId")
        kind = _error_type(answer)
        reason = f"{answer.status} {kind}".strip()
        text = fields.text("message", "Message")  # AWS services differ in the name
        is_bad = answer.status == HTTPStatus.BAD_REQUEST
        is_limited = is_bad or answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if is_limited and _QUOTA in text:
            raise QuotaExhausted(reason, datetime.now(UTC) + _QUOTA_PAUSE)
        is_too_fast = _THROTTLED.search(kind) or _TOO_FAST in text
        if is_bad and is_too_fast:
            raise SendRetryable(reason, not_accepted=True, down=False)
        if _ACCOUNT.fullmatch(kind) or _refuses_sender(kind, text, email):
            raise SendRefused(reason, account=True)
        if not kind:
            raise ValueError("not SES's answer")
        return Refused(reason)

    async def examine(self, api: Examination, domain: str) -> AsyncIterator[CheckResult]:
        """Yield findings about the key, the account and the domain.

        A key that may only send sees neither the account nor the domain.
        """
        answer = await api.ask("/v2/email/account")
        if answer.status in {HTTPStatus.BAD_REQUEST, *ACCOUNT_REFUSED}:
            kind = _error_type(answer)
            if kind == "AccessDeniedException":
                yield ok("the key works; it may not see the account, which is not needed")
            else:
                reason = f"{answer.status} {kind}".strip()
                yield fail(f"the key is refused ({reason})", _NEW_KEY)
            return
        account = api.read(answer)
        if not account.flag("SendingEnabled"):
            message = f"the key works, but the account may not send in {self.region}"
            yield fail(message, f"See {_CONSOLE} for the reason.")
            return
        yield ok(f"the key works, and the account may send in {self.region}")
        if not account.flag("ProductionAccessEnabled"):
            message = "the account is in the sandbox: mails reach only verified addresses"
            yield warn(message, f"Request production access at {_CONSOLE}.")
        identity = await api.ask(f"/v2/email/identities/{domain}")
        if identity.status == HTTPStatus.OK and api.read(identity).flag("VerifiedForSendingStatus"):
            yield ok(f"{domain} is verified")
        elif identity.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            # An address may be verified without its domain; its mails fail DMARC.
            message = f"the account has no verified domain {domain} in {self.region}"
            yield warn(message, f"Verify the domain at {_CONSOLE}, in that region.")
