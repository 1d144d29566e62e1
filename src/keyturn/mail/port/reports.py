"""What providers report of mails, in one vocabulary, and the port through which it comes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

Time = Annotated[datetime, Meta(tz=True)]
"""A time that says its zone."""

KEY_TAG = "key"
"""The tag of a mail that holds its idempotency key. Reports repeat the tags: one that comes before the provider's id of
the mail was written down finds its message all the same."""

LONGEST_ID = 80
"""Characters of a report's id that are kept."""

_WORD = re.compile(r"[A-Za-z_-]{1,40}")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a mail. `id` is the same on every delivery of the report.

    `event` is a word of Resend's, which the others' are translated into: "sent", "delivered", "delivery_delayed",
    "bounced", "complained", "suppressed", "failed", "opened", "clicked", or another that moves nothing. `detail` is
    made of the provider's fixed words alone, since its sentences hold addresses and a click the whole link. `to` is
    the mailbox. `ends` tells that it should get no more mail for a while.
    """

    provider: str
    id: str
    event: str
    detail: str = ""
    at: datetime
    provider_id: str
    key: str
    to: str
    ends: bool = False


class ProviderWebhook(Protocol):
    """Verifies and reads what a provider reports. A body of more than `longest` bytes is refused unread."""

    longest: int

    def require_headers(self, headers: Mapping[str, str], /) -> None:
        """Raise WebhookRefused where the headers alone show that it is not proven: no body is read then."""
        ...

    async def read(self, headers: Mapping[str, str], body: bytes, /) -> Sequence[Report]:
        """Return what is reported of mails; nothing where it is about none.

        Raises WebhookRefused for what is not proven to be the provider's, or is not as it documents it.
        """
        ...


def report_id(provider: str, *parts: str) -> str:
    """Return the same short id for the same parts: what providers call an event may be longer, or nothing at all."""
    return f"{provider}:{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}"


def key_in(tags: object) -> str:
    """Return the idempotency key that a report repeats among a mail's tags; "" where it does not."""
    key = tags.get(KEY_TAG) if isinstance(tags, dict) else None  # some send an empty list for no tags
    return key if isinstance(key, str) else ""


def fixed_words(*words: str) -> str:
    """Return those that can be a provider's own, and neither a sentence nor an address."""
    return " ".join(word for word in words if _WORD.fullmatch(word))
