"""The typed props of the mails. What a template may print is here, with its limits."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from keyturn.mail.rendering.render import EmailProps

Name = Annotated[str, Meta(max_length=120, description="the person's display name; empty where it is not known")]
Address = Annotated[str, Meta(max_length=254, description="the account's own address")]
Link = Annotated[str, Meta(max_length=2048, pattern=r"^https?://", description="an absolute address")]
NoLink = Annotated[str, Meta(max_length=2048, pattern=r"^(https?://|$)", description="an absolute address, or empty")]


class PasswordReset(EmailProps, frozen=True, kw_only=True):
    """The mail with the link. It holds no secret but its links, and the code beside the first.

    `recovers`: its owner has said that a change was not theirs; where the account is `locked`, nobody signs in until
    this link was used. `by_operator`: those who run the service ask for a new password, and say in `reason` why.
    `mute_link` leads to where no such mail can be had for a while.
    """

    template = "password_reset"
    audit = "reset"

    name: Name
    email: Address
    link: Link
    expires_at: datetime
    lifetime: timedelta
    code: Annotated[
        str, Meta(pattern=r"^(\d{8})?$", description="what may be typed instead; empty if there is none")
    ] = ""
    code_expires_at: datetime | None = None
    recovers: bool = False
    locked: bool = False
    by_operator: bool = False
    reason: Annotated[str, Meta(max_length=300, description="an operator's own words; empty where there are none")] = ""
    mute_link: NoLink = ""
    mute_for: timedelta = timedelta(days=7)


class Invitation(EmailProps, frozen=True, kw_only=True):
    """The mail with the link to an account that has no password yet."""

    template = "invitation"
    audit = "reset"

    name: Name
    email: Address
    link: Link
    expires_at: datetime
    lifetime: timedelta


class LinkExpired(EmailProps, frozen=True, kw_only=True):
    """What is said where the mail with the link was held up for longer than the link lives."""

    template = "link_expired"

    name: Name
    email: Address
    asked_at: datetime
    forgot_link: Link


class PasswordChanged(EmailProps, frozen=True, kw_only=True):
    """The confirmation: when, from where, and what to do if it was somebody else (NIST SP 800-63B 4.6).

    `secure_link`, where there is one, ends all access to the account and starts anew; it works for `secure_for`, until
    `secure_until`.
    """

    template = "password_changed"

    name: Name
    email: Address
    changed_at: datetime
    address: Annotated[str, Meta(max_length=45, description="the client's IP address; empty where it is not known")]
    device: Annotated[str, Meta(max_length=80, description='for example "Firefox on Windows"; empty if not known')]
    forgot_link: Link
    sessions_ended: Annotated[bool, Meta(description="whether whoever was signed in, anywhere, has been signed out")]
    secure_link: NoLink = ""
    secure_until: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    secure_for: timedelta = timedelta(hours=24)


class SecondStepFailed(EmailProps, frozen=True, kw_only=True):
    """What is said where a link ended, since wrong codes of the second factor came with it, again and again."""

    template = "second_step_failed"

    name: Name
    email: Address
    failed_at: datetime
    address: Annotated[str, Meta(max_length=45, description="the client's IP address; empty where it is not known")]
    device: Annotated[str, Meta(max_length=80, description='for example "Firefox on Windows"; empty if not known')]
    forgot_link: Link


class AddressDisputed(EmailProps, frozen=True, kw_only=True):
    """What two mailboxes are told where the earlier one reports a change of the password after the account has moved.

    `is_current`: it goes to the account's present address; else to the earlier one, which gets no link.
    """

    template = "address_disputed"

    name: Name
    email: Address
    is_current: bool
    forgot_link: Link


class SignInWithProvider(EmailProps, frozen=True, kw_only=True):
    """The answer to an account that has no password: how it signs in, and no link to set one."""

    template = "sign_in_with_provider"

    name: Name
    email: Address
    provider: Annotated[str, Meta(max_length=40, description='for example "Google"; empty where it is not known')]
    sign_in_link: Link


EMAILS: dict[str, type[EmailProps]] = {
    props.template: props
    for props in (
        PasswordReset,
        Invitation,
        LinkExpired,
        PasswordChanged,
        SecondStepFailed,
        AddressDisputed,
        SignInWithProvider,
    )
}
