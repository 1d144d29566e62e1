"""The database's records of links, mailboxes, account locks and the audit trail, and their retention.

**Guarded statements decide**, never a read before a write: of concurrent callers exactly one succeeds. The statements
are few and some are batched, so they are written out and not hidden behind repositories.

**A new link ends no earlier one**: otherwise a stranger could lock a user out by requesting links again and again. The
limits of a mailbox bound how many work at a time.
"""
