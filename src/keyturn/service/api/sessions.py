"""The routes of sessions. `reset/sign_in.py` makes all decisions."""

from typing import Any

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.service.accounts.port import Account
from keyturn.service.api.cookies import device_cookie, session_cookie
from keyturn.service.api.json_routes import SESSION, shows, takes
from keyturn.service.api.requests import GivenCall, mounted
from keyturn.service.api.schemas import Credentials, Done, PasswordChange, SignedIn
from keyturn.service.problems.passwords import ChangeRefused, OutcomeUnknown, PasswordRejected
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import CredentialsRejected, NotSignedIn, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import Busy, OriginRefused, TooManyRequests

_OF_A_PASSWORD = OriginRefused, CredentialsRejected, TooManyRequests, Busy
_SIGNED_IN = [{SESSION: list[str]()}]


@takes("/login", kind="login", security=[{}], problems=(*_OF_A_PASSWORD, SecondStepRequired, SecondStepRejected))
async def sign_in(data: JSONBody[Credentials], call: GivenCall) -> Response[SignedIn]:
    """Sign in.

    If the account has a second factor, `secondStep` is required; a request without it gets the methods to choose from.
    """
    session, device = session_cookie(call.parts.settings), device_cookie(call.parts.settings)
    opened = await mounted(call.parts.sign_ins).sign_in(
        data.email, data.password, call.client, device.read(call.request), data.second_step
    )
    cookies = [session.issue(opened.secret), device.issue(opened.device)]
    return Response(signed_in_account(opened.account), cookies=cookies)


@takes("/logout", security=[*_SIGNED_IN, {}], problems=(OriginRefused,))
async def sign_out(call: GivenCall) -> Response[Done]:
    """Sign out."""
    session = session_cookie(call.parts.settings)
    await mounted(call.parts.sign_ins).sign_out(session.read(call.request))
    return call.done(N_("You are signed out."), session.expire())


@shows("/me", security=_SIGNED_IN, problems=(NotSignedIn,))
async def get_signed_in(call: GivenCall) -> SignedIn:
    """Get the signed-in account."""
    return signed_in_account(
        await mounted(call.parts.sign_ins).account(session_cookie(call.parts.settings).read(call.request))
    )


@takes(
    "/change-password",
    kind="change",
    security=_SIGNED_IN,
    problems=(NotSignedIn, *_OF_A_PASSWORD, PasswordRejected, ChangeRefused, OutcomeUnknown),
)
async def change_password(data: JSONBody[PasswordChange], call: GivenCall) -> Response[Done]:
    """Change the signed-in user's password.

    Ends every session, and starts a new one, whose cookie comes with the answer.
    """
    session = session_cookie(call.parts.settings)
    fresh = await mounted(call.parts.sign_ins).change_password(
        session.read(call.request), data.current_password, data.new_password, call.client
    )
    return call.done(N_("Your password was changed."), session.issue(fresh))


ROUTES = change_password, sign_in, sign_out, get_signed_in


def signed_in_account(account: Account) -> SignedIn:
    return SignedIn(id=account.id, email=account.email, name=account.name, kind=account.kind)


def same_origin_guard(origin: str) -> Guard:
    """Return a guard that raises OriginRefused if the browser reports that another site caused this request.

    A client without both headers is no browser (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """

    def require(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        site, sent = connection.headers.get("sec-fetch-site"), connection.headers.get("origin", origin)
        is_own = site in {"same-origin", "none"} if site is not None else sent.lower() == origin
        if connection.scope.get("method") == "POST" and not is_own:
            raise OriginRefused

    return require
