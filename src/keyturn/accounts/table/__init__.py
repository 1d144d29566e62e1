"""The account store over a table that an app already has, in Keyturn's own database or in another."""

from keyturn.accounts.table.elsewhere import Elsewhere
from keyturn.accounts.table.store import JoiningTableAccounts, TableAccounts
from keyturn.database import Database
from keyturn.settings import TableSettings

__all__ = ["JoiningTableAccounts", "TableAccounts", "table_accounts"]


def table_accounts(settings: TableSettings, database: Database, *, hash_length: int = 60) -> TableAccounts:
    """Return the store that the settings describe. Raises SettingsInvalid where its address or its driver is missing.

    `hash_length`: characters that the password's column must have room for. Nothing is connected to yet.
    """
    if settings.url:
        return TableAccounts(settings, Elsewhere(settings.url), hash_length)
    return JoiningTableAccounts(settings, database, hash_length)
