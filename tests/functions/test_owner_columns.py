"""Whose a row of an app's table is: the column that `keyturn init` writes into the settings."""

import pytest
from sqlalchemy import create_engine, text

from keyturn.service.onboarding.credential_tables import owner_column
from keyturn.service.onboarding.survey import tables_in

KEY = "INTEGER REFERENCES users(id)"


@pytest.mark.parametrize(
    ("columns", "owner"),
    [
        (f"revoked_by {KEY}, user_id {KEY}, approved_by {KEY}", "user_id"),
        (f"revoked_by {KEY}, account_id {KEY}", "account_id"),
        (f"holder {KEY}, revoked_by {KEY}, approved_by {KEY}", "holder"),
        (f"revoked_by {KEY}, team_id INTEGER", "revoked_by"),
        ("team_id INTEGER, user_id INTEGER", "user_id"),
        ("team_id INTEGER", ""),
    ],
)
def test_owner(columns: str, owner: str) -> None:
    """Of several foreign keys, one with an owner's name counts, else the first of the table."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY)"))
        connection.execute(text(f"CREATE TABLE sessions (id INTEGER PRIMARY KEY, {columns})"))
        tables = tables_in(connection)
    assert owner_column(tables["sessions"], tables["users"]) == owner
