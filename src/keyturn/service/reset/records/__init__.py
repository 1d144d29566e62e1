"""The database's records of links, mailboxes, account locks and the audit trail, and the retention of all rows.

**Guarded statements decide**, never a read before a write: of concurrent callers exactly one succeeds. The statements
are few, so they are written out and not hidden behind repositories. Links are secrets (`service/secrets.py`).

**A new link ends no earlier one**: otherwise a stranger could lock a user out by requesting links again and again. The
limits of a mailbox bound how many work at a time.
"""
