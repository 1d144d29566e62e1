"""Another host on this machine, which counts its connections."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, get
from playwright.async_api import Page
from tests.servers.serving import Connections

_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><path d="M0 0h120v40H0z"/></svg>'


class Elsewhere:
    """Counts the connections to a host, and keeps the paths that it is asked for. Every answer is a picture."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections = Connections()
        self.address = ""

    def app(self) -> Litestar:
        @get("/{path:path}", sync_to_thread=False)
        def anything(request: Request[Any, Any, Any]) -> Response[str]:
            self.asked.append(request.url.path)
            return Response(_PICTURE, media_type="image/svg+xml")

        return Litestar([anything], openapi_config=None)

    @property
    def contacts(self) -> tuple[int, list[str]]:
        """How many connections there were, and what was asked for."""
        return self.connections.opened, self.asked


@asynccontextmanager
async def answering(page: Page, *paths: str) -> AsyncIterator[None]:
    """Wait at the end until the page has an answer for each path, so each is among those that were asked for."""
    async with AsyncExitStack() as answers:
        for path in paths:
            await answers.enter_async_context(page.expect_response(re.compile(re.escape(path) + r"(\?|$)")))
        yield
