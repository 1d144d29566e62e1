"""The names of operations in OpenAPI, and how clients authenticate."""

import re
from collections.abc import Sequence

from litestar import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import SecurityRequirement, SecurityScheme
from litestar.types import Method

from keyturn.service.api.cookies import session_cookie
from keyturn.service.container import Container

ANYONE: Sequence[SecurityRequirement] = ({},)
"""A route that needs no authentication."""

SESSION = "session"
SERVICE_KEY = "serviceKey"

SIGNED_IN: Sequence[SecurityRequirement] = ({SESSION: []},)
WITH_KEY: Sequence[SecurityRequirement] = ({SERVICE_KEY: []},)


def operation_id(handler: HTTPRouteHandler, _: Method | HttpMethod, path: Sequence[object]) -> str:
    """Return an operation's name, in camelCase.

    It is the name of the handler. If the handler has several paths, it is the last part of the
    path: requestPasswordReset for `/api/auth/request-password-reset`.
    """
    name = str(path[-1]) if len(handler.paths) > 1 else handler.handler_name
    return re.sub(r"[-_](\w)", lambda separated: separated[1].upper(), name)


def security_schemes(container: Container) -> dict[str, SecurityScheme]:
    """Return the schemes by which clients authenticate, if there are routes that need them."""
    schemes = {}
    if container.sign_ins:
        schemes[SESSION] = SecurityScheme(
            type="apiKey",
            name=session_cookie(container.settings).name,
            security_scheme_in="cookie",
            description="The answer to `signIn` sets it.",
        )
    if container.invitations.over_http:
        schemes[SERVICE_KEY] = SecurityScheme(
            type="http", scheme="bearer", description="A key of the settings `[invitations]`."
        )
    return schemes
