"""Decides what `keyturn init` writes, by its flags, the environment, and the app's database."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from keyturn.errors import SettingsInvalid
from keyturn.hosts import host_of, is_loopback, is_loopback_address, local_port
from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import sample
from keyturn.service.accounts.table.recognised_hashes import HashFormat, recognise_hashes
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.onboarding.credential_tables import KEPT, lasting, reset_links_left
from keyturn.service.onboarding.guesses import (
    clear_choice,
    guess,
    is_supabase_auth,
    likely_tables,
    lockout_columns,
    other_sign_ins,
    telling_columns,
    text_column,
)
from keyturn.service.onboarding.survey import Table, app_database, tables_in, tables_of_its_app
from keyturn.service.onboarding.usual_names import USUAL, frameworks_of
from keyturn.service.settings import DatabaseSettings, ServerSettings, TableSettings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.factories import FACTORY, import_factory
from keyturn.service.settings.url_rules import database_fault, database_kind
from keyturn.setting_sources import Variables
from keyturn.values import did_you_mean, listed

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_URL = "accounts.table.url"
_SUPABASE_URLS = ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "VITE_SUPABASE_URL")


class MigrationTool(msgspec.Struct, frozen=True):
    """A tool that drops tables of a database which are not in its schema.

    `table`: where it records its migrations; its command `push` leaves no such table.
    `files`: its files in an app's folder.
    `advice`: what to do if Keyturn's tables are in the same database.
    """

    name: str
    table: str
    files: tuple[str, ...]
    advice: str


_MIGRATION_TOOLS = (
    MigrationTool(
        name="Prisma",
        table="_prisma_migrations",
        files=("prisma/schema.prisma", "schema.prisma", "prisma.config.ts"),
        advice=(
            "Use --apart if you create migrations with Prisma: `prisma migrate dev` takes "
            "Keyturn's tables for drift, and offers to reset the database."
        ),
    ),
    MigrationTool(
        name="Drizzle",
        table="__drizzle_migrations",
        files=("drizzle.config.ts", "drizzle.config.js", "drizzle.config.json"),
        advice=(
            'Add tablesFilter: ["!keyturn_*"] to the configuration of Drizzle: otherwise '
            "`drizzle-kit push` drops the tables of Keyturn."
        ),
    ),
)


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of the command line; None for a flag that is not given."""

    database: str | None = None
    store: str | None = None
    table: str | None = None
    together: bool | None = None
    supabase_url: str | None = None
    base_url: str | None = None
    sign_in_url: str | None = None
    brand: str | None = None
    sender: str | None = None


class NamedDatabase(NamedTuple):
    """The database of the app.

    `url`: "" if there is none.
    `variable`: the environment variable that the file names in place of the URL, or "".
    """

    url: str
    variable: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The values for a settings file.

    `sign_in_url`: the app's sign-in page; "" with the built-in store.
    `database`: the URL of the accounts' database.
    `variable`: the environment variable that the file names in place of the URL; "" if the file has
    the URL itself.
    `together`: Keyturn's own tables are in that database, too.
    `look_at`: sentences about what the operator should check.
    """

    base_url: str
    sign_in_url: str
    brand: str
    sender: str
    transport: str
    store: str
    supabase_url: str = ""
    database: str = ""
    variable: str = ""
    together: bool = False
    table: TableSettings | None = None
    hashes: HashFormat = HashFormat()
    look_at: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        return is_loopback(self.base_url)

    @property
    def accounts_database(self) -> str:
        """The URL of the accounts' database as the file has it."""
        if self.variable:
            return f"${{{self.variable}}}"
        return self.database

    @property
    def own_database(self) -> str:
        """The URL of the database with Keyturn's own tables."""
        if self.together:
            return self.accounts_database
        return DatabaseSettings().url

    @property
    def listens(self) -> dict[str, Any]:
        """The host and the port of a local `base_url`, without defaults."""
        usual = ServerSettings()
        host = host_of(self.base_url)
        port = local_port(self.base_url)
        listens: dict[str, Any] = {}
        if host != usual.host and is_loopback_address(host):
            listens["host"] = host
        if port and port != usual.port:
            listens["port"] = port
        return listens

    @property
    def hashing(self) -> dict[str, Any]:
        """The settings of `hashing` that match most of the app's hashes."""
        if self.table and self.table.password:
            return self.hashes.written
        return {}


