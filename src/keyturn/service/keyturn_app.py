"""An application of Keyturn's own, and what runs beside its routes: the service, or the plugin's part of an app."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Literal

from litestar import Litestar

from keyturn.errors import KeyturnError
from keyturn.service.api.edge import behind_proxies, edge
from keyturn.service.api.problems import count_unread
from keyturn.service.child_worker.supervisor import Supervisor
from keyturn.service.database.migrations import require_current
from keyturn.service.limits import counting_alone
from keyturn.service.parts import Parts
from keyturn.service.sending.senders import require_libraries
from keyturn.service.telemetry.logs import LogEvent, redact_access_logs

log = logging.getLogger("keyturn.accounts")

_LONGEST_BODY = 16_384
"""Bytes of a request's body; more is refused unread (413). No form or call needs a tenth of it."""


class KeyturnApp(Litestar):
    """An application behind `edge`, also for unknown addresses. Its server gets a sentence if it cannot start.

    It checks the database and the accounts when it starts, and runs the worker until it stops. `worker`: as
    `server.worker` says. `is_checked`: by `serve`, before it started anything. Raises SettingsInvalid.
    """

    def __init__(self, parts: Parts, *, worker: bool, is_checked: bool = False, **config: Any) -> None:
        redact_access_logs()
        settings, self._parts, self._is_checked, self._fault = parts.settings, parts, is_checked, ""
        # A sender of the app, as in tests, exists in this process alone.
        place = "inside" if parts.sender else settings.server.worker
        self._worker: Literal["child", "inside", "none"] = place if worker else "none"
        self._supervisor = Supervisor(parts) if self._worker == "child" else None
        if self._worker != "none" and not parts.sender:
            require_libraries(settings.mail.transport, settings.mail.fallback)
        config |= {"logging_config": None, "request_max_body_size": _LONGEST_BODY}
        super().__init__(lifespan=[self._run], after_exception=[count_unread(parts)], **config)
        self._behind_edge = edge(
            behind_proxies(super().__call__, settings.server.trusted_proxies), secure=settings.secure
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed" and self._fault:
                message = {**message, "message": self._fault}
            await send(message)

        await self._behind_edge(scope, receive, tell if scope["type"] == "lifespan" else send)

    @contextlib.asynccontextmanager
    async def _run(self, _: Litestar) -> AsyncIterator[None]:
        """Raise SettingsInvalid, DatabaseUnready or the error of the accounts if the app cannot start."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._parts.close)
            try:
                await self._check(stack)
            except KeyturnError as error:
                self._fault = str(error)
                raise
            if self._supervisor:
                stack.push_async_callback(self._supervisor.stop)
                self._supervisor.start()
            elif self._worker == "inside":
                worker = asyncio.create_task(self._parts.work())
                stack.push_async_callback(_cancel, worker)
            yield

    async def _check(self, stack: contextlib.AsyncExitStack) -> None:
        parts = self._parts
        await require_current(parts.database)
        await parts.accounts.require_ready()
        await parts.second_step.step.require_ready()
        if not self._is_checked:
            for doubt in await parts.accounts.findings(parts.settings.hashing):
                log.warning(LogEvent("accounts.doubt", reason=f"{doubt.message}. {doubt.fix}"))
            stack.enter_context(counting_alone(parts.database, in_memory=parts.settings.limits.in_memory))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
