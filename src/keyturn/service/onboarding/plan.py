"""Decides what `keyturn init` writes, by its flags, the environment, and the app's database."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import SettingsInvalid
from keyturn.hosts import host_of, is_loopback, is_loopback_address, local_port
from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.factories import import_factory
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import sample
from keyturn.service.accounts.table.mapping import listed
from keyturn.service.accounts.table.recognised_hashes import HashFormat, recognise_hashes
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.onboarding import guesses
from keyturn.service.onboarding.survey import Table, app_database, tables_in, tables_of_its_app
from keyturn.service.settings import DatabaseSettings, ServerSettings, TableSettings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.rules import FUNCTION
from keyturn.service.settings.url_rules import database_fault, database_kind
from keyturn.service.settings.variables import Variables
from keyturn.values import did_you_mean

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_URL = "accounts.table.url"
_MIGRATION_TOOLS = {
    "Prisma": ("_prisma_migrations", ("prisma/schema.prisma", "schema.prisma", "prisma.config.ts")),
    "Drizzle": (
        "__drizzle_migrations",
        ("drizzle.config.ts", "drizzle.config.js", "drizzle.config.json"),
    ),
}
"""The table of a tool's migrations, and the tool's files in an app's folder: its command `push`
leaves no such table.
"""
_BESIDE_MIGRATIONS = {
    "Prisma": (
        "Use --apart if you create migrations with Prisma: `prisma migrate dev` takes Keyturn's "
        "tables for drift, and"
        " offers to reset the database."
    ),
    "Drizzle": (
        'Add tablesFilter: ["!keyturn_*"] to the configuration of Drizzle: otherwise `drizzle-kit '
        "push` drops the"
        " tables of Keyturn."
    ),
}
_SUPABASE_URLS = ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "VITE_SUPABASE_URL")


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
        return f"${{{self.variable}}}" if self.variable else self.database

    @property
    def own_database(self) -> str:
        return self.accounts_database if self.together else DatabaseSettings().url

    @property
    def listens(self) -> dict[str, Any]:
        """The host and the port of a local `base_url`, without defaults."""
        usual, host, port = ServerSettings(), host_of(self.base_url), local_port(self.base_url)
        own_host = {"host": host} if host != usual.host and is_loopback_address(host) else {}
        return own_host | ({"port": port} if port and port != usual.port else {})

    @property
    def hashing(self) -> dict[str, Any]:
        """The settings of `hashing` that match most of the app's hashes."""
        return self.hashes.written if self.table and self.table.password else {}


async def make_plan(flags: Flags, environ: Mapping[str, str]) -> Plan:
    """Return the plan.

    Raises SettingsInvalid if no file can be written. It names the setting of the flag to correct.
    """
    if flags.store == "ldap":
        message = "write [accounts.ldap] by hand, as the page on LDAP in the documentation shows"
        raise SettingsInvalid.of("accounts.store", message)
    if flags.store and FUNCTION.fullmatch(flags.store):
        import_factory(flags.store, "accounts.store")
    database, variable = _database(flags, environ)
    base_url = flags.base_url or "http://127.0.0.1:8000"
    brand = flags.brand or Path.cwd().name or "Example"
    plan = Plan(
        base_url=base_url,
        sign_in_url=flags.sign_in_url or ("" if flags.store == "builtin" else "{base_url}/login"),
        brand=brand,
        sender=flags.sender
        or f"{brand} <no-reply@{'example.org' if is_loopback(base_url) else host_of(base_url)}>",
        transport=_transport(environ),
        store=flags.store or "table",
        supabase_url=flags.supabase_url or next(filter(None, map(environ.get, _SUPABASE_URLS)), ""),
        database=database,
        variable=variable,
    )
    if not database:
        return plan
    async with app_database(database) as opened:
        return await _with_table(plan, flags, opened)


def _transport(environ: Mapping[str, str]) -> str:
    """Return the mail provider whose environment variables are set, else "capture".

    Providers do not count if other programs read the same variables.
    """
    variables = Variables(environ)
    own = {name: one for name, one in PROVIDERS.items() if not one.shares_variables}
    return next(
        (name for name, one in own.items() if all(map(variables.has, one.needs.values()))),
        "capture",
    )


