"""The routes of password resets: request a link, check it, and set a password with it."""

from dataclasses import dataclass

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.mail.languages.language import Languages
from keyturn.service.api.cookies import BrowserCookie
from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import (
    AnyRequest,
    accepted_language,
    client_of,
    done,
    judgement_of,
    language_headers,
)
from keyturn.service.api.schemas import (
    Done,
    ExpiredToken,
    InvalidToken,
    NewPassword,
    PasswordCheck,
    PasswordJudgement,
    Policy,
    ResetRequest,
    TokenCheck,
    ValidToken,
)
from keyturn.service.problems.passwords import (
    ChangeRefused,
    OutcomeUnknown,
    PasswordRejected,
    rule_text,
)
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import (
    ChallengeRequired,
    LinkDead,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.problems.requests import Busy, InputInvalid, TooManyRequests
from keyturn.service.reset.check import LinkChecks
from keyturn.service.reset.complete import PasswordResets
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.request import ResetRequests
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.settings.paths import ApiRoute

ON_ITS_WAY = N_("If an account exists for that address, a link is on its way.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordResetServices:
    """The services that the routes call. `sign_ins`: None if users do not sign in at Keyturn."""

    requests: ResetRequests
    checks: LinkChecks
    resets: PasswordResets
    policy: PasswordPolicy
    sign_ins: SignIns | None
    device_cookie: BrowserCookie
    languages: Languages


class PasswordResetController(Controller):
    """Request a link, check it, and set a password with it."""

    tags = ("Password reset",)
    security = ANYONE

    @post(
        [ApiRoute.REQUEST_PASSWORD_RESET, ApiRoute.FORGOT_PASSWORD],
        status_code=202,
        summary="Request a link",
        responses=problem_responses(InputInvalid, ChallengeRequired, TooManyRequests, Busy),
        opt={"kind": "request"},
    )
    async def request_link(
        self,
        data: JSONBody[ResetRequest],
        request: AnyRequest,
        services: NamedDependency[PasswordResetServices],
    ) -> Response[Done]:
        """Gives the same answer for every valid address, with or without an account."""
        challenge = data.challenge or ""
        return_to = data.return_to or ""
        await services.requests.accept(data.email, client_of(request), challenge, return_to)
        return done(ON_ITS_WAY, request, services.languages)

    @post(
        [ApiRoute.VALIDATE_RESET_TOKEN, ApiRoute.VERIFY_RESET_TOKEN],
        status_code=200,
        summary="Check a link",
        responses=problem_responses(InputInvalid, TooManyRequests),
        opt={"kind": "validate"},
    )
    async def check_link(
        self,
        data: JSONBody[TokenCheck],
        request: AnyRequest,
        services: NamedDependency[PasswordResetServices],
    ) -> ValidToken | InvalidToken:
        """The link stays usable."""
        try:
            link = await services.checks.validate(data.token, client_of(request), data.email)
        except LinkDead as dead:
            return InvalidToken(
                valid=False, reason=dead.reason, email_hint=dead.email_hint or msgspec.UNSET
            )
        return ValidToken(
            valid=True,
            email=link.email,
            expires_at=link.expires_at,
            awaits_password=link.awaits_password,
            operator_reason=link.reason or msgspec.UNSET,
            return_to=link.return_to or msgspec.UNSET,
        )

    @post(
        ApiRoute.REPLACE_EXPIRED_LINK,
        status_code=202,
        summary="Replace an expired link",
        responses=problem_responses(
            InputInvalid, LinkDead, ChallengeRequired, TooManyRequests, Busy
        ),
        opt={"kind": "request"},
    )
    async def replace_expired_link(
        self,
        data: JSONBody[ExpiredToken],
        request: AnyRequest,
        services: NamedDependency[PasswordResetServices],
    ) -> Response[Done]:
        """Sends a new link to the address of the expired one, once for each link, with the limits
        of any other request.

        The answer is the same whether there still is an account.
        """
        client = client_of(request)
        link = await services.checks.require_expired(data.token, client)
        await services.requests.replace(link, client, data.challenge or "")
        return done(ON_ITS_WAY, request, services.languages)

    @post(
        [ApiRoute.RESET_PASSWORD, ApiRoute.RESET_PASSWORD_WITH_TOKEN],
        status_code=200,
        summary="Set a new password",
        responses=problem_responses(
            InputInvalid,
            LinkDead,
            TooManyRequests,
            Busy,
            SecondStepRequired,
            SecondStepRejected,
            PasswordRejected,
            ChangeRefused,
            OutcomeUnknown,
        ),
        opt={"kind": "reset"},
    )
    async def set_password(
        self,
        data: JSONBody[NewPassword],
        request: AnyRequest,
        services: NamedDependency[PasswordResetServices],
    ) -> Response[Done]:
        """Uses the link up, and ends every session that Keyturn knows.

        If the password is not accepted, the link stays usable. If the account has a second factor,
        `secondStep` is required; a request without it gets the methods to choose from.
        """
        password = data.require_password()
        client = client_of(request)
        account = await services.resets.complete(
            data.token, password, client, data.email, data.second_step
        )
        cookies = []
        if services.sign_ins:
            cookies.append(services.device_cookie.issue(services.sign_ins.device(account)))
        text = N_("Your password was changed. You can sign in with it now.")
        return done(text, request, services.languages, cookies)

    @post(
        ApiRoute.CHECK_PASSWORD,
        status_code=200,
        summary="Check a new password",
        responses=problem_responses(InputInvalid, LinkDead, TooManyRequests, Busy),
        opt={"kind": "check"},
    )
    async def check_password(
        self,
        data: JSONBody[PasswordCheck],
        request: AnyRequest,
        services: NamedDependency[PasswordResetServices],
    ) -> Response[PasswordJudgement]:
        """Tells a form whether a password would be accepted, while the user types it.

        Needs a live link, and does not use it up.
        """
        judging = services.checks.check_password_for_link(
            data.token, data.password, client_of(request), data.email
        )
        return await judgement_of(judging, accepted_language(services.languages, request))

    @get(
        ApiRoute.PASSWORD_POLICY,
        summary="List the rules for a new password",
        responses=problem_responses(has_body=False),
    )
    async def get_password_policy(
        self, request: AnyRequest, services: NamedDependency[PasswordResetServices]
    ) -> Response[Policy]:
        language = accepted_language(services.languages, request)
        rules = []
        for rule in services.policy.rules:
            message = rule_text(rule.name, rule.limit, language)
            rules.append(msgspec.structs.replace(rule, message=message))
        return Response(Policy(rules=tuple(rules)), headers=language_headers(language))
