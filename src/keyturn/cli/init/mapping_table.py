"""The mapping of the accounts' table: shown, corrected, and checked against the database."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import click
import msgspec

from keyturn.cli.terminal import complain, fail, muted, strong
from keyturn.errors import Fault
from keyturn.service.accounts.table.placeholders import TIMES
from keyturn.service.accounts.table.recognised_hashes import HashFormat, recognise_hashes
from keyturn.service.onboarding import guesses
from keyturn.service.onboarding.answers import table_faults
from keyturn.service.onboarding.corrections import COLUMNS, apply_correction
from keyturn.service.onboarding.survey import (
    NotReached,
    Survey,
    sample_hashes,
    sample_values,
    tables_of_its_app,
    time_placeholders,
)
from keyturn.service.settings import Ending, TableSettings
from keyturn.service.settings.building import member_name
from keyturn.values import did_you_mean

Result = TypeVar("Result")

_SECTION = "accounts.table."
_SHOWN = 12
_SAMPLED = 40
"""Tables whose values are read if no table has known column names."""


def run_in_new_loop(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner() as runner:
        return runner.run(work)


class MappingTable:
    """Asks which columns of the table at `url` mean what; where nothing can be asked, the flags must do."""

    def __init__(self, url: str, survey: Survey, flags: Mapping[str, Any], *, asking: bool, quiet: bool) -> None:
        self._url = url
        self._survey = survey
        self._tables = dict(survey.tables)
        self._flags = flags
        self._asking = asking
        self._quiet = quiet

    def ask_mapping(self, *, with_password: bool) -> tuple[TableSettings, HashFormat]:
        """Return the mapping that was found or accepted, and the format of the hashes."""
        settings = self._guess_settings(self._choose_table(with_password=with_password), with_password=with_password)
        for entry in self._flags["columns"]:
            try:
                settings = self._corrected(settings, entry)
            except ValueError as error:
                fail(f"--column {entry}: {error}")
        missing = self._missing(settings, with_password=with_password)
        if missing and not self._asking:
            named = " ".join(f"--column {key}=NAME" for key, _ in missing)
            fail(
                f"--table {settings.table}: {'; '.join(why for _, why in missing)}: add {named}"
                f"{self._list_columns(settings)}; nothing was written"
            )
        while True:
            hashes = self._hashes(settings)
            if not self._quiet:
                self._show(settings, hashes)
            if not self._asking:
                return settings, hashes
            correction = self._correction(settings, hashes, with_password=with_password)
            if correction is None:
                return settings, hashes
            settings = correction

    def _correction(self, settings: TableSettings, hashes: HashFormat, *, with_password: bool) -> TableSettings | None:
        """Return the corrected mapping; None if the user accepted it and the database agrees."""
        question = "Press Enter to accept, or type a correction such as name=full_name:"
        while True:
            entry = click.prompt(question, default="", show_default=False, prompt_suffix=" ").strip()
            if entry:
                try:
                    corrected = self._corrected(settings, entry)
                except ValueError as error:
                    complain(str(error))
                    continue
                key = entry.partition("=")[0].strip()
                refused = [one for one in self._faults(corrected, self._hashes(corrected)) if _is_of(one, key)]
                if not refused:
                    return corrected
                complain(*map(_as_typed, refused))
                continue
            if missing := self._missing(settings, with_password=with_password):
                there = self._list_columns(settings)
                complain(*(f"{key}: {why}: type {key}=COLUMN{there}" for key, why in missing))
                continue
            faults = self._faults(settings, hashes)
            if not faults:
                return None
            complain(*map(_as_typed, faults))

    def _faults(self, settings: TableSettings, hashes: HashFormat) -> Sequence[Fault]:
        """Return the database's objections to the mapping."""
        return run_in_new_loop(table_faults(self._url, settings, hashes.settings.hash_length))

    def _corrected(self, settings: TableSettings, entry: str) -> TableSettings:
        """Return the settings with a correction. Raises ValueError with a sentence."""
        key, _, text = (part.strip() for part in entry.partition("="))
        if key == "table" and text in self._tables:
            self._sample(text)
        return apply_correction(settings, entry, self._tables)

    def _sample(self, *names: str) -> None:
        """Read some values of these tables, to find columns with unknown names."""
        try:
            sampled = run_in_new_loop(sample_values(self._url, [self._tables[name] for name in names]))
        except NotReached:  # the names must suffice; the database checks the mapping later
            return
        self._tables |= {table.name: table for table in sampled}

    def _missing(self, settings: TableSettings, *, with_password: bool) -> list[tuple[str, str]]:
        """Return each required column that was not found, by its key, and why."""
        table = self._tables[settings.table]
        found = {
            "id": [],
            "email": guesses.addresses_in(table),
            "password": guesses.hashes_in(table) if with_password else [],
        }
        what = {"id": "the id", "email": "the email addresses", "password": "the password hashes"}
        return [
            (
                key,
                f"several columns could hold {held}: {', '.join(found[key])}"
                if len(found[key]) > 1
                else f"found no column with {held}",
            )
            for key, held in what.items()
            if not getattr(settings, key) and (key != "password" or with_password)
        ]

    def _list_columns(self, settings: TableSettings) -> str:
        return f"; the table has the columns {', '.join(self._tables[settings.table].columns)}"

    def _choose_table(self, *, with_password: bool) -> str:
        given: str | None = self._flags["table"]
        if given is not None and given not in self._tables:
            fail(f"--table: the database has no table {given}{did_you_mean(given, self._tables)}{self._list_tables()}")
        likely = guesses.likely_tables(self._tables, password=with_password)
        if not likely and not given:
            self._sample(*guesses.tables_to_sample(self._tables)[:_SAMPLED])
            likely = guesses.likely_tables(self._tables, password=with_password)
        chosen = given or guesses.clear_choice(likely)
        if not chosen and not self._asking:
            self._refuse_to_choose(likely)
        while chosen not in self._tables:
            if chosen:
                complain(f"the database has no table {chosen}{did_you_mean(chosen, self._tables)}")
            click.echo(muted(f"Looked at {self._survey.where}{self._list_tables()}."))
            default = likely[0] if likely else None
            chosen = click.prompt("Which table holds the accounts?", default=default, prompt_suffix=" ").strip()
        return chosen

    def _refuse_to_choose(self, likely: list[str]) -> NoReturn:
        if likely:
            fail(f"--table: choose one, because several tables could hold the accounts: {', '.join(likely)}")
        if supabase := next((name for name, table in self._tables.items() if guesses.is_supabase_auth(table)), ""):
            fail(f"--table: {supabase} belongs to Supabase Auth, which changes passwords itself: use --store supabase")
        fail(f"--table: no table has a column for addresses and one for passwords{self._apart()}{self._list_tables()}")

    def _apart(self) -> str:
        """Return the tables of both columns, for an app that keeps them apart."""
        emails, passwords = guesses.columns_apart(self._tables)
        if not emails or not passwords:
            return ""
        return f" (addresses: {', '.join(emails)}; passwords: {', '.join(passwords)}): write a store of your own"

    def _list_tables(self) -> str:
        names = sorted(self._tables, key=lambda name: ("." in name, name))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"; its tables: {', '.join(names[:_SHOWN])}{more}" if names else "; it has no tables"

    def _guess_settings(self, name: str, *, with_password: bool) -> TableSettings:
        unread = [one for one in (name, *guesses.shared_credentials(self._tables)) if not self._tables[one].values]
        if unread:
            self._sample(*unread)
        settings = guesses.guess(self._tables[name], tables_of_its_app(name, self._tables))
        settings = self._with_times(settings)
        return msgspec.structs.replace(settings, password=settings.password if with_password else "")

    def _with_times(self, settings: TableSettings) -> TableSettings:
        """Return the settings with the placeholders that write times as existing rows have them."""
        sets = {settings.table: settings.set}
        sets |= {entry.rpartition(".")[0]: ending.set for entry, ending in settings.ends.items() if ending.set}
        times = {name: [column for column in columns if columns[column] in TIMES] for name, columns in sets.items()}
        try:
            known = run_in_new_loop(time_placeholders(self._url, times, self._tables)) if any(times.values()) else {}
        except NotReached:
            return settings

        def told(name: str, values: dict[str, bool | int | float | str]) -> dict[str, bool | int | float | str]:
            return {column: known.get((name, column), value) for column, value in values.items()}

        ends = {
            entry: msgspec.structs.replace(ending, set=told(entry.rpartition(".")[0], ending.set))
            for entry, ending in settings.ends.items()
        }
        return msgspec.structs.replace(settings, set=told(settings.table, settings.set), ends=ends)

    def _hashes(self, settings: TableSettings) -> HashFormat:
        if not settings.password:
            return HashFormat()
        try:
            return recognise_hashes(run_in_new_loop(sample_hashes(self._url, settings.table, settings.password)))
        except NotReached as error:
            return HashFormat(shown="could not be read", todo=f"See how your hashes begin: {error}.")

    def _show(self, settings: TableSettings, hashes: HashFormat) -> None:
        click.echo(f"\nFound in {strong(self._survey.where)}\n")
        columns = {"table": settings.table} | {name: getattr(settings, name) or "-" for name in COLUMNS}
        if hashes.shown:
            width = max(map(len, columns.values()))
            columns["password"] = f"{settings.password:<{width}}  {muted(hashes.shown)}"
        lines = list(columns.items())
        sets = [f"{column} = {_toml_value(value)}" for column, value in settings.set.items()]
        ends = [f"{column}{muted(f'  {_ending(ending)}')}" for column, ending in settings.ends.items()]
        for name, entries in (("set", sets), ("delete", settings.delete), *([("ends", ends)] if ends else [])):
            lines += zip([name, *[""] * len(entries)], entries or ["-"], strict=False)
        for name, cell in lines:
            click.echo(f"  {muted(f'{name:<9}')} {cell}")
        click.echo()


def _is_of(fault: Fault, key: str) -> bool:
    """Tell whether the fault belongs to the correction: `set` means everything that is set."""
    if key.startswith("ends."):
        key = member_name("ends", key.removeprefix("ends."))
    return f"{fault.name}.".startswith(f"{_SECTION}{key}.")


def _as_typed(fault: Fault) -> str:
    return f"{fault.name.removeprefix(_SECTION)}: {fault.message}"


def _ending(ending: Ending) -> str:
    """Return what happens to the rows, in words."""
    what = ending.what.replace("_", " ").replace("api", "API").replace("ssh", "SSH").replace("oauth", "OAuth")
    where = "".join(f", where {column} = {_toml_value(value)}" for column, value in ending.where.items())
    how = "".join(f": set {column} = {_toml_value(value)}" for column, value in ending.set.items()) or ": delete"
    return f"{what}{where}, {'after an intrusion' if ending.when == 'intrusion' else 'with each change'}{how}"


def _toml_value(value: float | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
