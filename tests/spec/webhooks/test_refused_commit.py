"""A reset whose commit a deferred foreign key forbids: nothing changes, no mail confirms it, and the link stays."""

import pytest
from tests.driver.app_database import running_app
from tests.driver.service import ADA, NEW_PASSWORD, hash_of, problem, running, settings_for

pytestmark = pytest.mark.long

TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE visits (session_id INTEGER REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED)"
)


@pytest.mark.parametrize(
    ("databases", "urls"), [("sqlite", "together"), ("postgresql", "together"), ("postgresql", "apart")], indirect=True
)
async def test_a_refused_commit_is_no_lost_answer(urls: tuple[str, str]) -> None:
    own, url = urls
    table = {"url": "" if own == url else url, "table": "users", "delete": ["sessions.user_id"]}
    settings = settings_for(own, accounts={"store": "table", "table": table})
    async with running_app(url, TABLES) as database:
        await database.run("INSERT INTO users VALUES (1, :email, :hash)", email=ADA, hash=hash_of("old"))
        await database.run("INSERT INTO sessions VALUES (1, 1); INSERT INTO visits VALUES (1)")
        async with running(settings) as service:
            link = await service.link()
            refused = await service.reset(link, NEW_PASSWORD)
            await service.deliver()
            assert problem(refused) == "503 unavailable"
            assert service.inbox.sent_to(ADA, "password_changed") == []

            await database.run("DELETE FROM visits")
            assert problem(await service.reset(link, NEW_PASSWORD)) == "200"
            await service.deliver()
            assert len(service.inbox.sent_to(ADA, "password_changed")) == 1
