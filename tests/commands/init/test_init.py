"""`keyturn init`: the file that it writes serves at once, and it says what to look at."""

import tomllib
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.init.apps import (
    BCRYPT,
    NODE_APP,
    READY,
    TEXTS,
    executed,
    files,
    sqlite_app,
    to_look_at,
)
from tests.servers.databases import PostgresServer
from tests.servers.mariadb import MariadbServer

from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


def written(**variables: str) -> Settings:
    return read_settings(Path("keyturn.toml"), READY | variables)


def test_the_table_is_found_and_the_file_holds_it(keyturn: Keyturn) -> None:
    ended = keyturn("init", "--database", sqlite_app(), *TEXTS)

    assert (ended.code, ended.err) == (0, "")
    settings = written()
    table = settings.accounts.table
    assert (table.table, table.id, table.email, table.password) == (
        "users",
        "id",
        "email",
        "passwordHash",
    )
    assert (table.name, table.active, table.kind, table.provider) == (
        "fullName",
        "not deletedAt",
        "role",
        "",
    )
    assert table.set == {"mustChangePassword": False, "passwordChangedAt": "{now}"}
    assert (settings.base_url, settings.sign_in_url) == (TEXTS[1], TEXTS[7])
    assert (settings.brand.name, settings.mail.from_, settings.hashing.format) == (
        TEXTS[3],
        TEXTS[5],
        "php",
    )
    assert ended.out.startswith(
        "Wrote keyturn.toml, with your accounts in users and hashes as bcrypt ($2y$).\n"
    )
    assert BCRYPT not in ended.out
    text = Path("keyturn.toml").read_text("utf-8")
    assert '\n# locale = "" # the column with the user\'s language\n' in text
    assert "docs/" not in text, "users of the package have no such files"
    assert files() == {"app.db", "keyturn.toml"}, "looking leaves nothing behind"


def test_it_needs_no_flag_and_its_file_serves_without_any_variable(keyturn: Keyturn) -> None:
    ended = keyturn("init", DATABASE_URL=sqlite_app())

    assert ended.code == 0, ended.err
    assert "\nThen type\n  export DATABASE_URL" not in ended.out, "it is set already"
    assert ended.out.partition("Then type\n")[2].splitlines()[:2] == [
        "  keyturn migrate",
        "  keyturn serve",
    ]
    settings = read_settings(Path("keyturn.toml"), {"DATABASE_URL": "sqlite:///app.db"})
    assert (settings.accounts.table.table, settings.mail.transport) == ("users", "capture")
    assert keyturn("migrate", DATABASE_URL="sqlite:///app.db").code == 0
    assert keyturn("outbox", "list", DATABASE_URL="sqlite:///app.db").out == "No messages yet.\n"


def test_a_provider_whose_key_is_in_the_environment_sends_the_mails(keyturn: Keyturn) -> None:
    asked = "export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)"
    assert asked in keyturn("init", "--store", "builtin", *TEXTS, POSTMARK_SERVER_TOKEN="t").out
    assert written(POSTMARK_SERVER_TOKEN="t").mail.transport == "postmark"

    there = {
        "AWS_ACCESS_KEY_ID": "b",
        "AWS_SECRET_ACCESS_KEY": "c",
        "KEYTURN_SECRET_KEY_FILE": "/run/secrets/key",
    }
    out = keyturn("init", "--store", "builtin", *TEXTS, "--force", **there).out
    assert (asked in out, written().mail.transport) == (False, "capture"), (
        "AWS's variables serve other programs, too"
    )
    assert "Emails are saved in .keyturn/mail and not sent: keep .keyturn out of git." in out


def test_serve_listens_where_links_to_this_machine_lead(keyturn: Keyturn) -> None:
    for base, host, port in (
        ("http://localhost", "127.0.0.1", 80),
        ("https://localhost:8443", "127.0.0.1", 8000),
        ("http://[::1]:9000", "::1", 9000),
    ):
        keyturn("init", "--store", "builtin", *TEXTS, "--force", "--base-url", base)
        assert (written().server.host, written().server.port) == (host, port)


def test_path_of_base_url(keyturn: Keyturn) -> None:
    """A path of a local base_url is for the plugin: the address to open is the one of `keyturn
    serve`.
    """
    ended = keyturn(
        "init", "--store", "builtin", *TEXTS, "--base-url", "http://127.0.0.1:9000/account"
    )

    assert "Afterwards, open http://127.0.0.1:9000/forgot-password." in ended.out
    (mount,) = [one for one in to_look_at(ended.out) if "/account" in one]
    assert mount.startswith("Mount the plugin at /account, or remove /account from base_url")


