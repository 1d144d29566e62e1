"""The API as a router, with what all of its routes share, and the check of every body before it is read."""

from litestar import Router
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send

from keyturn.errors import KeyturnError
from keyturn.service.api.monitoring import health_routes
from keyturn.service.api.problems import NO_STORE, UNREAD, problem_handlers, problem_response
from keyturn.service.api.requests import AnyRequest, accepted_language, client_of, provided
from keyturn.service.parts import Parts
from keyturn.service.problems.problem import problem_of
from keyturn.service.rooms import routes_of
from keyturn.service.sending.reports import ProviderReports


def api_router(parts: Parts) -> Router:
    """Return everything below `server.api_path`, /api/auth, /webhooks and /health, as far as it is on."""
    reports = ProviderReports(parts.settings, parts.ground).handlers()
    return Router(
        path="/",
        route_handlers=[
            *routes_of(parts),
            *reports,
            health_routes,
        ],
        dependencies={"parts": provided(parts)},
        middleware=[count_unread(parts)],
        exception_handlers=problem_handlers(parts.languages, parts.meters),
        response_headers=NO_STORE,
    )


def count_unread(parts: Parts) -> Middleware:
    """Return middleware that counts requests whose body was not JSON or had the wrong shape, when the answer begins.

    If the limit is used up, that problem replaces the answer.
    """

    def middleware(app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            is_replaced = False

            async def answer(message: Message) -> None:
                nonlocal is_replaced
                if message["type"] == "http.response.start" and scope["state"].get(UNREAD):
                    request = AnyRequest(scope)
                    try:
                        await parts.ground.limits.count("malformed", client_of(request))
                    except KeyturnError as error:
                        is_replaced = True
                        instead = problem_response(problem_of(error), accepted_language(parts.languages, request))
                        await instead.to_asgi_response(None, request)(scope, receive, send)
                if not is_replaced:
                    await send(message)

            await app(scope, receive, answer)

        return counted

    return middleware
