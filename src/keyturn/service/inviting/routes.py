"""Invitations and links for an operator's app, which shows a key of the settings."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from litestar import Response, Router
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import SecurityRequirement
from litestar.params import JSONBody
from litestar.types import Guard
from msgspec import Meta

from keyturn.service.api.json_routes import SERVICE_KEY, json_router, takes
from keyturn.service.api.requests import GivenCall, bearer_of, client_of
from keyturn.service.api.resets import ON_ITS_WAY
from keyturn.service.api.schemas import Done, EmailAddress, Schema
from keyturn.service.inviting.invitations import IssuedLink, Operators
from keyturn.service.parts import Parts
from keyturn.service.problems.proofs import ServiceKeyRefused
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.records.messages import LONGEST_REASON

_WITH_KEY: Sequence[SecurityRequirement] = ({SERVICE_KEY: []},)
_INVITED = "Grace Hopper invites you to the course Algebra I."


class InvitationRequest(Schema, frozen=True, kw_only=True):
    """Invites the account with that address; the mail and the page show the reason."""

    email: EmailAddress
    reason: Annotated[
        str, Meta(max_length=LONGEST_REASON, description="who invites to what, in your words", examples=[_INVITED])
    ] = ""
    link: Annotated[bool, Meta(description="answer with a link as well, which takes the link key")] = False


class LinkRequest(Schema, frozen=True, kw_only=True):
    """Wants a link for the owner of the account with that address, or a code. The audit trail has the reason."""

    email: EmailAddress
    reason: Annotated[
        str, Meta(min_length=1, max_length=LONGEST_REASON, examples=["Lost the mailbox; passport checked."])
    ]
    code: Annotated[bool, Meta(description="a code in place of the link, if mails have codes")] = False


@takes("/invitations", kind="invite", status_code=202, problems=(ServiceKeyRefused, TooManyRequests))
async def invite(data: JSONBody[InvitationRequest], call: GivenCall) -> Response[Done | IssuedLink]:
    """Invite a user to choose a first password.

    For the operator's app, with the service key. No mail is sent to an address without an account, or whose account has
    a password or another sign-in; the audit trail records this.
    """
    client, operators = call.client, call.parts.operators
    answer: Response[Any] = call.done(ON_ITS_WAY)
    if data.link:
        await operators.require_key(bearer_of(call.request), client, for_links=True)
        answer = Response(await operators.mint(data.email, client, data.reason, invites=True))
    await operators.invite(data.email, client, data.reason)
    return answer


@takes("/links", kind="link", problems=(ServiceKeyRefused, TooManyRequests))
async def mint_link(data: JSONBody[LinkRequest], call: GivenCall) -> IssuedLink:
    """Get a reset link for an account's owner.

    For the operator's app, with the link key, once the app's operator knows the person. Earlier links of the account
    end, and its mailbox gets a notice without a link to a new password. The link works once.
    """
    minted: IssuedLink = await call.parts.operators.mint(data.email, call.client, data.reason, with_code=data.code)
    return minted


def routes(parts: Parts) -> Iterator[Router]:
    path, operators = parts.paths.api, parts.operators
    if operators.over_http:
        yield json_router(path, "Invitations", _WITH_KEY, invite, guards=[_key_guard(operators)])
    if operators.links_over_http:
        guard = _key_guard(operators, for_links=True)
        yield json_router(path, "Invitations", _WITH_KEY, mint_link, guards=[guard])


def _key_guard(operators: Operators, *, for_links: bool = False) -> Guard:
    """Return a guard that refuses requests without the service key before it reads the body."""

    async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        await operators.require_key(bearer_of(connection), client_of(connection), for_links=for_links)

    return require_key
