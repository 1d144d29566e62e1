"""What OpenAPI says of the routes: the names of operations, and what a client must show."""

import re
from collections.abc import Sequence

from litestar import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import SecurityRequirement, SecurityScheme
from litestar.types import Method

from keyturn.service.api.cookies import session_cookie
from keyturn.service.container import Container

ANYONE: Sequence[SecurityRequirement] = ({},)
"""A client need not show anything."""

SESSION = "session"
SERVICE_KEY = "serviceKey"

SIGNED_IN: Sequence[SecurityRequirement] = ({SESSION: []},)
WITH_KEY: Sequence[SecurityRequirement] = ({SERVICE_KEY: []},)


def operation_id(handler: HTTPRouteHandler, _: Method | HttpMethod, path: Sequence[object]) -> str:
    """Return an operation's name: that of its handler, or the end of its path if the handler has
    several.

    It is requestPasswordReset for `/api/auth/request-password-reset`.
    """
    name = str(path[-1]) if len(handler.paths) > 1 else handler.handler_name
    return re.sub(r"[-_](\w)", lambda separated: separated[1].upper(), name)


def security_schemes(container: Container) -> dict[str, SecurityScheme]:
    """Return how clients prove who they are, as far as routes ask for it."""
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
