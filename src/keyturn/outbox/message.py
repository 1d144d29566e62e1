"""A message on its way, and the ways in which it ends."""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row, held under `claim`. `attempts` counts this one; `sealed` is the mail, once it was rendered."""

    id: int
    claim: str
    key: str
    kind: str
    payload: str
    attempts: int
    sealed: bytes | None


class Sent(msgspec.Struct, frozen=True):
    """The provider has accepted it, under its own id."""

    provider_id: str


class Dropped(msgspec.Struct, frozen=True):
    """There is nothing to send, and `reason` says why."""

    reason: str


Settlement = Sent | Dropped
