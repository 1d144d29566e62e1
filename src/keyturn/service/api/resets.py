"""The routes of links, invitations, challenges and codes, and of reports that a change was unwanted."""

from functools import partial
from typing import Any, cast

import msgspec
from litestar import Controller, Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import Guard

from keyturn.mail.languages import Language
from keyturn.service.api import schemas
from keyturn.service.api.cookies import device_cookie
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import (
    AnyRequest,
    GivenParts,
    accepted_language,
    bearer_of,
    client_of,
    language_headers,
    mounted,
)
from keyturn.service.api.responses import (
    NamedOperation,
    judgement_response,
    message_response,
    named_by_path,
)
from keyturn.service.api.schemas import CodeCheck, Done, OfferedChallenge, SecurityToken, Token
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected, ResetRefused, rule_text
from keyturn.service.problems.proofs import (
    ChallengeRequired,
    CodeRefused,
    LinkDead,
    SecondStepRejected,
    SecondStepRequired,
    SecurityLinkDead,
    ServiceKeyRefused,
)
from keyturn.service.problems.requests import Busy, InputInvalid, TooManyRequests
from keyturn.service.reset.inviting import Invitations, IssuedLink
from keyturn.service.reset.proofs.challenge import Answer

post_named = partial(post, operation_id=named_by_path, operation_class=NamedOperation)
"""Registers a route under two names, of which other frontends use the second."""


class ResetController(Controller):
    """Takes what a frontend sends to ask for a link, to check it and to use it."""

    @post_named(
        ["/request-password-reset", "/forgot-password"],
        kind="request",
        status_code=202,
        summary="Request a link",
        description="Gives the same answer for every valid address, with or without an account.",
        responses=problem_responses(InputInvalid, ChallengeRequired, TooManyRequests, Busy),
    )
    async def request(
        self, data: JSONBody[schemas.ResetRequest], request: AnyRequest, parts: GivenParts
    ) -> Response[schemas.Done]:
        answer = Answer(text=data.challenge or "")
        await parts.requests.accept(data.email, client_of(request), answer, data.return_to or "")
        return _on_its_way(accepted_language(parts.languages, request))

    @post_named(
        ["/validate-reset-token", "/verify-reset-token"],
        kind="validate",
        status_code=200,
        summary="Check a link",
        description="The link stays usable.",
        responses=problem_responses(InputInvalid, TooManyRequests),
    )
    async def validate(
        self, data: JSONBody[schemas.TokenCheck], request: AnyRequest, parts: GivenParts
    ) -> schemas.ValidToken | schemas.InvalidToken:
        try:
            link = await parts.checks.validate(data.token, client_of(request), data.email)
        except LinkDead as dead:
            hint = dead.email_hint or msgspec.UNSET
            return schemas.InvalidToken(valid=False, reason=dead.reason, email_hint=hint)
        return schemas.ValidToken(
            valid=True,
            email=link.email,
            expires_at=link.expires_at,
            awaits_password=link.awaits_password,
            operator_reason=link.reason or msgspec.UNSET,
            return_to=link.return_to or msgspec.UNSET,
        )

    @post(
        "/replace-expired-link",
        kind="request",
        status_code=202,
        summary="Replace an expired link",
        description=(
            "Sends a new link to the address of the expired one, once for each link, with the limits of any other "
            "request. The answer is the same whether there still is an account."
        ),
        operation_id="replaceExpiredLink",
        responses=problem_responses(InputInvalid, LinkDead, ChallengeRequired, TooManyRequests, Busy),
    )
    async def replace(
        self, data: JSONBody[schemas.ExpiredToken], request: AnyRequest, parts: GivenParts
    ) -> Response[schemas.Done]:
        client = client_of(request)
        link = await parts.checks.require_expired(data.token, client)
        await parts.requests.replace(link, client, Answer(text=data.challenge or ""))
        return _on_its_way(accepted_language(parts.languages, request))

    @post_named(
        ["/reset-password", "/reset-password-with-token"],
        kind="reset",
        status_code=200,
        summary="Set a new password",
        description=(
            "Uses the link up, and ends every session that Keyturn knows. If the password is not accepted, the link "
            "stays usable. If the account has a second factor, `secondStep` is required; a request without it gets the "
            "methods to choose from."
        ),
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
        self, data: JSONBody[schemas.NewPassword], request: AnyRequest, parts: GivenParts
    ) -> Response[schemas.Done]:
        account = await parts.resets.complete(
            data.token,
            data.require_password(),
            client_of(request),
            data.email,
            data.second_step.answer if data.second_step else None,
        )
        language = accepted_language(parts.languages, request)
        text = language.gettext("Your password was changed. You can sign in with it now.")
        sign_ins = parts.sign_ins
        cookies = [device_cookie(parts.settings).issue(sign_ins.device(account))] if sign_ins else []
        content = schemas.Done(message=text, success=True)
        return Response(content, headers=language_headers(language), cookies=cookies)

    @post(
        "/check-password",
        kind="check",
        status_code=200,
        summary="Check a new password",
        description=(
            "Tells a form whether a password would be accepted, while the user types it. Needs a live link, and does "
            "not use it up."
        ),
        operation_id="checkPassword",
        responses=problem_responses(InputInvalid, LinkDead, TooManyRequests, Busy),
    )
    async def check(
        self, data: JSONBody[schemas.PasswordCheck], request: AnyRequest, parts: GivenParts
    ) -> Response[schemas.PasswordJudgement]:
        judging = parts.checks.judge(data.token, data.password, client_of(request), data.email)
        return await judgement_response(judging, accepted_language(parts.languages, request))

    @get(
        "/password-policy",
        summary="List the rules for a new password",
        operation_id="getPasswordPolicy",
        responses=problem_responses(has_body=False),
    )
    async def policy(self, request: AnyRequest, parts: GivenParts) -> Response[schemas.Policy]:
        language = accepted_language(parts.languages, request)
        rules = (
            msgspec.structs.replace(rule, message=rule_text(rule.name, rule.limit, language))
            for rule in parts.policy.rules
        )
        return Response(schemas.Policy(rules=tuple(rules)), headers=language_headers(language))


