"""A user as Supabase Auth tells of it, and the account that it is. Pure."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from keyturn.accounts.port import Account

Moment = Annotated[datetime, Meta(tz=True)]

_LONGEST_NAME = 120
_LONGEST_LOCALE = 20

_PASSWORD_PROVIDER = "email"
_SINGLE_SIGN_ON = "SSO"
_PROVIDERS = {
    "azure": "Microsoft",
    "bitbucket": "Bitbucket",
    "github": "GitHub",
    "gitlab": "GitLab",
    "linkedin": "LinkedIn",
    "twitter": "X",
    "workos": "WorkOS",
}
"""What is not the name with a capital letter (https://supabase.com/docs/guides/auth/social-login)."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what is used of a user of a project.

    `app_metadata` is the project's; people may write anything into their `user_metadata`.
    """

    id: str
    email: str | None = None
    email_confirmed_at: Moment | None = None
    banned_until: Moment | None = None
    deleted_at: Moment | None = None
    is_sso_user: bool = False
    app_metadata: dict[str, Any] | None = None
    user_metadata: dict[str, Any] | None = None


def account_of(user: User, moment: datetime) -> Account:
    """Return the account that a user is at that moment.

    Nobody has proved yet that an unconfirmed address is theirs: a stranger may have signed it up, so the name that came
    with it is left out, or anybody could have us mail words of their own to anybody.
    """
    app, own = user.app_metadata or {}, user.user_metadata or {}
    provider, providers = app.get("provider"), app.get("providers")
    listed = providers if isinstance(providers, list) else [provider]
    has_password = _PASSWORD_PROVIDER in listed and not user.is_sso_user
    banned = user.banned_until is not None and moment < user.banned_until
    return Account(
        id=user.id,
        email=user.email or "",
        name=_text(own.get("full_name")) or _text(own.get("name")) if user.email_confirmed_at else "",
        active=not banned and user.deleted_at is None,
        has_password=has_password,
        provider="" if has_password else _display_name(provider, single_sign_on=user.is_sso_user),
        locale=_text(own.get("locale"))[:_LONGEST_LOCALE],
        timezone=_text(own.get("timezone")),
    )


def _text(value: object) -> str:
    return " ".join(value.split())[:_LONGEST_NAME] if isinstance(value, str) else ""


def _display_name(provider: object, *, single_sign_on: bool) -> str:
    if not isinstance(provider, str) or not provider or provider == _PASSWORD_PROVIDER:
        return _SINGLE_SIGN_ON if single_sign_on else ""
    name = provider.partition("_")[0]  # linkedin_oidc, slack_oidc
    if single_sign_on or provider.startswith("sso:"):
        return _SINGLE_SIGN_ON
    return _PROVIDERS.get(name, name.capitalize())
