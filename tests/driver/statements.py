"""Records the statements that engines send, or ends them, and records the work that thread pools
get.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """Collect the text of each statement that any engine sends in the block."""
    texts: list[str] = []

    def note(_: object, __: object, text: str, *___: object) -> None:
        texts.append(text)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield texts
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def dying_after(number: int) -> Iterator[None]:
    """Let so many statements through in the block, and none after them, as when their process dies
    at that moment.
    """
    left = number

    def refuse(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OperationalError(
                "", None, ConnectionResetError("the process is dead"), connection_invalidated=True
            )

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)


@contextmanager
def thread_trips() -> Iterator[list[str]]:
    """Collect the thread pool's name for each piece of work that a pool gets in the block."""
    names: list[str] = []
    submit = ThreadPoolExecutor.submit

    def note(
        pool: ThreadPoolExecutor, work: Callable[..., Any], /, *given: Any, **named: Any
    ) -> Any:
        names.append(str(pool._thread_name_prefix))
        return submit(pool, work, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", note)
        yield names


async def cancel_when_sent(work: Coroutine[Any, Any, object], begins: str) -> None:
    """Cancel the work once it has sent a statement that begins with `begins`."""
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
