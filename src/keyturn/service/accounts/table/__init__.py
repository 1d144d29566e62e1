"""The account store over a table that an app already has, in Keyturn's own database or in another.

The database narrows the search, and Python decides whose address it is, since in MySQL's collations
é is e (`addresses.is_same_mailbox`). The guarded UPDATE compares id and address in a binary
collation. Values pass as the driver has them (`Stored`): SQLite's declared types say little.
`require_ready` has each statement explained, so that a missing privilege is a fault at the start.
One that is refused later raises AccountsUnready, and the columns are read again.
"""
