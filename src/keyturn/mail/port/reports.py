"""Providers' reports about mails: their words, and the proof that they are genuine."""

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
    """It cannot be decided now whether a report is genuine, so the provider should repeat it."""


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a mail.

    `id`: the same on every delivery of the report.
    `event`: a word of Resend's: "sent", "delivered", "delivery_delayed", "bounced", "complained",
    "suppressed", "failed", "opened", "clicked", or another without effect.
    `detail`: fixed words of the provider. Its sentences are left out: they hold addresses, and that
    of a click the whole link.
    `key`: the mail's idempotency key; "" if the report does not repeat it.
    `to`: the mailbox.
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
    """Return the idempotency key among the tags that a report repeats; "" if it is missing.

    `tags`: the fields that may hold the tags; by default the tags are fields of the report.
    """
    try:
        holder = fields.within(*tags) if tags else fields
        return holder.text(KEY_TAG)
    except ValueError:  # some providers send an empty list for no tags
        return ""


def fixed_words(*words: str) -> str:
    """Return those that can be fixed words of a provider, without sentences and addresses."""
    return " ".join(word for word in words if _WORD.fullmatch(word))


def secret_text(pattern: str) -> Callable[[str], bytes]:
    """Return a reader of secrets, which raises ValueError for a text that does not match the whole
    pattern.
    """

    def read(text: str) -> bytes:
        if not re.fullmatch(pattern, text):
            raise ValueError("not of the form of this secret")
        return text.encode()

    return read


def require_password(password: bytes, headers: Mapping[str, str]) -> None:
    """Raise ValueError unless Basic authentication (RFC 7617) has this password, under any user
    name.
    """
    sent = _password_in(headers)
    # An attacker could find the password by the time that another comparison takes (CWE-208).
    if not hmac.compare_digest(sent, password):
        raise ValueError("the password does not match" if sent else "the password is missing")


def _password_in(headers: Mapping[str, str]) -> bytes:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        user_and_password = base64.b64decode(credentials, validate=True)
    except ValueError:
        return b""
    return user_and_password.partition(b":")[2]


def require_signature(key: Any, signature: str, content: bytes, *scheme: Any) -> None:
    """Raise ValueError unless the signature, in base64, was made of the content by the key's owner.

    `scheme`: what the public `key` needs to verify, as its padding and hash.
    """
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature, validate=True), content, *scheme)
    except (ValueError, InvalidSignature):
        raise ValueError("the signature does not match") from None


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider's reports are proven and read.

    `setting`: the setting that holds the proof.
    `proof`: reads the value of that setting. Raises ValueError for a text that cannot prove
    anything.
    `fault`: the sentence about such a text.
    `where`: where the user tells the provider to report, and which setting to set then.
    `longest`: bytes of a body; a longer one is refused unread.
    `signature`: the headers that hold the signature.
    `require_headers`: verifies other headers. Raises ValueError.
    `read`: takes the proof, the values of the `signature` headers and the body, which it verifies
    before it yields the reports. Raises ValueError.
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
        """Raise ReportRefused if the headers alone show that a report is not genuine.

        The caller does not read the body then.
        """
        for name in self.reports.signature:
            if not headers.get(name):
                raise ReportRefused(f"the header {name}, a part of the signature, is missing")
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
        """Return the report with the provider's name, and with an id that has the same length for
        all providers.
        """
        names_mail = report.provider_id or report.key
        if not report.to or not names_mail:
            raise ValueError("the mail or the address is missing")
        digest = hashlib.sha256(report.id.encode()).hexdigest()
        return msgspec.structs.replace(
            report,
            provider=self.provider,
            id=f"{self.provider}:{digest}",
            ends=report.ends or report.event in {"complained", "suppressed"},
        )
