"""The JSON bodies of the API, in camelCase.

Other frontends already send some fields under other names, which are accepted, too.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from keyturn.errors import Fault
from keyturn.service.api.mail_services import MailServices
from keyturn.service.problems.passwords import BrokenRule
from keyturn.service.problems.proofs import Challenge, DeadReason
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.passwords.policy import Rule
from keyturn.service.reset.ports import SecondStepCode

_ADA = "ada@northwind.example"
_TOKEN = "k3XbnE9gWcVtqRyOuZ0aHsPl5Jd7Mf2iYwA1xC4vB8N"
_ADDRESS_OR_NAME = "an email address or, if the service takes them, a user name; at most 254 bytes"

LinkToken = Annotated[
    str, Meta(min_length=1, max_length=512, description="the token in the link", examples=[_TOKEN])
]
EmailAddress = Annotated[
    str, Meta(description="an email address, at most 254 bytes", examples=[_ADA])
]
Identifier = Annotated[str, Meta(description=_ADDRESS_OR_NAME, examples=[_ADA])]
_Password = Annotated[
    str,
    Meta(
        description="used exactly as it is, with all spaces",
        examples=["a longer horse, and another battery"],
    ),
]
_ChallengeAnswer = Annotated[
    str,
    Meta(
        max_length=8192,
        description=(
            "the solution from the challenge's widget or from the browser; see getChallenge"
        ),
    ),
]


class Schema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON body. Its fields are in camelCase there."""

    __repr__ = object.__repr__  # a traceback with its variables would show passwords and tokens


class ResetRequest(Schema, frozen=True, kw_only=True):
    """Asks for a link. `challenge` is the answer to a challenge, if the service requires one.

    `returnTo` is an address, of an origin that the service allows, to which the user returns after
    the reset.
    """

    email: Identifier
    challenge: _ChallengeAnswer | UnsetType = UNSET
    return_to: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET


class TokenCheck(Schema, frozen=True, kw_only=True):
    """Asks whether a link works. If `email` is given, it must be the account's address."""

    token: LinkToken
    email: EmailAddress | None = None


class ExpiredToken(Schema, frozen=True, kw_only=True):
    """Asks for another link in place of one that has expired.

    `challenge` is the answer to a challenge, if the service requires one.
    """

    token: LinkToken
    challenge: _ChallengeAnswer | UnsetType = UNSET


class NewPassword(Schema, frozen=True, kw_only=True):
    """Sets a password with a link. The password is in `newPassword` or in `password`. If
    `confirmPassword` is given, it must repeat the password.

    `secondStep` is for accounts that have a second factor.
    """

    token: LinkToken
    new_password: _Password | None = None
    password: _Password | None = None
    confirm_password: str | None = None
    email: EmailAddress | None = None
    second_step: SecondStepCode | None = None

    def require_password(self) -> str:
        """Return the one password. Raises InputInvalid for none, or for two that differ."""
        chosen = self.new_password if self.new_password is not None else self.password
        if chosen is None:
            raise InputInvalid(Fault("newPassword", "missing"))
        if self.password is not None and self.password != chosen:
            raise InputInvalid(Fault("password", "differs from newPassword"))
        if self.confirm_password is not None and self.confirm_password != chosen:
            raise InputInvalid(Fault("confirmPassword", "differs from the password"))
        return chosen


class PasswordCheck(Schema, frozen=True, kw_only=True):
    """Asks whether a password would be accepted.

    If `email` is given, it must be the account's address.
    """

    token: LinkToken
    password: _Password
    email: EmailAddress | None = None


class PasswordJudgement(Schema, frozen=True, kw_only=True):
    """Says whether a password would be accepted, and which rules it breaks."""

    accepted: bool
    violations: tuple[BrokenRule, ...]


class PasswordChange(Schema, frozen=True, kw_only=True):
    """Changes the password of the signed-in user."""

    current_password: _Password
    new_password: _Password


class Credentials(Schema, frozen=True, kw_only=True):
    """Signs a user in. `secondStep` is for accounts that have a second factor."""

    email: EmailAddress
    password: _Password
    second_step: SecondStepCode | None = None


class Done(Schema, frozen=True, kw_only=True):
    """Confirms that the request succeeded, with a sentence for people."""

    message: str
    success: Literal[True]


class ValidToken(Schema, frozen=True, kw_only=True):
    """Says whose link it is, until when it works, and whether it sets the account's first password.

    `operatorReason` is present if an operator requested the reset and gave a reason. `returnTo` is
    present if the request named an address to which the user returns after the reset.
    """

    awaits_password: bool
    email: str
    expires_at: datetime
    valid: Literal[True]
    operator_reason: str | UnsetType = UNSET
    return_to: str | UnsetType = UNSET


class InvalidToken(Schema, frozen=True, kw_only=True):
    """Says why a link does not work.

    `emailHint` is present if the link has expired and can be replaced once: the masked address of
    the link.
    """

    reason: DeadReason
    valid: Literal[False]
    email_hint: Annotated[str, Meta(examples=["a***@northwind.example"])] | UnsetType = UNSET


class Policy(Schema, frozen=True, kw_only=True):
    """The rules for a new password, in the order in which a form shows them."""

    rules: tuple[Rule, ...]


class FormTexts(Schema, frozen=True, kw_only=True):
    """The texts of the forms, by the names that keyturn.js has for them. `lang` is their language,
    and `dir` the direction of its script.

    `challenge` is present if every request for a link must answer one. `codes` says whether emails
    have a code beside their link. `mailServices` are well-known services at which users read their
    email, for a link to the inbox. `takesNames` says whether users may enter a user name instead of
    their address.
    """

    lang: str
    dir: str
    texts: dict[str, str]
    codes: bool
    takes_names: bool
    mail_services: MailServices
    challenge: Challenge | UnsetType = UNSET


class SignedIn(Schema, frozen=True, kw_only=True):
    """The signed-in account."""

    id: str
    email: str
    name: str
    kind: str


class Health(Schema, frozen=True, kw_only=True):
    """The state of a healthy process."""

    status: Literal["ok"]
