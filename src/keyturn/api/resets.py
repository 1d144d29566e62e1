"""The routes of links, invitations, challenges and codes, and of reports that a change was unwanted."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.api import schemas
from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi, bearer_of, client_of, language_headers
from keyturn.api.responses import SERVICE_KEY, NamedOperation, judgement_response, message_response, named_by_path
from keyturn.api.schemas import CodeCheck, Done, OfferedChallenge, SecurityToken, Token
from keyturn.problems.passwords import OutcomeUnknown, PasswordRejected, ResetRefused, rule_text
from keyturn.problems.proofs import (
    ChallengeRequired,
    CodeRefused,
    LinkDead,
    SecondStepRejected,
    SecondStepRequired,
    SecurityLinkDead,
    ServiceKeyRefused,
)
from keyturn.problems.requests import Busy, InputInvalid, TooManyRequests
from keyturn.reset.inviting import Invitations
from keyturn.reset.proofs.challenge import Answer


class ResetController(Controller):
    """Takes what a frontend sends to ask for a link, to check it and to use it."""

    tags = ("Password reset",)
    security = ({},)

    @post(
        ["/request-password-reset", "/forgot-password"],
        kind="request",
        status_code=202,
        summary="Ask for a link",
        description="The answer is the same for every well-formed address, whether it has an account or not.",
        operation_id=named_by_path,
        operation_class=NamedOperation,
        responses=problem_responses(InputInvalid, ChallengeRequired, TooManyRequests, Busy),
    )
    async def request(
        self, data: JSONBody[schemas.ResetRequest], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[schemas.Done]:
        await api.requests.accept(data.email, client_of(request), Answer(text=data.challenge or ""))
        language = api.language(request)
        return message_response(
            language, language.gettext("If an account exists for that address, a link is on its way.")
        )

    @post(
        ["/validate-reset-token", "/verify-reset-token"],
        kind="validate",
        status_code=200,
        summary="Check a link",
        description="Does not use the link up.",
        operation_id=named_by_path,
        operation_class=NamedOperation,
        responses=problem_responses(InputInvalid, TooManyRequests),
    )
    async def validate(
        self, data: JSONBody[schemas.TokenCheck], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> schemas.ValidToken | schemas.InvalidToken:
        try:
            link = await api.checks.validate(data.token, client_of(request), data.email)
        except LinkDead as dead:
            return schemas.InvalidToken(valid=False, reason=dead.reason)
        return schemas.ValidToken(
            valid=True,
            email=link.email,
            expires_at=link.expires_at,
            awaits_password=link.awaits_password,
            operator_reason=link.reason or msgspec.UNSET,
        )

    @post(
        ["/reset-password", "/reset-password-with-token"],
        kind="reset",
        status_code=200,
        summary="Set a new password",
        description=(
            "Uses the link up and ends every session that Keyturn knows. A password that is not accepted leaves the "
            "link alive. Where the account has a second factor, `secondStep` must come with it: the answer without one "
            "names its methods."
        ),
        operation_id=named_by_path,
        operation_class=NamedOperation,
        responses=problem_responses(
            InputInvalid,
            LinkDead,
            ResetRefused,
            SecondStepRequired,
            SecondStepRejected,
            PasswordRejected,
            TooManyRequests,
            Busy,
            OutcomeUnknown,
        ),
    )
    async def complete(
        self, data: JSONBody[schemas.NewPassword], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[schemas.Done]:
        account = await api.resets.complete(
            data.token, data.require_password(), client_of(request), data.email, data.answer
        )
        language = api.language(request)
        text = language.gettext("Your password was changed. You can sign in with it now.")
        if api.sessions is None:
            return message_response(language, text)
        return message_response(language, text, api.sessions.device_cookie.issue(api.sessions.sign_ins.device(account)))

    @post(
        "/check-password",
        kind="check",
        status_code=200,
        summary="Judge a password that is not set yet",
        description=(
            "For whoever holds a live link, so that a form can tell while somebody chooses. Does not use the link up. "
            "Whether it is the password that the account has is not said."
        ),
        operation_id="checkPassword",
        responses=problem_responses(InputInvalid, LinkDead, TooManyRequests, Busy),
    )
    async def check(
        self, data: JSONBody[schemas.PasswordCheck], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[schemas.PasswordJudgement]:
        judging = api.checks.judge(data.token, data.password, client_of(request), data.email)
        return await judgement_response(judging, api.language(request))

    @get(
        "/password-policy",
        summary="The rules for a new password",
        operation_id="getPasswordPolicy",
        responses=problem_responses(has_body=False),
    )
    async def policy(self, request: AnyRequest, api: NamedDependency[ResetApi]) -> Response[schemas.Policy]:
        language = api.language(request)
        rules = (
            msgspec.structs.replace(rule, message=rule_text(rule.name, rule.limit, language))
            for rule in api.policy.rules
        )
        return Response(schemas.Policy(rules=tuple(rules)), headers=language_headers(language))


# Invitations from an operator's app: `reset/inviting.py` does the work


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
        self, data: JSONBody[schemas.InvitationRequest], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[schemas.Done]:
        await api.invitations.invite(data.email, client_of(request))
        language = api.language(request)
        return message_response(
            language, language.gettext("If an account exists for that address, a link is on its way.")
        )


def service_key_guard(invitations: Invitations) -> Guard:
    """Return a guard that refuses requests without the service key before it reads the body."""

    async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        await invitations.require_key(bearer_of(connection), client_of(connection))

    return require_key


# The routes for reports of unwanted changes, challenges and codes


class SecuringController(Controller):
    """Takes the tokens of the buttons in confirmations; those of earlier mails, too, where new ones have none."""

    tags = ("Not me",)
    security = ({},)

    @post(
        "/secure-account",
        kind="secure",
        status_code=200,
        summary="Say that a change of the password was not yours",
        description=(
            "With the token of the mail that confirms the change. Ends every session, and the links that went to that "
            "mailbox. While the account is at that address, locks it where the settings say so, and mails it a link. "
            "Otherwise both addresses are told, and an operator decides. Works once."
        ),
        operation_id="secureAccount",
        responses=problem_responses(InputInvalid, SecurityLinkDead, TooManyRequests),
    )
    async def secure(
        self, data: JSONBody[SecurityToken], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[Done]:
        await api.securing.secure(data.token, client_of(request))
        language = api.language(request)
        text = language.gettext("An email with the next step is on its way to the address that our email came to.")
        return message_response(language, text)


class MutingController(Controller):
    """Takes the tokens of the small links in reset mails. Mounted where mails have them."""

    tags = ("Not me",)
    security = ({},)

    @post(
        "/mute-mailbox",
        kind="mute",
        status_code=200,
        summary="Say that a request for a link was not yours",
        description=(
            "With the token of the small link in a reset mail. Its mailbox gets no mail with a link for a while, "
            "whoever asks, and the links and the code that it has got do not work any more. Signing in ends that. "
            "Works once."
        ),
        operation_id="muteMailbox",
        responses=problem_responses(InputInvalid, SecurityLinkDead, TooManyRequests),
    )
    async def mute(
        self, data: JSONBody[SecurityToken], request: AnyRequest, api: NamedDependency[ResetApi]
    ) -> Response[Done]:
        if api.muting is None:
            raise LookupError("the route is mounted with muting alone")
        await api.muting.mute(data.token, client_of(request))
        language = api.language(request)
        text = language.gettext(
            "For %(period)s no email to choose a new password is sent to you.",
            period=language.duration(api.mute_period),
        )
        return message_response(language, text)


# Challenges and codes: `reset/proofs` does the work


class ChallengeController(Controller):
    """Says what a form needs to show a challenge."""

    tags = ("Password reset",)
    security = ({},)

    @get(
        "/challenge",
        summary="The challenge for asking for a link",
        description=(
            "With `required` every request must have an answer; else `challenge-required` says when. Of ALTCHA it is a "
            "fresh puzzle, as its widget reads it. An answer counts once."
        ),
        operation_id="getChallenge",
        responses=problem_responses(TooManyRequests, has_body=False),
    )
    async def challenge(self, request: AnyRequest, api: NamedDependency[ResetApi]) -> OfferedChallenge:
        if api.challenge is None:
            raise LookupError("the route is mounted with a challenge alone")
        asked, puzzle = api.challenge.asked, await api.challenge.issue(client_of(request))
        return OfferedChallenge(
            method=asked.method,
            site_key=asked.site_key,
            action=asked.action,
            required=api.challenge.is_always_asked,
            **puzzle,
        )


class CodeController(Controller):
    """Takes the code that stands beside the link in the mail."""

    tags = ("Password reset",)
    security = ({},)

    @post(
        "/verify-reset-code",
        kind="code",
        status_code=200,
        summary="Give a code for a token",
        description=(
            "The code stands in the mail beside the link; the token is one as in a link, and works once. The answer is "
            "the same for a wrong code, for one that has expired and for an address without an account."
        ),
        operation_id="verifyResetCode",
        responses=problem_responses(InputInvalid, CodeRefused, TooManyRequests),
    )
    async def verify(self, data: JSONBody[CodeCheck], request: AnyRequest, api: NamedDependency[ResetApi]) -> Token:
        if api.codes is None:
            raise LookupError("the route is mounted with codes alone")
        return msgspec.convert(
            await api.codes.exchange(data.email, data.code, client_of(request)), Token, from_attributes=True
        )
