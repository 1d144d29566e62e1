"""`keyturn init` with flags: what it finds, writes, refuses, and leaves to do."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.cli.apps import BCRYPT, NODE_APP, READY, TEXTS, files, sqlite_app
from tests.cli.command import Keyturn

from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


def test_the_table_is_found_and_the_file_holds_it(keyturn: Keyturn) -> None:
    ended = keyturn("init", "--database", sqlite_app(), *TEXTS)

    assert (ended.code, ended.err) == (0, "")
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.table, table.id, table.email, table.password) == ("users", "id", "email", "passwordHash")
    assert (table.name, table.active, table.kind, table.provider) == ("fullName", "not deletedAt", "role", "")
    assert table.set == {"mustChangePassword": False, "passwordChangedAt": "{now}"}
    assert table.delete == ("sessions.user_id",)
    for line in (
        f"Found in SQLite in {Path('app.db').absolute()}",
        "  password  passwordHash   bcrypt ($2y$)",
        "  locale    -",
    ):
        assert line in ended.out
    assert "Checked that the table users has the columns in the file." in ended.out
    assert BCRYPT not in ended.out
    assert files() == {"app.db", "keyturn.toml"}, "looking leaves nothing behind"


def test_the_file_is_one_to_read_on(keyturn: Keyturn) -> None:
    page = "https://app.example.org/new-password?token={token}"
    keyturn("init", "--database", sqlite_app(), *TEXTS, "--reset-url", page)

    text = Path("keyturn.toml").read_text("utf-8")
    assert text.startswith(
        "# Keyturn's settings. Settings that are not here have a default. A variable KEYTURN_SECTION_KEY in the\n"
    )
    assert "docs/" not in text, "users of the package have no such files"
    assert '[hashing]\nprefix = "$2y$" # prefix of your app\'s bcrypt hashes\ncost = 10 # ' in text
    assert 'sign_in_url = "https://app.example.org/login" # your app\'s sign-in page\n' in text
    assert 'allowed_origins = ["https://app.example.org"] # pages that may call the API' in text
    assert tomllib.loads(text)["reset_url"] == page


def test_what_is_left_to_do_comes_with_its_commands(keyturn: Keyturn) -> None:
    out = keyturn("init", "--database", sqlite_app(), *TEXTS).out

    commands = [line.strip() for line in out.partition("Left to do")[2].splitlines() if line.startswith("     ")]
    assert commands == [
        "export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)",
        "export RESEND_API_KEY=re_...",
        "export KEYTURN_MAIL_TRANSPORT=capture",
        "keyturn migrate",
        "keyturn doctor",
        "keyturn serve",
        'trusted_proxies = ["127.0.0.1"]',
        '<a href="https://account.example.org/forgot-password">',
        "export KEYTURN_WEBHOOKS_SECRET=whsec_$(openssl rand -base64 32)",
    ]
    assert "Or try it without Resend: save mails in .keyturn/mail, and send none" in out
    assert "SPF, DKIM and DMARC of northwind.example" in out
    assert "Let your proxy forward https://account.example.org to http://127.0.0.1:8000, and set" in out
    assert "it also starts the worker, which sends the mails" in out
    assert "set webhooks.url, and give" in out
    assert "docs/" not in out
    assert "\n\n\n" not in out


@pytest.mark.parametrize(
    ("flags", "variables", "chosen", "step"),
    [
        (
            ("--transport", "ses"),
            {},
            "ses",
            "export AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=AKIA... AWS_SECRET_ACCESS_KEY=...",
        ),
        (
            ("--transport", "smtp"),
            {},
            "smtp",
            "export KEYTURN_SMTP_HOST=smtp.example.org KEYTURN_SMTP_USERNAME=... KEYTURN_SMTP_PASSWORD=...",
        ),
        ((), {"POSTMARK_SERVER_TOKEN": "t"}, "postmark", ""),
        (
            (),
            {"AWS_REGION": "a", "AWS_ACCESS_KEY_ID": "b", "AWS_SECRET_ACCESS_KEY": "c"},
            "resend",
            "export RESEND_API_KEY=re_...",
        ),
    ],
)
def test_what_sends_the_mails_is_what_was_named_or_what_the_environment_has(
    keyturn: Keyturn,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
    variables: dict[str, str],
    chosen: str,
    step: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out = keyturn("init", "--store", "builtin", *TEXTS, *flags).out

    assert tomllib.loads(Path("keyturn.toml").read_text("utf-8"))["mail"].get("transport", "resend") == chosen
    commands = [
        line.strip() for line in out.splitlines() if line.strip().startswith("export") and "SECRET=" not in line
    ]
    steps = [step, "export KEYTURN_MAIL_TRANSPORT=capture"] if step else []
    assert [command for command in commands if "KEYTURN_SECRET_KEY" not in command] == steps


def test_a_secret_in_a_file_is_not_left_to_do(keyturn: Keyturn) -> None:
    files = {"KEYTURN_SECRET_KEY_FILE": "/run/secrets/key", "RESEND_API_KEY_FILE": "/run/secrets/resend"}
    ended = keyturn("init", "--store", "builtin", *TEXTS, **files)

    assert ended.code == 0, ended.err
    assert "SECRET_KEY=" not in ended.out
    assert "RESEND_API_KEY=" not in ended.out


def test_whoever_has_pages_of_their_own_is_told_what_goes_into_them(keyturn: Keyturn) -> None:
    page = "https://app.example.org/new-password?token={token}"
    out = keyturn("init", "--store", "builtin", *TEXTS, "--reset-url", page).out

    assert "<keyturn-reset>" in out
    assert '<script type="module" src="https://account.example.org/keyturn.js"></script>' in out
    assert "docs/" not in out


@pytest.mark.parametrize(
    ("file", "config", "said"),
    [
        ("k 2.toml", "", "export KEYTURN_CONFIG='k 2.toml'"),
        ("keyturn.toml", "other.toml", "export KEYTURN_CONFIG=keyturn.toml"),
        ("k2.toml", "./k2.toml", ""),
        ("./keyturn.toml", "", ""),
    ],
)
def test_a_file_that_no_command_would_find_is_named_to_them(
    keyturn: Keyturn, file: str, config: str, said: str
) -> None:
    flags = ("init", "--store", "builtin", *TEXTS, "--file", file, "--force")
    out = keyturn(*flags, KEYTURN_CONFIG=config).out
    (left, *_) = json.loads(keyturn(*flags, "--json", KEYTURN_CONFIG=config).out)["left"]

    assert out.count("export KEYTURN_CONFIG=") == bool(said)
    assert said in out
    assert left["how"] == (said or "export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)")


@pytest.mark.parametrize(
    ("base", "listens"),
    [
        ("http://127.0.0.1:9000", ["port = 9000"]),
        ("http://localhost:9000", ["port = 9000"]),
        ("http://localhost", ["port = 80"]),
        ("http://localhost:8000/", []),
        ("https://localhost:8443", []),
        ("http://[::1]:8000", ['host = "::1"']),
        ("http://127.0.0.2:9000", ['host = "127.0.0.2"', "port = 9000"]),
        ("https://[2001:db8::1]", []),
    ],
)
def test_the_loopback_address_and_the_port_of_a_base_url_are_those_which_serve_listens_on(
    keyturn: Keyturn, base: str, listens: list[str]
) -> None:
    page = "https://app.example.org/new-password?token={token}"
    out = keyturn("init", "--store", "builtin", *TEXTS, "--base-url", base, "--reset-url", page).out
    section = Path("keyturn.toml").read_text("utf-8").partition("[server]\n")[2].partition("\n[")[0]

    written = [line.partition(" #")[0] for line in section.splitlines()]
    assert "     keyturn serve\n" in out
    assert [line for line in written if line.startswith(("host", "port"))] == listens
    assert "allowed_origins = " in section


@pytest.mark.parametrize("base", ["http://127.0.0.1:5001", "http://localhost:8000/"])
def test_on_a_machine_of_ones_own_no_proxy_is_needed(keyturn: Keyturn, base: str) -> None:
    out = keyturn("init", "--store", "builtin", *TEXTS, "--base-url", base).out

    assert "trusted_proxies" not in out
    assert f"Open {base.rstrip('/')}/forgot-password, and request a link" in out


def test_an_extra_that_the_mail_server_needs_is_named_where_it_is_missing(
    keyturn: Keyturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("init", "--store", "builtin", *TEXTS, "--transport", "smtp", "--force")
    assert "pip install" not in keyturn(*flags).out, "it is installed"

    monkeypatch.setattr("keyturn.service.onboarding.checklist.find_spec", lambda _: None)
    assert "     pip install 'keyturn[smtp]'\n" in keyturn(*flags).out


def test_what_is_there_already_is_not_left_to_do(keyturn: Keyturn) -> None:
    out = keyturn("init", "--store", "builtin", *TEXTS, **READY, KEYTURN_WEBHOOKS_SECRET="whsec_").out

    assert "export" not in out


def test_the_settings_that_it_wrote_start_the_service(keyturn: Keyturn) -> None:
    keyturn("init", "--database", sqlite_app(), *TEXTS)
    assert keyturn("migrate", **READY).code == 0

    assert keyturn("outbox", "list", **READY).code == 0


def test_a_password_is_never_written_but_the_variable_that_holds_it(keyturn: Keyturn) -> None:
    address = "postgresql://app:hunter2@127.0.0.1:1/app"
    refused = keyturn("init", "--database", address, *TEXTS)

    assert refused.code == 1
    assert refused.err.startswith("keyturn: --database: PostgreSQL on 127.0.0.1:1, database app cannot be read: ")
    unescaped = keyturn("init", "--database", "postgresql://app:p@x:hunter2@127.0.0.1:1/app", *TEXTS)
    assert unescaped.err == refused.err, "a password is read up to the last @"
    odd = keyturn("init", "--database", "postgresql:///app?host=%00hunter2", *TEXTS)
    assert odd.err.startswith("keyturn: --database: the driver cannot read it")
    assert "hunter2" not in "".join(ended.out + ended.err for ended in (refused, unescaped, odd))
    assert files() == set()


@pytest.mark.parametrize("given", ["${APP_DB}", "$APP_DB"])
def test_a_database_may_be_named_by_its_variable(keyturn: Keyturn, given: str) -> None:
    ended = keyturn("init", "--database", given, *TEXTS, APP_DB=sqlite_app())

    assert ended.code == 0
    assert tomllib.loads(Path("keyturn.toml").read_text())["accounts"]["table"]["url"] == "${APP_DB}"
    assert "export APP_DB" not in ended.out, "it is set already"
    assert keyturn("init", "--database", given, *TEXTS, "--force").err == (
        "keyturn: --database: the variable APP_DB is not set\n"
    )
    empty = keyturn("init", "--database", given, *TEXTS, "--force", APP_DB="")
    assert empty.err == "keyturn: --database: the variable APP_DB is empty\n"


def test_what_the_database_would_refuse_is_said_before_anything_is_written(keyturn: Keyturn) -> None:
    refused = keyturn("init", "--database", sqlite_app(), *TEXTS, "--column", "delete=sesions.user_id")

    assert refused.code == 1
    assert refused.err.startswith("keyturn: --column delete: the database has no table sesions; did you mean sessions?")
    assert files() == {"app.db"}


def test_all_faulty_flags_are_told_at_once(keyturn: Keyturn) -> None:
    flags = ("--base-url", "account.example.org", "--brand", "x", "--from", "nobody", "--reset-url", "/reset")
    refused = keyturn("init", "--store", "builtin", *flags)

    assert refused.code == 1
    lines = refused.err.splitlines()
    assert lines[0] == "keyturn: The answers have errors, so nothing was written:"
    assert any(line.startswith("  --base-url: must be an address like https://account.example.org, ") for line in lines)
    assert "  --from: not an email address: nobody" in lines
    assert "  --reset-url: needs the placeholder {token}" in lines
    assert files() == set()


def test_where_nothing_can_be_asked_the_missing_flags_are_named(keyturn: Keyturn) -> None:
    needed = "--base-url, --brand, --from, --database and --sign-in-url (or --store builtin)"
    assert keyturn("init").err == f"keyturn: init cannot ask questions here: add {needed}\n"
    needed = "--brand, --from, --sign-in-url, --supabase-url"
    refused = keyturn("init", "--store", "supabase", "--base-url", "https://account.example.org")
    assert (refused.code, refused.err) == (1, f"keyturn: init cannot ask questions here: add {needed}\n")


def test_a_file_that_is_there_is_kept(keyturn: Keyturn) -> None:
    Path("keyturn.toml").write_text("# mine\n")
    refused = keyturn("init", "--store", "builtin", *TEXTS)

    assert (refused.code, refused.err) == (1, "keyturn: keyturn.toml exists already: use --force to replace it\n")
    assert Path("keyturn.toml").read_text() == "# mine\n"
    assert keyturn("init", "--store", "builtin", *TEXTS, "--force").code == 0
    assert read_settings(Path("keyturn.toml"), READY).brand.name == "Northwind School"
    assert files() == {"keyturn.toml"}


def test_a_file_in_a_folder_that_is_not_there_is_refused(keyturn: Keyturn) -> None:
    refused = keyturn("init", "--store", "builtin", *TEXTS, "--file", "nowhere/keyturn.toml")

    assert refused.err == "keyturn: nowhere/keyturn.toml cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "CREATE TABLE posts (id INTEGER PRIMARY KEY);",
            "no table has a column for addresses and one for passwords; its tables: posts",
        ),
        ("SELECT 1;", "no table has a column for addresses and one for passwords; it has no tables"),
        (
            NODE_APP + "CREATE TABLE members (id INTEGER PRIMARY KEY, mail TEXT, pass TEXT);",
            "choose one, because several tables could hold the accounts: users, members",
        ),
    ],
)
def test_a_table_that_is_not_clear_must_be_named(keyturn: Keyturn, script: str, why: str) -> None:
    refused = keyturn("init", "--database", sqlite_app(script), *TEXTS)

    assert (refused.code, refused.err) == (1, f"keyturn: --table: {why}\n")


UNKNOWN = "CREATE TABLE pupils (nr INTEGER PRIMARY KEY, adr TEXT, geheim TEXT, alt TEXT);"
HASHES = """
INSERT INTO pupils VALUES (1, 'ada@northwind.example',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', NULL);
"""


def test_a_column_that_is_not_known_is_named_with_the_flag_that_names_it(keyturn: Keyturn) -> None:
    flags = ("init", "--database", sqlite_app(UNKNOWN), "--table", "pupils", *TEXTS, "--yes")
    refused = keyturn(*flags)

    assert refused.code == 1
    assert refused.err == (
        "keyturn: --table pupils: found no column with the email addresses; found no column with the password hashes:"
        " add --column email=NAME --column password=NAME; the table has the columns nr, adr, geheim, alt;"
        " nothing was written\n"
    )
    assert files() == {"app.db"}
    assert keyturn(*flags, "--column", "email=adr", "--column", "password=geheim").code == 0


@pytest.mark.parametrize(
    ("column", "beside", "found"),
    [
        ("kontakt", "note", True),
        ("contact_email", "note", True),
        ("kontakt", "rechnung", False),
        ("emergency_contact", "note", False),
    ],
)
def test_a_column_for_a_contact_holds_the_addresses_where_no_other_does(
    keyturn: Keyturn, column: str, beside: str, found: bool
) -> None:
    value = "ada@northwind.example" if beside == "rechnung" else "pays late"
    table = (UNKNOWN + HASHES).replace("adr TEXT", f"{column} TEXT").replace("alt TEXT", f"{beside} TEXT")
    database = sqlite_app(table.replace("NULL", f"'{value}'"))
    ended = keyturn("init", "--database", database, "--table", "pupils", *TEXTS, "--yes")

    assert ("found no column with the email addresses" in ended.err) is not found
    assert (ended.code == 0) is found


def test_columns_with_unknown_names_are_found_by_what_is_in_them(keyturn: Keyturn) -> None:
    ended = keyturn("init", "--database", sqlite_app(UNKNOWN + HASHES), *TEXTS, "--yes")

    assert (ended.code, ended.err) == (0, "")
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.table, table.id, table.email, table.password) == ("pupils", "nr", "adr", "geheim")
    assert "northwind.example" not in ended.out.partition("Left to do")[0], "no address of the app's is shown"


def test_several_columns_that_could_be_meant_are_named(keyturn: Keyturn) -> None:
    both = "UPDATE pupils SET alt = geheim;"
    refused = keyturn("init", "--database", sqlite_app(UNKNOWN + HASHES + both), "--table", "pupils", *TEXTS, "--yes")

    assert refused.code == 1
    assert "several columns could hold the password hashes: geheim, alt: add" in refused.err


PRISMA = """
CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "password" TEXT,
  "passwordChangedAt" DATETIME, "createdAt" DATETIME NOT NULL);
