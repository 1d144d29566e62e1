"""migrate."""

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
