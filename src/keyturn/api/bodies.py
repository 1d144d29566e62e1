"""Refuses bodies that are not JSON, or that parsers read differently, before other code reads them."""

import json
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send

from keyturn.api.problems import MEDIA_TYPE, NO_STORE, UNREAD, document_of
from keyturn.api.requests import AnyRequest, ResetApi, accepted_language, client_of
from keyturn.errors import Fault, KeyturnError
from keyturn.problems.requests import InputInvalid

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
                    request = Request[object, object, object](scope)  # type: ignore[type-var]
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
