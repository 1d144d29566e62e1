"""Supabase Auth's admin API over HTTP (https://github.com/supabase/auth, internal/api/admin.go)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from keyturn.http_client import Answer, CallFailed, Document, HttpClient, NotSent
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.providers import provider_name
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import SupabaseSettings
from keyturn.service.telemetry.logs import LogEvent, log

# Users as Supabase Auth describes them, and their accounts


Moment = Annotated[datetime, Meta(tz=True)]

_LONGEST_NAME = 120
_LONGEST_LOCALE = 20

_PASSWORD_PROVIDER = "email"
_SINGLE_SIGN_ON = "SSO"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a project's user that Keyturn reads.

    `app_metadata`: the project's. `user_metadata`: users may write anything into it.
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

    The owner of an unconfirmed address has not proved it: a stranger may have signed it up. The name that came with it
    is left out, since otherwise an attacker could send words of their choice to any address.
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
    if single_sign_on or provider.startswith("sso:"):
        return _SINGLE_SIGN_ON
    return provider_name(provider.partition("_")[0])  # linkedin_oidc, slack_oidc


# Supabase Auth's refusals


_MAX_BYTES = 72
_NOT_FOUND = 404
_SHORTEST = re.compile(r"at least (\d{1,3}) characters")

_REASONS = {
    "characters": Violation(
        "weak_characters", "more kinds of characters, such as upper-case letters, digits and special characters"
    ),
    "pwned": Violation("weak_pwned", "not a password from a known data leak"),
}
_WEAK = Violation("weak", "a password that is harder to guess")


class Refusal(msgspec.Struct, frozen=True):
    """Why the Auth server refused. `code`: "" if the server, or a proxy before it, gives none."""

    status: int
    code: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()


class _Weak(msgspec.Struct):
    """The rules that a password broke."""

    reasons: tuple[str, ...] | None = None


class _Body(msgspec.Struct):
    """The body of a refusal.

    Both shapes: {code: 422, error_code, msg} of older servers, {code: "weak_password", message} of newer ones.
    """

    code: int | str | None = None
    error_code: str | None = None
    msg: str | None = None
    message: str | None = None
    weak_password: _Weak | None = None


def refusal_of(answer: Answer) -> Refusal:
    """Return the refusal that an answer contains. A proxy's page has no code, and a usual status is no refusal."""
    said = answer.read(_Body) if answer.status != _OK else None
    if said is None:
        return Refusal(answer.status)
    reasons = tuple(said.weak_password.reasons or ()) if said.weak_password else ()
    code = said.code if isinstance(said.code, str) else said.error_code
    code = code or ("weak_password" if reasons else "")
    return Refusal(answer.status, code, said.message or said.msg or "", reasons)


def is_unknown_user(refusal: Refusal) -> bool:
    """Return whether Auth itself says that the user is unknown; any other 404 is a gateway's or a missing route's."""
    return refusal.status == _NOT_FOUND and refusal.code == "user_not_found"


def rejection_of(refusal: Refusal) -> PasswordRejected | None:
    """Return what is wrong with the password; None if it was refused for another reason."""
    match refusal:
        case Refusal(status=422, code="weak_password"):
            return PasswordRejected(_violations(refusal.reasons, refusal.message))
        case Refusal(status=400, code="validation_failed", message=said) if str(_MAX_BYTES) in said:
            message = f"at most {_MAX_BYTES} bytes: {_MAX_BYTES} plain letters, fewer with accents or emoji"
            return PasswordRejected([Violation("max_bytes", message, _MAX_BYTES)])
        case _:
            return None


def _violations(reasons: Sequence[str], message: str) -> list[Violation]:
    """Return a violation for each known reason, or a general one. Only the sentence may say how long is enough."""
    broken = [_REASONS[reason] for reason in reasons if reason in _REASONS]
    if "length" in reasons and (least := _SHORTEST.search(message)):
        broken.insert(0, Violation("weak_length", f"at least {least[1]} characters", int(least[1])))
    elif "length" in reasons:
        broken.insert(0, Violation("weak_length", "a longer password"))
    return broken or [_WEAK]


_OK, _TIMED_OUT, _TOO_MANY, _SERVER_FAULT = 200, 408, 429, 500
KEY_REFUSED = {401, 403}


_FOR_ITSELF = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})
"""Escapes for the wildcards of LIKE (https://www.postgresql.org/docs/current/functions-matching.html)."""


class _Users(msgspec.Struct):
    """A page of the users of a project.

    Each user is read separately: one with an unusual form must not hide its neighbours.
    """

    users: list[msgspec.Raw]


