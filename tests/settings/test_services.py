"""Settings of Keyturn's database."""

import pytest
from tests.settings.reading import Faults, Read


@pytest.mark.parametrize(
    ("url", "schema", "why"),
    [
        ("sqlite:///x.db", "keyturn", "is set, but only PostgreSQL has schemas: remove it"),
        ("postgresql://db/x", "Key Turn", "must be a plain name of lower-case letters, digits and _, such as keyturn"),
        ("postgresql://db/x", "x" * 64, "must be a plain name of lower-case letters, digits and _, such as keyturn"),
    ],
)
def test_a_schema_is_postgresqls(faults: Faults, read: Read, url: str, schema: str, why: str) -> None:
    assert faults(KEYTURN_DATABASE_URL=url, KEYTURN_DATABASE_SCHEMA=schema) == {"database.schema": why}
    assert (
        read(KEYTURN_DATABASE_URL="postgresql://db/x", KEYTURN_DATABASE_SCHEMA="keyturn").database.schema == "keyturn"
    )


def test_what_mysql_is_good_for_is_told(faults: Faults) -> None:
    found = faults(KEYTURN_DATABASE_URL="mysql://app:hunter2@db.example/app")

    assert "MySQL works for the accounts (accounts.table.url)" in found["database.url"]
    assert "hunter2" not in found["database.url"]
