"""The routes of proofs: what a form needs to show a challenge, and the code that stands beside the link in the mail."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts, client_of, mounted
from keyturn.service.api.schemas import Identifier, Schema
from keyturn.service.parts import Parts
from keyturn.service.problems.proofs import Challenge, CodeRefused
from keyturn.service.problems.requests import InputInvalid, TooManyRequests


class OfferedChallenge(Challenge, frozen=True, kw_only=True):
    """Besides says whether every request must have an answer; of ALTCHA it is a fresh puzzle, too."""

    required: bool
    parameters: dict[str, Any] | UnsetType = UNSET
    signature: str | UnsetType = UNSET


class CodeCheck(Schema, frozen=True, kw_only=True):
    """Gives the code of a mail for a token."""

    email: Identifier
    code: Annotated[str, Meta(max_length=64, description="the eight digits in the mail", examples=["40718263"])]


class Token(Schema, frozen=True, kw_only=True):
    """A token as one in a link, and until when it works."""

    token: str
    expires_at: datetime


@get(
    "/challenge",
    summary="Get the challenge for a reset request",
    description=(
        "If `required` is true, every reset request needs an answer. Otherwise the problem `challenge-required` "
        "asks for one. For ALTCHA, the answer contains a new puzzle for its widget. Each answer is accepted once."
    ),
    operation_id="getChallenge",
    responses=problem_responses(TooManyRequests, has_body=False),
)
async def get_challenge(request: AnyRequest, parts: GivenParts) -> OfferedChallenge:
    challenge = mounted(parts.challenge)
    puzzle, asked = await challenge.issue(client_of(request)), msgspec.structs.asdict(challenge.asked)
    return OfferedChallenge(required=challenge.is_always_asked, **asked, **puzzle)


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
    token, link = await mounted(parts.codes).exchange(data.email, data.code, client_of(request))
    return Token(token=token, expires_at=link.expires_at)


def routes(parts: Parts) -> Iterator[Router]:
    wanted = [(parts.challenge, get_challenge), (parts.codes, verify_code)]
    if handlers := [handler for part, handler in wanted if part]:
        yield json_router(parts.paths.api, "Password reset", ANYONE, *handlers)
