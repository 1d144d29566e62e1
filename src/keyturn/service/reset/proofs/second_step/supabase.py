"""Second factors at Supabase Auth (https://github.com/supabase/auth, internal/api/mfa.go).

Its admin API lists factors, and sets a password without asking for them, but cannot check a code.
The code is therefore checked as in a user's own sign-in: a recovery link that is never mailed opens
a session of the lowest level, which challenges the factor. The session is ended afterwards. The new
link replaces a recovery link that Supabase itself has just mailed, and Supabase logs a sign-in.
Supabase accepts a code again within its 30 seconds; a link of Keyturn's works once.

Phones and passkeys cannot be checked this way, and are "other". Users without another factor must
contact support.

Only Auth's own answers count, by their form and error codes. Every other answer is unknown, and
means neither "no factor" nor "wrong code" (OWASP ASVS 16.5.3): a gateway, for example, answers 404
while Auth restarts.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import msgspec

from keyturn.errors import SettingsInvalid
from keyturn.http_client import Document
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.admin_api import TIMEOUT, AdminApi
from keyturn.service.problems.proofs import Factor
from keyturn.service.problems.requests import AccountsUnready, SecondStepUnfinished
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.settings import SupabaseSettings
from keyturn.service.telemetry.logs import LogEvent, log

_WRONG_CODE = {"mfa_verification_failed", "mfa_verification_rejected"}
"""Error codes for a wrong code (https://supabase.com/docs/guides/auth/debugging/error-codes). The
second one comes from a hook of the project.
"""

_CODE = re.compile(r"[0-9]{6}")
"""A TOTP code; Supabase accepts no other length."""


class _Factor(msgspec.Struct):
    id: str
    status: Literal["unverified", "verified"]
    factor_type: str


class _Link(msgspec.Struct):
    hashed_token: str


class _Session(msgspec.Struct):
    access_token: str


class _Challenge(msgspec.Struct):
    id: str


class SupabaseSecondStep(SecondStep):
    """The factors of a project's Auth server.

    Every method raises AccountsUnready without a usable answer of the server.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._api = AdminApi(settings, timeout)

    async def require_ready(self) -> None:
        """Raise SettingsInvalid unless the server answers a question about an unknown user as
        documented.
        """
        answer = await self._api.ask("GET", f"/admin/users/{uuid4()}/factors")
        if not answer.is_unknown_user:
            message = (
                f"supabase: the server does not list second factors as Supabase Auth does: {answer}"
            )
            raise SettingsInvalid.of("second_step.source", message)

    async def factors(self, account: Account) -> Sequence[Factor]:
        verified = await self._verified(account)
        if any(factor.factor_type == "totp" for factor in verified):
            return [Factor("totp")]
        return [Factor("other")] if verified else ()

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        code = "".join(trial.code.split())
        if not _CODE.fullmatch(code):
            return None
        verified = await self._verified(trial.account)
        totp = [factor for factor in verified if factor.factor_type == "totp"]
        link = await self._post(
            "/admin/generate_link", _Link, type="recovery", email=trial.account.email
        )
        opened = await self._post(
            "/verify", _Session, type="recovery", token_hash=link.hashed_token
        )
        session = opened.access_token
        is_judged = False
        try:
            for factor in totp:
                raised = await self._answer(session, factor, code)
                if raised:
                    session = raised
                    return Accepted()
                is_judged = True
        except AccountsUnready as error:
            if is_judged:
                raise SecondStepUnfinished(str(error)) from None
            raise
        finally:
            await self._sign_out(session)
        return None

    async def _verified(self, account: Account) -> Sequence[_Factor]:
        answer = await self._api.ask("GET", f"/admin/users/{quote(account.id, safe='')}/factors")
        return [one for one in answer.require(list[_Factor]) if one.status == "verified"]

    async def _answer(self, session: str, factor: _Factor, code: str) -> str | None:
        """Return the session of the higher level; None if the code is wrong."""
        path = f"/factors/{quote(factor.id, safe='')}"
        challenge = await self._post(f"{path}/challenge", _Challenge, session)
        answered = {"challenge_id": challenge.id, "code": code}
        answer = await self._api.ask("POST", f"{path}/verify", session, json=answered)
        if answer.code in _WRONG_CODE:
            return None
        return answer.require(_Session).access_token

    async def _post(
        self, path: str, form: type[Document], session: str = "", **body: Any
    ) -> Document:
        return (await self._api.ask("POST", path, session, json=body)).require(form)

    async def _sign_out(self, session: str) -> None:
        """End the session.

        If Auth does not answer, the change of the password ends the session, or its access token
        expires after an hour.
        """
        try:
            answer = await self._api.ask("POST", "/logout?scope=local", session, json={})
            reason = "" if answer.is_done else str(answer)
        except AccountsUnready as error:
            reason = str(error)
        if reason:
            log.warning(LogEvent("second_step.session_left", reason=reason))

    async def close(self) -> None:
        await self._api.close()
