"""A message on its way, and the ways in which it ends."""

import base64
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from keyturn.settings.keys import derive


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row, held under `claim`. `sealed` is the mail, once it was rendered.

    `attempts` counts the tries that ended as was foreseen, with this one. `crashes` counts the claims, this one
    included, since the last of them: those of workers that died, and faults of ours. `sender`
    names the transport that may have the mail since an earlier try: it alone may be asked again. One that is
    `abandoned` was claimed before, and nobody said what became of it: it may be what ended its worker.
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
    abandoned: bool = False


def new_key() -> str:
    """Return an idempotency key that no provider has seen: a time in milliseconds, and 80 random bits.

    Keys that are made one after the other are neighbours in their index (RFC 9562, 6.11), so that a commit of many
    messages, and a purge of them, writes few of its pages: of random ones, a page for each. They are no secret: whoever
    gets the mail sees its key.
    """
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The request that a message comes from: its id, and its span (W3C Trace Context), empty where there is none."""

    request_id: str = ""
    traceparent: str = ""


class Sent(msgspec.Struct, frozen=True):
    """The provider behind `sender` has accepted it, under its own id."""

    sender: str
    provider_id: str


class Dropped(msgspec.Struct, frozen=True):
    """There is nothing to send, and `reason` says why."""

    reason: str


Settlement = Sent | Dropped

Delivery = Callable[[], Awaitable[Settlement]]
"""What is left to do for a message once it was prepared: what asks a provider, or an app, and may take its time."""


_LEVEL = 3
"""Of zlib: half the time of its usual 6, for a mail a twelfth larger. Without zlib it would be five times as large."""


class SealBroken(Exception):
    """None of the keys opens it: the key was changed and the old one is not among the previous keys."""


class Seal:
    """Authenticated encryption (Fernet: AES-128-CBC with HMAC-SHA256), keys derived from the settings' secrets.

    The first secret seals, all of them open: rotating means putting a new one in front.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._box = MultiFernet([Fernet(base64.urlsafe_b64encode(derive(secret, "outbox"))) for secret in secrets])

    def close(self, body: bytes) -> bytes:
        return self._box.encrypt(zlib.compress(body, _LEVEL))

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises SealBroken if no key fits or the bytes were changed."""
        try:
            return zlib.decompress(self._box.decrypt(sealed))
        except InvalidToken:
            raise SealBroken from None