async def make_plan(flags: Flags, environ: Mapping[str, str]) -> Plan:
    """Return the plan.

    Raises SettingsInvalid if no file can be written. It names the setting of the flag to correct.
    """
    if flags.store == "ldap":
        message = "write [accounts.ldap] by hand, as the page on LDAP in the documentation shows"
        raise SettingsInvalid.of("accounts.store", message)
    if flags.store and FACTORY.fullmatch(flags.store):
        import_factory(flags.store, "accounts.store")
    database = _named_database(flags, environ)
    plan = _without_table(flags, environ, database)
    if not database.url:
        return plan
    async with app_database(database.url) as opened_database:
        return await _with_table(plan, flags, opened_database)


def _without_table(flags: Flags, environ: Mapping[str, str], database: NamedDatabase) -> Plan:
    """Return the plan as far as it does not depend on the app's database."""
    base_url = flags.base_url or "http://127.0.0.1:8000"
    brand = flags.brand or Path.cwd().name or "Example"
    return Plan(
        base_url=base_url,
        sign_in_url=flags.sign_in_url or _sign_in_url(flags.store),
        brand=brand,
        sender=flags.sender or _sender(brand, base_url),
        transport=_transport(environ),
        store=flags.store or "table",
        supabase_url=flags.supabase_url or _supabase_url(environ),
        database=database.url,
        variable=database.variable,
    )


def _sign_in_url(store: str | None) -> str:
    return "" if store == "builtin" else "{base_url}/login"


def _sender(brand: str, base_url: str) -> str:
    host = "example.org" if is_loopback(base_url) else host_of(base_url)
    return f"{brand} <no-reply@{host}>"


def _supabase_url(environ: Mapping[str, str]) -> str:
    for name in _SUPABASE_URLS:
        if environ.get(name):
            return environ[name]
    return ""


def _transport(environ: Mapping[str, str]) -> str:
    """Return the mail provider whose environment variables are set, else "capture".

    Providers do not count if other programs read the same variables.
    """
    variables = Variables(environ)
    for name, provider in PROVIDERS.items():
        has_all = all(map(variables.has, provider.needs.values()))
        if has_all and not provider.shares_variables:
            return name
    return "capture"


# The app's database


def _named_database(flags: Flags, environ: Mapping[str, str]) -> NamedDatabase:
    """Return the database of the flag, which may name a variable, such as `${DATABASE_URL}`.

    Raises SettingsInvalid, without the URL, which is a secret.
    """
    address = flags.database or ""
    if not address and flags.store in (None, "table"):
        address = "${DATABASE_URL}"
    if not address:
        return NamedDatabase("", "")
    named = _VARIABLE.fullmatch(address)
    if named:
        variable = named[1]
        url = _value_of(variable, environ)
    else:
        variable = ""
        url = address
    if read_url(url, _URL).holds_secret and not variable:
        variable = _variable_of_secret(url, environ)
    if flags.together and database_fault(url, for_our_tables=True):
        message = "Keyturn's tables need SQLite or PostgreSQL: leave the flag out"
        raise SettingsInvalid.of("database.url", message)
    return NamedDatabase(url, variable)


def _value_of(variable: str, environ: Mapping[str, str]) -> str:
    if not environ.get(variable):
        message = f"the variable {variable} is not set{_where_it_may_be(variable)}"
        raise SettingsInvalid.of(_URL, message)
    return environ[variable]


