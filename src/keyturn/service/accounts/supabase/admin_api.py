"""The admin API of a project at Supabase Auth."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from keyturn.http_client import CallFailed, HttpClient, NotSent, read_json
from keyturn.service.accounts.supabase.answers import AuthAnswer, read_answer
from keyturn.service.accounts.supabase.users import User
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import SupabaseSettings
from keyturn.service.telemetry.logs import LogEvent, log

_USERS = "/admin/users"

_TOO_MANY = 429
_SERVER_FAULT = 500

_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})
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

    Its methods raise AccountsUnready without an answer, with `not_changed` if it is certain that
    Supabase changed nothing. `users`, `user` and `update` do the same for a refusal; `page` and
    `ask` return it.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta) -> None:
        self._url = settings.url.rstrip("/") + "/auth/v1"
        self._key = settings.service_role_key
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
            page, size, filter=containing.translate(_ESCAPES), sort="created_at asc"
        )
        users = [read_json(one, User) for one in answer.require(UserPage).users]
        if None in users:
            log.error(LogEvent("accounts.odd_user", users=users.count(None)))
        return users

    async def user(self, account_id: str) -> User | None:
        try:
            user_id = str(UUID(account_id))
        except ValueError:  # the id of another store's account
            return None
        answer = await self.ask("GET", f"{_USERS}/{user_id}")
        if answer.is_unknown_user:
            return None
        return _require_user(answer, user_id)

    async def update(self, user: User, changes: Mapping[str, Any]) -> bool:
        """Change a user; return whether the user exists. Raises PasswordRejected."""
        answer = await self.ask("PUT", f"{_USERS}/{user.id}", json=changes)
        rejection = answer.rejection()
        if rejection:
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
            reason = f"cannot reach Supabase Auth: {error}"
            raise AccountsUnready(reason, not_changed=isinstance(error, NotSent)) from None
        if answer.status == _TOO_MANY or answer.status >= _SERVER_FAULT:
            # A proxy answers 502 or 504 to a request that Supabase may have handled; 429 comes
            # before any work.
            reason = f"Supabase Auth is unavailable: status {answer.status}"
            raise AccountsUnready(reason, not_changed=answer.status == _TOO_MANY)
        return read_answer(answer.status, answer.body)


def _require_user(answer: AuthAnswer, user_id: str) -> User:
    """Return the user in the answer. Raises AccountsUnready if it holds another one, or none."""
    user = answer.require(User)
    if user.id.lower() != user_id.lower():
        raise answer.unready()
    return user
