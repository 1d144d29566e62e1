"""A function of the app's that names the place of an IP address, in the mails about a change of the password."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.spec.service import ADA, Service, running, settings_for

from keyturn.errors import SettingsInvalid
from keyturn.parts import Parts
from keyturn.settings import HookSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

asked: list[tuple[str, str]] = []


async def leeds(ip_address: str, language: str) -> str:
    asked.append((ip_address, language))
    return "near  Leeds,\nUK \x07"


async def nowhere(_: str, __: str) -> None:
    return None


async def tags(_: str, __: str) -> str:
    return "<b>Leeds</b>" + "s" * 200


async def fail(_: str, __: str) -> str:
    raise ZeroDivisionError("hunter2")


async def hang(_: str, __: str) -> str:
    await asyncio.Event().wait()
    return ""


async def number(_: str, __: str) -> Any:
    return 7


def not_async(_: str, __: str) -> str:
    return "near Leeds, UK"


@asynccontextmanager
async def service_with(database_url: str, function: Callable[..., Awaitable[Any]]) -> AsyncIterator[Service]:
    timeout = timedelta(milliseconds=50) if function is hang else timedelta(seconds=10)
    hooks = HookSettings(locate=f"{__name__}:{function.__name__}", timeout=timeout)
    async with running(settings_for(database_url, hooks=hooks)) as service:
        await service.add(ADA, kind="viewer", locale="de")
        yield service


async def confirmation(service: Service) -> tuple[str, str]:
    """Reset the password; return the fact about the IP address, and the HTML of the confirmation."""
    assert (await service.reset(await service.link())).status_code == 200
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    (fact,) = [line for line in mail.text.splitlines() if line.startswith("IP-Adresse")]
    return fact.partition(": ")[2], mail.html


async def test_the_place_stands_beside_the_address_and_the_function_is_told_the_language(database_url: str) -> None:
    asked.clear()
    async with service_with(database_url, leeds) as service:
        fact, html = await confirmation(service)

    ((ip_address, language),) = asked
    assert language == "de"
    assert fact.strip("\u2068\u2069") == f"{ip_address} (near Leeds, UK)"
    assert f"{ip_address} (near Leeds, UK)" in html


async def test_a_place_is_text_and_has_at_most_80_characters(database_url: str) -> None:
    async with service_with(database_url, tags) as service:
        fact, html = await confirmation(service)

    assert fact.partition(" ")[2] == f"(<b>Leeds</b>{'s' * 68})"
    assert "&lt;b&gt;Leeds" in html
    assert "<b>Leeds" not in html


@pytest.mark.parametrize("function", [nowhere, fail, hang, number])
async def test_without_an_answer_the_mail_shows_the_address_alone(
    database_url: str, function: Callable[..., Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    async with service_with(database_url, function) as service:
        fact, _ = await confirmation(service)

    assert fact
    assert "(" not in fact
    assert ("hook.failed" in caplog.text) == (function is not nowhere)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (f"{__name__}:not_async", "must be an async function"),
        (f"{__name__}:nobody", "has no nobody"),
        ("no_such_module:locate", "the module no_such_module is neither in"),
    ],
)
async def test_a_function_that_cannot_be_used_is_a_fault_of_the_settings(
    database_url: str, reference: str, why: str
) -> None:
    parts = Parts(settings_for(database_url, hooks=HookSettings(locate=reference)))

    with pytest.raises(SettingsInvalid) as caught:
        await parts.work()
    await parts.close()

    (fault,) = caught.value.faults
    assert fault.name == "hooks.locate"
    assert why in fault.message
