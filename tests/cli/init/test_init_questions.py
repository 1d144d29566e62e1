"""`keyturn init` at a terminal: what it asks and corrects, and what it leaves behind when the user stops it."""

from pathlib import Path

import pytest
from tests.cli.apps import NODE_APP, READY, Person, files, sqlite_app

from keyturn.service.settings import Ending
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

REST = (
    "https://account.example.org",
    "",
    "https://app.example.org/login",
    "Northwind School",
    "us@northwind.example",
    "",
)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(monkeypatch, capsys)


def test_a_few_answers_are_enough(person: Person) -> None:
    ended = person.answers(sqlite_app(), "", *REST)

    assert (ended.code, ended.err) == (0, "")
    settings = read_settings(Path("keyturn.toml"), READY)
    assert (settings.base_url, settings.sign_in_url, settings.brand.name) == (REST[0], REST[2], REST[3])
    assert settings.reset_url == "{base_url}/reset-password/{token}"
    assert settings.accounts.table.table == "users"


def test_what_was_found_can_be_corrected(person: Person) -> None:
    ended = person.answers(sqlite_app(), "name=fulname", "name = email", "delete=-", "active=not nothing", "", *REST)

    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.name, table.delete, table.active) == ("email", (), "not deletedAt")
    assert "the table users has no column fulname; did you mean fullName?" in ended.out
    assert "the table users has no column nothing" in ended.out
    assert ended.out.count("Found in") == 3, "shown again after each correction"


def test_a_column_that_is_not_known_is_asked_for(person: Person) -> None:
    pupils = "CREATE TABLE pupils (id INTEGER PRIMARY KEY, adr TEXT, password TEXT);"
    ended = person.answers(sqlite_app(pupils), "pupils", "", "email=adr", "", *REST)

    assert (ended.code, ended.err) == (0, "")
    why = "found no column with the email addresses: type email=COLUMN; the table has the columns id, adr, password"
    assert f"email: {why}" in ended.out
    assert read_settings(Path("keyturn.toml"), READY).accounts.table.email == "adr"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("delete=sesions.user_id", "delete: the database has no table sesions; did you mean sessions?"),
        ("delete=sessions.user", "delete: the table sessions has no column user; did you mean user_id?"),
        ("delete=sessions", "delete: write a table and its column, such as sessions.user_id, not sessions"),
        ("active=role =", "active: has an empty value: write role = active | invited, for example"),
        ("set.mustChangePassword=soon", "set.mustChangePassword: 'soon' does not fit a column of type BOOLEAN"),
        ("set={ mustChangePassword = 'soon' }", "set.mustChangePassword: 'soon' does not fit a column of type"),
        ("set.id=5", "set.id: is the column of the id, the address or the password, which a change sets itself"),
        ("email=id", "email: the column id must contain text, but is INTEGER"),
    ],
)
def test_what_the_database_refuses_of_a_correction_is_told_at_once_and_not_taken(
    person: Person, entry: str, why: str
) -> None:
    ended = person.answers(sqlite_app(), entry, "", *REST)

    assert ended.code == 0
    assert why in ended.out
    assert ended.out.count("Found in") == 1
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.delete, table.active, table.email) == (("sessions.user_id",), "not deletedAt", "email")
    assert table.set == {"mustChangePassword": False, "passwordChangedAt": "{now}"}


def test_a_database_that_cannot_be_read_is_asked_for_again(person: Person) -> None:
    refused, mistyped = "postgresql://app@127.0.0.1:1/app", "sqlite:///ap.db"
    ended = person.answers(mistyped, sqlite_app(), "", *REST, flags=("--database", refused))

    assert (ended.code, ended.err) == (0, "")
    for message in ("PostgreSQL on 127.0.0.1:1, database app cannot be read: ", "No such file or directory"):
        assert message in ended.out
    assert read_settings(Path("keyturn.toml"), READY).accounts.table.url == "sqlite:///app.db"


def test_a_faulty_answer_is_asked_again_and_says_why(person: Person) -> None:
    ended = person.answers(
        "app",
        "none",
        "account.example.org",
        "https://account.example.org",
        "/x",
        "",
        "Northwind",
        "me",
        "me@a.example",
        "sendmail",
        "Postmark",
    )

    assert ended.code == 0
    for message in (
        "not a database address",
        "must be an address like https://account.example.org",
        "needs the placeholder {token}",
        "not an email address: me",
        "sendmail is not supported: choose one of resend, postmark,",
    ):
        assert message in ended.out
    settings = read_settings(Path("keyturn.toml"), READY | {"POSTMARK_SERVER_TOKEN": "t"})
    assert (settings.accounts.store, settings.mail.transport) == ("builtin", "postmark")


def test_a_flag_is_not_asked_for_and_a_faulty_one_is(person: Person) -> None:
    flags = ("--store", "builtin", "--brand", "Northwind", "--base-url", "x", "--reset-url", "")
    ended = person.answers("https://account.example.org", "me@a.example", "", flags=flags)

    assert ended.code == 0
    assert "must be an address like https://account.example.org" in ended.out
    assert "Whose mails" not in ended.out


