"""The texts of forms in other pages (frontend/keyturn.js), in every language of the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import UNSET

from keyturn.mail.languages.language import Languages, SourceTexts
from keyturn.service.api.mail_services import known_services
from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest
from keyturn.service.api.schemas import FormTexts
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import LINK_TEXTS, Challenge, DeadReason
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings.paths import ApiRoute

_FOR_AN_HOUR = "public, max-age=3600"


@dataclass(frozen=True, kw_only=True, slots=True)
class FormTextServices:
    """The settings that the texts of the forms depend on.

    `challenge`: None if a request for a link needs none.
    """

    languages: Languages
    challenge: Challenge | None
    link_life: timedelta
    codes: bool
    takes_names: bool


class FormTextController(Controller):
    """Get the texts of the forms."""

    tags = ("Password reset",)
    security = ANYONE

    @get(
        ApiRoute.TEXTS,
        summary="Get the texts of the forms",
        responses=problem_responses(InputInvalid, has_body=False),
    )
    async def get_form_texts(
        self,
        request: AnyRequest,
        services: NamedDependency[FormTextServices],
        lang: FromQuery[str] = "",
    ) -> Response[FormTexts]:
        """Returns the texts that keyturn.js shows, in the language `lang`, or else in the best
        language of the header Accept-Language.
        """
        language = services.languages.choose(lang, request.headers.get("accept-language", ""))
        lifetime = language.duration(services.link_life)
        answer = FormTexts(
            lang=language.tag,
            dir=language.direction,
            texts=form_texts(language, lifetime, takes_names=services.takes_names),
            challenge=services.challenge or UNSET,
            codes=services.codes,
            takes_names=services.takes_names,
            mail_services=known_services(),
        )
        # Caches must not serve another language: only if the URL names it does no header decide.
        headers = {
            "Content-Language": language.tag,
            "Cache-Control": _FOR_AN_HOUR if lang else "no-store",
        }
        return Response(answer, headers=headers)


_REASONS: Mapping[str, DeadReason] = {
    "invalid": "invalid",
    "expired": "expired",
    "used": "used",
    "wrongCodes": "second_step",
}
"""The reasons why a link does not work, by the form's names for them."""

_REQUEST: Mapping[str, str] = {
    "forgotHeading": N_("Forgot your password?"),
    "forgotLead": N_(
        "Enter your email address. If it has an account, we’ll send a link to choose a new "
        "password."
    ),
    "email": N_("Email"),
    "malformed": N_("Enter a full email address, such as name@example.org."),
    "send": N_("Send the link"),
    "back": N_("Back to sign-in"),
}

_SENT: Mapping[str, str] = {
    "sentHeading": N_("Check your email"),
    "sentLead": N_(
        "If an account exists for <b>%(email)s</b>, a link is on its way. It works for "
        "%(lifetime)s."
    ),
    "for": N_("For %(email)s"),
    "spam": N_("Look in your spam folder, too."),
    "nothing": N_("Didn’t get the email?"),
    "askAgainIn": N_("You can request it again <b>%(wait)s</b>."),
    "askAgain": N_("You can request it again."),
    "sendAgain": N_("Send the link again"),
    "openInbox": N_("Open %(name)s"),
    "meant": N_("Did you mean <b>%(email)s</b>?"),
    "another": N_("Use another address"),
}

_CHANGE: Mapping[str, str] = {
    "changeHeading": N_("Change password"),
    "changeLead": N_("We’ll send you a link to choose a new password. It works for %(lifetime)s."),
    "change": N_("Request password change"),
    "changeSent": N_(
        "We’ve sent a password reset link to your email. Please check your inbox to continue."
    ),
}

_DEAD_LINK: Mapping[str, str] = {
    **{f"{name}Heading": LINK_TEXTS[reason].heading for name, reason in _REASONS.items()},
    **{name: LINK_TEXTS[reason].lead for name, reason in _REASONS.items()},
    "noLink": N_("Open the link in your email"),
    "noLinkLead": N_("Open it again. It works until it’s used or expires."),
    "newLink": N_("Request a new link"),
    "sendNew": N_("Send a new link to %(email)s"),
}

