"""A function of the app's that may refuse a reset with a sentence, before the link is used up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.driver.service import ADA, NEW_PASSWORD, Service, Start, problem
from tests.driver.visitor import form_token

from keyturn import PendingReset, SettingsInvalid

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

SENTENCE = "Your account is being examined. Please call us."
asked: list[PendingReset] = []


async def refuse(reset: PendingReset) -> str | None:
    asked.append(reset)
    return f"  {SENTENCE}\n"


async def agree(_: PendingReset) -> None:
    return None


async def fail(_: PendingReset) -> str | None:
    raise ZeroDivisionError("hunter2")


async def hang(_: PendingReset) -> str | None:
    await asyncio.Event().wait()
    return None


async def answer_true(_: PendingReset) -> Any:
    return True


def not_async(_: PendingReset) -> str | None:
    return None


async def service_with(start: Start, function: Callable[..., Awaitable[Any]]) -> Service:
    hooks = {"before_reset": f"{__name__}:{function.__name__}"}
    return await start(hooks=hooks, people={ADA: {"kind": "viewer", "locale": "de"}})


async def test_a_refusal_is_told_and_the_link_lives(start: Start) -> None:
    asked.clear()
    service = await service_with(start, refuse)
    token = await service.link()
    client = service.anywhere(headers={"User-Agent": "curl/8", "Accept-Language": "de"})
    answer = await client.post("/api/auth/reset-password", json={"token": token, "newPassword": NEW_PASSWORD})

    assert problem(answer) == "403 reset-refused"
    assert answer.json()["detail"] == SENTENCE
    assert await service.works(token)
    assert not await service.knows(NEW_PASSWORD)
    (entry,) = await service.trail("password_reset")
    assert entry.outcome == "refused"
    (pending,) = asked
    assert (pending.email, pending.kind, pending.locale, pending.languages) == (ADA, "viewer", "de", "de")
    assert NEW_PASSWORD not in repr(pending)
    assert token not in repr(pending)


async def test_the_hook_agrees_and_the_password_is_set(start: Start) -> None:
    service = await service_with(start, agree)
    assert problem(await service.reset(await service.link())) == "200"


@pytest.mark.parametrize("function", [fail, hang, answer_true])
async def test_a_fault_is_no_yes_and_the_link_lives(
    start: Start, function: Callable[..., Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    service = await service_with(start, function)
    token = await service.link()
    answer = await service.reset(token)

    assert problem(answer) == "503 unavailable"
    assert "hunter2" not in answer.text
    assert await service.works(token)
    assert any("hook.failed" in record.getMessage() for record in caplog.records)


async def test_it_is_not_asked_for_a_link_that_is_dead(start: Start) -> None:
    asked.clear()
    service = await service_with(start, refuse)
    assert problem(await service.reset("x" * 43)) == "400 link-dead"
    assert asked == []


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (f"{__name__}:not_async", "must be an async function"),
        (f"{__name__}:nothing", "has no nothing"),
        ("nowhere_at_all:hook", "the module nowhere_at_all is neither in"),
    ],
)
async def test_a_function_that_cannot_be_asked_is_a_fault_at_the_start(start: Start, reference: str, why: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        await start(hooks={"before_reset": reference})
    (fault,) = raised.value.faults
    assert fault.name == "hooks.before_reset"
    assert why in fault.message


async def test_a_page_hands_on_the_sentence(start: Start) -> None:
    service = await service_with(start, refuse)
    client = service.anywhere(follow_redirects=True)
    token = await service.link()
    csrf = form_token(await client.get(f"/reset-password/{token}"))
    fields = {"_csrf_token": csrf, "email": ADA, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    answer = await client.post("/reset-password", data=fields)

    assert answer.status_code == 403
    assert SENTENCE in answer.text
    assert await service.works(token)