def test_several_tables_are_offered(person: Person) -> None:
    two = "CREATE TABLE members (id INTEGER PRIMARY KEY, mail TEXT, pass TEXT);"
    sqlite_app()
    ended = person.answers(sqlite_app(two), "member", "members", "", *REST)

    assert "its tables: members, posts, sessions, users" in ended.out
    assert "the database has no table member; did you mean members?" in ended.out
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.table, table.email, table.password) == ("members", "mail", "pass")


def test_the_apps_own_variable_is_offered_and_written(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_app())
    ended = person.answers("", "", *REST)

    assert "[${DATABASE_URL}]" in ended.out
    assert 'url = "${DATABASE_URL}"' in Path("keyturn.toml").read_text()
    assert "export DATABASE_URL" not in ended.out


def test_supabase_is_asked_for_its_address(person: Person) -> None:
    ended = person.answers("project", "https://project.supabase.co", *REST, flags=("--store", "supabase"))

    assert ended.code == 0
    assert "must be an address like" in ended.out
    assert 'url = "https://project.supabase.co"' in Path("keyturn.toml").read_text()


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize("given", range(6))
def test_who_leaves_leaves_nothing_behind(person: Person, given: int, interrupting: bool) -> None:
    answers = (sqlite_app(), "", *REST)[:given]
    ended = person.answers(*answers, interrupting=interrupting)

    assert (ended.code, ended.err) == (1, "keyturn: interrupted, so nothing was written\n")
    assert files() == {"app.db"}


def test_nothing_is_asked_of_who_says_yes(person: Person) -> None:
    ended = person.answers(flags=("--yes", "--store", "builtin"))

    assert ended.err == "keyturn: init cannot ask questions here: add --base-url, --brand, --from\n"


KEYS = (
    f"{NODE_APP} CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE api_keys (id INTEGER PRIMARY KEY, user_id INTEGER, revoked_at DATETIME);"
    " CREATE TABLE badges (id INTEGER PRIMARY KEY, owner INTEGER);"
    " CREATE TABLE tokens (id INTEGER PRIMARY KEY, kind TEXT, tokenable_type TEXT, tokenable_id INTEGER);"
)


def test_what_an_intrusion_ends_is_proposed_shown_and_written(person: Person) -> None:
    ended = person.answers(sqlite_app(KEYS), "", *REST)

    assert (ended.code, ended.err) == (0, "")
    assert '  ends      api_keys.user_id  API keys, after an intrusion: set revoked_at = "{now}"' in ended.out
    assert "            passkeys.user_id  passkeys, after an intrusion: delete" in ended.out
    ends = read_settings(Path("keyturn.toml"), READY).accounts.table.ends
    assert ends == {
        "api_keys.user_id": Ending(what="api_keys", when="intrusion", set={"revoked_at": "{now}"}),
        "passkeys.user_id": Ending(what="passkeys", when="intrusion"),
    }
    assert '"passkeys.user_id" = {what = "passkeys", when = "intrusion"}' in Path("keyturn.toml").read_text("utf-8")


def test_the_proposal_can_be_corrected(person: Person) -> None:
    corrections = ("ends.passkeys.user_id=", "ends.api_keys.user_id=api_keys", "ends.badges.owner=ssh_keys intrusion")
    ended = person.answers(sqlite_app(KEYS), *corrections, "", *REST)

    assert (ended.code, ended.err) == (0, "")
    assert read_settings(Path("keyturn.toml"), READY).accounts.table.ends == {
        "api_keys.user_id": Ending(what="api_keys", set={"revoked_at": "{now}"}),
        "badges.owner": Ending(what="ssh_keys", when="intrusion"),
    }
    assert person.answers(sqlite_app(KEYS, "b.db"), "ends=-", "", *REST, flags=("--file", "b.toml")).code == 0
    assert read_settings(Path("b.toml"), READY).accounts.table.ends == {}


def test_what_is_deleted_is_not_ended_too(person: Person) -> None:
    ended = person.answers(sqlite_app(KEYS), "delete=sessions.user_id,passkeys.user_id", "", *REST)

    assert ended.code == 0
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.delete, list(table.ends)) == (("sessions.user_id", "passkeys.user_id"), ["api_keys.user_id"])


HOW = (
    "write ends.table.column=passkeys intrusion, for example ends.tokens.user_id=access_tokens, or"
    " ends.tokens.user_id= to remove it"
)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("ends=passkeys", HOW),
        ("ends.badges=passkeys", f"{HOW}; the words are sessions, passkeys"),
        ("ends.badges.owner=badges", f"{HOW}; the words are sessions, passkeys"),
        ("ends.badges.owner=passkeys always", f"{HOW}; the words are sessions, passkeys"),
        ("ends.badge.owner=passkeys", 'ends."badge.owner": the database has no table badge; did you mean badges?'),
        ("ends.badges.user_id=passkeys", 'ends."badges.user_id": the table badges has no column user_id'),
        ("ends.users.id=passkeys", 'ends."users.id": users.id is in the table of accounts, so a reset would delete'),
    ],
)
def test_a_correction_of_it_that_fits_nothing_is_told_and_not_taken(person: Person, entry: str, why: str) -> None:
    ended = person.answers(sqlite_app(KEYS), entry, "", *REST)

    assert ended.code == 0
    assert why in ended.out
    assert list(read_settings(Path("keyturn.toml"), READY).accounts.table.ends) == [
        "api_keys.user_id",
        "passkeys.user_id",
    ]
