"""Amazon SES, over its HTTP API, version 2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2).

SNS brings its reports (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import formataddr
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.port import provider as port
from keyturn.mail.port.email import Email, name_and_address
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.provider import ReportRefused
from keyturn.values import Secret

if TYPE_CHECKING:
    from keyturn.http_client import Answer
    from keyturn.mail.port.provider_api import ProviderApi


class SesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Amazon SES is asked, at its address in `region` unless `api_url` is set. `topic_arn` is where it reports."""

    region: str = ""
    access_key_id: str = ""
    secret_access_key: Secret = Secret("")
    configuration_set: str = ""
    api_url: str = ""
    rate: port.Rate = 14
    topic_arn: str = ""


# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
_ACCOUNT = {
    "AccountSuspendedException",
    "LimitExceededException",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "SendingPausedException",
}
_REJECTED, _NOT_VERIFIED = "MessageRejected", "is not verified"
_THROTTLED = re.compile(r"TooManyRequests|Throttling")
_TOO_FAST, _QUOTA = "Maximum sending rate exceeded", "Daily message quota exceeded"
"""SES's sentences, which alone tell the two errors apart
(https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html)."""

_QUOTA_PAUSE = timedelta(minutes=10)
"""The quota covers the last 24 hours, so capacity returns all the time; AWS advises waits of up to ten minutes."""


class SesSender:
    """Sends with Amazon SES, at least once: it knows no idempotency key. The key is in each mail's tags."""

    name = "ses"

    def __init__(self, settings: SesSettings, timeout: timedelta = port.TIMEOUT) -> None:
        self._configuration_set = settings.configuration_set
        self._api = _open_api(settings, timeout)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return SES's id."""
        fields = _fields(email, idempotency_key)
        if self._configuration_set:
            fields["ConfigurationSetName"] = self._configuration_set
        answer = await self._api.ask("POST", "/v2/email/outbound-emails", json=fields)
        accepted = answer.read(_Accepted) if answer.status == port.OK else None
        if accepted and accepted.message_id:
            return accepted.message_id
        raise self._failure(answer, email.to)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: "Answer", to: str) -> SendFailed:
        kind, text = _error_type(answer), (answer.read(_Error) or _Error()).text
        reason = f"{answer.status} {kind}".strip()
        if answer.status in {port.BAD_REQUEST, port.TOO_MANY}:
            if _QUOTA in text:
                return QuotaExhausted(reason, datetime.now(UTC) + _QUOTA_PAUSE)
            if _THROTTLED.search(kind) or _TOO_FAST in text:
                return self._api.too_many(answer, reason)
        if kind in _ACCOUNT or (kind == _REJECTED and _NOT_VERIFIED in text and to.lower() not in text.lower()):
            return SendRefused(reason, account=True)
        return self._api.failure(answer, reason, known=bool(kind))


class _Accepted(msgspec.Struct, rename="pascal"):
    message_id: str


class _Error(msgspec.Struct):
    """An error in a sentence; AWS services differ in the name of its field."""

    message: str = ""
    other: str = msgspec.field(name="Message", default="")

    @property
    def text(self) -> str:
        return self.message or self.other


def _error_type(answer: "Answer") -> str:
    """Return AWS's name of an error, the part before a colon; "" if there is no name."""
    name: str = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return name if re.fullmatch(r"[A-Za-z]{1,60}", name) else ""


def _open_api(settings: SesSettings, timeout: timedelta) -> "ProviderApi":
    from keyturn.mail.port.provider_api import ProviderApi
    from keyturn.mail.providers.ses.aws_signature import Credentials, SignatureV4

    credentials = Credentials(
        key_id=settings.access_key_id, secret_key=settings.secret_access_key, region=settings.region, service="ses"
    )
    url = settings.api_url or f"https://email.{settings.region}.amazonaws.com"
    return ProviderApi("ses", url, SignatureV4(credentials), timeout, reports=bool(settings.topic_arn))


def _fields(email: Email, key: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "FromEmailAddress": formataddr(name_and_address(email.sender)),  # a name beyond ASCII is encoded (RFC 2047)
        "Destination": {"ToAddresses": [email.to]},
        "Content": {
            "Simple": {
                "Subject": _text(email.subject),
                "Body": {"Text": _text(email.text), "Html": _text(email.html)},
                "Headers": [{"Name": name, "Value": value} for name, value in email.headers.items()],
            }
        },
        "EmailTags": [{"Name": name, "Value": value} for name, value in {**email.tags, port.KEY_TAG: key}.items()],
        # A tracked link passes through SES whole, and its reports repeat it.
        "ConfigurationOverrides": {"Tracking": {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}},
    }
    return fields | ({"ReplyToAddresses": [email.reply_to]} if email.reply_to else {})


