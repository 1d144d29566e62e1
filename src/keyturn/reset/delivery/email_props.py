"""The typed props of the mails. What a template may print is here, with its limits."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

from keyturn.mail.rendering.render import EmailProps

Name = Annotated[str, Meta(max_length=120, description="the person's display name; empty where it is not known")]
Address = Annotated[str, Meta(max_length=254, description="the account's own address")]
Link = Annotated[str, Meta(max_length=2048, pattern=r"^https?://", description="an absolute address")]


class PasswordReset(EmailProps, frozen=True, kw_only=True):
    """The mail with the link. It holds no secret but the link itself."""

    template = "password_reset"
    audit = "reset"

    name: Name
    email: Address
    link: Link
    expires_at: datetime
    lifetime: timedelta


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
    """The confirmation: when, from where, and what to do if it was somebody else (NIST SP 800-63B 4.6)."""

    template = "password_changed"

    name: Name
    email: Address
    changed_at: datetime
    address: Annotated[str, Meta(max_length=45, description="the client's IP address; empty where it is not known")]
    device: Annotated[str, Meta(max_length=80, description='for example "Firefox on Windows"; empty if not known')]
    forgot_link: Link
    sessions_ended: Annotated[bool, Meta(description="whether whoever was signed in, anywhere, has been signed out")]


class SignInWithProvider(EmailProps, frozen=True, kw_only=True):
    """The answer to an account that has no password: how it signs in, and no link to set one."""

    template = "sign_in_with_provider"

    name: Name
    email: Address
    provider: Annotated[str, Meta(max_length=40, description='for example "Google"; empty where it is not known')]
    sign_in_link: Link


EMAILS: dict[str, type[EmailProps]] = {
    props.template: props for props in (PasswordReset, Invitation, LinkExpired, PasswordChanged, SignInWithProvider)
}
