"""Accounts at Supabase Auth, alone or with users looked up in a table of the app.

Declined: the library `supabase-auth`. It needs pydantic and pyjwt for three calls, and its list of
users has no filter.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from keyturn.errors import SettingsInvalid
from keyturn.http_client import CallFailed, Document, HttpClient, NotSent
from keyturn.service import addresses
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword, provider_name
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import TablePeople
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready, Unavailable
from keyturn.service.settings import AccountSettings, SupabaseSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log

# Users as Supabase Auth describes them, and their accounts


_Moment = Annotated[datetime, Meta(tz=True)]

_LONGEST_NAME, _LONGEST_LOCALE = 120, 20
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
    # A stranger may have signed up with an address that is not theirs. Until it is confirmed, the
    # name that came with it is left out: otherwise an attacker could mail any text to any address.
    app, own = user.app_metadata or {}, user.user_metadata or {}
    provider, providers = app.get("provider"), app.get("providers")
    listed = providers if isinstance(providers, list) else [provider]
    has_password = _PASSWORD_PROVIDER in listed and not user.is_sso_user
    name = provider if isinstance(provider, str) and provider != _PASSWORD_PROVIDER else ""
    elsewhere = provider_name(name.partition("_")[0])  # linkedin_oidc, slack_oidc
    if user.is_sso_user or name.startswith("sso:"):
        elsewhere = "SSO"
    banned = user.banned_until is not None and moment < user.banned_until
    return Account(
        id=user.id,
        email=user.email or "",
        name=_text(own.get("full_name")) or _text(own.get("name"))
        if user.email_confirmed_at
        else "",
        active=not banned and user.deleted_at is None,
        has_password=has_password,
        provider="" if has_password else elsewhere,
        locale=_text(own.get("locale"))[:_LONGEST_LOCALE],
        timezone=_text(own.get("timezone")),
    )


def _text(value: object) -> str:
    return " ".join(value.split())[:_LONGEST_NAME] if isinstance(value, str) else ""


_OK, _NOT_FOUND, _TIMED_OUT, _TOO_MANY, _SERVER_FAULT = 200, 404, 408, 429, 500
_DONE = {_OK, 204}
KEY_REFUSED = {401, 403}

_MAX_BYTES = 72
_SHORTEST = re.compile(r"at least (\d{1,3}) characters")

_REASONS = {"characters": Violation("weak_characters"), "pwned": Violation("weak_pwned")}


class _Weak(msgspec.Struct):
    reasons: tuple[str, ...] | None = None


class _Refusal(msgspec.Struct):
    """A refusal.

    Older servers send {code: 422, error_code, msg}, newer ones {code: "weak_password", message}.
    """

    code: int | str | None = None
    error_code: str | None = None
    msg: str | None = None
    message: str | None = None
    weak_password: _Weak | None = None


class AuthAnswer(msgspec.Struct, frozen=True):
    """An answer of the Auth server, or of a proxy before it.

    `code`, `message`, `reasons`: those of a refusal; empty if it has none, as a proxy's.
    """

    status: int
    body: bytes = b""
    code: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return self.status in _DONE

    @property
    def is_unknown_user(self) -> bool:
        """Whether Auth itself says that the user is unknown.

        Any other 404 comes from a gateway, or from a missing route.
        """
        return self.status == _NOT_FOUND and self.code == "user_not_found"

    def __str__(self) -> str:
        return f"{self.status} {self.code}".rstrip()

    def read(self, form: type[Document]) -> Document | None:
        return _read(self.body, form) if self.is_done else None

    def require(self, form: type[Document]) -> Document:
        """Return the document.

        Raises AccountsUnready if the answer is a refusal or has another form.
        """
        document = self.read(form)
        if document is None:
            raise self.unready()
        return document

    def unready(self) -> AccountsUnready:
        """Log the refusal for the operator, without the key, and return the error to raise."""
        if self.status in KEY_REFUSED:
            event, reason = "accounts.key_refused", "Supabase Auth refuses the service-role key"
        else:
            event, reason = "accounts.odd_answer", "the answer is not one of Supabase Auth's"
        log.error(LogEvent(event, status=self.status, code=self.code, reason=reason))
        # A page with status 200, or a 408, may come from a proxy, while the server behind it has
        # made the change.
        return AccountsUnready(
            f"{reason}: {self}", not_changed=not self.is_done and self.status != _TIMED_OUT
        )

    def rejection(self) -> PasswordRejected | None:
        if (self.status, self.code) == (400, "validation_failed") and str(
            _MAX_BYTES
        ) in self.message:
            return PasswordRejected([Violation("max_bytes", limit=_MAX_BYTES)])
        if (self.status, self.code) != (422, "weak_password"):
            return None
        broken = [_REASONS[reason] for reason in self.reasons if reason in _REASONS]
        if "length" in self.reasons:
            # Only the sentence may hold the number.
            shortest = _SHORTEST.search(self.message)
            broken.insert(0, Violation("weak_length", limit=int(shortest[1]) if shortest else None))
        return PasswordRejected(broken or [Violation("weak")])


def _read(body: bytes | msgspec.Raw, form: type[Document]) -> Document | None:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError):
        return None


_USERS = "/admin/users"

_FOR_ITSELF = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})
"""Escapes the wildcards of LIKE (https://www.postgresql.org/docs/current/functions-matching.html):
Auth searches by LIKE, so an address with % or _ would match other users.
"""


class UserPage(msgspec.Struct):
    # Each user is decoded by itself: one of an unusual form must not hide the others.
    users: list[msgspec.Raw]


TIMEOUT = timedelta(seconds=10)
"""Time for one call."""

LONGEST_ANSWER = 2**25
"""Bytes of one answer: a page has fifty users, and an app may keep pictures in their metadata."""


class AdminApi:
    """A project's admin API.

    Its methods raise AccountsUnready without a usable answer, with `not_changed` if it is certain
    that Supabase changed nothing.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta) -> None:
        self._url, self._key = settings.url.rstrip("/") + "/auth/v1", settings.service_role_key
        headers = {"apikey": self._key, "x-supabase-api-version": "2024-01-01"}
        self._http = HttpClient(timeout.total_seconds(), LONGEST_ANSWER, headers=headers)

    async def close(self) -> None:
        await self._http.close()

    async def page(self, number: int, size: int, **filters: str) -> AuthAnswer:
        """Ask for a page of the users, counted from 1. Supabase Auth answers with a `UserPage`."""
        return await self.ask("GET", _USERS, params={**filters, "page": number, "per_page": size})

    async def users(self, containing: str, page: int, size: int) -> list[User | None]:
        """Return a page, counted from 1, of the users whose address or name contains the text.

        A user that cannot be read is None. The oldest come first: any client may sign up under any
        name, and later users must not hide an earlier one.
        """
        answer = await self.page(
            page, size, filter=containing.translate(_FOR_ITSELF), sort="created_at asc"
        )
        users = [_read(one, User) for one in answer.require(UserPage).users]
        if None in users:
            log.error(LogEvent("accounts.odd_user", users=users.count(None)))
        return users

    async def user(self, account_id: str) -> User | None:
        try:
            user_id = str(UUID(account_id))
        except ValueError:  # the id of another store's account
            return None
        answer = await self.ask("GET", f"{_USERS}/{user_id}")
        return None if answer.is_unknown_user else _require_user(answer, user_id)

    async def update(self, user: User, changes: Mapping[str, Any]) -> bool:
        """Change a user; return whether the user exists. Raises PasswordRejected."""
        answer = await self.ask("PUT", f"{_USERS}/{user.id}", json=changes)
        if rejection := answer.rejection():
            raise rejection
        if answer.is_unknown_user:
            return False
        _require_user(answer, user.id)
        return True

    async def ask(self, method: str, path: str, session: str = "", **content: Any) -> AuthAnswer:
        """Send a request, and return the answer or the refusal.

        `session`: a user's session token, in place of the service-role key.
        """
        headers = {"authorization": f"Bearer {session or self._key}"}
        try:
            answer = await self._http.ask(method, self._url + path, headers=headers, **content)
        except CallFailed as error:
            not_changed = isinstance(error, NotSent)
            raise AccountsUnready(
                f"cannot reach Supabase Auth: {error}", not_changed=not_changed
            ) from None
        if answer.status == _TOO_MANY or answer.status >= _SERVER_FAULT:
            # A proxy answers 502 or 504 to a request that Supabase may have handled; 429 comes
            # before any work.
            reason = f"Supabase Auth is unavailable: status {answer.status}"
            raise AccountsUnready(reason, not_changed=answer.status == _TOO_MANY)
        refusal = (None if answer.status in _DONE else _read(answer.body, _Refusal)) or _Refusal()
        reasons = tuple(refusal.weak_password.reasons or ()) if refusal.weak_password else ()
        code = refusal.code if isinstance(refusal.code, str) else refusal.error_code
        code = code or ("weak_password" if reasons else "")
        return AuthAnswer(
            answer.status, answer.body, code, refusal.message or refusal.msg or "", reasons
        )


