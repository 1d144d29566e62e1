"""The API as a router, with what all of its routes share, and the check of every body before it is read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Controller, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Guard, Message, Middleware, Receive, Scope, Send

from keyturn.errors import Fault, KeyturnError
from keyturn.service.api.form_texts import TextsController
from keyturn.service.api.monitoring import health_router
from keyturn.service.api.problems import MEDIA_TYPE, NO_STORE, UNREAD, document_of, problem_handlers
from keyturn.service.api.requests import (
    AnyRequest,
    ResetApi,
    SessionApi,
    accepted_language,
    client_of,
    require_same_origin,
)
from keyturn.service.api.resets import (
    ChallengeController,
    CodeController,
    InvitationController,
    LinkController,
    ResetController,
    SecuringController,
    service_key_guard,
)
from keyturn.service.api.responses import JsonResponse
from keyturn.service.api.sessions import SessionController
from keyturn.service.problems.requests import InputInvalid

LONGEST_BODY = 16_384
"""Bytes of a request's body; more is refused unread (413). No form or call needs a tenth of it."""


def api_router(api: ResetApi, origin: str, path: str, report_handlers: Sequence[HTTPRouteHandler]) -> Router:
    """Return everything below `path`, /api/auth, /webhooks and /health.

    `path` is where links are asked for, checked and used; sessions are at /api/auth, wherever that is.
    `report_handlers`: the routes of mail providers' reports.
    """
    routers = list(_reset_routers(api, path))
    if api.sessions:
        routers.append(_session_router(api.sessions, origin))
    return Router(
        path="/",
        route_handlers=[*routers, *report_handlers, health_router(api.require_ready)],
        dependencies={"api": provided(api)},
        middleware=[count_unread(api)],
        exception_handlers=problem_handlers(api.languages, api.requests.meters),
        response_class=JsonResponse,
        response_headers=NO_STORE,
        request_max_body_size=LONGEST_BODY,
    )


def provided(part: object) -> Provide:
    """Return what gives handlers this part, whoever asks."""
    return Provide(lambda: part, sync_to_thread=False)


def _reset_routers(api: ResetApi, path: str) -> Iterator[Router]:
    """Yield what requests, checks and uses links, as far as it is switched on."""
    optional = {
        CodeController: api.codes,
    }
    yield _json_router(path, ResetController, SecuringController, TextsController)
    if api.invitations.over_http:
        yield _json_router(path, InvitationController, guards=[service_key_guard(api.invitations)])
    if api.invitations.links_over_http:
        yield _json_router(path, LinkController, guards=[service_key_guard(api.invitations, for_links=True)])
    yield from (_json_router(path, controller) for controller, room in optional.items() if room)
    if api.challenge:
        yield Router(path, route_handlers=[ChallengeController])


def _json_router(path: str, *controllers: type[Controller], guards: Sequence[Guard] = ()) -> Router:
    return Router(path, route_handlers=controllers, guards=guards, before_request=require_json)


def _session_router(sessions: SessionApi, origin: str) -> Router:
    async def check_origin(request: AnyRequest) -> None:
        if request.method == "POST":
            require_same_origin(request, origin)
        await require_json(request)

    return Router(
        "/api/auth",
        route_handlers=[SessionController],
        before_request=check_origin,
        dependencies={"sessions": provided(sessions)},
    )


# Bodies that are not JSON, or that parsers read differently, are refused before other code reads them


_MOST_BRACKETS = 500
"""Requests are flat; a recursive parser would exhaust its stack at a thousand levels."""


async def require_json(request: AnyRequest) -> None:
    """Raise InputInvalid for a body that is not JSON in UTF-8, nests too deeply or repeats a name.

    Parsers differ in which of two members with one name they take. A check that sees one of them, while the work uses
    the other, is a hole (RFC 8259, section 4; CVE-2023-7028). The media type is required, because a form on another
    site can send any text but not that type (OWASP CSRF Prevention Cheat Sheet, "Disallowing simple requests").
    Raises HTTPException (415) for another type.
    """
    body = await request.body()
    if not body:
        return
    request.scope["state"][UNREAD] = True
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415)
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise InputInvalid(Fault("body", "nested too deeply"))
    try:
        _DECODER.decode(body.decode())
    except ValueError:
        raise InputInvalid(Fault("body", "not JSON in UTF-8")) from None
    request.scope["state"][UNREAD] = False


def _require_each_name_once(pairs: list[tuple[str, Any]]) -> None:
    names = set[str]()
    for name, _ in pairs:
        if name in names:
            raise InputInvalid(Fault(name, "given twice"))
        names.add(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_require_each_name_once)


def count_unread(api: ResetApi) -> Middleware:
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
                        await api.requests.count_malformed(client_of(request))
                    except KeyturnError as error:
                        is_replaced = True
                        document = document_of(error, accepted_language(api.languages, request))
                        headers = {**NO_STORE, **document.headers}
                        await ASGIResponse(
                            body=document.body(), status_code=document.status, media_type=MEDIA_TYPE, headers=headers
                        )(scope, receive, send)
                if not is_replaced:
                    await send(message)

            await app(scope, receive, answer)

        return counted

    return middleware
