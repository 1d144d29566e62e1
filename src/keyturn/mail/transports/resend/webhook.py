"""What Resend reports of a mail: verified, then reduced to what may be kept."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import KEY_TAG, LONGEST_ID, Report, fixed_words

_EVENT = re.compile(r"email\.([a-z_]{1,32})")


class ResendWebhook:
    """Verifies and reads a webhook's reports, by signing secrets, any of which proves one; they begin with `whsec_`."""

    def __init__(self, *secrets: str) -> None:
        from resend import Webhooks  # noqa: PLC0415 - takes 0.2 s, and only who has a webhook needs it

        self._verify = Webhooks.verify
        self._secrets = secrets

    longest = 16_384

    def require_headers(self, headers: Mapping[str, str]) -> None:
        for name in ("svix-id", "svix-timestamp", "svix-signature"):
            if not headers.get(name):
                raise WebhookRefused(f"there is no {name}, which belongs to the signature")

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Report]:
        """Return what is reported. Raises WebhookRefused.

        A report that is older than five minutes is refused by the SDK, a replayed one thus at the latest then.
        """
        try:
            return _read_reports(headers.get("svix-id", ""), self._payload(headers, body.decode()))
        except UnicodeDecodeError:
            raise WebhookRefused("the body is not UTF-8") from None
        except ValueError as error:  # msgspec's own errors are of this kind, too
            raise WebhookRefused(str(error)) from None

    def _payload(self, headers: Mapping[str, str], body: str) -> object:
        """Return what one of the secrets proves. Raises ValueError as it was refused by the last of them."""
        signatures = _hmac_signatures(headers.get("svix-signature", ""))
        refusal = ValueError("no secret")
        for secret in self._secrets:
            try:
                payload: object = self._verify(
                    {
                        "payload": body,
                        "headers": {
                            "id": headers.get("svix-id", ""),
                            "timestamp": headers.get("svix-timestamp", ""),
                            "signature": signatures,
                        },
                        "webhook_secret": secret,
                    }
                )
            except ValueError as error:
                refusal = error
            else:
                return payload
        raise refusal


def _hmac_signatures(signatures: str) -> str:
    """Leave the HMAC signatures alone: `verify` compares whatever stands behind a comma.

    https://docs.svix.com/receiving/verifying-payloads/how-manual: `v1` is HMAC-SHA256, any other prefix is not.
    """
    return " ".join(entry for entry in signatures.split() if entry.startswith("v1,"))


class _Bounce(msgspec.Struct, rename="camel"):
    """Says why a mailbox did not take a mail."""

    type: str = ""
    sub_type: str = ""


class _Failure(msgspec.Struct):
    """Says why Resend did not send one."""

    reason: str = ""


class _Suppression(msgspec.Struct):
    """Says why Resend sends nothing to a mailbox."""

    type: str = ""


class _Mail(msgspec.Struct):
    """Names the mail that an event is about."""

    email_id: Annotated[str, Meta(min_length=1)]
    to: Annotated[list[str], Meta(min_length=1)]
    tags: object = None
    bounce: _Bounce | None = None
    failed: _Failure | None = None
    suppressed: _Suppression | None = None


class _MailEvent(msgspec.Struct):
    """Tells what became of a mail, and when."""

    created_at: Annotated[datetime, Meta(tz=True)]
    data: _Mail


def _read_reports(delivery: str, payload: object) -> Sequence[Report]:
    """Return nothing for what is about no mail. Raises ValueError for what is, and yet not as Resend documents it."""
    named = _EVENT.fullmatch(str(payload.get("type"))) if isinstance(payload, dict) else None
    if not named:
        return []
    if len(delivery) > LONGEST_ID:
        raise ValueError(f"the id is longer than {LONGEST_ID} characters")
    found = msgspec.convert(payload, _MailEvent)
    mail, tags = found.data, found.data.tags
    bounce = mail.bounce or _Bounce()
    words = {
        "bounced": (bounce.type, bounce.sub_type),
        "failed": (mail.failed.reason,) if mail.failed else (),
        "suppressed": (mail.suppressed.type,) if mail.suppressed else (),
    }
    event = named[1]
    report = Report(
        provider="resend",
        id=delivery,
        event=event,
        detail=fixed_words(*words.get(event, ())),
        at=found.created_at,
        provider_id=mail.email_id,
        key=str(tags.get(KEY_TAG, "")) if isinstance(tags, dict) else "",
        to=mail.to[0],
        # https://resend.com/docs/dashboard/emails/email-bounces: the other types may pass.
        ends=event in {"complained", "suppressed"} or (event == "bounced" and bounce.type == "Permanent"),
    )
    return [report]
