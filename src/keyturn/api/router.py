"""The API as a router, with what all of its routes share."""

from typing import Any

from litestar import Router
from litestar.di import Provide

from keyturn.api.bodies import count_unread, require_json
from keyturn.api.form_texts import TextsController
from keyturn.api.monitoring import health_router
from keyturn.api.mounting import MountedOnce
from keyturn.api.problems import NO_STORE, problem_handlers
from keyturn.api.provider_reports import report_handlers
from keyturn.api.requests import AnyRequest, ResetApi, require_same_origin
from keyturn.api.resets import InvitationController, ResetController, service_key_guard
from keyturn.api.responses import JsonResponse
from keyturn.api.security_links import ChallengeController, CodeController, MutingController, SecuringController
from keyturn.api.sessions import SessionController


def api_router(api: ResetApi, origin: str, max_body: int, path: str) -> Router:
    """Return everything below `path`, /api/auth, /webhooks and /health. `max_body` in bytes; more is refused unread.

    `path` is where links are asked for, checked and used; sessions are at /api/auth, wherever that is.
    """

    async def check_origin(request: AnyRequest) -> None:
        if request.method == "POST":
            require_same_origin(request, origin)
        await require_json(request)

    routers: list[Any] = [
        MountedOnce(
            path=path,
            route_handlers=[ResetController, SecuringController, TextsController],
            before_request=require_json,
        )
    ]
    if api.invitations.over_http:
        routers.append(
            MountedOnce(
                path=path,
                route_handlers=[InvitationController],
                guards=[service_key_guard(api.invitations)],
                before_request=require_json,
            )
        )
    if api.challenge:
        routers.append(MountedOnce(path=path, route_handlers=[ChallengeController]))
    if api.codes:
        routers.append(MountedOnce(path=path, route_handlers=[CodeController], before_request=require_json))
    if api.muting:
        routers.append(MountedOnce(path=path, route_handlers=[MutingController], before_request=require_json))
    if sessions := api.sessions:
        routers.append(
            MountedOnce(
                path="/api/auth",
                route_handlers=[SessionController],
                before_request=check_origin,
                dependencies={"sessions": Provide(lambda: sessions, sync_to_thread=False)},
            )
        )
    return MountedOnce(
        path="/",
        route_handlers=[*routers, *report_handlers(api.provider_webhooks), health_router(api.require_ready)],
        dependencies={"api": Provide(lambda: api, sync_to_thread=False)},
        middleware=[count_unread(api)],
        exception_handlers=problem_handlers(api.languages, api.requests.meters),
        response_class=JsonResponse,
        response_headers=NO_STORE,
        request_max_body_size=max_body,
    )