def _database(flags: Flags, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL of the app's database, and the variable that the file names in its place.

    Each is "" if there is none. The flag may name the variable, such as `${DATABASE_URL}`. Raises
    SettingsInvalid, without the URL, which is a secret.
    """
    address = flags.database or ("${DATABASE_URL}" if flags.store in (None, "table") else "")
    if not address:
        return "", ""
    named = _VARIABLE.fullmatch(address)
    variable = named[1] if named else ""
    if variable and not environ.get(variable):
        raise SettingsInvalid.of(
            _URL, f"the variable {variable} is not set{_where_it_may_be(variable)}"
        )
    url = environ[variable] if variable else address
    if read_url(url, _URL).holds_secret and not variable:
        holding = [
            name
            for name, value in environ.items()
            if value == address and not name.startswith("KEYTURN_")
        ]
        variable = next(
            iter(holding),
            "ACCOUNTS_DATABASE_URL" if environ.get("DATABASE_URL") else "DATABASE_URL",
        )
    if flags.together and database_fault(url, for_our_tables=True):
        raise SettingsInvalid.of(
            "database.url", "Keyturn's tables need SQLite or PostgreSQL: leave the flag out"
        )
    return url, variable


def _where_it_may_be(variable: str) -> str:
    with suppress(OSError):
        if re.search(rf"(?m)^(export )?{variable}=", Path(".env").read_text("utf-8", "replace")):
            return ", but .env has it: type `set -a; . ./.env; set +a`"
    return ": set it, or name your app's database. --store builtin needs none"


async def _with_table(plan: Plan, flags: Flags, database: AppDatabase) -> Plan:
    with_password = plan.store != "supabase"
    tables = await database.read(tables_in)
    likely = guesses.likely_tables(tables, password=with_password)
    name = flags.table or guesses.clear_choice(likely)
    if name not in tables:
        raise SettingsInvalid.of("accounts.table.table", _unclear_table(name, likely, tables))
    own = tables_of_its_app(name, tables)
    telling = {one: tables[name].columns[one] for one in guesses.telling_columns(tables[name])}
    values = await database.read(
        lambda tx: {one: sample(tx, column) for one, column in telling.items()}
    )
    settings = guesses.guess(own[name], own, values, password=with_password)
    tool = _migration_tool(tables)
    # In another database than PostgreSQL, Keyturn's tables are apart, whichever tool manages it.
    is_shared = database_kind(plan.database) == "postgresql"
    together = flags.together
    if together is None:
        together = is_shared and not tool
    is_moved = flags.together is None and is_shared and not together
    hashes = (
        recognise_hashes(values.get(settings.password, ())) if settings.password else HashFormat()
    )
    return msgspec.structs.replace(
        plan,
        together=together,
        table=settings,
        hashes=hashes,
        look_at=(
            *await _faults_and_doubts(settings, hashes, database),
            *_missing(settings, own[name], with_password=with_password),
            *_questions_about(settings, own),
            *_about_migrations(tool, together=together, is_moved=is_moved),
        ),
    )


def _migration_tool(tables: Iterable[str]) -> str:
    """Return the name of a migration tool that drops tables which are not in its schema, or ""."""
    names = {name.rpartition(".")[2] for name in tables}
    for tool, (table, files) in _MIGRATION_TOOLS.items():
        if table in names or any(Path(file).exists() for file in files):
            return tool
    return ""


def _about_migrations(tool: str, *, together: bool, is_moved: bool) -> Iterator[str]:
    if tool and together:
        yield _BESIDE_MIGRATIONS[tool]
    elif is_moved:
        yield (
            f"Keyturn's tables are in {DatabaseSettings().url}, because {tool} drops tables of a "
            "database that are not"
            " its own. To run Keyturn on several machines, name another PostgreSQL database in "
            "[database]."
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
    return message if message.startswith("accounts.") else message[:1].upper() + message[1:]


def _missing(settings: TableSettings, table: Table, *, with_password: bool) -> Iterator[str]:
    for setting, held in (
        ("id", "ids"),
        ("email", "email addresses"),
        ("password", "password hashes"),
    ):
        if not getattr(settings, setting) and (setting != "password" or with_password):
            yield (
                f"Set accounts.table.{setting}: no column of {table.name} is certain to hold the "
                f"{held}. The columns"
                f" are {', '.join(table.columns)}."
            )


def _questions_about(settings: TableSettings, tables: Mapping[str, Table]) -> Iterator[str]:
    table = tables[settings.table]
    yield from (one["look_at"] for one in guesses.frameworks_of(table) if "look_at" in one)
    if not settings.active and (status := guesses.text_column(table, "status")):
        yield (
            f"Set which values of {status} keep a user from signing in, which the database does "
            "not show: active ="
            f' "not {status} = suspended | deleted".'
        )
    username = guesses.text_column(table, "username")
    if username not in ("", settings.email) and settings.email and not settings.identifiers:
        yield (
            f"If your users sign in with {username}, let them enter it in place of their address, "
            "too: identifiers ="
            f' ["{settings.email}", "{username}"] in [accounts.table].'
        )
    if lockout := guesses.lockout_columns(settings):
        yield (
            "A new password ends a lockout, because [accounts.table.set] has "
            f"{', '.join(lockout)}: remove these if"
            " your app also bans users by them."
        )
    elsewhere = guesses.other_sign_ins(table)
    if elsewhere and not settings.provider and settings.password:
        yield (
            f"Users with a value in {', '.join(elsewhere)} may sign in elsewhere. Those without a "
            "password here get a"
            " link to choose one, which your app may refuse. If it does, name a column with their "
            "providers in"
            f' provider, or send them no emails: add "not {elsewhere[0]}" to active.'
        )
    kept = [
        entry.rpartition(".")[0]
        for entry, ending in settings.ends.items()
        if ending == guesses.KEPT
    ]
    if kept:
        yield (
            f"Let your app end the sessions in {', '.join(kept)} when it gets the webhook "
            "password.changed: no column"
            " tells whose they are. Until Keyturn ends all sessions, emails do not say that all "
            "devices are signed out."
        )
    alive = [name for name, what in guesses.lasting(settings, tables).items() if what != "sessions"]
    alive += guesses.reset_links_left(settings, tables)
    if alive:
        yield (
            f"After a change, let your app end the rows of {', '.join(sorted(alive))} that let "
            "clients in, when it gets"
            " the webhook password.changed, or name them in [accounts.table.ends]: init cannot "
            "tell which rows are"
            " whose."
        )


def _unclear_table(name: str, likely: list[str], tables: Mapping[str, Table]) -> str:
    names = sorted(tables, key=lambda one: ("." in one, one))
    known = f"; its tables: {listed(names)}" if names else "; it has no tables"
    if name:
        return f"the database has no table {name}{did_you_mean(name, tables)}{known}"
    if likely:
        return f"choose one, because several tables could hold the accounts: {', '.join(likely)}"
    if supabase := next((one.name for one in tables.values() if guesses.is_supabase_auth(one)), ""):
        return (
            f"{supabase} belongs to Supabase Auth, which changes passwords itself: use "
            "--store supabase"
        )
    nothing = "no table has a column for addresses and one for passwords"
    return f"{nothing}: name the table, or write a store of your own{known}"
