"""Providers' reports about mails: their vocabulary, and the proof that they are genuine."""

import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from keyturn.errors import KeyturnError
from keyturn.mail.port.fields import Fields

KEY_TAG = "key"
"""The tag of a mail that holds its idempotency key.

Reports repeat the tags, so a report that arrives before the provider's id is stored still finds its
message.
"""

_WORD = re.compile(r"[A-Za-z_-]{1,40}")


class ReportRefused(KeyturnError):
    """A provider's report is forged, stale or incomplete."""


class ReportUnproven(KeyturnError):
    """It cannot be decided now whether a report is genuine, so the provider repeats it."""


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a mail to the mailbox `to`.

    The `id` is the same on every delivery.

    `event`: a word of Resend's: "sent", "delivered", "delivery_delayed", "bounced", "complained",
    "suppressed", "failed", "opened", "clicked", or another without effect.
    `detail`: fixed words of the provider, since its sentences hold addresses and a click the whole
    link.
    `key`: the mail's idempotency key, if the report repeats it.
    `ends`: the mailbox should get no more mail for a while.
    """

    provider: str = ""
    id: str
    event: str
    detail: str = ""
    at: datetime
    provider_id: str
    key: str
    to: str
    ends: bool = False


def key_in(fields: Fields, *tags: str) -> str:
    """Return the idempotency key among the tags that a report repeats in a field; "" if it is
    missing.
    """
    try:
        return (fields.within(*tags) if tags else fields).text(KEY_TAG)
    except ValueError:  # some providers send an empty list for no tags
        return ""


def fixed_words(*words: str) -> str:
    """Return the words that can be fixed words of a provider, not sentences or addresses."""
    return " ".join(word for word in words if _WORD.fullmatch(word))


def secret_text(pattern: str) -> Callable[[str], bytes]:
    """Return a reader of secrets that match the whole pattern.

    It raises ValueError for another text.
    """

    def read(text: str) -> bytes:
        if not re.fullmatch(pattern, text):
            raise ValueError("not of the form of this secret")
        return text.encode()

    return read


def require_password(password: bytes, headers: Mapping[str, str]) -> None:
    """Raise ValueError without the password of Basic authentication (RFC 7617),
    for any user name.
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    try:
        sent = (
            base64.b64decode(credentials, validate=True).partition(b":")[2]
            if scheme.lower() == "basic"
            else b""
        )
    except ValueError:
        sent = b""
    if not hmac.compare_digest(sent, password):
        raise ValueError("the password does not match" if sent else "the password is missing")


def require_signature(key: Any, signature: str, content: bytes, *scheme: Any) -> None:
    """Raise ValueError unless the public key, by its scheme, made the signature of the content, in
    base64.
    """
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature, validate=True), content, *scheme)
    except (ValueError, InvalidSignature):
        raise ValueError("the signature does not match") from None


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider's reports are proven and read. `setting`: the key of the proof.

    `proof`: reads its value. Raises ValueError for a text that cannot prove anything; `fault` is
    then what is wrong.
    `where`: where the provider is told to report, and which setting is set then.
    `longest`: bytes of a body; a longer one is refused unread.
    `signature`: the headers that hold the signature. `require_headers`: verifies other headers.
    Raises ValueError.
    `read`: takes the proof, the values of `signature` and the body, which it verifies before it
    yields the reports. Raises ValueError.
    """

    setting: str
    proof: Callable[[str], Any]
    fault: str
    where: str
    longest: int
    signature: Sequence[str] = ()
    require_headers: Callable[[Any, Mapping[str, str]], None] = lambda *_: None
    read: Callable[[Any, Sequence[str], bytes], AsyncIterator[DeliveryReport]]


class Webhook(msgspec.Struct, frozen=True):
    provider: str
    reports: Reports
    proof: Any
    __repr__ = object.__repr__  # the proof may be a secret, which a traceback would show

    def require_headers(self, headers: Mapping[str, str]) -> None:
        """Raise ReportRefused if the headers alone show that a report is not proven; the body is
        not read then.
        """
        if missing := [name for name in self.reports.signature if not headers.get(name)]:
            raise ReportRefused(f"the header {missing[0]}, a part of the signature, is missing")
        try:
            self.reports.require_headers(self.proof, headers)
        except ValueError as error:
            raise ReportRefused(str(error)) from None

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[DeliveryReport]:
        """Return the reports about mails.

        Raises ReportRefused for one that is forged or odd, and ReportUnproven.
        """
        self.require_headers(headers)
        signature = [headers[name] for name in self.reports.signature]
        try:
            return [
                self._complete(report)
                async for report in self.reports.read(self.proof, signature, body)
            ]
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
            raise ReportRefused(str(error)) from None

    def _complete(self, report: DeliveryReport) -> DeliveryReport:
        """Return the report with the provider's name, and an id of one length: a provider's own may
        be longer.
        """
        if not report.to or not (report.provider_id or report.key):
            raise ValueError("the mail or the address is missing")
        digest = hashlib.sha256(report.id.encode()).hexdigest()
        ends = report.ends or report.event in {"complained", "suppressed"}
        return msgspec.structs.replace(
            report, provider=self.provider, id=f"{self.provider}:{digest}", ends=ends
        )
