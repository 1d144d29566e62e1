"""The texts of forms in other pages (frontend/keyturn.js), in every language of the service."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from keyturn.api.problems import problem_responses
from keyturn.api.requests import AnyRequest, ResetApi
from keyturn.api.schemas import FormTexts
from keyturn.languages import SourceTexts
from keyturn.problems.proofs import Challenge
from keyturn.problems.requests import InputInvalid

_FOR_AN_HOUR = "public, max-age=3600"


class TextsController(Controller):
    """Hands keyturn.js its words, in the language of whoever reads."""

    tags = ("Password reset",)
    security = ({},)

    @get(
        "/texts",
        summary="The words of the forms",
        description="What keyturn.js writes, in the language `lang`, or else in the best of Accept-Language.",
        operation_id="getFormTexts",
        responses=problem_responses(InputInvalid, has_body=False),
    )
    async def texts(
        self, request: AnyRequest, api: NamedDependency[ResetApi], lang: FromQuery[str] = ""
    ) -> Response[FormTexts]:
        language = api.languages.choose(lang, request.headers.get("accept-language", ""))
        # If the URL names a language, it alone decides: caches then never serve another language.
        headers = {"Content-Language": language.tag, "Cache-Control": _FOR_AN_HOUR if lang else "no-store"}
        texts = form_texts(language, language.duration(api.link_life))
        found = FormTexts(
            lang=language.tag, dir=language.direction, texts=texts, challenge=_challenge_always_asked(api)
        )
        return Response(found, headers=headers)


def _challenge_always_asked(api: ResetApi) -> Challenge | UnsetType:
    if api.challenge is None or not api.challenge.is_always_asked:
        return UNSET
    return api.challenge.asked


def form_texts(language: SourceTexts, lifetime: str) -> dict[str, str]:
    """Return every text by the form's name for it, with placeholders in braces.

    `lifetime`: how long a link works, in words of that language.
    """
    _ = language.gettext
    return {
        **_request_texts(language, lifetime),
        **_dead_link_texts(language, lifetime),
        "resetHeading": _("Choose a new password"),
        "firstHeading": _("Choose your password"),
        "password": _("New password"),
        "firstPassword": _("Password"),
        "again": _("Again"),
        "show": _("Show"),
        "hide": _("Hide"),
        "strength": _("Strength, roughly"),
        "none": _("none yet"),
        "weak": _("weak"),
        "fair": _("fair"),
        "good": _("good"),
        "strong": _("strong"),
        "same": _("the same in both fields"),
        "met": _("met"),
        "notMet": _("not met yet"),
        "progress": _(
            "Rules met: %(met)s of %(all)s. Strength, roughly: %(strength)s.",
            met="{met}",
            all="{all}",
            strength="{strength}",
        ),
        "unmet": _("Not met yet: %(rules)s.", rules="{rules}"),
        "mismatch": _("The two passwords are not the same."),
        "save": _("Save the new password"),
        "saveFirst": _("Save the password"),
        "until": _("The link works until %(time)s.", time="{time}"),
        **_second_step_texts(language),
        "changed": _("Your password was changed"),
        "signIn": _("Sign in"),
        **_code_texts(language),
        "unloaded": _("This form could not be loaded"),
        "unreachable": _("The service cannot answer at the moment."),
        "retry": _("Try again"),
    }


def _request_texts(language: SourceTexts, lifetime: str) -> dict[str, str]:
    _ = language.gettext
    return {
        "forgotHeading": _("Forgot your password?"),
        "forgotLead": _("Enter the address of your account. If there is one, we send a link to choose a new password."),
        "email": _("Email"),
        "malformed": _("Enter a whole address, like name@example.org."),
        "send": _("Send the link"),
        "back": _("Back to sign-in"),
        "sentHeading": _("Check your email"),
        "sentLead": _(
            "If an account exists for <b>%(email)s</b>, a link is on its way. It works for %(lifetime)s.",
            email="{email}",
            lifetime=lifetime,
        ),
        "for": _("For %(email)s", email="{email}"),
        "spam": _("Check your email (and spam folder)."),
        "nothing": _("Nothing there?"),
        "askAgainIn": _("Request it again in <b>%(wait)s</b>.", wait="{wait}"),
        "askAgain": _("Request it again."),
        "sendAgain": _("Send the link again"),
        "another": _("Use another address"),
        "changeHeading": _("Change password"),
        "changeLead": _(
            "We send a link to your address. It works for %(lifetime)s, and with it you choose a new password.",
            lifetime=lifetime,
        ),
        "change": _("Request password change"),
        "changeSent": _("We’ve sent a password reset link to your email. Please check your inbox to continue."),
    }


def _code_texts(language: SourceTexts) -> dict[str, str]:
    _ = language.gettext
    return {
        "code": _("Code from the email"),
        "codeHeading": _("Enter the code from the email"),
        "codeLead": _("It has eight digits and works once, for a few minutes."),
        "codeElsewhere": _("Is the email on another device? Enter the code from it here."),
        "codeMalformed": _("Enter the eight digits of the code."),
        "continue": _("Continue"),
    }


def _second_step_texts(language: SourceTexts) -> dict[str, str]:
    _ = language.gettext
    return {
        "secondStep": _("Second step"),
        "secondStepLead": _("Your account has a second factor. To set a new password, also enter a code from it."),
        "secondStepOther": _(
            "Your account has a second factor, and its codes cannot be checked here. Please contact support."
        ),
        "totp": _("Authenticator app"),
        "sms": _("Text message to %(number)s", number="{number}"),
        "recoveryCode": _("Recovery code"),
        "factorCode": _("Code"),
        "enterCode": _("Enter a code."),
        "sendCode": _("Send a code to %(number)s", number="{number}"),
        "codeSent": _("A code was sent to %(number)s.", number="{number}"),
    }


def _dead_link_texts(language: SourceTexts, lifetime: str) -> dict[str, str]:
    _ = language.gettext
    return {
        "invalidHeading": _("This link does not work"),
        "invalid": _("This reset link is invalid or has expired. Please request a new one."),
        "expiredHeading": _("This reset link has expired"),
        "expired": _("A link works for %(lifetime)s. Please request a new one.", lifetime=lifetime),
        "usedHeading": _("This reset link has already been used"),
        "used": _("A link works once. Sign in with the password that was chosen with it, or request a new link."),
        "wrongCodesHeading": _("This link does not work"),
        "wrongCodes": _(
            "Too many wrong codes were entered: this link no longer works, and your password is as it was."
            " Please request a new one."
        ),
        "noLink": _("Open the link in your email"),
        "noLinkLead": _("Open it once more: it still works, until it has been used or has expired."),
        "newLink": _("Request a new link"),
    }
