"""Supabase Auth's admin API over HTTP (https://github.com/supabase/auth, internal/api/admin.go)."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec

from keyturn.accounts.supabase.refusals import Refusal, is_unknown_user, refusal_of, rejection_of
from keyturn.accounts.supabase.users import User
from keyturn.http_client import HttpClient
from keyturn.problems.requests import AccountsUnready
from keyturn.settings import SupabaseSettings
from keyturn.telemetry.logs import LogEvent

Document = TypeVar("Document")

log = logging.getLogger("keyturn")

_OK, _TIMED_OUT, _TOO_MANY, _SERVER_FAULT = 200, 408, 429, 500
KEY_REFUSED = {401, 403}


_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""What is raised before a request is on its way."""

_FOR_ITSELF = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})
"""What LIKE takes for more than the character (https://www.postgresql.org/docs/current/functions-matching.html)."""


class _Users(msgspec.Struct):
    """Holds a page of the users of a project.

    Each is read alone: one that is like no other must not be in the way of its neighbours.
    """

    users: list[msgspec.Raw]


class AdminApi:
    """Calls the admin API of a project's Auth server.

    Every method raises AccountsUnready where nobody answers in time, or says something that helps nobody.

    It says `not_changed` where the request was certainly not heeded.

    Redirects are not followed: the key goes to nobody but the address that is set.
    """

    def __init__(self, settings: SupabaseSettings, client: httpx.AsyncClient | None = None) -> None:
        self._url = settings.url.rstrip("/") + "/auth/v1/admin/users"
        self._timeout = settings.timeout.total_seconds()
        self._headers = {
            "apikey": settings.service_role_key,
            "authorization": f"Bearer {settings.service_role_key}",
            "x-supabase-api-version": "2024-01-01",
        }
        self._given = client
        # Now: to set its TLS up takes some 0.2 s, which would hold the loop.
        self._own: httpx.AsyncClient | None = None if client else HttpClient()

    async def refusal(self) -> Refusal | None:
        """Ask for as little as there is; return how that is refused, or None where it is answered."""
        answer = await self._ask("GET", params={"page": 1, "per_page": 1})
        if isinstance(answer, Refusal):
            return answer
        return None if _read(answer, _Users) else Refusal(_OK)

    async def users(self, containing: str, page: int, size: int) -> list[User | None]:
        """Return a page, counted from 1, of the users whose address or name has the text in it.

        A user that cannot be read is None, and is logged.
        """
        wanted = containing.translate(_FOR_ITSELF)
        answer = await self._ask("GET", params={"filter": wanted, "page": page, "per_page": size})
        found = None if isinstance(answer, Refusal) else _read(answer, _Users)
        if found is None:
            raise _unready(answer)
        users = [_read(one, User) for one in found.users]
        if None in users:
            log.error(LogEvent("accounts.odd_user", users=users.count(None)))
        return users

    async def user(self, user_id: UUID) -> User | None:
        answer = await self._ask("GET", f"/{user_id}")
        if isinstance(answer, Refusal) and is_unknown_user(answer):
            return None
        found = None if isinstance(answer, Refusal) else _read(answer, User)
        if found is None or found.id.lower() != str(user_id):
            raise _unready(answer)
        return found

    async def update(self, user_id: UUID, changes: Mapping[str, Any]) -> bool:
        """Change a user; tell whether there is one. Raises PasswordRejected."""
        answer = await self._ask("PUT", f"/{user_id}", json=changes)
        if isinstance(answer, Refusal):
            if rejected := rejection_of(answer):
                raise rejected
            if is_unknown_user(answer):
                return False
        elif (changed := _read(answer, User)) and changed.id.lower() == str(user_id):
            return True
        raise _unready(answer)

    async def close(self) -> None:
        """Close the connections; the next call would open others. A client that was given stays open."""
        own, self._own = self._own, None
        if own:
            await own.aclose()

    def _client(self) -> httpx.AsyncClient:
        if self._given:
            return self._given
        self._own = self._own or HttpClient()
        return self._own

    async def _ask(self, method: str, path: str = "", **content: Any) -> bytes | Refusal:
        """Return what a 200 holds, or what else was said."""
        url = self._url + path
        try:
            # The client's own time-out is for each step, and an answer may have many.
            async with asyncio.timeout(self._timeout):
                answer = await self._client().request(
                    method, url, headers=self._headers, follow_redirects=False, timeout=self._timeout, **content
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # By its name alone: the message of an illegal header would hold the key.
            reason = f"Supabase Auth was not reached: {type(error).__name__}"
            raise AccountsUnready(reason, not_changed=isinstance(error, _NEVER_SENT)) from None
        if answer.status_code == _OK:
            return answer.content
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_FAULT:
            # A proxy says 502 or 504 of a request that Supabase may have answered; 429 is said before anything is done.
            reason = f"Supabase Auth cannot answer at the moment: {answer.status_code}"
            raise AccountsUnready(reason, not_changed=answer.status_code == _TOO_MANY)
        return refusal_of(answer.status_code, answer.content)


def _unready(answer: bytes | Refusal) -> AccountsUnready:
    """Return what the person is told nothing about, and the operator everything but the key."""
    refusal = answer if isinstance(answer, Refusal) else Refusal(_OK)
    if refusal.status in KEY_REFUSED:
        event, reason = "accounts.key_refused", "Supabase Auth refuses the service-role key"
    else:
        event, reason = "accounts.odd_answer", "what answers is not Supabase Auth as Keyturn knows it"
    log.error(LogEvent(event, status=refusal.status, code=refusal.code, reason=reason))
    # A page with status 200, or a 408, may come from a proxy before a server that did as it was asked.
    not_changed = refusal.status not in {_OK, _TIMED_OUT}
    return AccountsUnready(f"{reason}: {refusal.status} {refusal.code}".rstrip(), not_changed=not_changed)


def _read(body: bytes | msgspec.Raw, form: type[Document]) -> Document | None:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError):
        return None
