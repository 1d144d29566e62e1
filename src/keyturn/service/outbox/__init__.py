"""Messages that are promised and not yet sent: rows written in the caller's transaction, handled by
a worker.

**A worker has a loop for each of its queues**: claim what is due, prepare it, deliver it, settle
it, and again. After a claim of few messages it rests for a twentieth of a second, so that messages
that follow closely share a claim.

**A claim names its holder.** Only the holder of a message postpones it or gives it up. A report
that it was sent is true at any time and from any worker. A claim lasts seconds and is renewed, so
messages of a killed worker wait briefly.

**A worker leaves kinds that it does not know** to a newer one. So a rolling upgrade, or a step
back, loses nothing.

**The state that is shown is never stored.** One expression takes the weightiest report at read
time, so the order and the repeats of reports do not matter (`history.py`).

No task queue (SAQ, procrastinate, taskiq): the message must join the caller's transaction on SQLite
and PostgreSQL alike, and the sealed mail must be stored and erased with it.
"""
