"""Finds the credentials in an app's database that survive a new password, for `keyturn doctor`."""

from collections.abc import Mapping

from keyturn.errors import SettingsInvalid
from keyturn.service.onboarding.guesses import credentials_in, endings
from keyturn.service.onboarding.settings_file import ending_line
from keyturn.service.onboarding.survey import read_tables, tables_of_its_app
from keyturn.service.settings import Settings


async def surviving_credentials(settings: Settings) -> Mapping[str, str]:
    """Return each table whose rows admit clients and do not end, with the line for `[accounts.table.ends]`.

    The line is "" if no column shows whose the rows are. Nothing is returned if the database cannot be read, or if the
    accounts are in no table of it.
    """
    mapped = settings.accounts.table
    url = mapped.url or settings.database.url
    try:
        known = await read_tables(url) if mapped.table else {}
        name = mapped.table if mapped.table in known else mapped.table.rpartition(".")[2]
        if name not in known:
            return {}
        tables = tables_of_its_app(name, known)
    except SettingsInvalid:
        return {}
    ended = {_table_of(entry) for entry in mapped.endings} | {_bare(name)}
    lines = {entry.rpartition(".")[0]: ending_line(entry, ending) for entry, ending in endings(tables[name], tables)}
    lasting = (one for one in sorted(tables) if credentials_in(one) not in ("", "sessions") and _bare(one) not in ended)
    return {one: lines.get(one, "") for one in sorted(lasting, key=lambda one: one not in lines)}


def _table_of(entry: str) -> str:
    return _bare(entry.rpartition(".")[0])


def _bare(name: str) -> str:
    return name.rpartition(".")[2].lower()
