"""The worker of a container: run until cancelled, or until nothing is due."""

from collections.abc import Coroutine
from typing import Any

from keyturn.service import worker_queues
from keyturn.service.container import Container


def work(container: Container) -> Coroutine[Any, Any, None]:
    return worker_queues.work(container)


async def drain(container: Container) -> None:
    """Send everything that waits and is due."""
    worker = worker_queues.build_worker(container)
    try:
        await worker.drain()
    finally:
        await worker.close()
