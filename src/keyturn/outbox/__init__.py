"""What has been promised and is not yet done: rows written in the caller's transaction, worked off by a relay.

**A claim names its holder.** Only the holder of a message postpones it or gives it up; "sent" is true whoever says it,
and whenever. The relay breaks a delivery off at the lease of the settings, so no transport needs a total time-out of
its own; what it claims it holds for seconds, and renews, so that nobody waits long for a worker that was killed.

**A relay that has claimed what was due rests** for a twentieth of a second. The first message after a quiet moment is
begun at once; those that come close behind one another share their transactions.

**A message is tried for the better part of a day**, within the 24 hours for which Resend remembers an idempotency key;
a crash of our own is given up sooner. What ends its worker is found by halves, and does not take along what was
claimed with it (`Lane.admit`).

**A lane has places of its own**: however many webhooks wait for an app that is down, no mail waits for them. What asks
nobody outside needs none: a handler prepares a message with all that were claimed with it, in batches (what
`database/batching.py` is for), and hands back what is left to do in a place, if anything. Where it `PreparesTogether`,
what is claimed together is one task until then, and what comes to nothing ends with it, in one line of the log.

**The state that is shown is never stored.** One expression takes the weightiest report at read time, so the order and
the repeats of reports cannot matter (`history.py`).

No task queue (SAQ, procrastinate, taskiq): the message must join the caller's transaction on SQLite and PostgreSQL
alike, and the sealed mail must live and die with it.
"""

from keyturn.outbox.attempts import RelayLimits
from keyturn.outbox.lane import Handler, Lane
from keyturn.outbox.message import Delivery, Dropped, Message, Origin, Seal, SealBroken, Sent, Settlement, new_key
from keyturn.outbox.queue import LeaseLost, Outbox
from keyturn.outbox.worker import Relay

__all__ = [
    "Delivery",
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
    "new_key",
]
