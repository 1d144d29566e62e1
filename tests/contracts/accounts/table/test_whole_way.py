"""A service over an app's table that changes under it: what a client is told, and that no link is lost by it."""

import asyncio

import pytest
from sqlalchemy import text
from tests.contracts.accounts.table.conftest import ROW, USERS
from tests.driver.app_database import running_app
from tests.driver.operator import migrate_database
from tests.driver.service import problem, running, settings_for
from tests.servers.databases import SqliteFiles

from keyturn.service.settings import AccountSettings, Secret, TableSettings

ENGINES = [("postgresql", True), ("mariadb", True), ("postgresql", False)]


@pytest.mark.parametrize(("databases", "is_elsewhere"), ENGINES, indirect=["databases"])
@pytest.mark.long
async def test_a_deadlock_with_the_app_is_a_503_that_says_to_try_again_and_the_link_works(
    empty_url: str, is_elsewhere: bool, sqlite: SqliteFiles, caplog: pytest.LogCaptureFixture
) -> None:
    own = sqlite.migrated() if is_elsewhere else empty_url
    if not is_elsewhere:
        await migrate_database(empty_url)
    url = Secret(empty_url if is_elsewhere else "")
    table = TableSettings(url=url, table="users", delete=("signed_in.user_id",))
    settings = settings_for(own, accounts=AccountSettings(store="table", table=table))
    sessions = "CREATE TABLE signed_in (id INTEGER PRIMARY KEY, user_id INTEGER)"
    async with running_app(empty_url, f"{USERS}; {sessions}") as app, running(settings) as service:
        await app.run(ROW)
        await app.run("INSERT INTO signed_in VALUES (1, 1)")
        token = await service.link()

        async with app.holding("UPDATE signed_in SET user_id = 1") as theirs:
            # The app's transaction is the one that goes on: on PostgreSQL it looks for a deadlock later, and on
            # MariaDB it has changed more rows.
            if app.dialect == "postgresql":
                await theirs.execute(text("SET LOCAL deadlock_timeout = '1min'"))
            else:
                more = ", ".join(f"({number}, 2)" for number in range(2, 100))
                await theirs.execute(text(f"INSERT INTO signed_in VALUES {more}"))  # noqa: S608
            resetting = asyncio.create_task(service.reset(token))
            await app.wait_for_waiting(1)
            await theirs.execute(text("UPDATE users SET email = email"))
            answer = await resetting

        assert problem(answer) == "503 unavailable"
        assert "undone" not in answer.text
        assert "signed_in" not in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert " has undone the transaction: " in caplog.text
        assert problem(await service.reset(token)) == "200"
        assert await app.run("SELECT 1 FROM signed_in") == []
