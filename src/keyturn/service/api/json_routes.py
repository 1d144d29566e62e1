"""Routes that take JSON. Bodies that are not JSON, or that parsers read differently, are refused before other code."""

import json
from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.openapi.spec import SecurityRequirement
from litestar.types import ControllerRouterHandler, Guard

from keyturn.errors import Fault
from keyturn.service.api.requests import AnyRequest
from keyturn.service.problems.requests import RequestUnreadable, UnsupportedMediaType

ANYONE: Sequence[SecurityRequirement] = ({},)
"""For OpenAPI: a client need not show anything."""


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

    Parsers differ in which of two members with one name they take. A check that sees one of them, while the work uses
    the other, is a hole (RFC 8259, section 4; CVE-2023-7028). The media type is required, because a form on another
    site can send any text but not that type (OWASP CSRF Prevention Cheat Sheet, "Disallowing simple requests").
    Raises UnsupportedMediaType for another type.
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
