"""What Amazon SES reports of a mail, by way of SNS.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import KEY_TAG, Report, fixed_words, report_id
from keyturn.mail.transports.ses.sns import CONFIRMATION, NOTIFICATION, SnsMessage, SnsTopic

Time = Annotated[datetime, Meta(tz=True)]

_EVENTS = {
    "Send": "sent", "Delivery": "delivered", "DeliveryDelay": "delivery_delayed", "Bounce": "bounced",
    "Complaint": "complained", "Reject": "failed", "Rendering Failure": "failed", "Open": "opened", "Click": "clicked",
    "Subscription": "unsubscribed",
}  # fmt: skip

_SUPPRESSED = {"Suppressed", "OnAccountSuppressionList"}
"""Kinds of bounces and complaints that are none: the mailbox is on a list of SES's, and was not written to."""


class SesWebhook:
    """Reads reports that SNS brings from one topic, and confirms the topic's subscription.

    SNS may bring a report again; each has an id, so one that is replayed changes nothing.
    """

    longest = 524_288
    """An SNS message has 256 kB at most; as a JSON string each of its quotation marks counts twice."""

    def __init__(self, topic_arn: str) -> None:
        self._topic = SnsTopic(topic_arn)

    def require_headers(self, headers: Mapping[str, str]) -> None:
        if headers.get("x-amz-sns-topic-arn") != self._topic.arn:
            raise WebhookRefused("another topic than ses.topic_arn in the headers")

    async def read(self, _: Mapping[str, str], body: bytes) -> Sequence[Report]:
        """Return what is reported. Raises WebhookRefused; Unavailable where SNS could not be asked for its certificate.

        What has not the form of an event is passed over: SES greets a topic in plain words, and others may publish too.
        """
        try:
            message = msgspec.json.decode(body, type=SnsMessage)
            await self._topic.verify(message)
            if message.type == CONFIRMATION:
                await self._topic.confirm(message.token)
        except (msgspec.MsgspecError, ValueError) as error:
            raise WebhookRefused(str(error)) from None
        return _reports(message) if message.type == NOTIFICATION else []


class _Mail(msgspec.Struct, rename="camel"):
    message_id: str
    timestamp: Time
    destination: Annotated[list[str], Meta(min_length=1)]
    tags: dict[str, list[str]] = {}


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    """Says more of an event; each kind has names of its own."""

    timestamp: Time | None = None
    bounce_type: str | None = None
    bounce_sub_type: str | None = None
    complaint_sub_type: str | None = None
    complaint_feedback_type: str | None = None
    delay_type: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    """Tells what became of a mail; the type is a notification's where an identity and no configuration set tells it."""

    mail: _Mail
    event_type: str = ""
    notification_type: str = ""
    bounce: _Detail = _Detail()
    complaint: _Detail = _Detail()
    delivery: _Detail = _Detail()
    delivery_delay: _Detail = _Detail()
    open: _Detail = _Detail()
    click: _Detail = _Detail()


def _reports(message: SnsMessage) -> Sequence[Report]:
    try:
        found = msgspec.json.decode(message.message, type=_Event)
    except (msgspec.MsgspecError, ValueError):
        return []
    kind = found.event_type or found.notification_type
    if kind not in _EVENTS:
        return []
    detail: _Detail = getattr(found, {"DeliveryDelay": "delivery_delay"}.get(kind, kind.lower()), _Detail())
    listed = {detail.bounce_sub_type, detail.complaint_sub_type} & _SUPPRESSED
    event = "suppressed" if listed else _EVENTS[kind]
    words = detail.bounce_type, detail.bounce_sub_type or detail.complaint_sub_type, detail.delay_type
    report = Report(
        provider="ses",
        id=report_id("ses", message.message_id),
        event=event,
        detail=fixed_words(*(word for word in (*words, detail.complaint_feedback_type) if word)),
        at=detail.timestamp or found.mail.timestamp,
        provider_id=found.mail.message_id,
        key="".join(found.mail.tags.get(KEY_TAG, [])[:1]),
        to=found.mail.destination[0],
        ends=event in {"complained", "suppressed"} or (event == "bounced" and detail.bounce_type == "Permanent"),
    )
    return [report]
