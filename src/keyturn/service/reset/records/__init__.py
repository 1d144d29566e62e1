"""The records of a reset: links, limits of mailboxes, the audit trail, and the retention of all rows.

**Guarded statements decide**, never a read before a write: of concurrent callers exactly one succeeds. The statements
are few, so they are written out and not hidden behind repositories. Links and account locks are secrets
(`service/secrets.py`), and what holds mails back from a mailbox is counted (`service/limits.py`).

**A new link ends no earlier one**: otherwise a stranger could lock a user out by requesting links again and again. The
limits of a mailbox bound how many work at a time.
"""
