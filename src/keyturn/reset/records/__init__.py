"""The database's records of links, mailboxes, account locks and the audit trail, and their retention.

**Guarded statements decide**, never a read before a write: of concurrent callers exactly one succeeds. The statements
are few and some are batched, so they are written out and not hidden behind repositories.

**Five working links instead of one.** A new request leaves the earlier link working; otherwise a stranger could lock a
user out by requesting links again and again. The sixth link ends the oldest, which is then "invalid" and not "used".
"""
