"""The users of the local Supabase Auth, with their passwords and sessions."""

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import bcrypt
import msgspec

MAX_BYTES = 72
"""bcrypt's limit."""

_COST = 4
"""The lowest cost: these passwords end with the process."""


class SupabaseFactor(msgspec.Struct, kw_only=True):
    """A second factor of a user. `code`: the valid code, if there is one. `challenges`: those without an answer."""

    id: str
    factor_type: str = "totp"
    status: str = "verified"
    code: str = ""
    challenges: list[str] = []

    def document(self) -> dict[str, Any]:
        """Return the factor as the admin API shows it, without the secret for its codes."""
        return {"id": self.id, "status": self.status, "factor_type": self.factor_type, "friendly_name": ""}


class SupabaseUser(msgspec.Struct, kw_only=True):
    """A user of the stand-in.

    `provider`: "email", "google", "sso:..." or another. `providers`: all providers of the user's sign-ins.
    """

    id: str
    email: str
    password_hash: str = ""
    confirmed: bool = True
    provider: str = "email"
    providers: tuple[str, ...] = ("email",)
    metadata: dict[str, Any] = {}
    banned_until: datetime | None = None
    deleted_at: datetime | None = None
    is_sso_user: bool = False
    created_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    factors: list[SupabaseFactor] = []

    @property
    def is_banned(self) -> bool:
        return self.banned_until is not None and datetime.now(UTC) < self.banned_until

    def document(self) -> dict[str, Any]:
        """Return the user as the admin API shows it, without missing fields."""
        moments = {
            "email_confirmed_at": self.created_at if self.confirmed else None,
            "banned_until": self.banned_until,
            "deleted_at": self.deleted_at,
        }
        return {
            "id": self.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": self.email,
            "phone": "",
            "app_metadata": {"provider": self.provider, "providers": list(self.providers)},
            "user_metadata": self.metadata,
            "identities": [],
            "created_at": self.created_at.isoformat(),
            "is_anonymous": False,
            **({"is_sso_user": True} if self.is_sso_user else {}),
            **{name: moment.isoformat() for name, moment in moments.items() if moment},
        }


class SupabaseUsers:
    """Holds the users, passwords and sessions of the stand-in, in memory."""

    def __init__(self) -> None:
        self._users: dict[str, SupabaseUser] = {}
        self._sessions: dict[str, str] = {}

    def add(self, email: str, password: str = "", **fields: Any) -> SupabaseUser:
        """Add a user. The fields are those of SupabaseUser."""
        user = SupabaseUser(id=fields.pop("id", None) or str(uuid4()), email=email.lower(), **fields)
        if password:
            user.password_hash = _hash(password)
        self._users[user.id] = user
        return user

    def get(self, user_id: str) -> SupabaseUser | None:
        return self._users.get(str(UUID(user_id)))

    def matching(self, text: str) -> Sequence[SupabaseUser]:
        """Return the users whose address or name matches LIKE '%text%', the newest first."""
        pattern = _is_like(text)
        found = [
            user
            for user in self._users.values()
            if re.match(pattern, user.email, re.DOTALL)
            or re.match(pattern, str(user.metadata.get("full_name", "")), re.DOTALL | re.IGNORECASE)
        ]
        return sorted(found, key=lambda user: user.created_at, reverse=True)

    def set_password(self, user: SupabaseUser, password: str) -> None:
        """Set the password, and end all sessions, as the admin API does."""
        user.password_hash = _hash(password)
        self._sessions = {token: owner for token, owner in self._sessions.items() if owner != user.id}

    def with_password(self, email: str, password: str) -> SupabaseUser | None:
        known = [user for user in self._users.values() if user.email == email.lower() and user.password_hash]
        return next((user for user in known if _verify(password, user.password_hash)), None)

    def start_session(self, user: SupabaseUser) -> str:
        """Return the refresh token of a new session."""
        token = secrets.token_urlsafe(9)
        self._sessions[token] = user.id
        return token

    def of_session(self, token: str) -> SupabaseUser | None:
        """Return the user of a session, by its token."""
        return self._users.get(self._sessions.get(token, ""))

    def sessions(self) -> int:
        """Return how many sessions are open."""
        return len(self._sessions)

    def end_session(self, token: str) -> SupabaseUser | None:
        """End a session, since a refresh token works once; return its user."""
        return self._users.get(self._sessions.pop(token, ""))


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()


def _verify(password: str, password_hash: str) -> bool:
    return len(password.encode()) <= MAX_BYTES and bcrypt.checkpw(password.encode(), password_hash.encode())


def _is_like(text: str) -> str:
    """Return the regular expression for LIKE '%text%': % is any text, _ one character, \\ escapes either.

    A part between two % matches its first occurrence only, without backtracking: the time stays linear.
    """
    escaped = re.findall(r"\\.|.", text, re.DOTALL)
    parts = {"%": ")(?>.*?", "_": "."}
    found = "".join(parts.get(part, re.escape(part.removeprefix("\\") or part)) for part in escaped)
    return f"(?>.*?{found})"
