"""The routes of sessions, over `reset/sign_in.py`."""

from dataclasses import dataclass
from typing import Any

from litestar import Controller, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.mail.languages.language import Languages
from keyturn.service.accounts.port import Account
from keyturn.service.api.cookies import BrowserCookie
from keyturn.service.api.openapi import ANYONE, SIGNED_IN
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, client_of, done
from keyturn.service.api.schemas import Credentials, Done, PasswordChange, SignedIn
from keyturn.service.problems.passwords import ChangeRefused, OutcomeUnknown, PasswordRejected
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import (
    CredentialsRejected,
    NotSignedIn,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.problems.requests import Busy, InputInvalid, OriginRefused, TooManyRequests
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.settings.paths import SessionRoute


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionServices:
    """The services and cookies that the routes of sessions use.

    `device`: the cookie of a browser in which the user signed in before.
    """

    sign_ins: SignIns
    session: BrowserCookie
    device: BrowserCookie
    languages: Languages


class SessionController(Controller):
    """Sign in, sign out, and change a known password.

    These paths stay the same if `server.api_path` moves the others.
    """

    tags = ("Sessions",)

    @post(
        SessionRoute.LOGIN,
        status_code=200,
        summary="Sign in",
        security=ANYONE,
        responses=problem_responses(
            InputInvalid,
            OriginRefused,
            CredentialsRejected,
            TooManyRequests,
            Busy,
            SecondStepRequired,
            SecondStepRejected,
        ),
        opt={"kind": "login"},
    )
    async def sign_in(
        self,
        data: JSONBody[Credentials],
        request: AnyRequest,
        services: NamedDependency[SessionServices],
    ) -> Response[SignedIn]:
        """If the account has a second factor, `secondStep` is required.

        A request without it gets the methods to choose from.
        """
        device = services.device.read(request)
        opened = await services.sign_ins.sign_in(
            data.email, data.password, client_of(request), device, data.second_step
        )
        cookies = [services.session.issue(opened.secret), services.device.issue(opened.device)]
        return Response(signed_in_account(opened.account), cookies=cookies)

    @post(
        SessionRoute.LOGOUT,
        status_code=200,
        summary="Sign out",
        security=[*SIGNED_IN, *ANYONE],
        responses=problem_responses(InputInvalid, OriginRefused),
    )
    async def sign_out(
        self, request: AnyRequest, services: NamedDependency[SessionServices]
    ) -> Response[Done]:
        await services.sign_ins.sign_out(services.session.read(request))
        cookies = [services.session.expire()]
        return done(N_("You are signed out."), request, services.languages, cookies)

    @get(
        SessionRoute.ME,
        summary="Get the signed-in account",
        security=SIGNED_IN,
        responses=problem_responses(NotSignedIn, has_body=False),
    )
    async def get_signed_in(
        self, request: AnyRequest, services: NamedDependency[SessionServices]
    ) -> SignedIn:
        account = await services.sign_ins.account(services.session.read(request))
        return signed_in_account(account)

    @post(
        SessionRoute.CHANGE_PASSWORD,
        status_code=200,
        summary="Change the signed-in user's password",
        security=SIGNED_IN,
        responses=problem_responses(
            InputInvalid,
            NotSignedIn,
            OriginRefused,
            CredentialsRejected,
            TooManyRequests,
            Busy,
            PasswordRejected,
            ChangeRefused,
            OutcomeUnknown,
        ),
        opt={"kind": "change"},
    )
    async def change_password(
        self,
        data: JSONBody[PasswordChange],
        request: AnyRequest,
        services: NamedDependency[SessionServices],
    ) -> Response[Done]:
        """Ends every session, and starts a new one, whose cookie comes with the answer."""
        secret = services.session.read(request)
        fresh = await services.sign_ins.change_password(
            secret, data.current_password, data.new_password, client_of(request)
        )
        cookies = [services.session.issue(fresh)]
        return done(N_("Your password was changed."), request, services.languages, cookies)


def signed_in_account(account: Account) -> SignedIn:
    return SignedIn(id=account.id, email=account.email, name=account.name, kind=account.kind)


def same_origin_guard(origin: str) -> Guard:
    """Return a guard that raises OriginRefused if the browser reports that another site caused this
    request.

    A client that sends neither header is not a browser, so no other site can misuse its cookies
    (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """

    def require_same_origin(
        connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        if connection.scope.get("method") != "POST":
            return
        site = connection.headers.get("sec-fetch-site")
        if site is None:
            is_own = connection.headers.get("origin", origin).lower() == origin
        else:
            is_own = site in {"same-origin", "none"}
        if not is_own:
            raise OriginRefused

    return require_same_origin
