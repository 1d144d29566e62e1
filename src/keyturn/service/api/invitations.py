"""The routes for an operator's app, which sends a key of the settings: invitations and links."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard
from msgspec import Meta

from keyturn.mail.languages.language import Languages
from keyturn.service.api.openapi import WITH_KEY
from keyturn.service.api.password_resets import ON_ITS_WAY
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, bearer_of, client_of, done
from keyturn.service.api.schemas import Done, EmailAddress, Schema
from keyturn.service.invitations.invitations import Invitations, IssuedLink
from keyturn.service.problems.proofs import ServiceKeyRefused
from keyturn.service.problems.requests import InputInvalid, TooManyRequests
from keyturn.service.reset.records.messages import LONGEST_OPERATOR_REASON
from keyturn.service.settings.paths import ApiRoute

_INVITED = "Grace Hopper invites you to the course Algebra I."


class InvitationRequest(Schema, frozen=True, kw_only=True):
    """Invites the owner of the account with that address. Email and page show the reason."""

    email: EmailAddress
    reason: Annotated[
        str,
        Meta(
            max_length=LONGEST_OPERATOR_REASON,
            description="who invites to what, in your words",
            examples=[_INVITED],
        ),
    ] = ""
    link: Annotated[
        bool, Meta(description="answer with a link as well, which takes the link key")
    ] = False


class LinkRequest(Schema, frozen=True, kw_only=True):
    """Requests a link, or a code, for the owner of the account with that address. The audit trail
    records the reason.
    """

    email: EmailAddress
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_OPERATOR_REASON,
            examples=["Lost the mailbox; passport checked."],
        ),
    ]
    code: Annotated[bool, Meta(description="a code in place of the link, if emails have codes")] = (
        False
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class InvitationServices:
    """The services that the routes for an operator's app call."""

    invitations: Invitations
    languages: Languages


class InvitationController(Controller):
    """Invite a user to choose a first password."""

    tags = ("Invitations",)
    security = WITH_KEY

    @post(
        ApiRoute.INVITATIONS,
        status_code=202,
        summary="Invite a user to choose a first password",
        responses=problem_responses(InputInvalid, ServiceKeyRefused, TooManyRequests),
        opt={"kind": "invite"},
    )
    async def invite(
        self,
        data: JSONBody[InvitationRequest],
        request: AnyRequest,
        services: NamedDependency[InvitationServices],
    ) -> Response[Done | IssuedLink]:
        """For the operator's app, with the service key.

        No email is sent to an address without an account, or whose account has a password or
        another sign-in; the audit trail records this.
        """
        client = client_of(request)
        invitations = services.invitations
        answer: Response[Any] = done(ON_ITS_WAY, request, services.languages)
        if data.link:
            # The guard takes both keys, but only the link key gets a link.
            await invitations.require_key(bearer_of(request), client, for_links=True)
            issued = await invitations.issue(data.email, client, data.reason, invites=True)
            answer = Response(issued)
        await invitations.invite(data.email, client, data.reason)
        return answer


class LinkController(Controller):
    """Get a reset link for an account's owner."""

    tags = ("Invitations",)
    security = WITH_KEY

    @post(
        ApiRoute.LINKS,
        status_code=200,
        summary="Get a reset link for an account's owner",
        responses=problem_responses(InputInvalid, ServiceKeyRefused, TooManyRequests),
        opt={"kind": "link"},
    )
    async def mint_link(
        self,
        data: JSONBody[LinkRequest],
        request: AnyRequest,
        services: NamedDependency[InvitationServices],
    ) -> IssuedLink:
        """For the operator's app, with the link key, once the app's operator knows the person.

        Earlier links of the account end, and its mailbox gets a notice without a link to a new
        password. The link works once.
        """
        return await services.invitations.issue(
            data.email, client_of(request), data.reason, with_code=data.code
        )


def key_guard(invitations: Invitations, *, for_links: bool = False) -> Guard:
    """Return a guard that refuses a request without a valid key, before its body is read.

    `for_links`: only the link key is valid.
    """

    async def require_key(
        connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        await invitations.require_key(
            bearer_of(connection), client_of(connection), for_links=for_links
        )

    return require_key