def _on_its_way(language: Language) -> Response[schemas.Done]:
    return message_response(language, language.gettext("If an account exists for that address, a link is on its way."))


@post(
    "/invitations",
    kind="invite",
    status_code=202,
    summary="Invite a user to choose a first password",
    description=(
        "For the operator's app, with the service key. No mail is sent to an address without an account, or whose "
        "account has a password or another sign-in; the audit trail records this."
    ),
    operation_id="invite",
    responses=problem_responses(InputInvalid, ServiceKeyRefused, TooManyRequests),
)
async def invite(
    data: JSONBody[schemas.InvitationRequest], request: AnyRequest, parts: GivenParts
) -> Response[schemas.Done | IssuedLink]:
    client, answer = (
        client_of(request),
        cast("Response[Any]", _on_its_way(accepted_language(parts.languages, request))),
    )
    if data.link:
        await parts.invitations.require_key(bearer_of(request), client, for_links=True)
        answer = Response(await parts.operator_links.mint(data.email, client, data.reason, invites=True))
    await parts.invitations.invite(data.email, client, data.reason)
    return answer


@post(
    "/links",
    kind="link",
    status_code=200,
    summary="Get a reset link for an account's owner",
    description=(
        "For the operator's app, with the link key, once the app's operator knows the person. Earlier links of the "
        "account end, and its mailbox gets a notice without a link to a new password. The link works once."
    ),
    operation_id="mintLink",
    responses=problem_responses(InputInvalid, ServiceKeyRefused, TooManyRequests),
)
async def mint_link(data: JSONBody[schemas.LinkRequest], request: AnyRequest, parts: GivenParts) -> IssuedLink:
    return await parts.operator_links.mint(data.email, client_of(request), data.reason, with_code=data.code)


def service_key_guard(invitations: Invitations, *, for_links: bool = False) -> Guard:
    """Return a guard that refuses requests without the service key before it reads the body."""

    async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        await invitations.require_key(bearer_of(connection), client_of(connection), for_links=for_links)

    return require_key


@post(
    "/secure-account",
    kind="secure",
    status_code=200,
    summary="Report an unwanted password change",
    description=(
        "Takes the token from the mail that confirmed the change. Ends all sessions, and the links that were sent "
        "to that mailbox. If the account still has that address, Keyturn mails it a link, and locks the account if "
        "the settings say so. Otherwise both addresses get a mail, and an operator decides. Works once."
    ),
    operation_id="secureAccount",
    responses=problem_responses(InputInvalid, SecurityLinkDead, TooManyRequests),
)
async def secure_account(data: JSONBody[SecurityToken], request: AnyRequest, parts: GivenParts) -> Response[Done]:
    await parts.securing.secure(data.token, client_of(request))
    language = accepted_language(parts.languages, request)
    text = language.gettext("We’re sending the next step to the address where you got our email.")
    return message_response(language, text)


@get(
    "/challenge",
    summary="Get the challenge for a reset request",
    description=(
        "If `required` is true, every reset request needs an answer. Otherwise the problem `challenge-required` "
        "asks for one. For ALTCHA, the answer contains a new puzzle for its widget. Each answer is accepted once."
    ),
    operation_id="getChallenge",
    responses=problem_responses(TooManyRequests, has_body=False),
)
async def get_challenge(request: AnyRequest, parts: GivenParts) -> OfferedChallenge:
    challenge = mounted(parts.challenge)
    asked, puzzle = challenge.asked, await challenge.issue(client_of(request))
    return OfferedChallenge(
        method=asked.method,
        site_key=asked.site_key,
        action=asked.action,
        required=challenge.is_always_asked,
        **puzzle,
    )


@post(
    "/verify-reset-code",
    kind="code",
    status_code=200,
    summary="Exchange a code for a token",
    description=(
        "The code is in the mail beside the link. The token works like a link's token, once. The answer is the "
        "same for a wrong code, an expired code and an address without an account."
    ),
    operation_id="verifyResetCode",
    responses=problem_responses(InputInvalid, CodeRefused, TooManyRequests),
)
async def verify_code(data: JSONBody[CodeCheck], request: AnyRequest, parts: GivenParts) -> Token:
    issued = await mounted(parts.code_exchange).exchange(data.email, data.code, client_of(request))
    return msgspec.convert(issued, Token, from_attributes=True)
