"""What the database knows of links, mailboxes, account locks and the audit trail, and for how long.

**What decides is one guarded statement**, never a read before a write: of any number who try at once, one is told yes.
The statements are few and some are batched, so they are written as such and not through repositories.

**Five live links instead of one.** A new request leaves the earlier link alive: otherwise a stranger could keep
somebody locked out by asking again and again. The sixth ends the oldest, which is then "invalid" and not "used", since
nobody used it.
"""