TIMEOUT = timedelta(seconds=10)
"""For one call."""

LONGEST_ANSWER = 2**25
"""Bytes: a page of fifty users, in whose metadata an app may keep pictures."""


class AuthServer:
    """Calls a project's Auth server.

    Every method raises AccountsUnready if no answer arrives in time. The error has `not_changed` if the request
    certainly had no effect.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self.url = settings.url.rstrip("/") + "/auth/v1"
        self._key = settings.service_role_key
        headers = {"apikey": self._key, "x-supabase-api-version": "2024-01-01"}
        self._http = HttpClient(timeout.total_seconds(), LONGEST_ANSWER, headers=headers)
        self.close = self._http.close

    async def ask(self, method: str, path: str, *, session: str = "", **content: Any) -> Answer:
        """Return the answer, whatever its status. `session`: a user's token; without one the admin asks."""
        bearer = {"authorization": f"Bearer {session or self._key}"}
        try:
            return await self._http.ask(method, self.url + path, headers=bearer, **content)
        except CallFailed as error:
            not_changed = isinstance(error, NotSent)
            raise AccountsUnready(f"cannot reach Supabase Auth: {error}", not_changed=not_changed) from None


class AdminApi:
    """Reads and changes users. Every method raises AccountsUnready if no usable answer arrives in time."""

    def __init__(self, auth: AuthServer) -> None:
        self._auth = auth

    async def refusal(self) -> Refusal | None:
        """Ask for as little as possible; return how that is refused, or None if it is answered."""
        answer = await self._ask("GET", params={"page": 1, "per_page": 1})
        return None if _read(answer, _Users) else refusal_of(answer)

    async def users(self, containing: str, page: int, size: int) -> list[User | None]:
        """Return a page, counted from 1, of the users whose address or name contains the text.

        A user that cannot be read is None, and is logged.
        """
        wanted = containing.translate(_FOR_ITSELF)
        answer = await self._ask("GET", params={"filter": wanted, "page": page, "per_page": size})
        listed = _read(answer, _Users)
        if listed is None:
            raise _unready(answer)
        users = [_user(one) for one in listed.users]
        if None in users:
            log.error(LogEvent("accounts.odd_user", users=users.count(None)))
        return users

    async def user(self, user_id: UUID) -> User | None:
        answer = await self._ask("GET", f"/{user_id}")
        user = _read(answer, User)
        if user and user.id.lower() == str(user_id):
            return user
        if is_unknown_user(refusal_of(answer)):
            return None
        raise _unready(answer)

    async def update(self, user_id: UUID, changes: Mapping[str, Any]) -> bool:
        """Change a user; return whether the user exists. Raises PasswordRejected."""
        answer = await self._ask("PUT", f"/{user_id}", json=changes)
        changed, refusal = _read(answer, User), refusal_of(answer)
        if changed and changed.id.lower() == str(user_id):
            return True
        if rejected := rejection_of(refusal):
            raise rejected
        if is_unknown_user(refusal):
            return False
        raise _unready(answer)

    async def _ask(self, method: str, path: str = "", **content: Any) -> Answer:
        answer = await self._auth.ask(method, f"/admin/users{path}", **content)
        if answer.status == _TOO_MANY or answer.status >= _SERVER_FAULT:
            # A proxy answers 502 or 504 to a request that Supabase may have handled; 429 comes before any work.
            reason = f"Supabase Auth is unavailable: status {answer.status}"
            raise AccountsUnready(reason, not_changed=answer.status == _TOO_MANY)
        return answer


def _unready(answer: Answer) -> AccountsUnready:
    """Return the error without a reason for the user, and log all but the key for the operator."""
    refusal = refusal_of(answer)
    if refusal.status in KEY_REFUSED:
        event, reason = "accounts.key_refused", "Supabase Auth refuses the service-role key"
    else:
        event, reason = "accounts.odd_answer", "the answer is not one of Supabase Auth's"
    log.error(LogEvent(event, status=refusal.status, code=refusal.code, reason=reason))
    # A page with status 200, or a 408, may come from a proxy before a server that did as it was asked.
    not_changed = refusal.status not in {_OK, _TIMED_OUT}
    return AccountsUnready(f"{reason}: {refusal.status} {refusal.code}".rstrip(), not_changed=not_changed)


def _read(answer: Answer, form: type[Document]) -> Document | None:
    return answer.read(form) if answer.status == _OK else None


def _user(content: msgspec.Raw) -> User | None:
    try:
        return msgspec.json.decode(content, type=User)
    except (msgspec.MsgspecError, ValueError):
        return None
