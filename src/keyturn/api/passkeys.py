"""The routes of passkeys, for an app's own pages. `reset/passkeys.py` makes all decisions."""

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.api import schemas
from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, GivenApi, GivenSessions, client_of
from keyturn.api.responses import message_response
from keyturn.api.sessions import signed_in_account
from keyturn.problems.proofs import PasskeyRejected
from keyturn.problems.requests import Busy, InputInvalid, TooManyRequests
from keyturn.reset.passkeys import Offer, Passkeys

GivenPasskeys = NamedDependency[Passkeys]

_REFUSALS = problem_responses(InputInvalid, PasskeyRejected, TooManyRequests, Busy)


class PasskeyController(Controller):
    """Creates a passkey with the right that came with a new password."""

    tags = ("Passkeys",)
    security = ({},)

    @post(
        "/passkey/create-options",
        kind="validate",
        status_code=200,
        summary="Get the options for a new passkey",
        description="Pass `options` to `navigator.credentials.create`, within five minutes.",
        operation_id="beginPasskey",
        responses=_REFUSALS,
    )
    async def begin(
        self, data: JSONBody[schemas.PasskeyRight], request: AnyRequest, passkeys: GivenPasskeys
    ) -> schemas.PasskeyOptions:
        return _options(await passkeys.begin_with_right(data.right, client_of(request)))

    @post(
        "/passkey/create",
        kind="reset",
        status_code=200,
        summary="Create a passkey",
        description="Uses the right up. The account's owner gets a mail.",
        operation_id="createPasskey",
        responses=_REFUSALS,
    )
    async def create(
        self, data: JSONBody[schemas.NewPasskey], request: AnyRequest, api: GivenApi, passkeys: GivenPasskeys
    ) -> Response[schemas.Done]:
        answer = msgspec.json.encode(data.credential).decode()
        await passkeys.create_with_right(data.right, data.state, answer, client_of(request))
        language = api.language(request)
        return message_response(language, language.gettext("The passkey was created."))


class PasskeySessions(Controller):
    """Signs people in with a passkey."""

    tags = ("Sessions",)

    @post(
        "/passkey/sign-in-options",
        kind="validate",
        status_code=200,
        summary="Get the options for a sign-in with a passkey",
        description="Pass `options` to `navigator.credentials.get`, within five minutes. They name no account.",
        operation_id="beginPasskeySignIn",
        security=[{}],
        responses=problem_responses(InputInvalid, TooManyRequests),
    )
    async def begin(self, request: AnyRequest, passkeys: GivenPasskeys) -> schemas.PasskeyOptions:
        return _options(await passkeys.begin_sign_in(client_of(request)))

    @post(
        "/passkey/sign-in",
        kind="login",
        status_code=200,
        summary="Sign in with a passkey",
        operation_id="signInWithPasskey",
        security=[{}],
        responses=_REFUSALS,
    )
    async def sign_in(
        self,
        data: JSONBody[schemas.PasskeySignIn],
        request: AnyRequest,
        passkeys: GivenPasskeys,
        sessions: GivenSessions,
    ) -> Response[schemas.SignedIn]:
        answer = msgspec.json.encode(data.credential).decode()
        opened = await passkeys.sign_in(data.state, answer, client_of(request))
        cookies = [sessions.cookie.issue(opened.secret), sessions.device_cookie.issue(opened.device)]
        return Response(signed_in_account(opened.account), cookies=cookies)


def _options(offer: Offer) -> schemas.PasskeyOptions:
    return schemas.PasskeyOptions(state=offer.state, options=offer.options)
