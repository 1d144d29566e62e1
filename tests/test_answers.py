"""Answers in JSON are those that Litestar writes, to the byte."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar, Response, get
from litestar.datastructures import Cookie
from litestar.testing import TestClient

from keyturn.service.api.responses import JsonResponse


class Told(msgspec.Struct, rename="camel"):
    valid: bool
    expires_at: datetime
    of_whom: str | msgspec.UnsetType = msgspec.UNSET


TOLD = Told(valid=True, expires_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), of_whom="\u00c4da & <co>")
NO_STORE = {"Cache-Control": "no-store"}


@pytest.mark.parametrize(
    ("answer", "route"),
    [
        (TOLD, {}),
        (TOLD, {"status_code": 202}),
        (TOLD, {"response_cookies": [Cookie("seen", "1")]}),
        (Told(valid=False, expires_at=TOLD.expires_at), {"response_headers": NO_STORE}),
        ({"of": ["whatever"]}, {"response_headers": NO_STORE}),
        ("a text", {"media_type": "text/plain"}),
        (None, {}),
    ],
)
def test_an_answer_is_the_one_that_litestar_writes(answer: Any, route: Mapping[str, Any]) -> None:
    @get("/ours", response_class=JsonResponse, **route)
    async def ours() -> Any:
        return answer

    @get("/theirs", response_class=Response, **route)
    async def theirs() -> Any:
        return answer

    with TestClient(Litestar([ours, theirs], openapi_config=None, logging_config=None)) as client:
        mine, usual = client.get("/ours"), client.get("/theirs")
        again = client.get("/ours")
    assert (mine.status_code, mine.headers.raw, mine.content) == (usual.status_code, usual.headers.raw, usual.content)
    assert (again.headers.raw, again.content) == (mine.headers.raw, mine.content)