def _variable_of_secret(url: str, environ: Mapping[str, str]) -> str:
    """Return the variable that holds the URL already, else a new one.

    So no password gets into the file.
    """
    for name, value in environ.items():
        if value == url and not name.startswith("KEYTURN_"):
            return name
    if environ.get("DATABASE_URL"):  # it holds another URL
        return "ACCOUNTS_DATABASE_URL"
    return "DATABASE_URL"


def _where_it_may_be(variable: str) -> str:
    with suppress(OSError):
        if re.search(rf"(?m)^(export )?{variable}=", Path(".env").read_text("utf-8", "replace")):
            return ", but .env has it: type `set -a; . ./.env; set +a`"
    return ": set it, or name your app's database. --store builtin needs none"


# The table of the accounts


async def _with_table(plan: Plan, flags: Flags, database: AppDatabase) -> Plan:
    with_password = plan.store != "supabase"
    tables = await database.read(tables_in)
    name = _chosen_table(flags, tables, with_password=with_password)
    values = await _values_in(telling_columns(tables[name]), tables[name], database)
    own = tables_of_its_app(name, tables)
    settings = guess(own[name], own, values, password=with_password)
    hashes = HashFormat()
    if settings.password:
        hashes = recognise_hashes(values.get(settings.password, ()))
    tool = _migration_tool(tables)
    # In another database than PostgreSQL, Keyturn's tables are apart, whichever tool manages it.
    is_shared = database_kind(plan.database) == "postgresql"
    together = is_shared and not tool
    moved_for = tool if is_shared else None
    if flags.together is not None:
        together = flags.together
        moved_for = None
    return msgspec.structs.replace(
        plan,
        together=together,
        table=settings,
        hashes=hashes,
        look_at=(
            *await _faults_and_doubts(settings, hashes, database),
            *_missing(settings, own[name], with_password=with_password),
            *_questions_about(settings, own),
            *_about_migrations(tool if together else None, moved_for),
        ),
    )


def _chosen_table(flags: Flags, tables: Mapping[str, Table], *, with_password: bool) -> str:
    """Return the table of the flag, else the likeliest. Raises SettingsInvalid."""
    likely = likely_tables(tables, password=with_password)
    name = flags.table or clear_choice(likely)
    if name not in tables:
        raise SettingsInvalid.of("accounts.table.table", _unclear_table(name, likely, tables))
    return name


def _unclear_table(name: str, likely: list[str], tables: Mapping[str, Table]) -> str:
    known = "; it has no tables"
    if tables:
        names = sorted(tables, key=lambda name: ("." in name, name))
        known = f"; its tables: {listed(names)}"
    if name:
        return f"the database has no table {name}{did_you_mean(name, tables)}{known}"
    if likely:
        return f"choose one, because several tables could hold the accounts: {', '.join(likely)}"
    for table in tables.values():
        if is_supabase_auth(table):
            return (
                f"{table.name} belongs to Supabase Auth, which changes passwords itself: use "
                "--store supabase"
            )
    nothing = "no table has a column for addresses and one for passwords"
    return f"{nothing}: name the table, or write a store of your own{known}"


async def _values_in(
    columns: Sequence[str], table: Table, database: AppDatabase
) -> Mapping[str, Sequence[object]]:
    """Return values of a few rows, by their columns."""

    def read(connection: Connection) -> Mapping[str, Sequence[object]]:
        return {name: sample(connection, table.columns[name]) for name in columns}

    return await database.read(read)


# What the operator should check


def _migration_tool(tables: Iterable[str]) -> MigrationTool | None:
    names = {name.rpartition(".")[2] for name in tables}
    for tool in _MIGRATION_TOOLS:
        if tool.table in names or any(Path(file).exists() for file in tool.files):
            return tool
    return None


