"""The props of the mails: the typed values that a template may print, with their limits.

The studio loads this file without the records of the reset, and so starts faster. Limits of those
are repeated here, and `tests/functions/mails/test_composer.py` compares them.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from keyturn.mail.rendering.render import EmailProps

LONGEST_PROVIDER = 40
"""Characters of a provider's name."""

Name = Annotated[
    str, Meta(max_length=120, description="the user's display name; empty if not known")
]
Address = Annotated[str, Meta(max_length=254, description="the account's own address")]
Link = Annotated[
    str, Meta(max_length=2048, pattern=r"^https?://", description="an absolute address")
]
ClientAddress = Annotated[
    str,
    Meta(max_length=130, description="the client's IP address, and its place; empty if not known"),
]
Device = Annotated[
    str, Meta(max_length=80, description='for example "Firefox on Windows"; empty if not known')
]
Reason = Annotated[
    str, Meta(max_length=300, description="the operator's reason; empty if there is none")
]
NoLink = Annotated[
    str,
    Meta(max_length=2048, pattern=r"^(https?://|$)", description="an absolute address, or empty"),
]


class _ToOwner(EmailProps, frozen=True, kw_only=True):
    name: Name
    email: Address
    __repr__ = object.__repr__  # a traceback with its variables would show the links and the code


class _ByClient(_ToOwner, frozen=True, kw_only=True):
    """A mail about what a client did, with the way to a new link."""

    address: ClientAddress
    device: Device
    forgot_link: Link


class _Securable(_ByClient, frozen=True, kw_only=True):
    """A mail about a change.

    `secure_link`, if set, ends all access and starts recovery until `secure_until`.
    """

    secure_link: NoLink = ""
    secure_until: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    secure_for: timedelta = timedelta(hours=24)


class _WithLink(_ToOwner, frozen=True, kw_only=True):
    audit = "reset"

    link: Link
    expires_at: datetime
    lifetime: timedelta
    reason: Reason = ""


class PasswordResetProps(_WithLink, frozen=True, kw_only=True):
    """The mail with the link. Its only secrets are its links, and the code beside the first.

    `recovers`: the owner has reported a change. If the account is `locked`, no sign-in works until
    this link is used.
    `by_operator`: the service's operator asks for a new password, and says in `reason` why.
    """

    template = "password_reset"

    code: Annotated[
        str,
        Meta(
            pattern=r"^(\d{8})?$",
            description="the code to type instead of opening the link; empty if there is none",
        ),
    ] = ""
    code_expires_at: datetime | None = None
    recovers: bool = False
    locked: bool = False
    by_operator: bool = False


class InvitationProps(_WithLink, frozen=True, kw_only=True):
    """The mail with the link to an account that has no password yet.

    `reason`: who invites to what.
    """

    template = "invitation"


class PasswordChangedProps(_Securable, frozen=True, kw_only=True):
    """The confirmation: when, from where, and what to do if the owner did not do it (NIST SP
    800-63B 4.6).
    """

    template = "password_changed"

    changed_at: datetime
    sessions_ended: Annotated[
        bool, Meta(description="whether all sessions of the account were ended")
    ]
    ended: Annotated[
        str,
        Meta(
            max_length=300,
            description='for example "3 sessions and 1 passkey"; empty if nothing is counted',
        ),
    ] = ""


class SecondStepFailedProps(_ByClient, frozen=True, kw_only=True):
    """The mail after repeated wrong codes of the second factor, with a link, which has ended, or at
    a sign-in.
    """

    template = "second_step_failed"

    failed_at: datetime
    signing_in: Annotated[bool, Meta(description="at a sign-in, after the right password")] = False


class SecondStepChangedProps(_Securable, frozen=True, kw_only=True):
    """The mail that says that a second factor was set up or removed, or that there are new recovery
    codes.
    """

    template = "second_step_changed"

    changed_at: datetime
    is_set_up: Annotated[
        bool, Meta(description="an authenticator app or a phone was set up, or replaced")
    ] = False
    is_removed: Annotated[
        bool, Meta(description="the second step was removed; if neither, codes are new")
    ] = False


class HelpRequestedProps(_Securable, frozen=True, kw_only=True):
    """The mail that says that an operator gave out a link or a code, which it does not have.

    `is_invited`: a link to the first password of its account.
    """

    template = "help_requested"

    requested_at: datetime
    is_invited: bool = False


class AddressDisputedProps(_ToOwner, frozen=True, kw_only=True):
    """The mails after an earlier mailbox reports a change of the password, if the account has moved
    since.

    `is_current`: it goes to the account's present address; otherwise to the earlier one, which gets
    no link.
    """

    template = "address_disputed"

    is_current: bool
    forgot_link: Link


class SignInWithProviderProps(_ToOwner, frozen=True, kw_only=True):
    """The mail to an account without a password: how it signs in, without a link to set one."""

    template = "sign_in_with_provider"

    provider: Annotated[
        str,
        Meta(max_length=LONGEST_PROVIDER, description='for example "Google"; empty if not known'),
    ]
    sign_in_link: Link


_ALL: tuple[type[EmailProps], ...] = (
    PasswordResetProps,
    InvitationProps,
    PasswordChangedProps,
    SecondStepFailedProps,
    SecondStepChangedProps,
    HelpRequestedProps,
    AddressDisputedProps,
    SignInWithProviderProps,
)

EMAILS: dict[str, type[EmailProps]] = {props.template: props for props in _ALL}
