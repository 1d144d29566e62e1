"""The files of SQLite databases that the settings name, if they are missing.

The doctor does not open them, since that would create them.
"""

from pathlib import Path

from keyturn.errors import SettingsInvalid
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url

WRONG_PATH = (
    "The settings say that it has your accounts, so the path is wrong: correct it, or start "
    "Keyturn in the folder that it is relative to. Do not run `keyturn migrate`, which would "
    "create an empty file."
)
"""The fix for a missing file with accounts."""


def missing_file(address: str, setting: str) -> str:
    """Return the absolute path of a database URL's file if the file is missing; else "".

    An address that cannot be read names no file. The check that connects to it reports its fault.
    """
    try:
        url = read_url(address, setting).url
    except SettingsInvalid:
        return ""
    if url.get_backend_name() != "sqlite" or not url.database:
        return ""
    file = Path(url.database).absolute()
    return "" if file.exists() else str(file)


def missing_accounts_file(settings: Settings) -> str:
    """Return the same for the database with the table of accounts; "" if there is no table."""
    table = settings.accounts.table
    if not table.table:
        return ""
    if table.url:
        return missing_file(table.url, "accounts.table.url")
    return missing_file(settings.database.url, "database.url")
