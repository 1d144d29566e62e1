"""The API as a router, with what all of its routes share, and the check of every body before it is read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import SecurityRequirement
from litestar.types import ASGIApp, ControllerRouterHandler, Guard, Message, Middleware, Receive, Scope, Send

from keyturn.errors import Fault, KeyturnError
from keyturn.service.api.form_texts import get_texts
from keyturn.service.api.monitoring import health_router
from keyturn.service.api.problems import NO_STORE, UNREAD, problem_handlers, send_problem
from keyturn.service.api.requests import AnyRequest, accepted_language, client_of, require_same_origin
from keyturn.service.api.resets import (
    ResetController,
    get_challenge,
    invite,
    mint_link,
    secure_account,
    service_key_guard,
    verify_code,
)
from keyturn.service.api.responses import SERVICE_KEY
from keyturn.service.api.sessions import SessionController
from keyturn.service.parts import Parts
from keyturn.service.problems.problem import problem_of
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.sending.reports import ProviderReports

LONGEST_BODY = 16_384
"""Bytes of a request's body; more is refused unread (413). No form or call needs a tenth of it."""


def api_router(parts: Parts) -> Router:
    """Return everything below `server.api_path`, /api/auth, /webhooks and /health, as far as it is on.

    The path is where links are asked for, checked and used; sessions are at /api/auth, wherever that is.
    """
    reports = ProviderReports(parts.settings, parts.ground).handlers()
    return Router(
        path="/",
        route_handlers=[*_json_routers(parts), *reports, health_router(parts.require_ready)],
        dependencies={"parts": provided(parts)},
        middleware=[count_unread(parts)],
        exception_handlers=problem_handlers(parts.languages, parts.meters),
        response_headers=NO_STORE,
        request_max_body_size=LONGEST_BODY,
    )


def provided(part: object) -> Provide:
    """Return what gives handlers this part, whoever asks."""
    return Provide(lambda: part, sync_to_thread=False)


def _json_routers(parts: Parts) -> Iterator[Router]:
    """Yield the routes of each tag, with what authenticates their clients."""
    path, invitations = parts.paths.api, parts.invitations
    anyone: Sequence[SecurityRequirement] = ({},)
    with_key: Sequence[SecurityRequirement] = ({SERVICE_KEY: []},)
    resets: list[ControllerRouterHandler] = [ResetController, get_texts]
    resets += [verify_code] if parts.code_exchange else []
    resets += [get_challenge] if parts.challenge else []
    yield _json_router(path, "Password reset", anyone, *resets)
    yield _json_router(path, "Not me", anyone, secure_account)
    if invitations.over_http:
        yield _json_router(path, "Invitations", with_key, invite, guards=[service_key_guard(invitations)])
    if invitations.links_over_http:
        guard = service_key_guard(invitations, for_links=True)
        yield _json_router(path, "Invitations", with_key, mint_link, guards=[guard])
    if parts.sign_ins:
        guard = _same_origin_guard(parts.settings.origin)
        yield _json_router("/api/auth", "Sessions", (), SessionController, guards=[guard])


def _json_router(
    path: str,
    tag: str,
    security: Sequence[SecurityRequirement],
    *handlers: ControllerRouterHandler,
    guards: Sequence[Guard] = (),
) -> Router:
    return Router(
        path, route_handlers=handlers, tags=[tag], security=security, guards=guards, before_request=require_json
    )


def _same_origin_guard(origin: str) -> Guard:
    def require(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if connection.scope.get("method") == "POST":
            require_same_origin(connection, origin)

    return require


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
                        await parts.requests.count_malformed(client_of(request))
                    except KeyturnError as error:
                        is_replaced = True
                        language = accepted_language(parts.languages, request)
                        await send_problem(problem_of(error), scope, receive, send, language)
                if not is_replaced:
                    await send(message)

            await app(scope, receive, answer)

        return counted

    return middleware