def _text(text: str) -> Mapping[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


_EVENTS = {
    "Send": "sent",
    "Delivery": "delivered",
    "DeliveryDelay": "delivery_delayed",
    "Bounce": "bounced",
    "Complaint": "complained",
    "Reject": "failed",
    "Rendering Failure": "failed",
    "Open": "opened",
    "Click": "clicked",
    "Subscription": "unsubscribed",
}

_SUPPRESSED = {"Suppressed", "OnAccountSuppressionList"}
"""Kinds of bounces and complaints about mails that SES did not send, because the mailbox is on one of its lists."""


SNS_TIMEOUT = timedelta(seconds=5)
"""For one call to SNS, which waits 15 seconds for our answer to its own."""


class SesWebhook:
    """Reads reports that SNS brings from one topic, and confirms the topic's subscription.

    SNS may repeat a report. Each has an id, so a replay changes nothing.
    """

    longest = 524_288
    """An SNS message has 256 kB at most; as a JSON string each of its quotation marks counts twice."""

    def __init__(self, topic_arn: str, timeout: timedelta = SNS_TIMEOUT) -> None:
        from keyturn.mail.providers.ses.sns import SnsTopic

        self._topic = SnsTopic(topic_arn, timeout)

    def require_headers(self, headers: Mapping[str, str]) -> None:
        if headers.get("x-amz-sns-topic-arn") != self._topic.arn:
            raise ReportRefused("the headers name another topic than ses.topic_arn")

    async def read(self, _: Mapping[str, str], body: bytes) -> Sequence[port.Report]:
        """Return the reports. Raises ReportRefused, and ReportUnproven if SNS's certificate cannot be fetched.

        Skips messages that are not events: SES greets a topic in plain text, and other publishers may use the topic.
        """
        try:
            message = await self._topic.receive(body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ReportRefused(str(error)) from None
        return _reports(message.message_id, message.message) if message else []


class _Mail(msgspec.Struct, rename="camel"):
    message_id: str
    timestamp: port.Time
    destination: Annotated[list[str], Meta(min_length=1)]
    tags: dict[str, list[str]] = {}


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    """Details of an event; each kind has its own names."""

    timestamp: port.Time | None = None
    bounce_type: str | None = None
    bounce_sub_type: str | None = None
    complaint_sub_type: str | None = None
    complaint_feedback_type: str | None = None
    delay_type: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    """What happened to a mail. `type` is the notification's if an identity reports it without a configuration set."""

    mail: _Mail
    event_type: str = ""
    notification_type: str = ""
    bounce: _Detail = _Detail()
    complaint: _Detail = _Detail()
    delivery: _Detail = _Detail()
    delivery_delay: _Detail = _Detail()
    open: _Detail = _Detail()
    click: _Detail = _Detail()


def _reports(message_id: str, message: str) -> Sequence[port.Report]:
    try:
        found = msgspec.json.decode(message, type=_Event)
    except (msgspec.MsgspecError, ValueError):
        return []
    kind = found.event_type or found.notification_type
    if kind not in _EVENTS:
        return []
    detail: _Detail = getattr(found, {"DeliveryDelay": "delivery_delay"}.get(kind, kind.lower()), _Detail())
    listed = {detail.bounce_sub_type, detail.complaint_sub_type} & _SUPPRESSED
    event = "suppressed" if listed else _EVENTS[kind]
    words = detail.bounce_type, detail.bounce_sub_type or detail.complaint_sub_type, detail.delay_type
    report = port.Report(
        provider="ses",
        id=port.report_id("ses", message_id),
        event=event,
        detail=port.fixed_words(*(word for word in (*words, detail.complaint_feedback_type) if word)),
        at=detail.timestamp or found.mail.timestamp,
        provider_id=found.mail.message_id,
        key="".join(found.mail.tags.get(port.KEY_TAG, [])[:1]),
        to=found.mail.destination[0],
        ends=event in {"complained", "suppressed"} or (event == "bounced" and detail.bounce_type == "Permanent"),
    )
    return [report]


def topic_parts(arn: str) -> tuple[str, str]:
    """Return the region of an SNS topic, and the suffix of its hosts after amazonaws.com."""
    found = re.fullmatch(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}", arn)
    if not found:
        raise ValueError("not the ARN of a topic")
    return found[2], ".cn" if found[1] == "aws-cn" else ""


_NOT_ALLOWED = "AccessDeniedException"
"""AWS knows the key, but its policy does not allow this call."""

_CONSOLE = "https://console.aws.amazon.com/ses"
_NEW_KEY = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of an IAM user, and check this machine's clock."


class _Quota(msgspec.Struct, rename="pascal"):
    max_send_rate: float


class _Account(msgspec.Struct, rename="pascal"):
    """What a region allows (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html)."""

    sending_enabled: bool
    production_access_enabled: bool
    send_quota: _Quota


class _Identity(msgspec.Struct, rename="pascal"):
    """The state of a sender (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html)."""

    verified_for_sending_status: bool


async def _check(settings: SesSettings, sender: port.CheckedSender) -> list[Finding]:
    """Ask with the sender's own client. A key that may only send sees neither the account nor the domain."""
    async with _open_api(settings, sender.timeout) as api:
        answer = await api.ask_for_doctor("/v2/email/account")
        if isinstance(answer, Finding):
            return [answer]
        if answer.status in {port.BAD_REQUEST, *port.ACCOUNT_REFUSED}:
            return [_judge_refusal(answer)]
        account = answer.read(_Account) if answer.status == port.OK else None
        if not account:
            return [api.odd_answer(answer)]
        identity = await api.ask_for_doctor(f"/v2/email/identities/{sender.domain}")
        judged = (
            [identity] if isinstance(identity, Finding) else _judge_identity(identity, sender.domain, settings.region)
        )
        return [*_judge_account(account, settings), *judged]


def _judge_refusal(answer: "Answer") -> Finding:
    kind = _error_type(answer)
    if kind == _NOT_ALLOWED:
        return ok("the key works; it may not see the account, which is not needed")
    said = " ".join([str(answer.status), *([kind] if kind else [])])
    return fail(f"the key is refused ({said})", _NEW_KEY)


def _judge_account(account: _Account, ses: SesSettings) -> Iterator[Finding]:
    if not account.sending_enabled:
        yield fail(f"the key works, but the account may not send in {ses.region}", f"See {_CONSOLE} for the reason.")
        return
    yield ok(f"the key works, and the account may send in {ses.region}")
    if not account.production_access_enabled:
        message = "the account is in the sandbox: mails reach only verified addresses"
        yield warn(message, f"Request production access at {_CONSOLE}.")
    if account.send_quota.max_send_rate < ses.rate:
        rate = f"{account.send_quota.max_send_rate:g}"
        message = f"SES accepts {rate} mails a second, but ses.rate is {ses.rate:g}"
        yield warn(message, f"Set ses.rate to {rate}.")


def _judge_identity(answer: "Answer", name: str, region: str) -> list[Finding]:
    identity = answer.read(_Identity) if answer.status == port.OK else None
    if identity and identity.verified_for_sending_status:
        return [ok(f"{name} is verified")]
    if identity:
        return [fail(f"{name} is not verified yet", f"Add the records that {_CONSOLE} shows to your DNS.")]
    if answer.status == port.NOT_FOUND:
        # An address may be verified without its domain; its mails fail DMARC.
        message = f"the account has no domain {name} in {region}"
        return [warn(message, f"Verify the domain at {_CONSOLE}, in that region.")]
    return []


_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_TEMPORARY = "ASIA"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


def _faults(settings: SesSettings) -> Iterator[tuple[str, str]]:
    if settings.region and not _REGION.fullmatch(settings.region):
        yield "region", "not a region, such as eu-west-1"
    if settings.access_key_id.startswith(_TEMPORARY):
        yield "access_key_id", "is a temporary key, which expires within hours: use a key of an IAM user"


PROVIDER = port.Provider(
    name="ses",
    label="Amazon SES",
    place=5,
    settings=SesSettings,
    build=SesSender,
    check=_check,
    source="Use the access key of an IAM user that may send, in the region of your identities",
    needs=(
        port.Need("region", "AWS_REGION", "eu-west-1"),
        port.Need("access_key_id", "AWS_ACCESS_KEY_ID", "AKIA..."),
        port.Need("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ),
    shares_variables=True,
    faults=_faults,
    reports=port.Reports(
        setting="topic_arn",
        read=topic_parts,
        fault="not a topic, such as arn:aws:sns:eu-west-1:123456789012:keyturn",
        where="to an SNS topic that the configuration set publishes to, and set ses.topic_arn to the topic's ARN",
        build=SesWebhook,
    ),
)
