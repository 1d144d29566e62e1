"""The route for the code that stands beside the link in the mail."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, post
from litestar.params import JSONBody
from msgspec import Meta

from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts, client_of, mounted
from keyturn.service.api.schemas import Identifier, Schema
from keyturn.service.parts import Parts
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import InputInvalid, TooManyRequests


class CodeCheck(Schema, frozen=True, kw_only=True):
    """Gives the code of a mail for a token."""

    email: Identifier
    code: Annotated[str, Meta(max_length=64, description="the eight digits in the mail", examples=["40718263"])]


class Token(Schema, frozen=True, kw_only=True):
    """A token as one in a link, and until when it works."""

    token: str
    expires_at: datetime


@post(
    "/verify-reset-code",
    kind="code",
    status_code=200,
    summary="Exchange a code for a token",
    description=(
        "The code is in the mail beside the link. The token works like a link's token, once. The answer is the "
        "same for a wrong code, an expired code and an address without an account."
    ),
    operation_id="verifyResetCode",
    responses=problem_responses(InputInvalid, CodeRefused, TooManyRequests),
)
async def verify_code(data: JSONBody[CodeCheck], request: AnyRequest, parts: GivenParts) -> Token:
    issued = await mounted(parts.code_exchange).exchange(data.email, data.code, client_of(request))
    return msgspec.convert(issued, Token, from_attributes=True)


def routes(parts: Parts) -> Iterator[Router]:
    if parts.code_exchange:
        yield json_router(parts.paths.api, "Password reset", ANYONE, verify_code)
