"""Where somebody says that it was not them. `reset/securing.py` and `reset/muting.py` do the work."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi, client_of
from keyturn.api.responses import message_response
from keyturn.api.schemas import Done, SecurityToken
from keyturn.problems.proofs import SecurityLinkDead
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