def _require_user(answer: AuthAnswer, user_id: str) -> User:
    user = answer.require(User)
    if user.id.lower() != user_id.lower():
        raise answer.unready()
    return user


_PAGE = 50
_MOST_PAGES = 20
"""Pages that one look-up reads: many addresses may end with the one that is looked up, and no more
than a thousand users are read.
"""

_LOOKUPS_AT_ONCE = 8
"""Look-ups at a time. A worker looks up all waiting requests together, and a project's database has
few connections.
"""

_WHOLE = 3
"""The limit of a look-up, in time-outs of a call. It includes the wait for a place and all pages,
and is less than a delivery may take (`LONGEST_TRY`).
"""


@contextmanager
def _changing_nothing() -> Iterator[None]:
    """Mark an unreachable store as `not_changed`, because the block only reads."""
    try:
        yield
    except Unavailable as error:
        raise AccountsUnready(str(error), not_changed=True) from error


class SupabaseAccounts(AccountStore):
    """An AccountStore over a project's admin API.

    Supabase ends the sessions with every change of a password.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._settings = settings
        self._api = AdminApi(settings, timeout)
        self._patience = timeout.total_seconds() * _WHOLE
        self._places = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def require_ready(self) -> None:
        """Ask the server once.

        Raises SettingsInvalid if it refuses the key or is not Supabase Auth, AccountsUnready if it
        does not answer.
        """
        url, key = self._settings.url, self._settings.service_role_key
        if not re.fullmatch(r"[ -~]*", key):
            message = "contains characters that are not allowed in a key"
            raise SettingsInvalid.of("accounts.supabase.service_role_key", message)
        answer = await self._api.page(1, 1)
        if answer.status in KEY_REFUSED:
            raise SettingsInvalid.of(
                "accounts.supabase.service_role_key", f"is refused by {url}: {answer}"
            )
        if answer.read(UserPage) is None:
            message = f"{url} does not answer as Supabase Auth does: {answer}"
            raise SettingsInvalid.of("accounts.supabase.url", message)

    async def find(self, email: str) -> Account | None:
        """Return the account with the address, preferably one with a password.

        A user of single sign-on may have the same address.
        """
        try:
            async with asyncio.timeout(self._patience), self._places:
                return await self._find(email)
        except TimeoutError:
            reason = f"Supabase Auth did not answer a look-up within {self._patience:g} s"
            raise AccountsUnready(reason, not_changed=True) from None

    async def _find(self, email: str) -> Account | None:
        without_password: Account | None = None
        for page in range(1, _MOST_PAGES + 1):
            users = await self._api.users(email, page, _PAGE)
            for user in users:
                if user and addresses.is_same_mailbox(user.email or "", email):
                    account = account_of(user, now())
                    if account.has_password:
                        return account
                    without_password = without_password or account
            if len(users) < _PAGE:
                return without_password
        log.warning(LogEvent("accounts.too_many_alike", looked_at=_MOST_PAGES * _PAGE))
        return without_password

    async def get(self, account_id: str) -> Account | None:
        user = await self._api.user(account_id)
        return account_of(user, now()) if user else None

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        # The link in the mailbox has proved an unconfirmed address, as Supabase's own link would
        # have. It is confirmed here: otherwise the new password could not sign in.
        with _changing_nothing():
            user = await self._api.user(account.id)
        if user is None or not account_of(user, now()).still_takes_password_of(account):
            return False
        confirmation = {} if user.email_confirmed_at else {"email_confirm": True}
        return await self._api.update(user, {"password": password.text, **confirmation})

    async def close(self) -> None:
        await self._api.close()
        # The next call may run in another event loop.
        self._places = asyncio.Semaphore(_LOOKUPS_AT_ONCE)


class SupabaseWithTable(TablePeople):
    """An AccountStore that finds users in a table of the app, which has their ids at Supabase.

    It locks no account: Supabase would not know of the lock.
    """

    def __init__(
        self, people: TableSettings, place: Database | AppDatabase, auth: SupabaseAccounts
    ) -> None:
        # A column of password hashes may be left from before the move to Supabase. It is ignored.
        super().__init__(msgspec.structs.replace(people, password=""), place)
        self._auth = auth

    async def require_ready(self) -> None:
        await super().require_ready()
        await self._auth.require_ready()

    async def require_reachable(self) -> None:
        await super().require_reachable()
        await self._auth.require_ready()

    async def close(self) -> None:
        await super().close()
        await self._auth.close()

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        with _changing_nothing():
            known = await self.get(account.id)
        if known is None or not known.still_takes_password_of(account):
            return False
        if not await self._auth.set_password(account, password):
            log.warning(LogEvent("accounts.not_at_supabase", account=account.id))
            return False
        # From here on the password is changed, even if the table's columns cannot be written.
        not_noted = LogEvent("accounts.change_not_noted", account=account.id)
        try:
            if ended := await self.note_change(account):
                return ended
            log.error(not_noted)
        except Exception:
            log.exception(not_noted)
        return True


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    auth, people = SupabaseAccounts(wanted.supabase), wanted.table
    if not people.table:
        return auth
    return SupabaseWithTable(people, AppDatabase(people.url) if people.url else database, auth)
