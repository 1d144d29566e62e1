"""Where an operator's app invites somebody to choose a first password. `reset/inviting.py` does the work."""

from typing import Any

from litestar import Controller, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi, bearer_of, client_of
from keyturn.api.responses import SERVICE_KEY, message_response
from keyturn.api.schemas import Done, InvitationRequest
from keyturn.problems.proofs import ServiceKeyRefused
from keyturn.problems.requests import InputInvalid, TooManyRequests
from keyturn.reset.inviting import Invitations


class InvitationController(Controller):
    """Takes the invitations of an operator's app."""

    tags = ("Invitations",)
    security = ({SERVICE_KEY: []},)

    @post(
        "/invitations",
        kind="invite",
        status_code=202,
        summary="Invite somebody to choose a first password",
        description=(
            "For the operator's app, with the service key. An address without an account, and one that has a password "
            "or signs in elsewhere, gets no mail; the audit trail says so."
        ),
        operation_id="invite",
        responses=problem_responses(InputInvalid, ServiceKeyRefused, TooManyRequests),
    )
    async def invite(
        self, data: JSONBody[InvitationRequest], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[Done]:
        await api.invitations.invite(data.email, client_of(request))
        language = api.language(request)
        return message_response(
            language, language.gettext("If an account exists for that address, a link is on its way.")
        )


def service_key_guard(invitations: Invitations) -> Guard:
    """Return what refuses whoever has no service key, before anything of a body is read."""

    async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        await invitations.require_key(bearer_of(connection), client_of(connection))

    return require_key
