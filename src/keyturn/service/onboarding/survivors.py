"""Finds the credentials in an app's database that survive a new password, for `keyturn doctor`."""

from collections.abc import Mapping

from keyturn.errors import SettingsInvalid
from keyturn.service.onboarding.guesses import credentials_in, guess, shared_credentials
from keyturn.service.onboarding.settings_file import ending_line
from keyturn.service.onboarding.survey import NotReached, Table, sample_values, survey, tables_of_its_app
from keyturn.service.settings import Settings, TableSettings


async def surviving_credentials(settings: Settings) -> Mapping[str, str]:
    """Return each table whose rows admit clients and do not end, with the line for `[accounts.table.ends]`.

    The line is "" if no column shows whose the rows are. Nothing is returned if the database cannot be read, or if the
    accounts are in no table of it.
    """
    table = settings.accounts.table
    if not table.table:
        return {}
    try:
        tables = await _tables(table.url or settings.database.url, table.table)
    except (NotReached, SettingsInvalid):
        return {}
    accounts = tables.get(table.table) or tables.get(table.table.rpartition(".")[2])
    return _surviving(accounts, tables, table) if accounts else {}


async def _tables(url: str, accounts: str) -> dict[str, Table]:
    """Return the app's tables; those of several owners with some values, which show whose they are."""
    found = (await survey(url)).tables
    name = accounts if accounts in found else accounts.rpartition(".")[2]
    tables = tables_of_its_app(name, found)
    shared = await sample_values(url, [tables[one] for one in shared_credentials(tables)])
    return tables | {one.name: one for one in shared}


def _surviving(accounts: Table, tables: Mapping[str, Table], settings: TableSettings) -> dict[str, str]:
    ended = {_bare(entry.rpartition(".")[0]) for entry in settings.endings if not _is_own(entry, accounts)}
    emptied = {*settings.set, *(name for entry in settings.ends.values() for name in entry.set)}
    proposed = guess(accounts, tables).ends
    alive = {
        entry.rpartition(".")[0]: ending_line(entry, ending)
        for entry, ending in proposed.items()
        if _bare(entry.rpartition(".")[0]) not in ended
        and not (_is_own(entry, accounts) and emptied.issuperset(ending.set))
    }
    unowned = [name for name in tables if credentials_in(name) and name != accounts.name]
    return alive | {name: "" for name in sorted(unowned) if name not in alive and _bare(name) not in ended}


def _is_own(entry: str, accounts: Table) -> bool:
    return _bare(entry.rpartition(".")[0]) == _bare(accounts.name)


def _bare(name: str) -> str:
    return name.rpartition(".")[2].lower()
