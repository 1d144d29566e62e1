"""The routes of links, invitations, challenges and codes, and of reports that a change was unwanted."""

from functools import partial

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import JSONBody

from keyturn.service.api import schemas
from keyturn.service.api.cookies import device_cookie
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts, accepted_language, client_of, language_headers
from keyturn.service.api.responses import judgement_response, message_response, named_by_path
from keyturn.service.problems.passwords import OutcomeUnknown, PasswordRejected, ResetRefused, rule_text
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import ChallengeRequired, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import Busy, InputInvalid, TooManyRequests

ON_ITS_WAY = N_("If an account exists for that address, a link is on its way.")

post_named = partial(post, operation_id=named_by_path)
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
        answer = data.challenge or ""
        await parts.requests.accept(data.email, client_of(request), answer, data.return_to or "")
        return message_response(request, parts, ON_ITS_WAY)

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
        await parts.requests.replace(link, client, data.challenge or "")
        return message_response(request, parts, ON_ITS_WAY)

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
        sign_ins, text = parts.sign_ins, N_("Your password was changed. You can sign in with it now.")
        cookies = [device_cookie(parts.settings).issue(sign_ins.device(account))] if sign_ins else []
        return message_response(request, parts, text, *cookies)

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
        return await judgement_response(request, parts, judging)

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
