"""A local Supabase Auth: its admin API accepts, refuses and does the same as the original's source
code.

https://github.com/supabase/auth: internal/api/admin.go, token.go, password.go, errors.go.
"""

import json
import re
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import msgspec
from tests.servers.serving import body_of, send_answer, until_gone

MAX_BYTES = 72
"""bcrypt's limit."""


class SupabaseFactor(msgspec.Struct, kw_only=True):
    """A second factor of a user.

    `code`: the valid code, if there is one. `challenges`: those without an answer.
    """

    id: str
    factor_type: str = "totp"
    status: str = "verified"
    code: str = ""
    challenges: list[str] = []

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": self.status,
            "factor_type": self.factor_type,
            "friendly_name": "",
        }


class SupabaseUser(msgspec.Struct, kw_only=True):
    """A user.

    `provider`: "email", "google", "sso:..." or another. `providers`: all of the user's sign-ins.
    """

    id: str
    email: str
    password: str = ""
    confirmed: bool = True
    provider: str = "email"
    providers: tuple[str, ...] = ("email",)
    metadata: dict[str, Any] = {}
    banned_until: datetime | None = None
    deleted_at: datetime | None = None
    is_sso_user: bool = False
    created_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    factors: list[SupabaseFactor] = []

    def document(self) -> dict[str, Any]:
        moments = {"email_confirmed_at": self.created_at if self.confirmed else None}
        moments |= {"banned_until": self.banned_until, "deleted_at": self.deleted_at}
        return {
            "id": self.id,
            "role": "authenticated",
            "email": self.email,
            "app_metadata": {"provider": self.provider, "providers": list(self.providers)},
            "user_metadata": self.metadata,
            "created_at": self.created_at.isoformat(),
            **({"is_sso_user": True} if self.is_sso_user else {}),
            **{name: moment.isoformat() for name, moment in moments.items() if moment},
        }


class SupabaseUsers:
    """The users and their sessions."""

    def __init__(self) -> None:
        self._users: dict[str, SupabaseUser] = {}
        self.sessions: dict[str, SupabaseUser] = {}

    def add(self, email: str, password: str = "", **fields: Any) -> SupabaseUser:
        fields.setdefault("id", str(uuid4()))
        user = SupabaseUser(email=email.lower(), password=password, **fields)
        self._users[user.id] = user
        return user

    def get(self, user_id: str) -> SupabaseUser | None:
        return self._users.get(str(UUID(user_id)))

    def matching(self, text: str, *, oldest_first: bool = False) -> Sequence[SupabaseUser]:
        """Return the users whose address or name matches LIKE '%text%', by default the newest
        first.
        """
        pattern = re.compile(_is_like(text), re.DOTALL | re.IGNORECASE)
        texts = {
            key: (user.email, str(user.metadata.get("full_name", "")))
            for key, user in self._users.items()
        }
        found = [user for key, user in self._users.items() if any(map(pattern.match, texts[key]))]
        return sorted(found, key=lambda user: user.created_at, reverse=not oldest_first)

    def with_password(self, email: str, password: str) -> SupabaseUser | None:
        known = [
            user for user in self._users.values() if user.email == email.lower() and user.password
        ]
        return next((user for user in known if user.password == password), None)


def _is_like(text: str) -> str:
    """Return the regular expression for LIKE '%text%': % is any text, _ one character, \\ escapes
    either.

    A part between two % matches its first occurrence only, without backtracking: the time stays
    linear.
    """
    escaped = re.findall(r"\\.|.", text, re.DOTALL)
    parts = {"%": ")(?>.*?", "_": "."}
    found = "".join(parts.get(part, re.escape(part.removeprefix("\\") or part)) for part in escaped)
    return f"(?>.*?{found})"


class Answer(msgspec.Struct, frozen=True):
    """An answer: a document, or a page if it is text."""

    status: int
    document: Any
    headers: Mapping[str, str] = {}


class Outage(Enum):
    """A failure of a network, proxy or server.

    With LOST, SILENT and BAD_GATEWAY the request still takes effect.
    """

    CUT = auto()
    LOST = auto()
    SILENT = auto()
    BAD_GATEWAY = auto()
    PAGE = auto()


def refusal(status: int, code: str, message: str, *, old: bool, **more: Any) -> Answer:
    shape = (
        {"code": status, "error_code": code, "msg": message}
        if old
        else {"code": code, "message": message}
    )
    return Answer(status, shape | more, {"x-sb-error-code": code})


