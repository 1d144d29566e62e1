"""Messages that are promised and not yet sent: rows written in the caller's transaction, handled by a relay.

**A claim names its holder.** Only the holder of a message postpones it or gives it up. A report that it was sent is
true at any time and from any worker. The relay cancels a delivery at the lease of the settings, so no transport needs
a total time-out of its own. A claim lasts seconds and is renewed, so messages of a killed worker wait only briefly.

**A relay rests for a twentieth of a second** after it has claimed what was due. The first message after a quiet moment
starts at once; messages that follow closely share their transactions.

**A message is tried for most of a day**, within the 24 hours for which Resend remembers an idempotency key. A crash of
our own is given up sooner. A message that kills its worker is found by halving the group that was claimed with it, and
does not take the others along (`Lane.admit`).

**A lane has its own places**: however many webhooks wait for an app that is down, no mail waits for them. Work that
calls no outside service needs no place. A handler prepares a message together with all that were claimed with it, in
batches (see `database/batching.py`), and returns the rest of the work, if any, to be done in a place. With
`PreparesTogether`, messages claimed together are one task until then, and the dropped ones end together in one line of
the log.

**The state that is shown is never stored.** One expression takes the weightiest report at read time, so the order and
the repeats of reports do not matter (`history.py`).

No task queue (SAQ, procrastinate, taskiq): the message must join the caller's transaction on SQLite and PostgreSQL
alike, and the sealed mail must be stored and erased with it.
"""

from keyturn.service.outbox.attempts import RelayLimits
from keyturn.service.outbox.lane import Handler, Lane
from keyturn.service.outbox.message import Delivery, Dropped, Message, Seal, SealBroken, Sent, Settlement, new_key
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.outbox.worker import Relay

__all__ = [
    "Delivery",
    "Dropped",
    "Handler",
    "Lane",
    "LeaseLost",
    "Message",
    "Outbox",
    "Relay",
    "RelayLimits",
    "Seal",
    "SealBroken",
    "Sent",
    "Settlement",
    "new_key",
]
