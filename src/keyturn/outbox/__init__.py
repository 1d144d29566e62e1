"""What has been promised and is not yet done: rows written in the caller's transaction, worked off by a relay."""

from keyturn.outbox.message import Dropped, Message, Origin, Sent, Settlement
from keyturn.outbox.queue import LeaseLost, Outbox
from keyturn.outbox.relay import Handler, Lane, Relay, RelayLimits
from keyturn.outbox.sealing import Seal, SealBroken

__all__ = [
    "Dropped",
    "Handler",
    "Lane",
    "LeaseLost",
    "Message",
    "Origin",
    "Outbox",
    "Relay",
    "RelayLimits",
    "Seal",
    "SealBroken",
    "Sent",
    "Settlement",
]
