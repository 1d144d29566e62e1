"""A function of the app's that may refuse a reset with a sentence, before the link is used up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import ADA, NEW_PASSWORD, problem
from tests.driver.visitor import form_token
from tests.plugin.host import Host, keyturn_settings
from tests.plugin.test_in_an_app import REQUEST, RESET

from keyturn import PendingReset
from keyturn.service.database.migrations import migrate

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

SENTENCE = "Your account is being examined. Please call us."


class App:
    """What the app's function does next, once, and what it was asked. It agrees to all else."""

    def __init__(self, url: str) -> None:
        self.asked: list[PendingReset] = []
        self.next: Any = None
        self.host = Host(url, settings=keyturn_settings(), before_reset=self.before_reset)

    async def before_reset(self, reset: PendingReset) -> Any:
        self.asked.append(reset)
        answer, self.next = self.next, None
        if answer is ZeroDivisionError:
            raise ZeroDivisionError("hunter2")
        if answer is asyncio.Event:
            await asyncio.Event().wait()
        return answer

    async def link(self) -> str:
        async with self.host.client() as client:
            assert (await client.post(REQUEST, json={"email": ADA})).status_code == 202
        await self.host.parts.worker.drain()
        return token_in(self.host.inbox.sent_to(ADA, "password_reset")[-1])


@pytest.fixture
async def app(empty_url: str) -> AsyncIterator[App]:
    app = App(empty_url)
    await migrate(app.host.parts.database)
    async with app.host.running():
        await app.host.add()
        yield app


async def test_a_refusal_is_told_and_the_link_lives(app: App) -> None:
    async with app.host.client(headers={"Accept-Language": "de"}) as client:
        token = await app.link()
        app.next = f"  {SENTENCE}\n"
        answer = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})

        assert problem(answer) == "403 reset-refused"
        assert answer.json()["detail"] == SENTENCE
        assert (
            problem(await client.post(RESET, json={"token": "x" * 43, "newPassword": NEW_PASSWORD})) == "400 link-dead"
        )
        (pending,) = app.asked
        assert (pending.email, pending.languages) == (ADA, "de")
        assert NEW_PASSWORD not in repr(pending)
        assert token not in repr(pending)
        assert problem(await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})) == "200"


@pytest.mark.parametrize("fault", [ZeroDivisionError, asyncio.Event, True], ids=["fails", "hangs", "answers True"])
async def test_a_fault_is_no_yes_and_the_link_lives(app: App, fault: object, caplog: pytest.LogCaptureFixture) -> None:
    async with app.host.client() as client:
        token = await app.link()
        app.next = fault
        answer = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})

        assert problem(answer) == "503 unavailable"
        assert "hunter2" not in answer.text
        assert problem(await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})) == "200"
    assert any("hook.failed" in record.getMessage() for record in caplog.records)


async def test_a_page_hands_on_the_sentence(app: App) -> None:
    async with app.host.client(follow_redirects=True) as client:
        token = await app.link()
        app.next = SENTENCE
        page = "/account/reset-password"
        csrf = form_token(await client.get(f"{page}/{token}"))
        fields = {"_csrf_token": csrf, "email": ADA, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
        answer = await client.post(page, data=fields)

        assert answer.status_code == 403
        assert SENTENCE in answer.text
        assert problem(await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})) == "200"