@pytest.mark.parametrize("given", ["${APP_DB}", "$APP_DB"])
def test_a_database_may_be_named_by_its_variable(keyturn: Keyturn, given: str) -> None:
    assert keyturn("init", "--database", given, *TEXTS, APP_DB=sqlite_app()).code == 0

    assert (
        tomllib.loads(Path("keyturn.toml").read_text())["accounts"]["table"]["url"] == "${APP_DB}"
    )
    Path(".env").write_text("APP_DB=sqlite:///app.db\n")
    missing = keyturn("init", "--database", given, *TEXTS, "--force")
    assert missing.err.endswith(
        " APP_DB is not set, but .env has it: type `set -a; . ./.env; set +a`\n"
    )


def test_all_faulty_flags_are_told_at_once_and_nothing_is_written(keyturn: Keyturn) -> None:
    flags = ("--base-url", "account.example.org", "--from", "nobody", "--supabase-url", "x")
    refused = keyturn("init", "--store", "supabase", *flags)

    assert refused.code == 1
    lines = refused.err.splitlines()
    assert lines[0] == "keyturn: The flags have errors, so nothing was written:"
    assert [line.split(": ")[0] for line in lines[1:]] == [
        "  --base-url",
        "  --supabase-url",
        "  --from",
    ]
    assert keyturn("init", "--store", "tabel").err.endswith(
        "package.module:factory; did you mean table?\n"
    )
    assert files() == set()


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(keyturn: Keyturn) -> None:
    Path("keyturn.toml").write_text("# mine\n")
    refused = keyturn("init", "--store", "builtin", *TEXTS)

    assert (refused.code, refused.err) == (
        1,
        "keyturn: keyturn.toml exists already: use --force to replace it\n",
    )
    assert Path("keyturn.toml").read_text() == "# mine\n"
    assert keyturn("init", "--store", "builtin", *TEXTS, "--force").code == 0
    assert written().brand.name == "Northwind School"
    assert files() == {"keyturn.toml"}


MEMBERS = "CREATE TABLE members (id INTEGER PRIMARY KEY, mail TEXT, pass TEXT);"
OF_NODE_APP = "its tables: posts, sessions, users"
NONE = (
    "no table has a column for addresses and one for passwords: name the table, or write a "
    "store of your own; {}"
)


@pytest.mark.parametrize(
    ("script", "flags", "why"),
    [
        ("SELECT 1;", (), NONE.format("it has no tables")),
        (
            NODE_APP + MEMBERS,
            (),
            "choose one, because several tables could hold the accounts: users, members",
        ),
        (
            NODE_APP,
            ("--table", "user"),
            f"the database has no table user; did you mean users?; {OF_NODE_APP}",
        ),
    ],
)
def test_a_table_that_is_unclear_must_be_named(
    keyturn: Keyturn, script: str, flags: tuple[str, ...], why: str
) -> None:
    refused = keyturn("init", "--database", sqlite_app(script), *TEXTS, *flags)

    assert (refused.code, refused.err) == (1, f"keyturn: --table: {why}\n")
    assert files() == {"app.db"}


SALTED = """
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email TEXT, hashed_password TEXT, salt TEXT, auth_type INTEGER
);
INSERT INTO users VALUES (
  1, 'ada@northwind.example', '5f4dcc3b5aa765d61d8327deb882cf99', '7f3a', 10
);
"""


def test_lockouts_are_said(keyturn: Keyturn) -> None:
    """What doctor warns of is said by init, too: foreign hashes and a salt; a number is taken for
    no provider.
    """
    ended = keyturn("init", "--database", sqlite_app(SALTED), *TEXTS)

    foreign, salted = to_look_at(ended.out)[:2]
    assert foreign.startswith(
        "1 of 1 hashes in the table users have a format that Keyturn does not know; new ones will"
    )
    assert salted.startswith(
        "The table users has a column salt, but Keyturn hashes only the password"
    )
    assert written().accounts.table.provider == ""


OF_MANY_COLUMNS = """
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email TEXT, password TEXT,
  is_active BOOLEAN, deleted_at DATETIME, banned_at DATETIME,
  session_token VARCHAR(75) NOT NULL, is_ldap_user BOOLEAN, google_id TEXT, locked_at DATETIME
);
"""


def test_every_column_of_inactive_users(keyturn: Keyturn) -> None:
    """A user who is deleted or banned is not active: each such column becomes a condition."""
    keyturn("init", "--database", sqlite_app(OF_MANY_COLUMNS), *TEXTS)

    assert written().accounts.table.active == ("is_active", "not deleted_at", "not banned_at")


