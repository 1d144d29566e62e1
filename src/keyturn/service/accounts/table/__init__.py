"""The account store over a table that an app already has, in Keyturn's own database or in another.

The database narrows the search, and Python decides whose address it is. A range from the address to the address and "!"
finds trailing spaces with an ordinary index. `addresses.is_same_mailbox` then compares, since in MySQL's collations é
is e. The guarded UPDATE compares id and address in a binary collation. SQLAlchemy reflects the tables, but values pass
as the driver has them (`Stored`): SQLite's declared types say little.

Frequent statements are built once (`Statements`) and run over a `KnownTable`.

`require_ready` has each statement explained, so that a missing privilege is a fault at the start and no trigger fires.
A statement that is refused later raises AccountsUnready, and the table's columns are read again. Time-outs are kept on
our side, since an unreachable server keeps none.
"""
