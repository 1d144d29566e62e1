"""migrate."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.command import Keyturn

from keyturn.service.database.migrations import head

pytestmark = pytest.mark.long


def test_it_says_where_the_database_went_and_needs_no_secrets(keyturn: Keyturn, workplace: Path) -> None:
    assert keyturn("migrate").out == f"Updated the database from revision none to {head()}.\n"
    assert (workplace / ".keyturn" / "keyturn.db").is_file()


def test_a_second_time_there_is_nothing_to_do(migrated: Keyturn) -> None:
    again = migrated("migrate")

    assert again.code == 0
    assert again.out == f"The database is already at revision {head()}.\n"


def test_the_database_is_the_one_of_the_settings(keyturn: Keyturn, workplace: Path) -> None:
    (workplace / "keyturn.toml").write_text('[database]\nurl = "sqlite:///here.db"\n')
    keyturn("migrate")

    assert (workplace / "here.db").is_file()


def test_an_older_version_changes_nothing_in_a_newer_database(migrated: Keyturn, workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("UPDATE keyturn_migrations SET version_num = '9999'")

    refused = migrated("migrate")

    assert refused.code == 1
    assert refused.err.splitlines()[0] == (
        f"keyturn: the database is at revision 9999, newer than {head()} of this version of Keyturn: "
        "install the version that migrated it, or a newer one"
    )


def test_a_database_from_before_the_first_release_is_told_from_a_newer_one(migrated: Keyturn, workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("UPDATE keyturn_migrations SET version_num = '0015'")

    refused = migrated("migrate")

    assert refused.code == 1
    assert refused.err.splitlines()[0] == (
        "keyturn: the database is at revision 0015, of a version that was never released, and cannot be updated: "
        "remove the tables whose names begin with keyturn_, and run `keyturn migrate` again"
    )


def test_a_server_that_refuses_the_connection_is_told_with_the_cause_and_without_the_password(
    keyturn: Keyturn, workplace: Path
) -> None:
    (workplace / "keyturn.toml").write_text('[database]\nurl = "postgresql://me:hunter2@127.0.0.1:1/app"\n')
    refused = keyturn("migrate")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.endswith(": Connection refused\n")
    assert "hunter2" not in refused.err
