"""A school with the hosted pages: its settings, and what tests of the pages ask of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2
import msgspec
from tests.driver.service import NEW_PASSWORD, Service
from tests.driver.visitor import Visitor

from keyturn import Account

KINDS = {
    kind: {"settings_url": f"{{base_url}}/{kind}-settings/security"}
    for kind in ("viewer", "school")
}
LIMITS = dict.fromkeys(("request", "login", "account"), "100/minute")
OPTIONS: Mapping[str, Any] = {"kinds": KINDS, "limits": LIMITS}
"""Settings of a school whose limits are out of the way."""

RESET = "/reset-password"

OpenSchool = Callable[..., Awaitable[Service]]
"""Opens a school with changed settings. All schools of a test have the same accounts."""


def visiting(school: Service) -> Visitor:
    return Visitor(school.anywhere())


async def secure_token(school: Service, account: Account) -> str:
    await school.reset(await school.link(account.email))
    return await school.newest(account.email, "password_changed")


async def asked(school: Service) -> list[str]:
    """Return the addresses that a link was asked for and that no worker has seen yet, in order."""
    waiting = [
        item
        for item in await school.messages()
        if (item.kind, item.state) == ("reset_requested", "waiting")
    ]
    return [msgspec.json.decode(item.payload)["email"] for item in waiting]


async def open_link(visitor: Visitor, token: str) -> None:
    await visitor.get(f"{RESET}/{token}")


async def save(
    visitor: Visitor, password: str = NEW_PASSWORD, again: str | None = None, **fields: str
) -> httpx2.Response:
    return await visitor.submit(
        RESET, password=password, again=password if again is None else again, **fields
    )
