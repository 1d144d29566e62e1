"""What the Supabase Auth of this machine does with second factors (supabase/auth, internal/api/mfa.go)."""

import json
import secrets
from uuid import uuid4

from keyturn.testing.supabase_answers import Answer, refusal
from keyturn.testing.supabase_users import SupabaseFactor, SupabaseUser, SupabaseUsers, is_uuid

_ROOT = "/auth/v1"


class SupabaseFactors:
    """Lists factors, makes links that nobody is mailed, opens them, and checks codes in the session that they give."""

    def __init__(self, users: SupabaseUsers, service_role_key: str) -> None:
        self._users = users
        self._key = service_role_key
        self._links: dict[str, SupabaseUser] = {}

    def list(self, user_id: str) -> Answer:
        user = self._users.get(user_id) if is_uuid(user_id) else None
        if user is None:
            return refusal(404, "user_not_found", "User not found", old=False)
        return Answer(200, [factor.document() for factor in user.factors])

    def answer(self, path: str, bearer: str, body: bytes, *, old: bool) -> Answer | None:
        """Return the answer to a POST; None where it is about something else."""
        fields = json.loads(body) if body else {}
        match path.removeprefix(_ROOT).strip("/").split("/"):
            case ["admin", "generate_link"] if bearer == self._key:
                return self._generate_link(fields["email"])
            case ["verify"]:
                user = self._links.pop(fields["token_hash"], None)
                return self._session(user) if user else refusal(403, "otp_expired", "Token has expired", old=old)
            case ["logout"]:
                self._users.end_session(bearer)
                return Answer(204, "")
            case ["factors", factor_id, what]:
                return self._factor(bearer, factor_id, what, fields, old=old)
        return None

    def _generate_link(self, email: str) -> Answer:
        user = next(user for user in self._users.matching("") if user.email == email)
        token = secrets.token_hex(28)
        self._links[token] = user
        return Answer(200, user.document() | {"hashed_token": token, "verification_type": "recovery"})

    def _factor(self, bearer: str, factor_id: str, what: str, fields: dict[str, str], *, old: bool) -> Answer:
        user = self._users.of_session(bearer)
        factor = next((one for one in user.factors if one.id == factor_id), None) if user else None
        if user is None or factor is None:
            return refusal(401, "no_authorization", "This endpoint requires a valid Bearer token", old=old)
        if what == "challenge":
            challenge = str(uuid4())
            factor.challenges.append(challenge)
            return Answer(200, {"id": challenge, "type": factor.factor_type})
        return self._verify(user, factor, bearer, fields, old=old)

    def _verify(
        self, user: SupabaseUser, factor: SupabaseFactor, bearer: str, fields: dict[str, str], *, old: bool
    ) -> Answer:
        if fields["challenge_id"] not in factor.challenges:
            return refusal(404, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found", old=old)
        if not factor.code or fields["code"] != factor.code:
            return refusal(422, "mfa_verification_failed", "Invalid TOTP code entered", old=old)
        factor.challenges.remove(fields["challenge_id"])
        self._users.end_session(bearer)
        return self._session(user)

    def _session(self, user: SupabaseUser) -> Answer:
        token = self._users.start_session(user)
        return Answer(200, {"token_type": "bearer", "access_token": token, "refresh_token": token})
