"""The API: what it takes, which part does it, what it answers. Nothing is decided here."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from keyturn.accounts.port import Account
from keyturn.api.problems import MEDIA_TYPE as PROBLEM_TYPE
from keyturn.api.requests import AnyRequest, ResetApi, SessionApi, client_of, language_headers
from keyturn.api.schemas import (
    Credentials,
    Done,
    InvalidToken,
    NewPassword,
    PasswordChange,
    Policy,
    ProblemDocument,
    ResetRequest,
    SignedIn,
    TokenCheck,
    ValidToken,
)
from keyturn.errors import LinkDead
from keyturn.languages import Language
from keyturn.reset.passwords.rule_texts import rule_text


def problem_responses(**meanings: str) -> dict[int, ResponseSpec]:
    """Describe the errors of a route for OpenAPI, by their status: `_400="..."`."""
    return {
        int(status[1:]): ResponseSpec(
            ProblemDocument, description=meaning, media_type=PROBLEM_TYPE, generate_examples=False
        )
        for status, meaning in meanings.items()
    }


_MALFORMED = "The request is malformed; `errors` names each field."
_TOO_MANY = "A limit is used up; `retryAfter` says when to come back."
_WEAK = "The password is not accepted; `violations` holds every broken rule, and nothing was changed."


class ResetController(Controller):
    """Asking for a link, checking it, using it."""

    tags = ("Password reset",)

    @post(
        ["/request-password-reset", "/forgot-password"],
        status_code=202,
        summary="Ask for a link",
        description="The answer is the same for every well-formed address, whether it has an account or not.",
        responses=problem_responses(_400=_MALFORMED, _429=_TOO_MANY),
    )
    async def request(
        self, data: JSONBody[ResetRequest], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[Done]:
        await api.resets.request(data.email, client_of(request))
        language = api.language(request)
        return message_response(
            language, language.gettext("If an account exists for that address, a link is on its way.")
        )

    @post(
        ["/validate-reset-token", "/verify-reset-token"],
        status_code=200,
        summary="Check a link",
        description="Does not use the link up.",
        responses=problem_responses(_400=_MALFORMED, _429=_TOO_MANY),
    )
    async def validate(
        self, data: JSONBody[TokenCheck], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> ValidToken | InvalidToken:
        try:
            link = await api.resets.validate(data.token, client_of(request), data.email)
        except LinkDead as dead:
            return InvalidToken(reason=dead.reason)
        return ValidToken(email=link.email, expires_at=link.expires_at)

    @post(
        ["/reset-password", "/reset-password-with-token"],
        status_code=200,
        summary="Set a new password",
        description=(
            "Uses the link up and ends every session that Keyturn knows. A password that is not accepted leaves the "
            "link alive."
        ),
        responses=problem_responses(
            _400="The request is malformed, or the link is dead; then `reason` says why.",
            _422=_WEAK,
            _429=_TOO_MANY,
            _503="Too many passwords are being hashed; `retryAfter` says when to come back.",
        ),
    )
    async def complete(
        self, data: JSONBody[NewPassword], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[Done]:
        await api.resets.complete(data.token, data.require_password(), client_of(request), data.email)
        language = api.language(request)
        return message_response(language, language.gettext("Your password was changed. You can sign in with it now."))

    @get("/password-policy", summary="The rules for a new password")
    async def policy(self, request: AnyRequest, api: NamedDependency[ResetApi]) -> Response[Policy]:
        language = api.language(request)
        rules = (
            msgspec.structs.replace(rule, message=rule_text(rule.name, rule.limit, language))
            for rule in api.policy.rules
        )
        return Response(Policy(rules=tuple(rules)), headers=language_headers(language))


class SessionController(Controller):
    """Signing in and out of the accounts, and changing a password that is still known."""

    tags = ("Sessions",)

    @post(
        "/login",
        status_code=200,
        summary="Sign in",
        responses=problem_responses(_400=_MALFORMED, _401="The address or the password is wrong.", _429=_TOO_MANY),
    )
    async def login(
        self, data: JSONBody[Credentials], request: AnyRequest, sessions: NamedDependency[SessionApi]
    ) -> Response[SignedIn]:
        secret, account = await sessions.sign_ins.sign_in(data.email, data.password, client_of(request))
        return Response(_signed_in_account(account), cookies=[sessions.cookie.issue(secret)])

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
            _400=_MALFORMED, _401="Nobody is signed in, or the current password is wrong.", _422=_WEAK, _429=_TOO_MANY
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


def message_response(language: Language, message: str, *cookies: Cookie) -> Response[Done]:
    return Response(Done(message=message), headers=language_headers(language), cookies=list(cookies))


def _signed_in_account(account: Account) -> SignedIn:
    return SignedIn(id=account.id, email=account.email, name=account.name, kind=account.kind)
