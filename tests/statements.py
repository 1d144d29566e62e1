"""What databases are asked while something happens."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """Collect the text of each statement that any engine sends meanwhile."""
    texts: list[str] = []

    def note(_: object, __: object, text: str, *___: object) -> None:
        texts.append(text)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield texts
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def cancel_when_sent(work: Coroutine[Any, Any, object], begins: str) -> None:
    """Cancel the work when a statement that begins like this is with the database."""
    loop, sent = asyncio.get_running_loop(), asyncio.Event()

    def note(_: object, __: object, text: str, *___: object) -> None:
        if text.startswith(begins):
            loop.call_soon_threadsafe(sent.set)

    event.listen(Engine, "before_cursor_execute", note)
    working = asyncio.create_task(work)
    try:
        async with asyncio.timeout(10):
            await sent.wait()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
