"""How a visitor opens a link and chooses a new password."""

import httpx2
from tests.driver.service import NEW_PASSWORD
from tests.driver.visitor import Visitor

RESET = "/reset-password"
UNKNOWN = "A" * 43


async def open_link(visitor: Visitor, token: str) -> None:
    await visitor.get(f"{RESET}/{token}")


async def save(
    visitor: Visitor, password: str = NEW_PASSWORD, again: str | None = None, **fields: str
) -> httpx2.Response:
    return await visitor.submit(RESET, password=password, again=password if again is None else again, **fields)
