"""The API as a router, with what all of its routes share."""

from typing import Any

from litestar import Request, Router
from litestar.di import Provide

from keyturn.database import Database
from keyturn.reset.controller import ResetController, SessionController
from keyturn.reset.health import HealthController
from keyturn.reset.http import SessionCookie, client_of, require_same_origin
from keyturn.reset.password import PasswordPolicy
from keyturn.reset.problems import NO_STORE, problem_handlers, refuse_duplicate_names
from keyturn.reset.resets import PasswordResets
from keyturn.reset.signing_in import SignIns
from keyturn.settings import Settings


def api_router(
    settings: Settings,
    database: Database,
    resets: PasswordResets,
    policy: PasswordPolicy,
    sign_ins: SignIns,
) -> Router:
    """Return everything below /api/auth, and /health."""
    cookie = SessionCookie(secure=settings.secure, max_age=int(settings.session.ttl.total_seconds()))

    async def check(request: Request[Any, Any, Any]) -> None:
        await refuse_duplicate_names(request)

    async def check_origin(request: Request[Any, Any, Any]) -> None:
        if request.method == "POST":
            require_same_origin(request, settings.origin)
        await refuse_duplicate_names(request)

    return Router(
        path="/",
        route_handlers=[
            Router(path="/api/auth", route_handlers=[ResetController], before_request=check),
            Router(path="/api/auth", route_handlers=[SessionController], before_request=check_origin),
            HealthController,
        ],
        dependencies={
            "client": Provide(client_of, sync_to_thread=False),
            "cookie": Provide(lambda: cookie, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
            "policy": Provide(lambda: policy, sync_to_thread=False),
            "resets": Provide(lambda: resets, sync_to_thread=False),
            "sign_ins": Provide(lambda: sign_ins, sync_to_thread=False),
        },
        exception_handlers=problem_handlers(),
        response_headers=NO_STORE,
        request_max_body_size=settings.server.max_body,
    )