_NEW_PASSWORD: Mapping[str, str] = {
    "resetHeading": N_("Choose a new password"),
    "firstHeading": N_("Choose your password"),
    "password": N_("New password"),
    "firstPassword": N_("Password"),
    "again": N_("Repeat the new password"),
    "firstAgain": N_("Repeat the password"),
    "show": N_("Show"),
    "hide": N_("Hide"),
}

_RULES: Mapping[str, str] = {
    "strength": N_("Estimated strength"),
    "none": N_("empty"),
    "weak": N_("weak"),
    "fair": N_("fair"),
    "good": N_("good"),
    "strong": N_("strong"),
    "same": N_("the same in both fields"),
    "met": N_("met"),
    "notMet": N_("not met yet"),
    "progress": N_("Rules met: %(met)s of %(all)s. Estimated strength: %(strength)s."),
    "unmet": N_("Not met yet: %(rules)s."),
}

_SAVING: Mapping[str, str] = {
    "mismatch": N_("The two passwords don’t match."),
    "save": N_("Save the new password"),
    "saveFirst": N_("Save the password"),
    "until": N_("The link works until %(time)s."),
}

_SECOND_STEP: Mapping[str, str] = {
    "secondStep": N_("Second step"),
    "secondStepLead": N_("Your account is protected by a second step. Enter a code, too."),
    "secondStepOther": N_(
        "Your account is protected by a second step that we can’t check here. Contact support."
    ),
    "totp": N_("Authenticator app"),
    "sms": N_("Text message to %(number)s"),
    "recoveryCode": N_("Recovery code"),
    "factorCode": N_("Code"),
    "enterCode": N_("Enter a code."),
    "sendCode": N_("Send a code to %(number)s"),
    "codeSent": N_("We sent a code to %(number)s."),
}

_SAVED: Mapping[str, str] = {"changed": N_("Your password was changed")}

_CODE: Mapping[str, str] = {
    "code": N_("Code from the email"),
    "codeHeading": N_("Enter the code from the email"),
    "codeLead": N_("It has eight digits and works once, for a few minutes."),
    "codeElsewhere": N_("Did you get the email on another device? Enter its code here."),
    "codeMalformed": N_("Enter the eight digits of the code."),
    "continue": N_("Continue"),
}

_FAILURES: Mapping[str, str] = {
    "unloaded": N_("This form could not be loaded"),
    "unreachable": N_("The service is not available right now."),
    "retry": N_("Try again"),
    "reference": N_("Reference: %(id)s"),
}

_TEXTS: Mapping[str, str] = {
    **_REQUEST,
    **_SENT,
    **_CHANGE,
    **_DEAD_LINK,
    **_NEW_PASSWORD,
    **_RULES,
    **_SAVING,
    **_SECOND_STEP,
    **_SAVED,
    **_CODE,
    **_FAILURES,
}
"""The text of each name, by the views of the forms."""

_WITH_NAMES: Mapping[str, str] = {
    "forgotLead": N_(
        "Enter your email address or username. If it belongs to an account, we’ll email a link to "
        "choose a new password."
    ),
    "email": N_("Email or username"),
    "malformed": N_("Enter a full email address, such as name@example.org, or your username."),
    "another": N_("Use another email or username"),
}
"""The texts that differ if users may enter a user name in place of their address."""

_OF_THE_FORM = ("all", "email", "id", "met", "name", "number", "rules", "strength", "time", "wait")
"""The placeholders that the form fills in. It gets them in braces."""


def form_texts(language: SourceTexts, lifetime: str, *, takes_names: bool) -> dict[str, str]:
    """Return every text by the form's name for it, with the form's placeholders in braces.

    `lifetime`: how long a link works, in words.
    """
    values = {name: f"{{{name}}}" for name in _OF_THE_FORM}
    values["lifetime"] = lifetime
    texts = dict(_TEXTS)
    if takes_names:
        texts.update(_WITH_NAMES)
    filled = {name: language.gettext(text, **values) for name, text in texts.items()}
    filled["signIn"] = language.pgettext("button", "Sign in")
    return filled