def test_token_on_users_row(keyturn: Keyturn) -> None:
    """A token of the sessions on the user's row gets a random value; without a counter of failures
    a lock stays.
    """
    keyturn("init", "--database", sqlite_app(OF_MANY_COLUMNS), *TEXTS)

    assert written().accounts.table.set == {"session_token": "{random}"}


def test_other_sign_ins_are_named(keyturn: Keyturn) -> None:
    """Columns that say that a user signs in elsewhere are named, if no column has the provider's
    name.
    """
    ended = keyturn("init", "--database", sqlite_app(OF_MANY_COLUMNS), *TEXTS)

    (named,) = [one for one in to_look_at(ended.out) if "sign in elsewhere" in one]
    assert named.startswith("Users with a value in is_ldap_user, google_id may sign in elsewhere.")
    assert named.endswith('add "not is_ldap_user" to active.')


UNKNOWN = (
    "CREATE TABLE pupils (nr INTEGER PRIMARY KEY, adr TEXT, geheim TEXT, kontakt TEXT, "
    "reset_hash TEXT);"
)


def test_a_column_that_is_needed_and_not_found_is_the_first_thing_to_look_at(
    keyturn: Keyturn,
) -> None:
    ended = keyturn("init", "--database", sqlite_app(UNKNOWN), "--table", "pupils", *TEXTS)

    assert ended.code == 0, ended.err
    said = to_look_at(ended.out)[:2]
    assert [one.partition(":")[0] for one in said] == [
        "Set accounts.table.email",
        "Set accounts.table.password",
    ]
    assert said[0].endswith("The columns are nr, adr, geheim, kontakt, reset_hash.")
    assert (
        tomllib.loads(Path("keyturn.toml").read_text("utf-8"))["accounts"]["table"]["table"]
        == "pupils"
    )


NO_SERVER = "PostgreSQL on 127.0.0.1:1, database app cannot be read: Connection refused"
GONE = "SQLite in {here}/app.db cannot be read: No such file"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (
            "",
            (
                "the variable DATABASE_URL is not set: set it, or name your app's database. "
                "--store builtin needs none"
            ),
        ),
        (
            "nowhere.db",
            "not a database address: write one such as postgresql://app@db/app or sqlite:///app.db",
        ),
        ("postgresql://app:hunter2@127.0.0.1:1/app", NO_SERVER),
        ("sqlite:///nowhere.db", f"{GONE.replace('app', 'nowhere')} or directory"),
        ("sqlite:///notes.db", "SQLite in {here}/notes.db cannot be read: file is not a database"),
        (
            "sqlite:///app.db",
            f"{GONE}; Flask keeps it in the folder instance: write sqlite:///instance/app.db",
        ),
    ],
)
def test_a_database_that_cannot_be_read_is_one_sentence(
    keyturn: Keyturn, address: str, why: str
) -> None:
    Path("notes.db").write_text("Ask Ada about the accounts." * 50)
    Path("instance").mkdir()
    sqlite_app(name="instance/app.db")
    refused = keyturn("init", "--database", address, *TEXTS)

    assert (refused.code, refused.err) == (
        1,
        f"keyturn: --database: {why.format(here=Path.cwd())}\n",
    )
    assert files() == {"instance", "notes.db"}, "no file is made by looking for it"


def test_keyturns_own_tables_may_be_in_the_same_file_or_schema(
    keyturn: Keyturn, postgresql: PostgresServer
) -> None:
    ended = keyturn("init", "--database", sqlite_app(), *TEXTS, "--together")
    assert (written().database.url, written().accounts.table.url) == ("sqlite:///app.db", "")
    assert "Keep app.db-wal, app.db-shm and app.db-limits out of git" in ended.out

    url = postgresql.empty()
    users = "CREATE TABLE {}.users (id bigint PRIMARY KEY, email text, password_hash text)"
    executed(url, f"CREATE SCHEMA tenant;\n{users.format('public')};\n{users.format('tenant')}")
    address = f"{url}&options=-csearch_path%3Dtenant"
    assert keyturn("init", "--database", address, *TEXTS, "--together", "--force").code == 0
    assert written().accounts.table.table == "users", "the one in the search path is meant"
    postgresql.drop(url)


