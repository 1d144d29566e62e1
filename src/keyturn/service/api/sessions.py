"""The routes of sessions. `reset/sign_in.py` makes all decisions."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.service.accounts.port import Account
from keyturn.service.api.cookies import device_cookie, session_cookie
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts, client_of, mounted
from keyturn.service.api.responses import SESSION, message_response
from keyturn.service.api.schemas import Credentials, Done, PasswordChange, SignedIn
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import CredentialsRejected, NotSignedIn, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import Busy, InputInvalid, OriginRefused, TooManyRequests

_OF_POSTS = InputInvalid, OriginRefused
"""The problems of every route that takes a POST: its body, or the page that sent it."""


class SessionController(Controller):
    """Signs people in and out, says who is signed in, and changes a password that is still known."""

    @post(
        "/login",
        kind="login",
        status_code=200,
        summary="Sign in",
        description=(
            "If the account has a second factor, `secondStep` is required; a request without it gets the methods to "
            "choose from."
        ),
        operation_id="signIn",
        security=[{}],
        responses=problem_responses(
            *_OF_POSTS, CredentialsRejected, SecondStepRequired, SecondStepRejected, TooManyRequests, Busy
        ),
    )
    async def login(self, data: JSONBody[Credentials], request: AnyRequest, parts: GivenParts) -> Response[SignedIn]:
        settings = parts.settings
        opened = await mounted(parts.sign_ins).sign_in(
            data.email,
            data.password,
            client_of(request),
            device_cookie(settings).read(request),
            data.second_step.answer if data.second_step else None,
        )
        cookies = [session_cookie(settings).issue(opened.secret), device_cookie(settings).issue(opened.device)]
        return Response(signed_in_account(opened.account), cookies=cookies)

    @post(
        "/logout",
        status_code=200,
        summary="Sign out",
        operation_id="signOut",
        security=[{SESSION: []}, {}],
        responses=problem_responses(*_OF_POSTS),
    )
    async def logout(self, request: AnyRequest, parts: GivenParts) -> Response[Done]:
        await mounted(parts.sign_ins).sign_out(session_cookie(parts.settings).read(request))
        ended = session_cookie(parts.settings).expire()
        return message_response(request, parts, N_("You are signed out."), ended)

    @get(
        "/me",
        summary="Get the signed-in account",
        operation_id="getSignedIn",
        security=[{SESSION: []}],
        responses=problem_responses(NotSignedIn, has_body=False),
    )
    async def me(self, request: AnyRequest, parts: GivenParts) -> SignedIn:
        return signed_in_account(await mounted(parts.sign_ins).account(session_cookie(parts.settings).read(request)))

    @post(
        "/change-password",
        kind="change",
        status_code=200,
        summary="Change the signed-in user's password",
        description="Ends every session, and starts a new one, whose cookie comes with the answer.",
        operation_id="changePassword",
        security=[{SESSION: []}],
        responses=problem_responses(
            *_OF_POSTS, NotSignedIn, CredentialsRejected, PasswordRejected, TooManyRequests, Busy, OutcomeUnknown
        ),
    )
    async def change_password(
        self, data: JSONBody[PasswordChange], request: AnyRequest, parts: GivenParts
    ) -> Response[Done]:
        fresh = await mounted(parts.sign_ins).change_password(
            session_cookie(parts.settings).read(request), data.current_password, data.new_password, client_of(request)
        )
        started = session_cookie(parts.settings).issue(fresh)
        return message_response(request, parts, N_("Your password was changed."), started)


def signed_in_account(account: Account) -> SignedIn:
    return SignedIn(id=account.id, email=account.email, name=account.name, kind=account.kind)


def same_origin_guard(origin: str) -> Guard:
    """Return a guard that raises OriginRefused if the browser reports that another site caused this request.

    It reads Sec-Fetch-Site if it is sent, else Origin. A client that sends neither is not a browser, so other sites
    cannot misuse its cookies (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """

    def require(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        site, sent = connection.headers.get("sec-fetch-site"), connection.headers.get("origin", origin)
        is_own = site in {"same-origin", "none"} if site is not None else sent.lower() == origin
        if connection.scope.get("method") == "POST" and not is_own:
            raise OriginRefused

    return require