_PAGE = 50
_CUT_SHORT = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
"""The head of an answer that is cut short, so that the server closes the connection."""


class SupabaseServer:
    """A stand-in for a project's Auth server.

    `users`: the project's users. `min_length`, `required_characters`, `pwned`: its rules for
    passwords.
    `coming`: the results of the next requests, in order: an answer, a status such as 500, an
    Outage, or None for the usual result.
    `requests`: the methods and paths of received requests.
    `old`: whether errors have the form from before the API had versions.
    """

    def __init__(self, service_role_key: str = "service-role-key") -> None:
        self.service_role_key, self.anon_key = service_role_key, "anon-key"
        self.old = False
        self.users = SupabaseUsers()
        self.min_length = 6
        self.required_characters: tuple[str, ...] = ()
        self.pwned: frozenset[str] = frozenset()
        self.coming: deque[Answer | int | Outage | None] = deque()
        self.requests: list[str] = []
        self._links: dict[str, SupabaseUser] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = await body_of(receive)
        self.requests.append(f"{scope['method']} {scope['path']}")
        match self.coming.popleft() if self.coming else None:
            case Outage() as outage:
                if outage in {Outage.LOST, Outage.SILENT, Outage.BAD_GATEWAY}:
                    self._answer(scope, body)
                await _fail(outage, receive, send)
            case Answer() as answer:
                await _send(send, answer)
            case int() as status:
                await _send(
                    send, refusal(status, "unexpected_failure", "Unexpected failure", old=self.old)
                )
            case None:
                await _send(send, self._answer(scope, body))

    def _answer(self, scope: Any, body: bytes) -> Answer:
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        old = self.old or "x-supabase-api-version" not in headers
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        fields = json.loads(body) if body else {}
        if headers.get("apikey") not in {self.service_role_key, self.anon_key}:
            return Answer(401, {"message": "Invalid API key", "hint": "Double check your API key."})
        path = scope["path"].removeprefix("/auth/v1/").split("/")
        if path[:2] == ["admin", "users"]:
            refused = self._refusal_of_key(bearer if scheme.lower() == "bearer" else "", old=old)
            return refused or self._administer(scope["method"], path[2:], query, fields, old=old)
        match scope["method"], path:
            case "POST", ["token"]:
                return self._sign_in(query.get("grant_type", ""), fields, old=old)
            case "POST", ["admin", "generate_link"] if bearer == self.service_role_key:
                return self._generate_link(fields["email"])
            case "POST", ["verify"]:
                user = self._links.pop(fields["token_hash"], None)
                return (
                    self._session(user)
                    if user
                    else refusal(403, "otp_expired", "Token has expired", old=old)
                )
            case "POST", ["logout"]:
                self.users.sessions.pop(bearer, None)
                return Answer(204, "")
            case "POST", ["factors", factor_id, what]:
                return self._factor(bearer, factor_id, what, fields, old=old)
        return Answer(404, {"message": "no Route matched with those values"})

    def _refusal_of_key(self, key: str, *, old: bool) -> Answer | None:
        if not key:
            return refusal(
                401, "no_authorization", "This endpoint requires a valid Bearer token", old=old
            )
        if key == self.anon_key:
            return refusal(403, "not_admin", "User not allowed", old=old)
        if key != self.service_role_key:
            return refusal(
                403, "bad_jwt", "invalid JWT: unable to parse or verify signature", old=old
            )
        return None

    def _list(self, query: Mapping[str, str]) -> Answer:
        field, _, direction = query.get("sort", "created_at").partition(" ")
        if field != "created_at" or direction.lower() not in ("", "asc", "desc"):
            return refusal(
                400,
                "validation_failed",
                f"Bad Sort Parameters: bad field for sort '{field}'",
                old=False,
            )
        found = self.users.matching(
            query.get("filter", ""), oldest_first=direction.lower() == "asc"
        )
        size, page = int(query.get("per_page", _PAGE)), int(query.get("page", 1))
        shown = found[(page - 1) * size : page * size]
        documents = [user.document() for user in shown]
        return Answer(
            200, {"users": documents, "aud": "authenticated"}, {"x-total-count": str(len(found))}
        )

    def _administer(
        self, method: str, path: list[str], query: Mapping[str, str], changes: Any, *, old: bool
    ) -> Answer:
        if not path:
            return self._list(query)
        user = self.users.get(path[0])
        if user is None:
            return refusal(404, "user_not_found", "User not found", old=old)
        if path[1:] == ["factors"]:
            return Answer(200, [factor.document() for factor in user.factors])
        if method == "PUT":
            if refused := self._refusal_of_password(changes["password"], old=old):
                return refused
            user.password = changes["password"]
            self.users.sessions = {
                token: owner for token, owner in self.users.sessions.items() if owner is not user
            }
            user.confirmed = user.confirmed or changes.get("email_confirm", False)
        return Answer(200, user.document())

    def _generate_link(self, email: str) -> Answer:
        user = next(user for user in self.users.matching("") if user.email == email)
        token = secrets.token_hex(28)
        self._links[token] = user
        return Answer(
            200, user.document() | {"hashed_token": token, "verification_type": "recovery"}
        )

    def _factor(
        self, bearer: str, factor_id: str, what: str, fields: dict[str, str], *, old: bool
    ) -> Answer:
        """Challenge a second factor in the session of a link, or check its code
        (internal/api/mfa.go).
        """
        user = self.users.sessions.get(bearer)
        factor = next((one for one in user.factors if one.id == factor_id), None) if user else None
        if user is None or factor is None:
            return refusal(
                401, "no_authorization", "This endpoint requires a valid Bearer token", old=old
            )
        if what == "challenge":
            factor.challenges.append(str(uuid4()))
            return Answer(200, {"id": factor.challenges[-1], "type": factor.factor_type})
        if fields["challenge_id"] not in factor.challenges:
            return refusal(
                404,
                "mfa_factor_not_found",
                "MFA factor with the provided challenge ID not found",
                old=old,
            )
        if not factor.code or fields["code"] != factor.code:
            return refusal(422, "mfa_verification_failed", "Invalid TOTP code entered", old=old)
        factor.challenges.remove(fields["challenge_id"])
        del self.users.sessions[bearer]
        return self._session(user)

    def _refusal_of_password(self, password: str, *, old: bool) -> Answer | None:
        size = len(password.encode())
        if size > MAX_BYTES:
            return refusal(
                400, "validation_failed", "Password cannot be longer than 72 characters", old=old
            )
        broken = {}
        if size < self.min_length:
            broken["length"] = f"Password should be at least {self.min_length} characters."
        if any(not set(needed) & set(password) for needed in self.required_characters):
            needed = ", ".join(self.required_characters)
            broken["characters"] = (
                f"Password should contain at least one character of each: {needed}."
            )
        if password in self.pwned:
            broken["pwned"] = (
                "Password is known to be weak and easy to guess, please choose a different one."
            )
        reasons = {"reasons": list(broken)}
        words = " ".join(broken.values())
        return (
            refusal(422, "weak_password", words, old=old, weak_password=reasons) if broken else None
        )

    def _sign_in(self, grant: str, fields: Mapping[str, str], *, old: bool) -> Answer:
        if grant == "refresh_token":
            user = self.users.sessions.pop(fields["refresh_token"], None)
        else:
            user = self.users.with_password(fields["email"], fields["password"])
        is_banned = user and user.banned_until and datetime.now(UTC) < user.banned_until
        if user is None or is_banned or not user.confirmed:
            return refusal(400, "invalid_credentials", "Invalid login credentials", old=old)
        return self._session(user)

    def _session(self, user: SupabaseUser) -> Answer:
        token = secrets.token_urlsafe(9)
        self.users.sessions[token] = user
        return Answer(200, {"token_type": "bearer", "access_token": token, "refresh_token": token})


async def _fail(outage: Outage, receive: Any, send: Any) -> None:
    match outage:
        case Outage.SILENT:
            await until_gone(receive)
        case Outage.CUT | Outage.LOST:
            await send(_CUT_SHORT)
        case Outage.BAD_GATEWAY:
            await _send(send, Answer(502, "<h1>Bad Gateway</h1>"))
        case Outage.PAGE:
            await _send(send, Answer(200, "<h1>Welcome</h1>"))


async def _send(send: Any, answer: Answer) -> None:
    is_page = isinstance(answer.document, str)
    body = answer.document.encode() if is_page else json.dumps(answer.document).encode()
    kind = "text/html" if is_page else "application/json"
    await send_answer(send, answer.status, body, {"content-type": kind, **answer.headers})
