"""The routes for reports of unwanted changes. `reset/securing.py` and `reset/muting.py` do the work."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi, client_of
from keyturn.api.responses import message_response
from keyturn.api.schemas import CodeCheck, Done, OfferedChallenge, SecurityToken, Token
from keyturn.problems.proofs import CodeRefused, SecurityLinkDead
from keyturn.problems.requests import InputInvalid, TooManyRequests


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
