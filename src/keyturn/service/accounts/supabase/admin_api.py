"""Supabase Auth's admin API over HTTP (https://github.com/supabase/auth, internal/api/admin.go)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from keyturn.http_client import CallFailed, Document, HttpClient, NotSent
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

_REASONS = {"characters": Violation("weak_characters"), "pwned": Violation("weak_pwned")}


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


def refusal_of(status: int, body: bytes) -> Refusal:
    """Return the refusal that an answer contains. A proxy's page has no code."""
    try:
        said = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, ValueError):
        return Refusal(status)
    reasons = tuple(said.weak_password.reasons or ()) if said.weak_password else ()
    code = said.code if isinstance(said.code, str) else said.error_code
    return Refusal(status, code or ("weak_password" if reasons else ""), said.message or said.msg or "", reasons)


def is_unknown_user(refusal: Refusal) -> bool:
    """Return whether Auth itself says that the user is unknown; any other 404 is a gateway's or a missing route's."""
    return refusal.status == _NOT_FOUND and refusal.code == "user_not_found"


def rejection_of(refusal: Refusal) -> PasswordRejected | None:
    """Return what is wrong with the password; None if it was refused for another reason."""
    match refusal:
        case Refusal(status=422, code="weak_password"):
            return PasswordRejected(_violations(refusal.reasons, refusal.message))
        case Refusal(status=400, code="validation_failed", message=said) if str(_MAX_BYTES) in said:
            return PasswordRejected([Violation("max_bytes", limit=_MAX_BYTES)])
        case _:
            return None


def _violations(reasons: Sequence[str], message: str) -> list[Violation]:
    """Return a violation for each known reason, or a general one."""
    broken = [_REASONS[reason] for reason in reasons if reason in _REASONS]
    if "length" in reasons:
        shortest = _SHORTEST.search(message)  # only the sentence holds the number, if at all
        broken.insert(0, Violation("weak_length", limit=int(shortest[1]) if shortest else None))
    return broken or [Violation("weak")]


_OK, _DONE, _TIMED_OUT, _TOO_MANY, _SERVER_FAULT = 200, {200, 204}, 408, 429, 500
_USERS = "/admin/users"
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


class AdminApi:
    """Calls the admin API of a project's Auth server.

    Every method raises AccountsUnready if no usable answer arrives in time. The error has `not_changed` if the request
    certainly had no effect.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._url, self._key = settings.url.rstrip("/") + "/auth/v1", settings.service_role_key
        headers = {"apikey": self._key, "x-supabase-api-version": "2024-01-01"}
        self._http = HttpClient(timeout.total_seconds(), LONGEST_ANSWER, headers=headers)
        self.close = self._http.close

    async def refusal(self) -> Refusal | None:
        """Ask for as little as possible; return how that is refused, or None if it is answered."""
        answer = await self.ask("GET", _USERS, params={"page": 1, "per_page": 1})
        if isinstance(answer, Refusal):
            return answer
        return None if _read(answer, _Users) else Refusal(_OK)

    async def users(self, containing: str, page: int, size: int) -> list[User | None]:
        """Return a page, counted from 1, of the users whose address or name contains the text.

        A user that cannot be read is None, and is logged.
        """
        wanted = {"filter": containing.translate(_FOR_ITSELF), "page": page, "per_page": size}
        found = require(await self.ask("GET", _USERS, params=wanted), _Users)
        users = [_read(one, User) for one in found.users]
        if None in users:
            log.error(LogEvent("accounts.odd_user", users=users.count(None)))
        return users

    async def user(self, user_id: UUID) -> User | None:
        answer = await self.ask("GET", f"{_USERS}/{user_id}")
        if isinstance(answer, Refusal) and is_unknown_user(answer):
            return None
        found = require(answer, User)
        if found.id.lower() != str(user_id):
            raise _unready(answer)
        return found

    async def update(self, user_id: UUID, changes: Mapping[str, Any]) -> bool:
        """Change a user; return whether the user exists. Raises PasswordRejected."""
        answer = await self.ask("PUT", f"{_USERS}/{user_id}", json=changes)
        if isinstance(answer, Refusal):
            if rejected := rejection_of(answer):
                raise rejected
            if is_unknown_user(answer):
                return False
        elif (changed := _read(answer, User)) and changed.id.lower() == str(user_id):
            return True
        raise _unready(answer)

    async def ask(self, method: str, path: str, session: str = "", **content: Any) -> bytes | Refusal:
        """Return the content of a 200 or 204, or the refusal. `session`: of a user, in place of the key."""
        headers = {"authorization": f"Bearer {session or self._key}"}
        try:
            answer = await self._http.ask(method, self._url + path, headers=headers, **content)
        except CallFailed as error:
            not_changed = isinstance(error, NotSent)
            raise AccountsUnready(f"cannot reach Supabase Auth: {error}", not_changed=not_changed) from None
        if answer.status in _DONE:
            return answer.body
        if answer.status == _TOO_MANY or answer.status >= _SERVER_FAULT:
            # A proxy answers 502 or 504 to a request that Supabase may have handled; 429 comes before any work.
            reason = f"Supabase Auth is unavailable: status {answer.status}"
            raise AccountsUnready(reason, not_changed=answer.status == _TOO_MANY)
        return refusal_of(answer.status, answer.body)


def require(answer: bytes | Refusal, form: type[Document]) -> Document:
    """Return the document of an answer. Raises AccountsUnready for a refusal, or a document of another form."""
    document = None if isinstance(answer, Refusal) else _read(answer, form)
    if document is None:
        raise _unready(answer)
    return document


def _unready(answer: bytes | Refusal) -> AccountsUnready:
    """Return the error without a reason for the user, and log all but the key for the operator."""
    refusal = answer if isinstance(answer, Refusal) else Refusal(_OK)
    if refusal.status in KEY_REFUSED:
        event, reason = "accounts.key_refused", "Supabase Auth refuses the service-role key"
    else:
        event, reason = "accounts.odd_answer", "the answer is not one of Supabase Auth's"
    log.error(LogEvent(event, status=refusal.status, code=refusal.code, reason=reason))
    # A page with status 200, or a 408, may come from a proxy before a server that did as it was asked.
    not_changed = refusal.status not in {_OK, _TIMED_OUT}
    return AccountsUnready(f"{reason}: {refusal.status} {refusal.code}".rstrip(), not_changed=not_changed)


def _read(body: bytes | msgspec.Raw, form: type[Document]) -> Document | None:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError):
        return None
