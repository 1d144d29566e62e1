"""A body that is no JSON, or none that every parser reads in the same way, is refused before anybody reads it."""

import json
from typing import Any

from litestar.exceptions import HTTPException

from keyturn.api.problems import UNREAD
from keyturn.api.requests import AnyRequest
from keyturn.errors import Fault
from keyturn.problems.requests import InputInvalid

_MOST_BRACKETS = 500
"""Requests are flat; a parser that recurses would run out of stack in one that is nested a thousand deep."""


async def require_json(request: AnyRequest) -> None:
    """Raise InputInvalid where there is a body that is not JSON in UTF-8, nests too deeply or has a name twice.

    Parsers differ in which of two members of one name they take, and a check that sees one while the work is done
    with the other is a hole (RFC 8259, section 4; CVE-2023-7028). The media type is required, because a form on
    another site can send any text but not that (OWASP CSRF Prevention Cheat Sheet, "Disallowing simple requests").
    Raises HTTPException (415) for another one.
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