def _about_migrations(
    beside: MigrationTool | None, moved_for: MigrationTool | None
) -> Iterator[str]:
    """Yield what a migration tool means for Keyturn's tables.

    `beside`: the tool of the database in which they are.
    `moved_for`: the tool because of which they are in another one.
    """
    if beside:
        yield beside.advice
    elif moved_for:
        yield (
            f"Keyturn's tables are in {DatabaseSettings().url}, because {moved_for.name} drops "
            "tables of a database that are not its own. To run Keyturn on several machines, name "
            "another PostgreSQL database in [database]."
        )


async def _faults_and_doubts(
    settings: TableSettings, hashes: HashFormat, database: AppDatabase
) -> list[str]:
    """Return sentences about the guess: what Keyturn would refuse or doubt at its start."""
    if not settings.id or not settings.email:
        return []
    accounts = TableAccounts(settings, database, hashes.settings.hash_length)
    try:
        await accounts.require_ready()
        findings = await accounts.findings(hashes.settings)
    except SettingsInvalid as invalid:
        return [f"Correct {fault}." for fault in invalid.faults]
    return [f"{_capital(finding.message)}. {finding.fix}" for finding in findings]


def _capital(message: str) -> str:
    """Return a sentence with a capital at its start, unless it starts with a setting's name."""
    if message.startswith("accounts."):
        return message
    return message[:1].upper() + message[1:]


def _missing(settings: TableSettings, table: Table, *, with_password: bool) -> Iterator[str]:
    if not settings.id:
        yield _no_column("id", "ids", table)
    if not settings.email:
        yield _no_column("email", "email addresses", table)
    if not settings.password and with_password:
        yield _no_column("password", "password hashes", table)


def _no_column(setting: str, held: str, table: Table) -> str:
    return (
        f"Set accounts.table.{setting}: no column of {table.name} is certain to hold the {held}. "
        f"The columns are {', '.join(table.columns)}."
    )


def _questions_about(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    table = tables[settings.table]
    for framework in frameworks_of(table):
        if framework.look_at:
            yield framework.look_at
    yield from _about_sign_in(settings, table)
    yield from _about_what_lasts(settings, tables)


def _about_sign_in(settings: TableSettings, table: Table) -> Iterator[str]:
    status = text_column(table, USUAL.status)
    if status and not settings.active:
        yield (
            f"Set which values of {status} keep a user from signing in, which the database does "
            f'not show: active = "not {status} = suspended | deleted".'
        )
    username = text_column(table, USUAL.username)
    has_username = username not in ("", settings.email)
    if has_username and settings.email and not settings.identifiers:
        yield (
            f"If your users sign in with {username}, let them enter it in place of their address, "
            f'too: identifiers = ["{settings.email}", "{username}"] in [accounts.table].'
        )
    lockout = lockout_columns(settings)
    if lockout:
        yield (
            "A new password ends a lockout, because [accounts.table.set] has "
            f"{', '.join(lockout)}: remove these if your app also bans users by them."
        )
    elsewhere = other_sign_ins(table)
    if elsewhere and not settings.provider and settings.password:
        yield (
            f"Users with a value in {', '.join(elsewhere)} may sign in elsewhere. Those without a "
            "password here get a link to choose one, which your app may refuse. If it does, name "
            "a column with their providers in provider, or send them no emails: add "
            f'"not {elsewhere[0]}" to active.'
        )


def _about_what_lasts(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    kept = []
    for entry, ending in settings.ends.items():
        if ending == KEPT:
            kept.append(entry.rpartition(".")[0])
    if kept:
        yield (
            f"Let your app end the sessions in {', '.join(kept)} when it gets the webhook "
            "password.changed: no column tells whose they are. Until Keyturn ends all sessions, "
            "emails do not say that all devices are signed out."
        )
    alive = reset_links_left(settings, tables)
    for name, what in lasting(settings, tables).items():
        if what != "sessions":
            alive.append(name)
    if alive:
        yield (
            f"After a change, let your app end the rows of {', '.join(sorted(alive))} that let "
            "clients in, when it gets the webhook password.changed, or name them in "
            "[accounts.table.ends]: init cannot tell which rows are whose."
        )
