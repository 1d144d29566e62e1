"""The routes of sessions. Nothing is decided here: `reset/sign_ins.py` does the work."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.accounts.port import Account
from keyturn.api.requests import AnyRequest, SessionApi, client_of
from keyturn.api.responses import MALFORMED, TOO_MANY, UNKNOWN, WEAK, message_response, problem_responses
from keyturn.api.schemas import Credentials, Done, PasswordChange, SignedIn


class SessionController(Controller):
    """Signs people in and out, says who is signed in, and changes a password that is still known."""

    tags = ("Sessions",)

    @post(
        "/login",
        status_code=200,
        summary="Sign in",
        responses=problem_responses(_400=MALFORMED, _401="The address or the password is wrong.", _429=TOO_MANY),
    )
    async def login(
        self, data: JSONBody[Credentials], request: AnyRequest, sessions: NamedDependency[SessionApi]
    ) -> Response[SignedIn]:
        opened = await sessions.sign_ins.sign_in(
            data.email, data.password, client_of(request), sessions.device_cookie.read(request)
        )
        cookies = [sessions.cookie.issue(opened.secret), sessions.device_cookie.issue(opened.device)]
        return Response(_signed_in_account(opened.account), cookies=cookies)

    @post("/logout", status_code=200, summary="Sign out")
    async def logout(self, request: AnyRequest, sessions: NamedDependency[SessionApi]) -> Response[Done]:
        await sessions.sign_ins.sign_out(sessions.cookie.read(request))
        language = sessions.language(request)
        return message_response(language, language.gettext("You are signed out."), sessions.cookie.expire())

    @get("/me", summary="Who is signed in", responses=problem_responses(_401="Nobody is."))
    async def me(self, request: AnyRequest, sessions: NamedDependency[SessionApi]) -> SignedIn:
        return _signed_in_account(await sessions.sign_ins.account(sessions.cookie.read(request)))

    @post(
        "/change-password",
        status_code=200,
        summary="Change the password of who is signed in",
        description="Ends every session and opens a fresh one, whose cookie comes with the answer.",
        responses=problem_responses(
            _400=MALFORMED,
            _401="Nobody is signed in, or the current password is wrong.",
            _422=WEAK,
            _429=TOO_MANY,
            _504=UNKNOWN,
        ),
    )
    async def change_password(
        self, data: JSONBody[PasswordChange], request: AnyRequest, sessions: NamedDependency[SessionApi]
    ) -> Response[Done]:
        fresh = await sessions.sign_ins.change_password(
            sessions.cookie.read(request), data.current_password, data.new_password, client_of(request)
        )
        language = sessions.language(request)
        text = language.gettext("Your password was changed.")
        return message_response(language, text, sessions.cookie.issue(fresh))


def _signed_in_account(account: Account) -> SignedIn:
    return SignedIn(id=account.id, email=account.email, name=account.name, kind=account.kind)
