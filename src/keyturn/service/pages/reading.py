"""The decorator of handlers that show something, and the router of a page."""

from functools import partial

from litestar import HttpMethod, Router, route
from litestar.types import ControllerRouterHandler

reading = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Registers a handler for GET, and for HEAD, with which programs ask whether an address answers."""


def page_at(path: str, *handlers: ControllerRouterHandler, back: str = "") -> Router:
    """Return a page, and everything below it, at its path.

    `back`: where its refusals lead. Empty: the page itself.
    """
    return Router(path, route_handlers=handlers, opt={"here": path, "back": back or path})
