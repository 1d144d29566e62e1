"""The routes of links and new passwords."""

import msgspec
from litestar import Response
from litestar.params import JSONBody

from keyturn.service.api import schemas
from keyturn.service.api.cookies import device_cookie
from keyturn.service.api.json_routes import shows, takes
from keyturn.service.api.requests import GivenCall, language_headers
from keyturn.service.problems.passwords import ChangeRefused, OutcomeUnknown, PasswordRejected, rule_text
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import ChallengeRequired, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import Busy, TooManyRequests

ON_ITS_WAY = N_("If an account exists for that address, a link is on its way.")

_OF_A_REQUEST = ChallengeRequired, TooManyRequests, Busy
_OF_A_LINK = LinkDead, TooManyRequests, Busy
_OF_A_PASSWORD = SecondStepRequired, SecondStepRejected, PasswordRejected, ChangeRefused, OutcomeUnknown


@takes("/request-password-reset", "/forgot-password", kind="request", status_code=202, problems=_OF_A_REQUEST)
async def request_link(data: JSONBody[schemas.ResetRequest], call: GivenCall) -> Response[schemas.Done]:
    """Request a link.

    Gives the same answer for every valid address, with or without an account.
    """
    await call.parts.requests.accept(data.email, call.client, data.challenge or "", data.return_to or "")
    return call.done(ON_ITS_WAY)


@takes("/validate-reset-token", "/verify-reset-token", kind="validate", problems=(TooManyRequests,))
async def check_link(data: JSONBody[schemas.TokenCheck], call: GivenCall) -> schemas.ValidToken | schemas.InvalidToken:
    """Check a link.

    The link stays usable.
    """
    try:
        link = await call.parts.checks.validate(data.token, call.client, data.email)
    except LinkDead as dead:
        return schemas.InvalidToken(valid=False, reason=dead.reason, email_hint=dead.email_hint or msgspec.UNSET)
    return schemas.ValidToken(
        valid=True,
        email=link.email,
        expires_at=link.expires_at,
        awaits_password=link.awaits_password,
        operator_reason=link.reason or msgspec.UNSET,
        return_to=link.return_to or msgspec.UNSET,
    )


@takes("/replace-expired-link", kind="request", status_code=202, problems=(LinkDead, *_OF_A_REQUEST))
async def replace_expired_link(data: JSONBody[schemas.ExpiredToken], call: GivenCall) -> Response[schemas.Done]:
    """Replace an expired link.

    Sends a new link to the address of the expired one, once for each link, with the limits of any other request. The
    answer is the same whether there still is an account.
    """
    client = call.client
    link = await call.parts.checks.require_expired(data.token, client)
    await call.parts.requests.replace(link, client, data.challenge or "")
    return call.done(ON_ITS_WAY)


@takes("/reset-password", "/reset-password-with-token", kind="reset", problems=(*_OF_A_LINK, *_OF_A_PASSWORD))
async def set_password(data: JSONBody[schemas.NewPassword], call: GivenCall) -> Response[schemas.Done]:
    """Set a new password.

    Uses the link up, and ends every session that Keyturn knows. If the password is not accepted, the link stays usable.
    If the account has a second factor, `secondStep` is required; a request without it gets the methods to choose from.
    """
    password = data.require_password()
    account = await call.parts.resets.complete(data.token, password, call.client, data.email, data.second_step)
    sign_ins, text = call.parts.sign_ins, N_("Your password was changed. You can sign in with it now.")
    cookies = [device_cookie(call.parts.settings).issue(sign_ins.device(account))] if sign_ins else []
    return call.done(text, *cookies)


@takes("/check-password", kind="check", problems=_OF_A_LINK)
async def check_password(data: JSONBody[schemas.PasswordCheck], call: GivenCall) -> Response[schemas.PasswordJudgement]:
    """Check a new password.

    Tells a form whether a password would be accepted, while the user types it. Needs a live link, and does not use it
    up.
    """
    judging = call.parts.checks.judge(data.token, data.password, call.client, data.email)
    return await call.judgement(judging)


@shows("/password-policy")
async def get_password_policy(call: GivenCall) -> Response[schemas.Policy]:
    """List the rules for a new password."""
    language, rules = call.language, call.parts.policy.rules
    shown = (msgspec.structs.replace(rule, message=rule_text(rule.name, rule.limit, language)) for rule in rules)
    return Response(schemas.Policy(rules=tuple(shown)), headers=language_headers(language))


ROUTES = check_password, set_password, get_password_policy, replace_expired_link, request_link, check_link
