"""The route that issues challenges. A request for a link needs the answer to one."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.problems.proofs import Challenge
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.proofs.challenge import RequestChallenge
from keyturn.service.settings.paths import ApiRoute


class OfferedChallenge(Challenge, frozen=True, kw_only=True):
    """A challenge to answer, with a fresh puzzle if it is ALTCHA's."""

    parameters: dict[str, Any] | UnsetType = UNSET
    signature: str | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeServices:
    """The service that the route calls."""

    challenge: RequestChallenge


class ChallengeController(Controller):
    """Get a challenge."""

    tags = ("Password reset",)
    security = ANYONE

    @get(
        ApiRoute.CHALLENGE,
        summary="Get the challenge for a reset request",
        responses=problem_responses(TooManyRequests, has_body=False),
    )
    async def get_challenge(
        self, request: AnyRequest, services: NamedDependency[ChallengeServices]
    ) -> OfferedChallenge:
        """Every reset request needs an answer, which is accepted once.

        For ALTCHA, this contains a new puzzle for its widget.
        """
        puzzle = await services.challenge.issue(client_of(request))
        widget = msgspec.structs.asdict(services.challenge.widget)
        return OfferedChallenge(**widget, **puzzle)
