"""Users as Supabase Auth describes them, and their accounts."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from keyturn.service.accounts.port import Account, one_line, provider_name

_Moment = Annotated[datetime, Meta(tz=True)]

_LONGEST_LOCALE = 20
_PASSWORD_PROVIDER = "email"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a project's user that Keyturn reads.

    Users may write anything into `user_metadata`.
    """

    id: str
    email: str | None = None
    email_confirmed_at: _Moment | None = None
    banned_until: _Moment | None = None
    deleted_at: _Moment | None = None
    is_sso_user: bool = False
    app_metadata: dict[str, Any] | None = None
    user_metadata: dict[str, Any] | None = None


def account_of(user: User, moment: datetime) -> Account:
    """Return the account of a user, as it is at that moment."""
    own = user.user_metadata or {}
    name = ""
    if user.email_confirmed_at:
        # A stranger may have signed up with an address that is not theirs. Until it is confirmed,
        # the name that came with it is left out: otherwise an attacker could mail any text to any
        # address.
        name = _text(own.get("full_name")) or _text(own.get("name"))
    is_banned = user.banned_until is not None and moment < user.banned_until
    has_password = _has_password(user)
    return Account(
        id=user.id,
        email=user.email or "",
        name=name,
        active=not is_banned and user.deleted_at is None,
        has_password=has_password,
        provider="" if has_password else _provider_of(user),
        locale=_text(own.get("locale"))[:_LONGEST_LOCALE],
        timezone=_text(own.get("timezone")),
    )


def _has_password(user: User) -> bool:
    app = user.app_metadata or {}
    providers = app.get("providers")
    if not isinstance(providers, list):
        providers = [app.get("provider")]
    return _PASSWORD_PROVIDER in providers and not user.is_sso_user


def _provider_of(user: User) -> str:
    """Return the name of the provider that signs the user in; "" if it is unknown."""
    if user.is_sso_user:
        return "SSO"
    provider = (user.app_metadata or {}).get("provider")
    if not isinstance(provider, str) or provider == _PASSWORD_PROVIDER:
        return ""
    if provider.startswith("sso:"):
        return "SSO"
    name, _, _ = provider.partition("_")  # linkedin_oidc, slack_oidc
    return provider_name(name)


def _text(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""
