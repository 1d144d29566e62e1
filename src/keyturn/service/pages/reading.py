"""The decorator of handlers that show something."""

from functools import partial

from litestar import HttpMethod, route

reading = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Registers a handler for GET, and for HEAD, with which programs ask whether an address answers."""
