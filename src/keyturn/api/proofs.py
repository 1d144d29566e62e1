"""The routes of what is asked for besides a link. Nothing is decided here: `reset/proofs` does the work."""

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi, client_of
from keyturn.api.schemas import CodeCheck, OfferedChallenge, Token
from keyturn.problems.proofs import CodeRefused
from keyturn.problems.requests import InputInvalid, TooManyRequests


class ChallengeController(Controller):
    """Says what a form needs to show a challenge."""

    tags = ("Password reset",)
    security = ({},)

    @get(
        "/challenge",
        summary="The challenge for asking for a link",
        description=(
            "With `required` every request must have an answer; else `challenge-required` says when. Of ALTCHA it is a "
            "fresh puzzle, as its widget reads it. An answer counts once."
        ),
        operation_id="getChallenge",
        responses=problem_responses(TooManyRequests, has_body=False),
    )
    async def challenge(self, request: AnyRequest, api: NamedDependency[ResetApi]) -> OfferedChallenge:
        if api.challenge is None:
            raise LookupError("the route is mounted with a challenge alone")
        asked, puzzle = api.challenge.asked, await api.challenge.issue(client_of(request))
        return OfferedChallenge(
            method=asked.method,
            site_key=asked.site_key,
            action=asked.action,
            required=api.challenge.is_always_asked,
            **puzzle,
        )


class CodeController(Controller):
    """Takes the code that stands beside the link in the mail."""

    tags = ("Password reset",)
    security = ({},)

    @post(
        "/verify-reset-code",
        kind="code",
        status_code=200,
        summary="Give a code for a token",
        description=(
            "The code stands in the mail beside the link; the token is one as in a link, and works once. The answer is "
            "the same for a wrong code, for one that has expired and for an address without an account."
        ),
        operation_id="verifyResetCode",
        responses=problem_responses(InputInvalid, CodeRefused, TooManyRequests),
    )
    async def verify(self, data: JSONBody[CodeCheck], request: AnyRequest, api: NamedDependency[ResetApi]) -> Token:
        if api.codes is None:
            raise LookupError("the route is mounted with codes alone")
        return msgspec.convert(
            await api.codes.exchange(data.email, data.code, client_of(request)), Token, from_attributes=True
        )
