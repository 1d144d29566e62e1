"""A service over an app's table that changes under it: what a client is told, and that no link is lost by it."""

from pathlib import Path

import pytest
from tests.accounts.table.app import running_app
from tests.spec.service import ADA, problem, running, settings_for

from keyturn.settings import AccountSettings, Secret, TableSettings

REFUSING = "password_hash TEXT CHECK (password_hash NOT LIKE '$2b$%')"


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("place", ["elsewhere", "in Keyturn's own"])
async def test_a_table_that_refuses_is_a_503_that_says_no_more_and_the_link_works_again(
    database_url: str, tmp_path: Path, place: str
) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}" if place == "elsewhere" else database_url
    table = TableSettings(url=Secret(url if place == "elsewhere" else ""), table="users")
    settings = settings_for(database_url, accounts=AccountSettings(store="table", table=table))
    users = f"CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, {REFUSING})"
    async with running_app(url, users) as app, running(settings) as service:
        await app.run("INSERT INTO users VALUES (1, :email, 'old')", email=ADA)
        token = await service.link()

        refused = await service.reset(token)
        assert problem(refused) == "503 unavailable"
        assert "CHECK" not in refused.text
        assert await service.works(token)

        await app.run("ALTER TABLE users RENAME TO people")
        for _ in range(2):
            gone = await service.reset(token)
            assert problem(gone) == "503 unavailable"
            assert "users" not in gone.text

        await app.run("DROP TABLE people; CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        await app.run("INSERT INTO users VALUES (1, :email, 'old')", email=ADA)
        assert problem(await service.reset(token)) == "200"
        (row,) = await app.run("SELECT * FROM users")
        assert row.password_hash.startswith("$2b$")
