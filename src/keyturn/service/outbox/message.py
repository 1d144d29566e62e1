"""A claimed message, the ways in which it ends, and the seal of its mail."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
from cryptography.fernet import InvalidToken

from keyturn.service.clock import random_bytes, unix
from keyturn.service.one_time_secrets import box
from keyturn.service.outbox.models import DEAD, DROPPED, SENT


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row, held under `claim`. `attempts` and `crashes` count this try.

    `sender`: the provider that may have the mail since an earlier try, and the only one to try
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

    A mail's recipient sees it.

    Keys made one after the other are neighbours in their index, so a commit writes few pages (RFC
    9562, 6.11).
    """
    return f"{int(unix() * 1_000):012x}{random_bytes(10).hex()}"


class Sent(msgspec.Struct, frozen=True):
    """The provider behind `sender` has accepted the message, under its own id."""

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
"""What a try of a message can end with, in the metrics."""

TO_THE_APP = "webhook_"
"""How the kinds of messages to the app begin. All others are mails."""

Settlement = Sent | Dropped

Delivery = Callable[[], Awaitable[Settlement]]
"""The rest of a prepared message's work: calls to a provider or an app, which may take time.

Raises SendRetryable, QuotaExhausted or SendRefused on failure.
"""


class SealBroken(Exception):
    """None of the keys opens the mail: the key was changed, and the old one is not among the
    previous keys.
    """


class Seal:
    """Encrypts mails with Fernet, under keys derived from the settings' secrets: the first seals,
    all of them open.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._box = box(keys, "outbox")

    def close(self, body: bytes) -> bytes:
        # Its quickest level makes a fifth of a mail's bytes, in half the time of the default.
        return self._box.encrypt(zlib.compress(body, zlib.Z_BEST_SPEED))

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises SealBroken if no key fits or the bytes were changed."""
        try:
            return zlib.decompress(self._box.decrypt(sealed))
        except InvalidToken:
            raise SealBroken from None
