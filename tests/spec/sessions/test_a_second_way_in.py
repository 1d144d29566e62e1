"""Beside an app, Keyturn has a sign-in only if `sign_in_url` names its own page."""

import sqlite3
from pathlib import Path

import pytest
from tests.driver.service import ADA, CHANGE, LOGIN, ME, PASSWORD, Service, hash_of, running, settings_for

from keyturn import Settings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def beside(database_url: str, folder: Path, **changes: str) -> Settings:
    with sqlite3.connect(folder / "app.db") as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        app.execute("INSERT INTO users (email, password_hash) VALUES (?, ?)", (ADA, hash_of(PASSWORD)))
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


@pytest.mark.parametrize("changes", [{}, {"sign_in_url": "https://app.northwind.test/login"}])
async def test_its_own_sign_in_is_off_beside_an_app(database_url: str, tmp_path: Path, changes: dict[str, str]) -> None:
    async with running(beside(database_url, tmp_path, **changes)) as service:
        assert await statuses(service) == [404] * 4


@pytest.mark.long
async def test_a_sign_in_url_at_keyturn_enables_it(database_url: str, tmp_path: Path) -> None:
    async with running(beside(database_url, tmp_path, sign_in_url="{base_url}/login")) as service:
        assert await statuses(service) == [200] * 4


async def test_the_built_in_accounts_have_no_other_way(database_url: str) -> None:
    async with running(settings_for(database_url)) as service:
        await service.add(ADA)
        assert await statuses(service) == [200] * 4
