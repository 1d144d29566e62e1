"""Second factors at Supabase Auth (https://github.com/supabase/auth, internal/api/mfa.go).

Its admin API lists factors and sets a password past all of them, but cannot check a code. The code is therefore checked
as in a user's own sign-in. A recovery link that is never mailed opens a session of the lowest level, which challenges
the factor. The session always ends afterwards. The new link replaces a recovery link of Supabase's own that is on its
way, and Supabase logs a sign-in. Supabase accepts a code again within its step; a link here works once.

Phones and passkeys cannot be checked this way and are "other": users with no other factor contact support.

Only Auth's own answers count, by their form and error codes. Every other answer is unknown, which means neither "no
factor" nor "wrong code" (OWASP ASVS 16.5.3): a gateway answers 404 while Auth restarts.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.http_client import Answer, CallFailed, Document, HttpClient
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.admin_api import LONGEST_ANSWER, TIMEOUT, is_unknown_user, refusal_of
from keyturn.service.problems.proofs import Factor
from keyturn.service.problems.requests import AccountsUnready, SecondStepUnfinished
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStepTry
from keyturn.service.settings import SupabaseSettings
from keyturn.service.telemetry.logs import LogEvent, log

_OK = 200
_DONE = {200, 204}
_WRONG_CODE = {"mfa_verification_failed", "mfa_verification_rejected"}
"""Error codes (https://supabase.com/docs/guides/auth/debugging/error-codes). The second is the project's own hook."""

_REFUSALS = frozenset(range(400, 500)) - {429}
"""Statuses that are a verdict. 429 and those from 500 on mean that there was none."""

_DIGITS = 6
"""Digits of a TOTP code; Supabase accepts no other length."""

_MOST_FACTORS = 10
"""The most factors that Supabase allows a user."""


class _Factor(msgspec.Struct):
    """Reads a factor of the list."""

    id: str
    status: Literal["unverified", "verified"]
    factor_type: str


class _Link(msgspec.Struct):
    """Reads the data of a link that was not mailed."""

    hashed_token: str


class _Session(msgspec.Struct):
    """Reads a session."""

    access_token: str


class _Challenge(msgspec.Struct):
    """Reads a challenge of a factor."""

    id: str


class SupabaseSecondStep:
    """A SecondStep over a project's Auth server. Every method raises AccountsUnready if the server cannot help."""

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._url = settings.url.rstrip("/") + "/auth/v1"
        self._key = settings.service_role_key
        self._http = HttpClient(timeout.total_seconds(), LONGEST_ANSWER)
        self.close = self._http.close

    async def require_ready(self) -> None:
        """Ask for the factors of a user who does not exist, and require the documented answer.

        Raises SettingsInvalid if the server has no such route: no factor would ever be found.
        """
        answer = await self._ask("GET", f"/admin/users/{uuid4()}/factors", self._key)
        said = refusal_of(answer.status, answer.body)
        if not is_unknown_user(said):
            told = f"{said.status} {said.code}".rstrip()
            message = f"supabase: {self._url} does not list second factors as Supabase Auth does: {told}"
            raise SettingsInvalid([Fault("second_step.source", message)])

    async def factors(self, account: Account) -> Sequence[Factor]:
        verified = await self._verified(account)
        if any(factor.factor_type == "totp" for factor in verified):
            return [Factor("totp")]
        return [Factor("other")] if verified else ()

    async def begin(self, trial: SecondStepTry) -> Literal[False]:
        del trial
        return False

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        code = "".join(trial.code.split())
        if trial.method != "totp" or len(code) != _DIGITS or not code.isascii() or not code.isdigit():
            return None
        totp = [factor for factor in await self._verified(trial.account) if factor.factor_type == "totp"]
        session = await self._sign_in(trial.account.email)
        last, judged = session, False
        try:
            for factor in totp[:_MOST_FACTORS]:
                if raised := await self._answer(session, factor, code):
                    last = raised
                    return Accepted()
                judged = True
        except AccountsUnready as error:
            if judged:
                raise SecondStepUnfinished(str(error)) from None
            raise
        finally:
            await self._sign_out(last)
        return None

    async def _verified(self, account: Account) -> Sequence[_Factor]:
        answer = await self._ask("GET", f"/admin/users/{quote(account.id, safe='')}/factors", self._key)
        return [one for one in _read(answer, list[_Factor]) if one.status == "verified"]

    async def _sign_in(self, email: str) -> str:
        wanted = {"type": "recovery", "email": email}
        link = _read(await self._ask("POST", "/admin/generate_link", self._key, wanted), _Link)
        opened = {"type": "recovery", "token_hash": link.hashed_token}
        return _read(await self._ask("POST", "/verify", self._key, opened), _Session).access_token

    async def _answer(self, session: str, factor: _Factor, code: str) -> str | None:
        """Return the session of the higher level; None if the code is wrong."""
        path = f"/factors/{quote(factor.id, safe='')}"
        challenge = _read(await self._ask("POST", f"{path}/challenge", session, {}), _Challenge)
        answered = {"challenge_id": challenge.id, "code": code}
        answer = await self._ask("POST", f"{path}/verify", session, answered)
        said = refusal_of(answer.status, answer.body)
        if said.status in _REFUSALS and said.code in _WRONG_CODE:
            return None
        return _read(answer, _Session).access_token

    async def _sign_out(self, session: str) -> None:
        """End the session. If Auth does not answer, the password change or the session's one-hour life ends it."""
        try:
            answer = await self._ask("POST", "/logout?scope=local", session, {})
            if answer.status not in _DONE:
                log.warning(LogEvent("second_step.session_left", reason=f"status {answer.status}"))
        except AccountsUnready as error:
            log.warning(LogEvent("second_step.session_left", reason=error))

    async def _ask(self, method: str, path: str, bearer: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {
            "apikey": self._key,
            "authorization": f"Bearer {bearer}",
            "x-supabase-api-version": "2024-01-01",
        }
        try:
            return await self._http.ask(method, f"{self._url}{path}", headers=headers, json=body)
        except CallFailed as error:
            raise AccountsUnready(f"cannot reach Supabase Auth: {error}") from None


def _read(answer: Answer, form: type[Document]) -> Document:
    document = answer.read(form) if answer.status == _OK else None
    if document is not None:
        return document
    said = refusal_of(answer.status, answer.body)
    log.error(LogEvent("second_step.odd_answer", status=said.status, code=said.code))
    raise AccountsUnready(f"Supabase Auth gave an unknown answer: {said.status} {said.code}".rstrip())