INSERT INTO "User" VALUES (1, 'ada@northwind.example', NULL, NULL, 1763628402000);
"""


def test_how_the_time_will_be_written_is_said(keyturn: Keyturn) -> None:
    ended = keyturn("init", "--database", sqlite_app(PRISMA), *TEXTS)

    told = "milliseconds since 1970, such as 1795164402000, as in createdAt"
    assert f'passwordChangedAt = "{{now}}"  {told}' in ended.out
    doctor = keyturn("doctor", **READY)
    assert f"matches the settings; passwordChangedAt is set to {told}" in doctor.out


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (
            "nowhere.db",
            "--database: not a database address: write one such as postgresql://app@db/app or sqlite:///app.db",
        ),
        (
            "mongodb://db/app",
            "--database: must begin with sqlite://, postgresql://, mysql:// or mariadb://, not 'mongodb://'",
        ),
        ("sqlite:///nowhere.db", "--database: SQLite in {here}/nowhere.db cannot be read: No such file or directory"),
        ("sqlite:///.", "--database: SQLite in {here} cannot be read: unable to open database file"),
        ("sqlite:///notes.db", "--database: SQLite in {here}/notes.db cannot be read: file is not a database"),
    ],
)
def test_a_database_that_cannot_be_read_is_one_sentence(keyturn: Keyturn, address: str, why: str) -> None:
    Path("notes.db").write_text("Ask Ada about the accounts." * 50)
    refused = keyturn("init", "--database", address, *TEXTS)

    assert (refused.code, refused.err) == (1, f"keyturn: {why.format(here=Path.cwd())}\n")
    assert files() == {"notes.db"}, "no file is made by looking for it"


def test_an_address_of_flask_s_is_told_where_flask_has_the_file(keyturn: Keyturn) -> None:
    Path("instance").mkdir()
    sqlite_app()
    Path("app.db").rename("instance/app.db")

    missing = keyturn("init", "--database", "sqlite:///app.db", *TEXTS)
    assert missing.err == (
        f"keyturn: --database: SQLite in {Path.cwd()}/app.db cannot be read: No such file;"
        " Flask keeps it in the folder instance: write sqlite:///instance/app.db\n"
    )
    assert keyturn("init", "--database", "sqlite:///instance/app.db", *TEXTS).code == 0


def test_keyturns_own_tables_may_be_in_the_same_file(keyturn: Keyturn) -> None:
    keyturn("init", "--database", sqlite_app(), *TEXTS, "--together")

    settings = read_settings(Path("keyturn.toml"), READY)
    assert (settings.database.url, settings.accounts.table.url) == ("sqlite:///app.db", "")


def test_supabase_needs_its_address_alone(keyturn: Keyturn) -> None:
    ended = keyturn("init", "--store", "supabase", "--supabase-url", "https://project.supabase.co", *TEXTS)

    assert ended.code == 0
    assert "export SUPABASE_SERVICE_ROLE_KEY=..." in ended.out
    settings = read_settings(Path("keyturn.toml"), READY | {"SUPABASE_SERVICE_ROLE_KEY": "key"})
    assert (settings.accounts.store, settings.accounts.supabase.url) == ("supabase", "https://project.supabase.co")


def test_supabase_may_have_a_table_to_look_people_up_in(keyturn: Keyturn) -> None:
    profiles = "CREATE TABLE profiles (id TEXT PRIMARY KEY, email TEXT, full_name TEXT);"
    flags = ("--store", "supabase", "--supabase-url", "https://project.supabase.co")
    assert keyturn("init", "--database", sqlite_app(profiles), *flags, *TEXTS).code == 0

    settings = read_settings(Path("keyturn.toml"), READY | {"SUPABASE_SERVICE_ROLE_KEY": "key"})
    assert (settings.accounts.table.table, settings.accounts.table.password) == ("profiles", "")


def test_machines_get_json(keyturn: Keyturn) -> None:
    found = json.loads(keyturn("init", "--database", sqlite_app(), *TEXTS, "--json").out)

    assert (found["file"], found["store"], found["database"]) == ("keyturn.toml", "table", "sqlite:///app.db")
    assert (found["table"]["password"], found["hashes"]) == ("passwordHash", "bcrypt ($2y$)")
    assert {"what", "how"} == set(found["left"][0])
