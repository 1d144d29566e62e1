"""A claimed message, the ways in which it ends, and the encryption of its mail."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
from cryptography.fernet import InvalidToken

from keyturn.service.clock import random_bytes, unix
from keyturn.service.keys import box
from keyturn.service.outbox.models import DEAD, DROPPED, SENT


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed message.

    `claim`: the id of the claim. Only its holder may change the message.
    `attempts`, `crashes`: the numbers of tries and of crashes, this try included.
    `sender`: the provider that may have the mail since an earlier try. Only this one is asked
    again.
    """

    id: int
    claim: str
    key: str
    kind: str
    payload: str
    attempts: int
    crashes: int
    sender: str | None
    sealed: bytes | None
    created_at: datetime


def new_key() -> str:
    """Return an idempotency key: a time in milliseconds, and 80 random bits.

    It is not secret: a mail's recipient sees it. Keys of the same time are neighbours in the
    database's index, so that a commit writes few pages (RFC 9562, 6.11).
    """
    return f"{int(unix() * 1_000):012x}{random_bytes(10).hex()}"


class Sent(msgspec.Struct, frozen=True):
    """The provider `sender` has accepted the message, under an id of its own."""

    state: ClassVar = SENT
    sender: str
    provider_id: str


class Dropped(msgspec.Struct, frozen=True):
    """The message was not sent, for this `reason`."""

    state: ClassVar = DROPPED
    reason: str


class Dead(msgspec.Struct, frozen=True):
    """The message is given up, for this `reason`. An operator may try it again."""

    state: ClassVar = DEAD
    reason: str


OUTCOMES = ("sent", "dropped", "retried", "parked", "dead")
"""The outcomes of a try, for the metrics."""

TO_THE_APP = "webhook_"
"""The beginning of the kinds of messages that go to the app. All others are mails."""

Settlement = Sent | Dropped

Delivery = Callable[[], Awaitable[Settlement]]
"""The remaining work for a prepared message: calls to a provider or an app, which may take time.

Raises SendRetryable, QuotaExhausted or SendRefused on failure.
"""


class SealBroken(Exception):
    """None of the keys decrypts the mail: its key is not among the settings' keys any more."""


class Seal:
    """Encrypts mails with Fernet, by keys that are derived from the settings' secret keys.

    The first key encrypts, all of them decrypt.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._box = box(keys, "outbox")

    def close(self, body: bytes) -> bytes:
        # The quickest level reduces a mail to a fifth, in half the time of the default level.
        return self._box.encrypt(zlib.compress(body, zlib.Z_BEST_SPEED))

    def open(self, sealed: bytes) -> bytes:
        """Return the decrypted mail. Raises SealBroken if no key fits or the bytes were changed."""
        try:
            return zlib.decompress(self._box.decrypt(sealed))
        except InvalidToken:
            raise SealBroken from None
