"""The pages of passkeys for a browser: what they offer, to whom, and what they refuse. No script runs here."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update
from tests.pages.resetting import RESET, open_link, save
from tests.pages.school import ADA, School, Visitor, form_token, heading, opened, settings_for, words
from tests.spec.authenticator import Authenticator

from keyturn.accounts.builtin import SessionRow
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.settings import PasskeySettings, Secret

PAGE = "/viewer-settings/security/passkeys"
ORIGIN = "http://account.localhost:8000"


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    passkeys, key = PasskeySettings(enabled=True), Secret("0123456789abcdef" * 4)
    async with opened(settings_for(tmp_path, base_url=ORIGIN, passkeys=passkeys, secret_key=key)) as school:
        yield school


@pytest.fixture
async def visitor(school: School) -> AsyncIterator[Visitor]:
    async with school.visitor(ORIGIN) as visitor:
        yield visitor


async def ask(visitor: Visitor, page: str, action: str) -> httpx.Response:
    """Ask for options as the script does, with the token of the form on the page."""
    token = form_token(await visitor.get(page))
    return await visitor.client.post(f"{action}/options", data={"_csrf_token": token})


async def create(visitor: Visitor, page: str, action: str, authenticator: Authenticator) -> httpx.Response:
    offer = (await ask(visitor, page, action)).json()
    credential = json.dumps(authenticator.create(offer["options"]))
    return await visitor.submit(page, action, state=offer["state"], credential=credential)


async def test_the_page_of_a_new_password_creates_one_passkey(visitor: Visitor, school: School, ada: Account) -> None:
    await open_link(visitor, await school.link(ada))
    saved = await visitor.follow(await save(visitor))
    assert 'data-passkey="create"' in saved.text
    created = await visitor.follow(await create(visitor, RESET, f"{RESET}/passkey", Authenticator(ORIGIN)))
    assert "The passkey was created." in words(created)
    assert "data-passkey" not in created.text
    again = await visitor.client.post(f"{RESET}/passkey/options", data={"_csrf_token": "0"})
    assert again.status_code == 403


async def test_a_refused_passkey_leaves_the_right(visitor: Visitor, school: School, ada: Account) -> None:
    await open_link(visitor, await school.link(ada))
    await save(visitor)
    elsewhere = Authenticator("http://evil.example")
    failed = await visitor.follow(await create(visitor, RESET, f"{RESET}/passkey", elsewhere))
    assert "The passkey didn’t work. Try again." in words(failed)
    created = await visitor.follow(await create(visitor, RESET, f"{RESET}/passkey", Authenticator(ORIGIN)))
    assert "The passkey was created." in words(created)


async def test_without_a_right_there_are_no_options(visitor: Visitor, ada: Account) -> None:
    del ada
    refused = await ask(visitor, "/login", f"{RESET}/passkey")
    assert refused.status_code == 401


async def test_a_passkey_signs_in_and_leads_on(visitor: Visitor, school: School, ada: Account) -> None:
    authenticator = Authenticator(ORIGIN)
    await open_link(visitor, await school.link(ada))
    await save(visitor)
    await create(visitor, RESET, f"{RESET}/passkey", authenticator)
    offer = (await ask(visitor, "/login", "/login/passkey")).json()
    credential = json.dumps(authenticator.use(offer["options"]))
    fields = {"state": offer["state"], "credential": credential}
    for next_, url in (("/viewer-settings/security", None), ("https://evil.example/", "/viewer-settings/security")):
        answer = await visitor.submit("/login", "/login/passkey", **fields, next=next_)
        if url is None:
            assert (answer.status_code, answer.headers["location"]) == (303, next_)
        else:  # the answer was used
            assert answer.status_code == 422
            assert "The passkey didn’t work. Try again." in words(answer)
        visitor.client.cookies.delete("keyturn_session")


async def test_passkeys_are_listed_named_and_removed(visitor: Visitor, ada: Account) -> None:
    del ada
    await visitor.sign_in(ADA)
    assert "You have no passkeys." in words(await visitor.get(PAGE))
    authenticator = Authenticator(ORIGIN)
    page = await visitor.follow(await create(visitor, PAGE, f"{PAGE}/passkey", authenticator))
    assert "The passkey was created." in words(page)
    settings = words(await visitor.get("/viewer-settings/security"))
    assert "1 passkey" in settings
    name = page.text.split('name="passkey" value="')[1].split('"')[0]
    page = await visitor.follow(await visitor.submit(PAGE, f"{PAGE}/rename", passkey=name, name="  My \n laptop "))
    assert "The passkey was renamed." in words(page)
    assert "My laptop" in page.text
    for fields in ({"passkey": name, "name": " "}, {"passkey": "AAAA", "name": "x"}):
        page = await visitor.follow(await visitor.submit(PAGE, f"{PAGE}/rename", **fields))
        assert "renamed" not in words(page)
    page = await visitor.follow(await visitor.submit(PAGE, f"{PAGE}/remove", passkey="AAAA"))
    assert "My laptop" in page.text
    page = await visitor.follow(await visitor.submit(PAGE, f"{PAGE}/remove", passkey=name))
    assert "The passkey was removed." in words(page)


async def test_nobody_removes_another_accounts_passkey(visitor: Visitor, school: School, ada: Account) -> None:
    del ada
    await visitor.sign_in(ADA)
    page = await visitor.follow(await create(visitor, PAGE, f"{PAGE}/passkey", Authenticator(ORIGIN)))
    name = page.text.split('name="passkey" value="')[1].split('"')[0]
    await school.add("ida@northwind.example")
    async with school.visitor(ORIGIN) as ida:
        await ida.sign_in("ida@northwind.example")
        for action in ("rename", "remove"):
            await ida.submit(PAGE, f"{PAGE}/{action}", passkey=name, name="Ida's")
    listed = await visitor.get(PAGE)
    assert name in listed.text
    assert "Ida's" not in listed.text


async def test_an_old_session_changes_nothing_and_signs_in_again(
    visitor: Visitor, school: School, ada: Account
) -> None:
    del ada
    await visitor.sign_in(ADA)
    await visitor.follow(await create(visitor, PAGE, f"{PAGE}/passkey", Authenticator(ORIGIN)))
    offer = (await ask(visitor, PAGE, f"{PAGE}/passkey")).json()
    aged = update(SessionRow).values(created_at=now() - timedelta(minutes=16))
    await school.parts.database.transact(lambda connection: connection.execute(aged))
    page = await visitor.get(PAGE)
    assert "To change your passkeys, sign in again first." in words(page)
    assert 'name="passkey"' not in page.text
    late = {"state": offer["state"], "credential": json.dumps(Authenticator(ORIGIN).create(offer["options"]))}
    failed = await visitor.follow(await visitor.submit(PAGE, f"{PAGE}/passkey", **late))
    assert "The passkey didn’t work. Try again." in words(failed)
    left = await visitor.submit(PAGE, f"{PAGE}/sign-in-again")
    assert left.headers["location"] == f"/login?next={PAGE.replace('/', '%2F')}"
    back = await visitor.sign_in(ADA, next=PAGE)
    assert heading(await visitor.follow(back)) == "Passkeys"


async def test_the_page_is_for_those_who_are_signed_in(visitor: Visitor) -> None:
    answer = await visitor.get(PAGE)
    assert answer.headers["location"].startswith("/login?next=")
