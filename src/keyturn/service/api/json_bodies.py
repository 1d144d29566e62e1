"""Checks the bodies of requests before other code reads them.

A body that is not JSON, or that parsers read differently, is refused.
"""

import json
from typing import Any

from keyturn.errors import Fault
from keyturn.service.api.requests import AnyRequest
from keyturn.service.problems.requests import RequestUnreadable, UnsupportedMediaType

_MOST_BRACKETS = 500
"""Opening brackets in a body. Genuine requests are flat, and a recursive parser would exhaust its
stack at a thousand levels.
"""


async def require_json(request: AnyRequest) -> None:
    """Raise RequestUnreadable for a body that is not JSON in UTF-8, nests too deeply or repeats a
    name.

    Of two equal names, one parser takes the first and another the last. A check could see one, and
    the work the other (RFC 8259, 4; CVE-2023-7028).

    Raises UnsupportedMediaType for a body of another media type, which a form of any site can send
    (OWASP CSRF Prevention Cheat Sheet, "Disallowing simple requests").
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
