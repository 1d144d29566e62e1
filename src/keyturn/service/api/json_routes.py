"""Routes that take JSON. Bodies that are not JSON, or that parsers read differently, are refused before other code."""

import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from litestar import HttpMethod, Router
from litestar.handlers import HTTPRouteHandler, get, post
from litestar.openapi.spec import SecurityRequirement, SecurityScheme
from litestar.types import AnyCallable, ControllerRouterHandler, Guard, Method

from keyturn.errors import Fault
from keyturn.service.api.cookies import session_cookie
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest
from keyturn.service.parts import Parts
from keyturn.service.problems.problem import Problem
from keyturn.service.problems.requests import InputInvalid, RequestUnreadable, UnsupportedMediaType

ANYONE: Sequence[SecurityRequirement] = ({},)
"""For OpenAPI: a client need not show anything."""

SESSION = "session"

SERVICE_KEY = "serviceKey"

Register = Callable[[AnyCallable], HTTPRouteHandler]


def takes(*paths: str, problems: Sequence[type[Problem]] = (), status_code: int = 200, **options: Any) -> Register:
    """Register a handler for POST, described by its docstring and `problems`, and named after itself or its paths."""
    options |= {"status_code": status_code, "responses": problem_responses(InputInvalid, *problems)}
    return lambda handler: post([*paths], **_description(handler, by_path=len(paths) > 1), **options)(handler)


def shows(path: str, *, problems: Sequence[type[Problem]] = (), **options: Any) -> Register:
    """Register a handler for GET, described as one that takes a POST."""
    responses = problem_responses(*problems, has_body=False)
    return lambda handler: get(path, responses=responses, **_description(handler), **options)(handler)


def _description(handler: AnyCallable, *, by_path: bool = False) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(handler) or "").partition("\n\n")
    name = _named_by_path if by_path else _in_camel_case(handler.__name__.replace("_", "-"))
    return {"operation_id": name, "summary": summary.rstrip("."), "description": " ".join(description.split()) or None}


def _named_by_path(_: HTTPRouteHandler, __: Method | HttpMethod, path: Sequence[object]) -> str:
    """Return an operation's name from the end of its path: requestPasswordReset for .../request-password-reset."""
    return _in_camel_case(str(path[-1]))


def _in_camel_case(name: str) -> str:
    return re.sub(r"-(\w)", lambda letter: letter[1].upper(), name)


def json_router(
    path: str,
    tag: str,
    security: Sequence[SecurityRequirement],
    *handlers: ControllerRouterHandler,
    guards: Sequence[Guard] = (),
) -> Router:
    """Return routes below `path` with a tag of OpenAPI. `security`: what clients must show, which the guards check."""
    return Router(
        path, route_handlers=handlers, tags=[tag], security=security, guards=guards, before_request=require_json
    )


_MOST_BRACKETS = 500
"""Requests are flat; a recursive parser would exhaust its stack at a thousand levels."""


async def require_json(request: AnyRequest) -> None:
    """Raise RequestUnreadable for a body that is not JSON in UTF-8, nests too deeply or repeats a name.

    Parsers differ in which of two equal names they take: a check may see one, the work the other (RFC 8259, 4;
    CVE-2023-7028). Raises UnsupportedMediaType for another type, which any form can send (OWASP CSRF Prevention Cheat
    Sheet, "Disallowing simple requests").
    """
    body = await request.body()
    if not body:
        return
    if request.content_type[0] != "application/json":
        raise UnsupportedMediaType
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise RequestUnreadable(Fault("body", "nested too deeply"))
    try:
        _DECODER.decode(body.decode())
    except ValueError:
        raise RequestUnreadable(Fault("body", "not JSON in UTF-8")) from None


def _require_each_name_once(pairs: list[tuple[str, Any]]) -> None:
    names = set[str]()
    for name, _ in pairs:
        if name in names:
            raise RequestUnreadable(Fault(name, "given twice"))
        names.add(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_require_each_name_once)


def security_schemes(parts: Parts) -> dict[str, SecurityScheme]:
    cookie, key = session_cookie(parts.settings).name, "A key of the settings `[invitations]`."
    schemes = {
        SESSION: SecurityScheme(
            type="apiKey", name=cookie, security_scheme_in="cookie", description="The answer to `signIn` sets it."
        ),
        SERVICE_KEY: SecurityScheme(type="http", scheme="bearer", description=key),
    }
    is_on = {SESSION: parts.sign_ins, SERVICE_KEY: parts.operators and parts.operators.over_http}
    return {name: scheme for name, scheme in schemes.items() if is_on[name]}