@pytest.mark.parametrize(
    ("migrations", "tool"),
    [
        ("CREATE TABLE _prisma_migrations (id text)", "Prisma"),
        (
            "CREATE SCHEMA drizzle;\nCREATE TABLE drizzle.__drizzle_migrations (id bigint)",
            "Drizzle",
        ),
    ],
)
def test_tables_stay_out_of_a_tools_database(
    keyturn: Keyturn, postgresql: PostgresServer, migrations: str, tool: str
) -> None:
    """Keyturn's tables are apart from a schema that Prisma or Drizzle manages, unless the command
    says otherwise.
    """
    url = postgresql.empty()
    executed(
        url,
        "CREATE TABLE users (id bigint PRIMARY KEY, email text, password_hash "
        f"text);\n{migrations}",
    )
    apart = keyturn("init", "--database", url, *TEXTS)
    assert written().database.url == "sqlite:///.keyturn/keyturn.db"
    assert f"because {tool} drops tables of a database that are not its own" in " ".join(
        apart.out.split()
    )

    together = keyturn("init", "--database", url, *TEXTS, "--together", "--force")
    assert written().database.url == url
    assert {"Prisma": "Use --apart", "Drizzle": 'tablesFilter: ["!keyturn_*"]'}[
        tool
    ] in together.out
    postgresql.drop(url)


def test_tool_beside_sqlite_is_no_reason(keyturn: Keyturn) -> None:
    """On SQLite, Keyturn's tables are apart anyway: `init` names no tool as the reason, nor
    PostgreSQL as the way.
    """
    users = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)"
    ended = keyturn(
        "init",
        "--database",
        sqlite_app(f"{users};\nCREATE TABLE _prisma_migrations (id TEXT)"),
        *TEXTS,
    )
    assert written().database.url == "sqlite:///.keyturn/keyturn.db"
    assert "Prisma" not in ended.out
    assert "PostgreSQL" not in ended.out


def test_drizzle_push_leaves_no_table(keyturn: Keyturn, postgresql: PostgresServer) -> None:
    """The file of a tool's settings tells that it manages the database, too."""
    url = postgresql.empty()
    executed(url, "CREATE TABLE users (id bigint PRIMARY KEY, email text, password_hash text)")
    keyturn("init", "--database", url, *TEXTS)
    assert written().database.url == url

    Path("drizzle.config.ts").touch()
    keyturn("init", "--database", url, *TEXTS, "--force")
    assert written().database.url == "sqlite:///.keyturn/keyturn.db"
    postgresql.drop(url)


def test_supabase_may_have_a_table_to_look_people_up_in(keyturn: Keyturn) -> None:
    profiles = "CREATE TABLE profiles (id TEXT PRIMARY KEY, email TEXT, full_name TEXT);"
    flags = ("--store", "supabase", "--supabase-url", "https://project.supabase.co")
    ended = keyturn("init", "--database", sqlite_app(profiles), *flags, *TEXTS)

    assert "export SUPABASE_SERVICE_ROLE_KEY=..." in ended.out
    accounts = written(SUPABASE_SERVICE_ROLE_KEY="key").accounts
    assert (accounts.store, accounts.table.table, accounts.table.password) == (
        "supabase",
        "profiles",
        "",
    )


def test_mariadb_whose_address_holds_a_password(keyturn: Keyturn, mariadb: MariadbServer) -> None:
    url = mariadb.empty()
    executed(
        url, "CREATE TABLE users (id int PRIMARY KEY, email varchar(99), password varchar(128))"
    )
    executed(
        url,
        "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'hunter2';\n"
        "GRANT ALL ON *.* TO app@localhost",
    )
    address = url.replace("mysql://root@", "mysql://app:hunter2@")
    ended = keyturn("init", "--database", address, *TEXTS)

    assert ended.code == 0, ended.err
    assert "hunter2" not in ended.out + Path("keyturn.toml").read_text()
    table = written(DATABASE_URL=address).accounts.table
    assert (table.url, table.table) == (address, "users")
    refused = keyturn("init", "--database", address, *TEXTS, "--together", "--force")
    assert (
        refused.err
        == "keyturn: --together: Keyturn's tables need SQLite or PostgreSQL: leave the flag out\n"
    )
    mariadb.drop(url)


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("nonsense_of_ours:x", "the module nonsense_of_ours is neither in "),
        ("own_store:y", "own_store has no y"),
        ("ldap", "write [accounts.ldap] by hand"),
    ],
)
def test_a_store_of_ones_own_is_imported(
    keyturn: Keyturn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str, why: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("own_store.py").write_text(
        "def made(settings):\n    raise RuntimeError('not called yet')\n"
    )
    refused = keyturn("init", "--store", store, *TEXTS)

    assert refused.code == 1
    assert refused.err.startswith(f"keyturn: --store: {why}")
    assert keyturn("init", "--store", "own_store:made", *TEXTS).code == 0
