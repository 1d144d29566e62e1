"""Messages that are promised and not yet sent: rows written in the caller's transaction, handled by a worker.

**A worker has a loop for each lane**: claim what is due, prepare it, deliver it, settle it, and again. A lane may
prepare all messages of a claim in one transaction; tasks do what is left, in as many places as the lane has. A webhook
to an app that is down holds up no mail: it is in another lane. After a claim of few messages a loop rests for a
twentieth of a second, so that messages that follow closely share a claim.

**A claim names its holder.** Only the holder of a message postpones it or gives it up. A report that it was sent is
true at any time and from any worker. A claim lasts seconds and is renewed, so messages of a killed worker wait only
briefly. The worker cancels a delivery after its longest time, so no provider needs a total time-out of its own.

**A worker leaves kinds that it does not know** to a newer one. So a rolling upgrade, or a step back, loses nothing.

**A message is tried for most of a day**, within the 24 hours for which Resend remembers an idempotency key. A crash of
our own is given up sooner.

**The state that is shown is never stored.** One expression takes the weightiest report at read time, so the order and
the repeats of reports do not matter (`history.py`).

No task queue (SAQ, procrastinate, taskiq): the message must join the caller's transaction on SQLite and PostgreSQL
alike, and the sealed mail must be stored and erased with it.
"""
