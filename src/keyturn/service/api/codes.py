"""The route that exchanges the code of a mail for a token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.api.schemas import Identifier, Schema
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import InputInvalid, TooManyRequests
from keyturn.service.reset.proofs.codes import EmailCodes
from keyturn.service.settings.paths import ApiRoute


class CodeCheck(Schema, frozen=True, kw_only=True):
    """Exchanges the code of an email for a token."""

    email: Identifier
    code: Annotated[
        str, Meta(max_length=64, description="the eight digits in the email", examples=["40718263"])
    ]


class Token(Schema, frozen=True, kw_only=True):
    """A token like that of a link, and until when it works."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeServices:
    """The service that the route calls."""

    codes: EmailCodes


class CodeController(Controller):
    """Exchange the code of a mail for a token."""

    tags = ("Password reset",)
    security = ANYONE

    @post(
        ApiRoute.VERIFY_RESET_CODE,
        status_code=200,
        summary="Exchange a code for a token",
        responses=problem_responses(InputInvalid, CodeRefused, TooManyRequests),
        opt={"kind": "code"},
    )
    async def verify_reset_code(
        self,
        data: JSONBody[CodeCheck],
        request: AnyRequest,
        services: NamedDependency[CodeServices],
    ) -> Token:
        """The code is in the email beside the link. The token works like a link's token, once.

        The answer is the same for a wrong code, an expired code and an address without an account.
        """
        token, link = await services.codes.exchange(data.email, data.code, client_of(request))
        return Token(token=token, expires_at=link.expires_at)
