"""`keyturn init`: corrections by flag, and flags that cannot be."""

import re
from pathlib import Path

import pytest
from tests.cli.apps import READY, TEXTS, files, sqlite_app
from tests.cli.command import Keyturn

from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

GUIDE = r"--store: init does not ask about a directory: write \[accounts\.ldap\].*"
HOW_TO_SET = "write set.column=value, for example set.must_change=false, or set.column= to remove it"


def test_columns_can_be_named_and_left_out(keyturn: Keyturn) -> None:
    corrections = ("--column", "name=", "--column", "kind=-", "--column", "delete=sessions.user_id, posts.user_id")
    keyturn("init", "--database", sqlite_app(), *TEXTS, *corrections, "--column", "set={ role = 'x' }")

    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.name, table.kind, table.set) == ("", "", {"role": "x"})
    assert table.delete == ("sessions.user_id", "posts.user_id")


def test_a_status_is_named_with_its_values_as_the_checklist_says(keyturn: Keyturn) -> None:
    flags = ("--column", "active=not role = guest | suspended")
    assert keyturn("init", "--database", sqlite_app(), *TEXTS, *flags).code == 0

    assert read_settings(Path("keyturn.toml"), READY).accounts.table.active == "not role = guest | suspended"


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("name=fulname", "the table users has no column fulname; did you mean fullName?"),
        ("nam=fullName", "unknown key nam; did you mean name?"),
        ("name", "write a correction as key=column, for example email=mail"),
        ("active=not gone", "the table users has no column gone"),
        ("active=not rol = guest", "the table users has no column rol; did you mean role?"),
        ("name=not fullName", "the table users has no column not fullName; did you mean fullName?"),
        ("set={", "is not valid TOML: {"),
        ("set=role", HOW_TO_SET),
        ("set.rol=x", "the table users has no column rol; did you mean role?"),
        ("set.role={nwo}", "is not valid TOML: {nwo}"),
    ],
)
def test_a_column_that_is_not_there_is_refused(keyturn: Keyturn, column: str, why: str) -> None:
    refused = keyturn("init", "--database", sqlite_app(), *TEXTS, "--column", column)

    assert (refused.code, refused.err) == (1, f"keyturn: --column {column}: {why}\n")
    assert files() == {"app.db"}


def test_what_a_change_sets_is_corrected_column_by_column(keyturn: Keyturn) -> None:
    sets = (
        "set.mustChangePassword=",
        "set.role=pupil",
        "set.fullName='5'",
        "set.deletedAt={null}",
        "set.passwordHash=-",
    )
    flags = [part for one in sets for part in ("--column", one)]
    assert keyturn("init", "--database", sqlite_app(), *TEXTS, *flags).code == 0

    assert read_settings(Path("keyturn.toml"), READY).accounts.table.set == {
        "passwordChangedAt": "{now}",
        "role": "pupil",
        "fullName": "5",
        "deletedAt": "{null}",
    }


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("nonsense_of_ours:x", "the module nonsense_of_ours is neither in "),
        ("own_store:y", "own_store has no y"),
        ("own_store:NUMBER", "own_store:NUMBER must be a function, not an int"),
    ],
)
def test_a_store_of_ones_own_is_imported(
    keyturn: Keyturn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str, why: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("own_store.py").write_text("NUMBER = 7\ndef made(settings):\n    raise RuntimeError('not called yet')\n")
    refused = keyturn("init", "--store", store, *TEXTS)

    assert refused.code == 1
    assert refused.err.startswith(f"keyturn: --store: {why}")
    assert not Path("keyturn.toml").exists()
    assert keyturn("init", "--store", "own_store:made", *TEXTS).code == 0


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (
            ("--database", "nowhere.db", "--together", "--apart", *TEXTS),
            "--together and --apart exclude each other: give one of them\n",
        ),
        (
            ("--together", "--database", "mysql://app@127.0.0.1:1/app", *TEXTS),
            "--together: Keyturn's tables need SQLite or PostgreSQL: leave the flag out\n",
        ),
        (
            ("--store", "tabel", *TEXTS),
            r"--store: must be builtin, table, supabase, ldap or package\.module:factory; did you mean.*",
        ),
        (("--store", "ldap", *TEXTS), GUIDE),
        (("--store", "ldap"), GUIDE),
    ],
)
def test_flags_that_cannot_be_are_refused_before_anything_is_looked_at_or_asked(
    keyturn: Keyturn, flags: tuple[str, ...], why: str
) -> None:
    refused = keyturn("init", *flags)

    assert refused.code == 1
    assert re.fullmatch(f"keyturn: {why}", refused.err, re.DOTALL)
    assert not Path("keyturn.toml").exists()


def test_who_captures_mails_is_not_told_to_get_a_key(keyturn: Keyturn) -> None:
    done = keyturn("init", "--database", sqlite_app(), *TEXTS, KEYTURN_MAIL_TRANSPORT="capture")

    assert done.code == 0
    assert "resend.com" not in done.out
    assert "Resend" not in done.out
    assert "SPF" not in done.out
    assert "Keyturn saves mails in .keyturn/mail and sends none. To send them" in done.out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--database", "sqlite:///ap.db"), ["--database: SQLite in"]),
        (
            ("--database", "sqlite:///app.db", "--table", "user"),
            ["--table: the database has no table user; did you mean users?"],
        ),
        (
            ("--store", "builtin", "--base-url", "account", "--from", "me"),
            ["--base-url: must be an address like https://account.example.org", "--from: not an email address: me"],
        ),
    ],
)
def test_wrong_flags_are_told_together_with_missing_ones(
    keyturn: Keyturn, flags: tuple[str, ...], told: list[str]
) -> None:
    sqlite_app()
    refused = keyturn("init", "--yes", *flags)
    first, *others = refused.err.splitlines()

    assert refused.code == 1
    assert first.startswith("keyturn: init cannot ask questions here: add --")
    assert [line.strip()[: len(start)] for line, start in zip(others, told, strict=True)] == told
    assert files() == {"app.db"}


def test_what_lies_beside_a_shared_file_is_kept_out_of_git(keyturn: Keyturn) -> None:
    together = keyturn("init", "--database", sqlite_app(), *TEXTS, "--together")
    apart = keyturn("init", "--database", sqlite_app("SELECT 1"), *TEXTS, "--force")

    assert "printf '%s\\n' app.db-wal app.db-shm app.db-limits >> .gitignore" in together.out
    assert "Keep the new files beside app.db out of git (SQLite's write-ahead log)" in together.out
    assert "gitignore" not in apart.out
