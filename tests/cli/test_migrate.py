"""migrate."""

from pathlib import Path

from tests.cli.conftest import Keyturn

from keyturn.database.migrations import head


def test_it_says_where_the_database_went(keyturn: Keyturn) -> None:
    assert keyturn("migrate").out == f"The database went from none to {head()}.\n"


def test_a_second_time_there_is_nothing_to_do(migrated: Keyturn) -> None:
    again = migrated("migrate")

    assert again.code == 0
    assert again.out == f"The database is at revision {head()} already.\n"


def test_it_needs_no_secrets(keyturn: Keyturn, workplace: Path) -> None:
    assert keyturn("migrate").code == 0
    assert (workplace / ".keyturn" / "keyturn.db").is_file()


def test_the_database_is_the_one_of_the_settings(keyturn: Keyturn, workplace: Path) -> None:
    (workplace / "keyturn.toml").write_text('[database]\nurl = "sqlite:///here.db"\n')
    keyturn("migrate")

    assert (workplace / "here.db").is_file()
