"""Problems with what a user must prove: a link, a code, a challenge, a sign-in, a second step."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from keyturn.service.problems.problem import N_, Problem

if TYPE_CHECKING:
    from keyturn.mail.languages.language import Language, SourceTexts

DeadReason = Literal["invalid", "expired", "used", "second_step"]
ChallengeFlaw = Literal["missing", "expired", "refused"]
ChallengeMethod = Literal["altcha", "turnstile", "hcaptcha"]
CodeMethod = Literal["totp", "sms", "recovery_code"]
FactorMethod = Literal[CodeMethod, "other"]


class LinkDead(Problem, status=400, title=N_("This link does not work"), outcome="link_{reason}"):
    """The link does not work; `reason` says why."""

    # The masked address of an expired link that may be replaced, for a page.
    email_hint: str = ""
    is_another: bool = False  # the link works, but for another account than the client names

    members = (("reason", DeadReason),)

    def __init__(self, reason: DeadReason) -> None:
        self.reason: DeadReason = reason
        super().__init__(f"the link is {reason}")

    def detail(self, words: "Language", /) -> str:
        return words.gettext(_DEAD[self.reason])


_DEAD: Mapping[DeadReason, str] = {
    "invalid": N_("This reset link is invalid. Please request a new one."),
    "expired": N_("This reset link has expired. Please request a new one."),
    "used": N_("This reset link has already been used. Please request a new one."),
    "second_step": N_(
        "Too many wrong codes were entered. This link no longer works, and your password was not "
        "changed. Request a new link."
    ),
}


class DeadLinkText(NamedTuple):
    """What a page says of a link that does not work."""

    heading: str
    lead: str


LINK_TEXTS: Mapping[DeadReason, DeadLinkText] = {
    "invalid": DeadLinkText(
        LinkDead.title,
        N_("This reset link is invalid or has expired. Please request a new one."),
    ),
    "expired": DeadLinkText(
        N_("This reset link has expired"),
        N_("Reset links work for %(lifetime)s. Request a new one."),
    ),
    "used": DeadLinkText(
        N_("This reset link has already been used"),
        N_(
            "Each link works once. If you’ve already chosen a new password, sign in with it."
            " If not, request a new link."
        ),
    ),
    "second_step": DeadLinkText(LinkDead.title, _DEAD["second_step"]),
}


class SecurityLinkDead(
    Problem,
    status=400,
    title=N_("This link does not work"),
    sentence=N_("It has already been used, or it has expired."),
    outcome="link_dead",
):
    """The link is invalid, used or expired."""


class CodeRefused(
    Problem,
    status=400,
    title=N_("This code does not work"),
    sentence=N_("The code is wrong or no longer works. You can request a new one."),
):
    """The code is wrong, expired or used, or there is none. The answer does not tell which."""


class Challenge(msgspec.Struct, frozen=True, rename="camel"):
    """What a form needs to show a challenge. `action` is that of a service's widget."""

    method: ChallengeMethod
    site_key: str
    action: str


class ChallengeRequired(
    Problem, status=403, title=N_("Confirm that you’re human"), outcome="challenge_{reason}"
):
    """The answer to a challenge is missing, expired or refused; `challenge` has what a form needs
    to show one.
    """

    # Not 401, which would have to name a scheme to authenticate by (RFC 9110, 15.5.2): a request
    # for a link has no identity.
    members = (("reason", ChallengeFlaw), ("challenge", Challenge))

    def __init__(self, reason: ChallengeFlaw, challenge: Challenge) -> None:
        self.reason: ChallengeFlaw = reason
        self.challenge = challenge
        super().__init__(f"the answer to the challenge is {reason}")

    def detail(self, words: "Language", /) -> str:
        return flaw_text(self.reason, words)


def flaw_text(flaw: ChallengeFlaw, words: "SourceTexts") -> str:
    return words.gettext(_FLAWS[flaw])


_FLAWS: Mapping[ChallengeFlaw, str] = {
    "missing": N_("Complete the check below, then send the form again."),
    "expired": N_("The check has expired. Complete it again, then send the form again."),
    "refused": N_("The check failed. Try again."),
}


class CredentialsRejected(
    Problem, status=401, title=N_("Wrong email or password"), scheme="Session"
):
    """The address or the password is wrong."""

    # A scheme that browsers do not know: for Basic, they would show a dialog.


class NotSignedIn(Problem, status=401, title=N_("You are signed out"), scheme="Session"):
    """No account is signed in."""


class ServiceKeyRefused(
    Problem,
    status=401,
    title="The service key is missing or wrong",
    scheme="Bearer",
    for_people=False,
):
    """The service key is missing or wrong."""


class Factor(Struct, frozen=True):
    """A second factor.

    `method`: "other" if Keyturn cannot check its codes.
    `hint`: what the owner recognises it by, such as the end of a phone number, or "".
    """

    method: FactorMethod
    hint: str = ""


class SecondFactor(Struct, frozen=True):
    """A second factor of the account. `hint` is for its owner, such as the end of a phone number.

    Keyturn cannot check a code of the method `other`.
    """

    method: FactorMethod
    hint: str


class SecondStepRequired(
    Problem,
    status=401,
    title=N_("A second step is needed"),
    sentence=N_("Your account is protected by a second step. Enter a code, too."),
    scheme="SecondStep",
):
    """The account has a second factor: send its code as `secondStep`. `sent` is the method by which
    Keyturn has sent a code.

    A link alone sets no password of an account with second factors, and a password alone does not
    sign in.
    """

    password_proof: str = ""  # at a sign-in, proves to its page that the password was right

    members = (("methods", tuple[SecondFactor, ...]), ("sent", Literal["sms"] | None))

    def __init__(self, factors: Sequence[Factor], sent: str = "") -> None:
        self.methods = tuple(factors)
        self.sent = sent or None
        super().__init__("a second step is required")


class SecondStepRejected(Problem, status=401, title=N_("Wrong code"), scheme="SecondStep"):
    """The code is wrong, or was used before. `triesLeft` is the number of tries that this link has
    left, or at a sign-in, this day.
    """

    password_proof: str = ""  # as in `SecondStepRequired`

    members = (("methods", tuple[SecondFactor, ...]), ("triesLeft", Annotated[int, Meta(ge=0)]))

    def __init__(self, factors: Sequence[Factor], tries_left: int) -> None:
        self.methods = tuple(factors)
        self.tries_left = tries_left
        super().__init__("the code is wrong")

    def detail(self, words: "Language", /) -> str:
        return words.ngettext(
            "This code is wrong, or was used before. You have %(num)s more attempt.",
            "This code is wrong, or was used before. You have %(num)s more attempts.",
            self.tries_left,
        )
