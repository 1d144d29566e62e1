"""A sign-in that fails sends the same statements whosever address it is (OWASP ASVS 6.3.8)."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    LOGIN,
    NOBODY,
    Service,
    Start,
    hash_of,
    running,
    settings_for,
)
from tests.driver.statements import statements_sent
from tests.driver.visitor import form_token


async def reads(service: Service, email: str) -> Sequence[str]:
    client = service.anywhere()
    with statements_sent() as statements:
        answer = await client.post(LOGIN, json={"email": email, "password": "a wrong guess at it"})
    assert answer.status_code == 401
    return sorted(statements)


async def reads_for_a_proof(service: Service, email: str) -> Sequence[str]:
    """Send the form with a cookie that claims that the password was right."""
    client = service.anywhere(cookies={"keyturn_password": "gAAAAA-no-proof-of-ours"})
    token = form_token(await client.get("/login"))
    with statements_sent() as statements:
        answer = await client.post("/login", data={"_csrf_token": token, "email": email})
    assert answer.status_code == 422
    return sorted(statements)


@pytest.mark.long
async def test_a_known_address_is_read_as_often_as_an_unknown_one(start: Start) -> None:
    service = await start()
    await reads(service, ADA)  # the first statement of a connection has others before it
    unknown = await reads(service, NOBODY)
    assert [await reads(service, email) for email in (ADA, GRACE, DAN)] == [unknown] * 3
    unknown = await reads_for_a_proof(service, NOBODY)
    assert [await reads_for_a_proof(service, email) for email in (ADA, GRACE, DAN)] == [unknown] * 3


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_known_address_in_the_app_s_database_is_read_no_more_often(
    database_url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as app, app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        app.execute("INSERT INTO users VALUES (1, ?, ?)", (ADA, hash_of("any")))
    accounts = {
        "store": "table",
        "table": {"url": f"sqlite:///{tmp_path / 'app.db'}", "table": "users"},
    }
    settings = settings_for(database_url, accounts=accounts, sign_in_url="{base_url}/login")
    async with running(settings) as service:
        await reads(service, ADA)
        assert len(await reads(service, ADA)) == len(await reads(service, NOBODY))
