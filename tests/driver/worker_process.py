"""What `keyturn worker` answers where it runs without an API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from keyturn.service.app import create_worker_app
from keyturn.service.parts import Parts
from keyturn.service.settings import Settings


@asynccontextmanager
async def monitored_worker(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client on the same machine for the health and the figures of a worker. Its work has not begun."""
    parts = Parts(settings)
    transport = httpx2.ASGITransport(create_worker_app(parts), client=("127.0.0.1", 1))  # type: ignore[arg-type]
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
    finally:
        await parts.close()
