"""Beside an app, Keyturn has a sign-in only if `sign_in_url` names its own page."""

import sqlite3
from pathlib import Path

import pytest
from tests.driver.service import (
    ADA,
    CHANGE,
    LOGIN,
    ME,
    PASSWORD,
    Service,
    hash_of,
    running,
    settings_for,
)

from keyturn import Settings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def beside(database_url: str, folder: Path, **changes: str) -> Settings:
    with sqlite3.connect(folder / "app.db") as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        app.execute(
            "INSERT INTO users (email, password_hash) VALUES (?, ?)", (ADA, hash_of(PASSWORD))
        )
    app.close()
    table = {"url": f"sqlite:///{folder / 'app.db'}", "table": "users"}
    return settings_for(database_url, accounts={"store": "table", "table": table}, **changes)


async def statuses(service: Service) -> list[int]:
    who = {"email": ADA, "password": PASSWORD}
    change = {"currentPassword": PASSWORD, "newPassword": "eleven loud lighthouses"}
    async with service.anywhere() as client:
        page = await client.get("/login", headers={"accept": "text/html"})
        login = await client.post(LOGIN, json=who)
        me = await client.get(ME)
        changed = await client.post(CHANGE, json=change)
        return [answer.status_code for answer in (page, login, me, changed)]


@pytest.mark.parametrize(
    ("url", "status"),
    [("", 404), ("https://app.northwind.test/login", 404), ("{base_url}/login", 200)],
)
async def test_its_own_sign_in_is_off_beside_an_app_unless_the_url_is_its_own(
    database_url: str, tmp_path: Path, url: str, status: int
) -> None:
    changes = {"sign_in_url": url} if url else {}
    async with running(beside(database_url, tmp_path, **changes)) as service:
        assert await statuses(service) == [status] * 4
