"""What Supabase Auth says where it does not do as it is asked. Pure."""

import re
from collections.abc import Sequence

import msgspec

from keyturn.problems.passwords import PasswordRejected, Violation

_MAX_BYTES = 72
_NOT_FOUND = 404
_SHORTEST = re.compile(r"at least (\d{1,3}) characters")

_REASONS = {
    "characters": Violation(
        "weak_characters", "more kinds of characters, such as upper-case letters, digits and special characters"
    ),
    "pwned": Violation("weak_pwned", "not one that is known from a data leak"),
}
_WEAK = Violation("weak", "a password that is harder to guess")


class Refusal(msgspec.Struct, frozen=True):
    """Says why the Auth server refused. `code` is "" where the server, or what stands before it, gives none."""

    status: int
    code: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()


class _Weak(msgspec.Struct):
    """Says which rules a password broke."""

    reasons: tuple[str, ...] | None = None


class _Body(msgspec.Struct):
    """Reads the body of a refusal.

    Both shapes: {code: 422, error_code, msg} of older servers, {code: "weak_password", message} of newer ones.
    """

    code: int | str | None = None
    error_code: str | None = None
    msg: str | None = None
    message: str | None = None
    weak_password: _Weak | None = None


def refusal_of(status: int, body: bytes) -> Refusal:
    """Return what an answer says. A page of a proxy is one without a code."""
    try:
        said = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, ValueError):
        return Refusal(status)
    reasons = tuple(said.weak_password.reasons or ()) if said.weak_password else ()
    code = said.code if isinstance(said.code, str) else said.error_code
    return Refusal(status, code or ("weak_password" if reasons else ""), said.message or said.msg or "", reasons)


def is_unknown_user(refusal: Refusal) -> bool:
    """Tell whether Auth itself says that there is no such user; any other 404 is a gateway's or a missing route's."""
    return refusal.status == _NOT_FOUND and refusal.code == "user_not_found"


def rejection_of(refusal: Refusal) -> PasswordRejected | None:
    """Return what is wrong with the password; None where that is not why it was refused."""
    match refusal:
        case Refusal(status=422, code="weak_password"):
            return PasswordRejected(_violations(refusal.reasons, refusal.message))
        case Refusal(status=400, code="validation_failed", message=said) if str(_MAX_BYTES) in said:
            message = f"at most {_MAX_BYTES} bytes: {_MAX_BYTES} plain letters, fewer with accents or emoji"
            return PasswordRejected([Violation("max_bytes", message, _MAX_BYTES)])
        case _:
            return None


def _violations(reasons: Sequence[str], message: str) -> list[Violation]:
    """Return a violation for each reason that is known, or one that says the least."""
    broken = [_REASONS[reason] for reason in reasons if reason in _REASONS]
    if "length" in reasons:
        broken.insert(0, _too_short(message))
    return broken or [_WEAK]


def _too_short(message: str) -> Violation:
    """Return the violation with the number that only the sentence holds, where it does."""
    if found := _SHORTEST.search(message):
        return Violation("weak_length", f"at least {found[1]} characters", int(found[1]))
    return Violation("weak_length", "a longer password")
