"""The account store over a table that an app already has, in Keyturn's own database or in another.

The database narrows the search, and Python decides whose address it is. A range from the address to the address and "!"
finds trailing spaces with an ordinary index. `addresses.is_same_mailbox` then compares, since in MySQL's collations é
is e. The guarded UPDATE compares id and address in a binary collation. Columns are read as the driver has them.
SQLite's declared types say little; SQLAlchemy's reflected `Table`, which relies on them, was declined.

Frequent statements are built once (`Statements`) and run by a `Reader`, as in `keyturn.database`.

`require_ready` has each statement explained, so that a missing privilege is a fault at the start and no trigger fires.
A statement that is refused later raises AccountsUnready, and the table's columns are read again. Time-outs are kept on
our side, since an unreachable server keeps none.
"""

from keyturn.accounts.table.app_database import AppDatabase
from keyturn.accounts.table.store import JoiningTableAccounts, TableAccounts
from keyturn.database import Database
from keyturn.settings import TableSettings

__all__ = ["JoiningTableAccounts", "TableAccounts", "table_accounts"]


def table_accounts(settings: TableSettings, database: Database, *, hash_length: int = 60) -> TableAccounts:
    """Return the store that the settings describe. Raises SettingsInvalid if its address or its driver is missing.

    `hash_length`: characters that the password's column must have room for. No connection is opened yet.
    """
    if settings.url:
        return TableAccounts(settings, AppDatabase(settings.url), hash_length)
    return JoiningTableAccounts(settings, database, hash_length)
