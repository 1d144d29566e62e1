"""How routers are nested without the price of it, and apart from the app that they are in."""

import sys
from functools import partial
from typing import Any, Self

from litestar import HttpMethod, Litestar, Router, route
from litestar.di import Provide
from litestar.types import LifeSpanReceive, LifeSpanSend
from litestar.types.asgi_types import LifeSpanSendMessage

from keyturn.errors import KeyturnError


class MountedOnce(Router):
    """A router that stands in one place alone.

    Litestar copies a router deeply wherever one is registered (`Router.register`), so that it may stand in several.
    With routers in routers that is half of the time in which an application is built.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


reading = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Mounts a handler for GET, and for HEAD, with which programs ask whether an address answers."""


def provided(part: object) -> Provide:
    """Return what gives handlers this part, whoever asks."""
    return Provide(lambda: part, sync_to_thread=False)


class MountedApart(MountedOnce):
    """A router to which only the middleware of its app applies.

    Litestar passes on the settings of an app for its own routes: guards, hooks before and after a request, handlers of
    errors, dependencies, encoders, headers, limits (`BaseRouteHandler.ownership_layers`). None of it was meant for
    routes that the app did not write, and a guard for signed-in users would lock out users who cannot sign in.
    Middleware reads its options from `opt`, as is Litestar's convention.
    """

    @property
    def owner(self) -> Router | None:
        return None

    @owner.setter
    def owner(self, app: Router | None) -> None:
        if isinstance(app, Litestar):
            _fail_in_a_sentence(app)
            self.middleware = [*app.middleware, *self.middleware]
            self.opt = {**self.opt, "exclude_from_auth": True}
            if app.csrf_config:  # forms bring tokens of our own, and JSON is no simple request
                self.opt[app.csrf_config.exclude_from_csrf_key] = True


def _fail_in_a_sentence(app: Litestar) -> None:
    """Let the app tell its server in a sentence why Keyturn cannot start. Litestar's own message is a traceback.

    Litestar has no hook there, so its router gets a class that shortens the message, and is the same otherwise.
    """
    router = type(app.asgi_router)

    async def lifespan(self: Any, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        async def shorten(message: LifeSpanSendMessage) -> None:
            if message["type"] == "lifespan.startup.failed" and (fault := _only_fault(sys.exception())):
                message["message"] = str(fault)
            await send(message)

        await router.lifespan(self, receive, shorten)

    app.asgi_router.__class__ = type("ShortFault", (router,), {"__slots__": (), "lifespan": lifespan})


def _only_fault(error: BaseException | None) -> KeyturnError | None:
    """Return the error that is one of Keyturn's, alone in as many groups as there are around it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, KeyturnError) else None
