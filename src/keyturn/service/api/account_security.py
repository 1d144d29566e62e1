"""The route by which an account's owner reports an intrusion ("this was not me")."""

from dataclasses import dataclass

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.mail.languages.language import Languages
from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, client_of, done
from keyturn.service.api.schemas import Done, LinkToken, Schema
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import InputInvalid, TooManyRequests
from keyturn.service.securing.securing import AccountSecuring
from keyturn.service.settings.paths import ApiRoute


class SecurityToken(Schema, frozen=True, kw_only=True):
    """Reports, with the token of a link in an email, that its reader did not make a change."""

    token: LinkToken


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountSecurityServices:
    """The services that the route calls."""

    securing: AccountSecuring
    languages: Languages


class AccountSecurityController(Controller):
    """Report a reset request or a password change that the account's owner did not make."""

    tags = ("Not me",)
    security = ANYONE

    @post(
        ApiRoute.SECURE_ACCOUNT,
        status_code=200,
        summary="Report an unwanted password change",
        responses=problem_responses(InputInvalid, SecurityLinkDead, TooManyRequests),
        opt={"kind": "secure"},
    )
    async def secure_account(
        self,
        data: JSONBody[SecurityToken],
        request: AnyRequest,
        services: NamedDependency[AccountSecurityServices],
    ) -> Response[Done]:
        """Takes the token from the email that confirmed the change.

        Ends all sessions, and the links that were sent to that mailbox. If the account still has
        that address, Keyturn sends a link there, and locks the account if the settings say so.
        Otherwise both addresses get an email, and an operator decides. The token works once: a
        repeat by the same client gets the same answer.
        """
        await services.securing.secure(data.token, client_of(request))
        text = N_("We’re sending the next step to the address where you got our email.")
        return done(text, request, services.languages)
