"""The account store over a table that an app already has, in Keyturn's own database or in another.

The database narrows the search, and Python decides whose address it is
(`identifiers.parse_address`), since é equals e in MySQL's collations. The guarded UPDATE compares
id and address in a binary collation.
Values pass as the driver returns them (`columns.Stored`): SQLite's declared types say little.
`require_ready` lets the database explain each statement, so that a missing privilege is a fault at
the start. A statement that is refused later raises AccountsUnready, and the columns are read again.
"""
