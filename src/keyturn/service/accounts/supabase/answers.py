"""Answers of Supabase Auth, and the errors that they mean for callers."""

import re

import msgspec

from keyturn.http_client import Document, read_json
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.telemetry.logs import LogEvent, log

_DONE = {200, 204}
_NOT_FOUND = 404
_TIMED_OUT = 408
KEY_REFUSED = {401, 403}

_MAX_BYTES = 72
_SHORTEST = re.compile(r"at least (\d{1,3}) characters")

_REASONS = {"characters": Violation("weak_characters"), "pwned": Violation("weak_pwned")}


class _WeakPassword(msgspec.Struct):
    reasons: tuple[str, ...] | None = None


class _Refusal(msgspec.Struct):
    """A refusal.

    Older servers send {code: 422, error_code, msg}, newer ones {code: "weak_password", message}.
    """

    code: int | str | None = None
    error_code: str | None = None
    msg: str | None = None
    message: str | None = None
    weak_password: _WeakPassword | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        if self.weak_password is None:
            return ()
        return self.weak_password.reasons or ()

    @property
    def word(self) -> str:
        """The error code, in the words of Supabase Auth; "" if there is none."""
        word = self.code if isinstance(self.code, str) else self.error_code
        if not word and self.reasons:
            return "weak_password"
        return word or ""


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
        """Return the JSON document; None if the answer is a refusal or has another form."""
        return read_json(self.body, form) if self.is_done else None

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
        event = "accounts.odd_answer"
        reason = "the answer is not one of Supabase Auth's"
        if self.status in KEY_REFUSED:
            event = "accounts.key_refused"
            reason = "Supabase Auth refuses the service-role key"
        log.error(LogEvent(event, status=self.status, code=self.code, reason=reason))
        # A page with status 200, or a 408, may come from a proxy, while the server behind it has
        # made the change.
        is_certain = not self.is_done and self.status != _TIMED_OUT
        return AccountsUnready(f"{reason}: {self}", not_changed=is_certain)

    def rejection(self) -> PasswordRejected | None:
        """Return the refusal of a password; None if the answer is not one."""
        if self.status == 400 and self.code == "validation_failed":
            return self._rejection_of_length()
        if self.status == 422 and self.code == "weak_password":
            return self._rejection_of_weakness()
        return None

    def _rejection_of_length(self) -> PasswordRejected | None:
        # The code stands for any malformed request. Only the message names the limit of bcrypt.
        if str(_MAX_BYTES) not in self.message:
            return None
        return PasswordRejected([Violation("max_bytes", limit=_MAX_BYTES)])

    def _rejection_of_weakness(self) -> PasswordRejected:
        broken = []
        if "length" in self.reasons:
            # Only the sentence may hold the number.
            shortest = _SHORTEST.search(self.message)
            limit = int(shortest[1]) if shortest else None
            broken.append(Violation("weak_length", limit=limit))
        for reason in self.reasons:
            if reason in _REASONS:
                broken.append(_REASONS[reason])
        return PasswordRejected(broken or [Violation("weak")])


def read_answer(status: int, body: bytes) -> AuthAnswer:
    """Return the answer, with the parts of a refusal if it is one."""
    if status in _DONE:
        return AuthAnswer(status, body)
    refusal = read_json(body, _Refusal) or _Refusal()
    message = refusal.message or refusal.msg or ""
    return AuthAnswer(status, body, refusal.word, message, refusal.reasons)
