"""The route that tells a form what it needs to show a challenge."""

from collections.abc import Iterator
from typing import Any

from litestar import Router, get
from msgspec import UNSET, UnsetType

from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts, client_of, mounted
from keyturn.service.parts import Parts
from keyturn.service.problems.proofs import Challenge
from keyturn.service.problems.requests import TooManyRequests


class OfferedChallenge(Challenge, frozen=True, kw_only=True):
    """Besides says whether every request must have an answer; of ALTCHA it is a fresh puzzle, too."""

    required: bool
    parameters: dict[str, Any] | UnsetType = UNSET
    signature: str | UnsetType = UNSET


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
    asked, puzzle = challenge.asked, await challenge.issue(client_of(request))
    return OfferedChallenge(
        method=asked.method,
        site_key=asked.site_key,
        action=asked.action,
        required=challenge.is_always_asked,
        **puzzle,
    )


def routes(parts: Parts) -> Iterator[Router]:
    if parts.challenge:
        yield json_router(parts.paths.api, "Password reset", ANYONE, get_challenge)
