"""The texts of forms in other pages (frontend/keyturn.js), in every language of the service."""

from collections.abc import Mapping

from litestar import Response, get
from litestar.params import FromQuery
from msgspec import UNSET

from keyturn.mail.languages import SourceTexts
from keyturn.service.api.mail_services import known_services
from keyturn.service.api.problems import problem_responses
from keyturn.service.api.requests import AnyRequest, GivenParts
from keyturn.service.api.schemas import FormTexts
from keyturn.service.problems.proofs import LINK_TEXTS, DeadReason
from keyturn.service.problems.requests import InputInvalid

_FOR_AN_HOUR = "public, max-age=3600"


@get(
    "/texts",
    summary="The words of the forms",
    description="What keyturn.js writes, in the language `lang`, or else in the best of Accept-Language.",
    operation_id="getFormTexts",
    responses=problem_responses(InputInvalid, has_body=False),
)
async def get_texts(request: AnyRequest, parts: GivenParts, lang: FromQuery[str] = "") -> Response[FormTexts]:
    language = parts.languages.choose(lang, request.headers.get("accept-language", ""))
    # If the URL names a language, it alone decides: caches then never serve another language.
    headers = {"Content-Language": language.tag, "Cache-Control": _FOR_AN_HOUR if lang else "no-store"}
    texts = form_texts(language, language.duration(parts.settings.token.ttl))
    if parts.accounts.takes_names:
        texts |= _name_texts(language)
    gate = parts.challenge
    answer = FormTexts(
        lang=language.tag,
        dir=language.direction,
        texts=texts,
        challenge=gate.asked if gate else UNSET,
        codes=parts.codes is not None,
        takes_names=parts.accounts.takes_names,
        mail_services=known_services(),
    )
    return Response(answer, headers=headers)


_DEAD: Mapping[DeadReason, str] = {one: "wrongCodes" if one == "second_step" else one for one in LINK_TEXTS}


def form_texts(language: SourceTexts, lifetime: str) -> dict[str, str]:
    """Return every text by the form's name for it, with placeholders in braces.

    `lifetime`: how long a link works, in words of that language.
    """
    _ = language.gettext
    return {
        "forgotHeading": _("Forgot your password?"),
        "forgotLead": _("Enter your email address. If it has an account, we’ll send a link to choose a new password."),
        "email": _("Email"),
        "malformed": _("Enter a full email address, such as name@example.org."),
        "send": _("Send the link"),
        "back": _("Back to sign-in"),
        "sentHeading": _("Check your email"),
        "sentLead": _(
            "If an account exists for <b>%(email)s</b>, a link is on its way. It works for %(lifetime)s.",
            email="{email}",
            lifetime=lifetime,
        ),
        "for": _("For %(email)s", email="{email}"),
        "spam": _("Look in your spam folder, too."),
        "nothing": _("Didn’t get the email?"),
        "askAgainIn": _("You can request it again <b>%(wait)s</b>.", wait="{wait}"),
        "askAgain": _("You can request it again."),
        "sendAgain": _("Send the link again"),
        "openInbox": _("Open %(name)s", name="{name}"),
        "meant": _("Did you mean <b>%(email)s</b>?", email="{email}"),
        "another": _("Use another address"),
        "changeHeading": _("Change password"),
        "changeLead": _(
            "We’ll send you a link to choose a new password. It works for %(lifetime)s.", lifetime=lifetime
        ),
        "change": _("Request password change"),
        "changeSent": _("We’ve sent a password reset link to your email. Please check your inbox to continue."),
        **{f"{name}Heading": _(LINK_TEXTS[reason][0]) for reason, name in _DEAD.items()},
        **{name: _(LINK_TEXTS[reason][1], lifetime=lifetime) for reason, name in _DEAD.items()},
        "noLink": _("Open the link in your email"),
        "noLinkLead": _("Open it again. It works until it’s used or expires."),
        "newLink": _("Request a new link"),
        "sendNew": _("Send a new link to %(email)s", email="{email}"),
        "resetHeading": _("Choose a new password"),
        "firstHeading": _("Choose your password"),
        "password": _("New password"),
        "firstPassword": _("Password"),
        "again": _("Repeat the new password"),
        "firstAgain": _("Repeat the password"),
        "show": _("Show"),
        "hide": _("Hide"),
        "strength": _("Estimated strength"),
        "none": _("empty"),
        "weak": _("weak"),
        "fair": _("fair"),
        "good": _("good"),
        "strong": _("strong"),
        "same": _("the same in both fields"),
        "met": _("met"),
        "notMet": _("not met yet"),
        "progress": _(
            "Rules met: %(met)s of %(all)s. Estimated strength: %(strength)s.",
            met="{met}",
            all="{all}",
            strength="{strength}",
        ),
        "unmet": _("Not met yet: %(rules)s.", rules="{rules}"),
        "mismatch": _("The two passwords don’t match."),
        "save": _("Save the new password"),
        "saveFirst": _("Save the password"),
        "until": _("The link works until %(time)s.", time="{time}"),
        "secondStep": _("Second step"),
        "secondStepLead": _("Your account is protected by a second step. Enter a code, too."),
        "secondStepOther": _("Your account is protected by a second step that we can’t check here. Contact support."),
        "totp": _("Authenticator app"),
        "sms": _("Text message to %(number)s", number="{number}"),
        "recoveryCode": _("Recovery code"),
        "factorCode": _("Code"),
        "enterCode": _("Enter a code."),
        "sendCode": _("Send a code to %(number)s", number="{number}"),
        "codeSent": _("We sent a code to %(number)s.", number="{number}"),
        "changed": _("Your password was changed"),
        "signIn": language.pgettext("button", "Sign in"),
        "code": _("Code from the email"),
        "codeHeading": _("Enter the code from the email"),
        "codeLead": _("It has eight digits and works once, for a few minutes."),
        "codeElsewhere": _("Did you get the email on another device? Enter its code here."),
        "codeMalformed": _("Enter the eight digits of the code."),
        "continue": _("Continue"),
        "unloaded": _("This form could not be loaded"),
        "unreachable": _("The service is not available right now."),
        "retry": _("Try again"),
        "reference": _("Reference: %(id)s", id="{id}"),
    }


def _name_texts(language: SourceTexts) -> dict[str, str]:
    """Return what differs if users may enter a user name in place of their address."""
    _ = language.gettext
    return {
        "forgotLead": _(
            "Enter your email address or username. If it belongs to an account, we’ll email a link to choose a new"
            " password."
        ),
        "email": _("Email or username"),
        "malformed": _("Enter a full email address, such as name@example.org, or your username."),
        "another": _("Use another email or username"),
    }
