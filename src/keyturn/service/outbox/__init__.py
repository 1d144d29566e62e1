"""Messages that are promised and not yet sent: a row each, written in the caller's transaction.

**A worker has a loop for each of its queues**: claim what is due, prepare it, deliver it, settle
it, and again. After a claim of few messages it rests for a twentieth of a second, so that messages
that follow closely share a claim.

**A claim names its holder.** Only the holder of a message postpones it or gives it up. A report
that a message was sent is true at any time and from any worker. A claim lasts seconds and is
renewed, so the messages of a killed worker wait briefly.

**A worker leaves kinds of messages that it does not know** to a newer worker, so an upgrade or a
downgrade of one machine after the other loses nothing.

**The state that is shown is never stored.** One expression takes the weightiest report when it is
read, so neither the order of reports nor a repeat matters (`history.py`).

Declined: a task queue (SAQ, procrastinate, taskiq). The message must join the caller's transaction
on SQLite and on PostgreSQL, and the sealed mail must be stored and erased with it.
"""
